"""A layer's kernels as the bytes of kernel memory columns, without saying where the columns lie.

A column has nine bytes, filled from the last one down. Kernels follow one another densely: output slot by output slot,
pass by pass within a slot, from the last weight of a kernel to its first one. Weights of 4, 2 and 1 bits share a byte
with the same weight of the next kernels, the first one in the low bits. A flattening layer has all weights of a slot
together: pixel by pixel, pass by pass within a pixel.

A slot is an output processor in a pass. Slots of processors between two used ones, and those before the first one that
belong to its data memory, count as well and stay empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....ir import IntArray
from ..device import KERNEL_BYTES
from ..hardware import Hardware, hardware_weights
from ..network import DATA_BITS, Layer, Weights
from ..placement import SHARED, LayerPlacement, bits, first, last
from ..program import Bytes
from ..units import units, whole


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a layer, the same ones in each of its processors."""

    begin: int
    """The first column, from the layer's start."""
    data: Bytes
    """(processors, columns, 9), the processors ascending."""


def packed(layer: Layer, weights: Weights, hardware: Hardware, place: LayerPlacement) -> Columns:
    """The columns of a layer."""
    kernels, slots = _kernels(layer, weights, hardware), output_slots(layer, hardware, place)
    if place.calc_x4:
        kernels = kernels[:, _dealt(kernels.shape[1])]
    return _columns(kernels, slots, weights.bits)


def packed_quad(layer: Layer, weights: Weights, hardware: Hardware, place: LayerPlacement) -> tuple[Columns, ...]:
    """The columns of every group behind the quad FIFO: group g has the slots g, g + 4, ..."""
    kernels, slots = _kernels(layer, weights, hardware), output_slots(layer, hardware, place)
    return tuple(_columns(kernels[:, slots % SHARED == group], slots[slots % SHARED == group] // SHARED, weights.bits)
                 for group in range(SHARED))


def output_slots(layer: Layer, hardware: Hardware, place: LayerPlacement) -> IntArray:
    """The slot of every output channel; of a depthwise layer the only one that a processor has.

    >>> from ..hardware import hardware
    >>> from ..device import MAX78000
    >>> from ..network import Network, Operator
    >>> layer = Layer("one", Operator.CONV2D, (-1,), 2, (4, 4), bypass=True, bypass_channels=3)
    >>> made = hardware(Network("net", 2, (4, 4), (layer,), (0,)), MAX78000)[0]
    >>> output_slots(layer, made, LayerPlacement(0b11, 0b11010)).tolist()
    [1, 3, 4]
    """
    begin = first(place.output_processors)
    start = begin % SHARED
    if layer.groups > 1:
        return np.array([start])
    span, channels = 1 + last(place.output_processors) - begin, np.arange(layer.out_channels)
    processors = np.array(list(bits(place.output_processors))) - begin
    number, index = np.divmod(channels, hardware.out_passes.width)
    slots: IntArray = start + number * span + processors[index]
    return slots


def _dealt(outputs: int) -> IntArray:
    """Output channels in the order in which a layer with `calc_x4` has them: every fourth one is neighbour."""
    return np.arange(outputs).reshape(-1, SHARED).T.reshape(-1)


def _kernels(layer: Layer, weights: Weights, hardware: Hardware) -> Bytes:
    """(processors, output channels, kernels or pixels and passes, weights in the order of memory), low bits only."""
    programmed = hardware_weights(layer, hardware)
    assert programmed is not None  # the layer has weights
    values = _low_bits(programmed, weights)
    passes, width = hardware.in_passes.count, hardware.in_passes.width
    pixels = hardware.pooled_dim[0] * hardware.pooled_dim[1] if layer.flatten else 1
    if layer.groups > 1:
        values = values.swapaxes(0, 1)
    outputs, taps = values.shape[0], hardware.kernel_size
    values = _filled(values.reshape(outputs, -1, pixels * taps), passes * width)
    if layer.flatten:
        return values.reshape(outputs, passes, width, pixels).transpose(2, 0, 3, 1).reshape(width, outputs, -1, 1)
    return values.reshape(outputs, passes, width, taps).transpose(2, 0, 1, 3)[..., ::-1]


def _low_bits(values: IntArray, weights: Weights) -> Bytes:
    """Two's complement in the low bits; of binary weights +1 is 0, and -1 is 1."""
    if weights.binary:
        values = np.minimum(values, 0)
    return values.astype(np.uint8) & np.uint8((1 << weights.bits) - 1)


def _filled(values: Bytes, channels: int) -> Bytes:
    """The values with zeros for input channels that the last pass lacks."""
    missing = channels - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing), (0, 0))) if missing else values


def _columns(kernels: Bytes, slots: IntArray, width: int) -> Columns:
    """Kernels (processors, outputs, kernels, weights) put into their slots, packed, and cut into columns."""
    if not slots.size:
        return Columns(0, np.zeros((kernels.shape[0], 0, KERNEL_BYTES), np.uint8))
    stream = _packed(_in_slots(kernels, slots), width)
    inside, taps = kernels.shape[2:]
    begin = int(slots[0]) * inside // (DATA_BITS // width) * taps // KERNEL_BYTES
    count = units(stream.shape[1], KERNEL_BYTES)
    data = np.zeros((kernels.shape[0], count * KERNEL_BYTES), np.uint8)
    data[:, :stream.shape[1]] = stream
    return Columns(begin, data.reshape(-1, count, KERNEL_BYTES)[:, begin:, ::-1])


def _in_slots(kernels: Bytes, slots: IntArray) -> Bytes:
    """(processors, kernels of all slots, weights)"""
    processors, outputs, inside, taps = kernels.shape
    count = int(slots[-1]) + 1
    if count != outputs:
        spread = np.zeros((processors, count, inside, taps), np.uint8)
        spread[:, slots] = kernels
        kernels = spread
    return kernels.reshape(processors, count * inside, taps)


def _packed(kernels: Bytes, width: int) -> Bytes:
    """(processors, bytes): as many kernels as fit share their bytes, the first one in the low bits."""
    processors, count, taps = kernels.shape
    lanes = DATA_BITS // width
    padded = np.zeros((processors, whole(count, lanes), taps), np.uint8)
    padded[:, :count] = kernels
    by_lane = padded.reshape(processors, -1, lanes, taps)
    shifts = (np.arange(lanes, dtype=np.uint8) * np.uint8(width))[:, None]
    joined: Bytes = np.bitwise_or.reduce(by_lane << shifts, axis=2)
    return joined.reshape(processors, -1)
