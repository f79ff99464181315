"""How many cycles every layer takes: the estimate of the existing network loader, by the formula that it publishes.

The loader gives it for the MAX78000 only; the same formula is used for the MAX78002, whose read-ahead and `calc_x4`
it does not know. A streaming layer is taken as one and a half times a plain one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .device import Device
from .hardware import Hardware, time_slots
from .memory import MemoryMaps
from .memory.kernel_size import kernel_size
from .network import Dim, Layer, Network, Operator
from .placement import Fifo, LayerPlacement, Placement

START_UP = 1
"""Cycles before the first layer."""

READ = WRITE = 1
"""Cycles for one word that is read, for writing to the TRAM, for the state that waits for it."""

FLATTEN_INPUTS = 16
"""Inputs per processor from which on flattening has a mode of its own."""


@dataclass(frozen=True)
class LayerCycles:
    """The cycles of one layer."""

    layer: str
    cycles: int
    streaming: bool = False
    """Whether this is a rough figure, because the layer runs beside others."""


def cycles(network: Network, placement: Placement, device: Device, maps: MemoryMaps) -> tuple[LayerCycles, ...]:
    """The estimate for every layer of a placed network. `maps` are its `memory_maps`."""
    found = []
    for index, (layer, hardware, place) in enumerate(zip(network.layers, maps.layers, placement.layers, strict=True)):
        quad = index == 0 and placement.fifo is Fifo.QUAD
        total = layer_cycles(device, layer, hardware, place, maps.kernel_offsets[index], quad)
        found.append(LayerCycles(layer.name, total, place.streaming))
    return tuple(found)


def total_cycles(layers: Sequence[LayerCycles]) -> int:
    """The cycles of one inference."""
    return START_UP + sum(layer.cycles for layer in layers)


@dataclass(frozen=True)
class _Reading:
    """What reading costs in one layer, in cycles."""

    pad: int
    """Of a zero of the padding."""
    data: int
    """Of a pixel, all its passes, operands and elements of the pooling window."""
    times: int
    """How often a row is gone through."""
    early: int
    """Before the first row, where pooling is last."""


def layer_cycles(device: Device, layer: Layer, hardware: Hardware, place: LayerPlacement, kernels: int,
                 quad: bool = False) -> int:
    """The estimate for one layer at a place. `kernels` is the first column of its kernels.

    `quad`: the first layer behind the quad FIFO.
    """
    passes = _passes(device, layer, hardware)
    reading = _reading(device, layer, hardware, passes, kernels)
    if hardware.convolves:
        total = _convolution(layer, hardware, reading, passes, _channels(layer, hardware, place, quad))
    else:
        rows, cols = hardware.pooled_dim
        total = rows * cols * (reading.data + passes * time_slots(layer, hardware, place))
    return -(-3 * total // 2) if place.streaming else total


def _passes(device: Device, layer: Layer, hardware: Hardware) -> int:
    passes = hardware.in_passes.count
    doubled = device.doubled_multipass_passthrough and layer.pool.active and hardware.out_passes.count > 1
    return 2 * passes - 1 if doubled and not hardware.convolves else passes


def _channels(layer: Layer, hardware: Hardware, place: LayerPlacement, quad: bool) -> int:
    """Output channels that the layer goes through, with those of processors that are skipped.

    Behind the quad FIFO every group computes a quarter of them.
    """
    if layer.weights is None:
        return layer.out_channels
    pixels = hardware.pooled_dim[0] * hardware.pooled_dim[1] if layer.flatten else 1
    return kernel_size(layer, hardware, place, quad).count // (hardware.in_passes.count * pixels)


def _reading(device: Device, layer: Layer, hardware: Hardware, passes: int, kernels: int) -> _Reading:
    window = layer.pool.window[0] * layer.pool.window[1]
    if layer.pool_first:
        words = passes * layer.operands
        return _Reading(words * (READ + WRITE), words * (window * READ + WRITE), 1, 0)
    early = device.pre_read and (passes > 1 or layer.operands > 1)
    return _Reading(passes * (READ + WRITE), passes * (layer.operands * window * READ + WRITE), passes,
                    _border(layer, hardware) * kernels if early else 0)


def _border(layer: Layer, hardware: Hardware) -> int:
    """Positions at which the kernel touches the padding: beside the image and above it, the corner once.

    The published formula takes the kernel's width for rows and its height for columns; it is square here.
    """
    (rows, cols), (row_pad, col_pad), kernel = _image(layer, hardware), hardware.pad, hardware.kernel
    down, across = rows + 2 * row_pad - (kernel[1] - 1), cols + 2 * col_pad - (kernel[0] - 1)
    beside, above, corner = down * col_pad, across * row_pad, row_pad * col_pad
    return beside + above - corner


def _image(layer: Layer, hardware: Hardware) -> Dim:
    """Rows and columns that are convolved; a transposed convolution stretches the image."""
    rows, cols = hardware.pooled_dim
    if layer.operator is Operator.CONVTRANSPOSE2D:
        return rows * layer.stride[0], cols * layer.stride[1]
    return rows, cols


def _convolution(layer: Layer, hardware: Hardware, reading: _Reading, passes: int, channels: int) -> int:
    """Rows of padding, rows that fill the TRAM, rows that give outputs, rows of padding behind the image."""
    rows, cols = _image(layer, hardware)
    row_pad, col_pad = hardware.pad
    out_cols = hardware.out_dim[1] * (hardware.pooled_dim[1] if layer.flatten else 1)
    filling = hardware.kernel[0] - 1 - row_pad
    written = passes * out_cols * channels + (channels == 1 and passes == 1)

    def unread_row(pixel: int) -> int:
        return 2 * col_pad * (reading.pad + WRITE) + reading.times * cols * (pixel + WRITE)

    def output_row(pixel: int) -> int:
        first = reading.times * (hardware.kernel[1] - 1 - col_pad) * (pixel + WRITE)
        return (col_pad * (2 * reading.pad + WRITE) + first + reading.times * (out_cols - col_pad) * pixel + written)

    return (_flattening(layer, hardware) + reading.early + row_pad * unread_row(reading.pad)
            + filling * unread_row(reading.data) + (rows - filling) * output_row(reading.data)
            + row_pad * output_row(reading.pad))


def _flattening(layer: Layer, hardware: Hardware) -> int:
    """The one cycle that flattening costs in its own mode."""
    rows, cols = hardware.pooled_dim
    return int(layer.flatten and hardware.in_passes.count * rows * cols > FLATTEN_INPUTS)
