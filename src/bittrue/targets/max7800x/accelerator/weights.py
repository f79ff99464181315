"""Kernel memory -> the kernels of a layer.

Kernels are counted from the start of a processor's memory; the weights of one lie in ascending bytes, the last first.
Weights of fewer than 8 bits share the bytes of the kernel that their counter's upper bits select.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..device import KERNEL_BYTES, Device
from .complaints import Complaints, Kind
from .layer import LayerProgram, Mode
from .memories import Flags, Ints, Kernels

WAYS = 4
"""Memory instances, or groups, over which output channels are dealt."""


@dataclass(frozen=True, eq=False)
class Weights:
    """`values` (processors, outputs, passes, weights of a kernel); `known` (processors, outputs, passes)."""

    values: npt.NDArray[np.int8]
    known: Flags | None


def weights_of(device: Device, program: LayerProgram, memory: Kernels, complaints: Complaints) -> Weights:
    """The kernels of a layer's processors; zeros for processors without kernels."""
    outputs = 1 if program.mode.by_processor else program.outputs
    shape = len(program.processors), outputs, program.reads.passes, program.kernels.weights
    if program.kernels.bypass:
        return Weights(np.ones(shape, np.int8), None)
    numbers = np.arange(outputs * program.reads.passes).reshape(outputs, -1)
    values = np.zeros(shape, np.int8)
    known = np.ones(shape[:3], np.bool_)
    masked = {p for part in program.parts for p in part.masked}
    for index, processor in enumerate(program.processors):
        if processor in masked:
            values[index], known[index] = _kernels(device, program, memory, processor, numbers, complaints)
    return Weights(values, None if known.all() else known)


def _kernels(device: Device, program: LayerProgram, memory: Kernels, processor: int, numbers: Ints,
             complaints: Complaints) -> tuple[npt.NDArray[np.int8], Flags]:
    places, shift = _places(device, program, processor, numbers)
    columns = device.kernels.columns(processor)
    last = int(places.max()) // KERNEL_BYTES
    if last >= columns:
        complaints.add(Kind.KERNEL_RANGE, f"processor {processor}: kernels up to column {last} of {columns}")
        places = places % (columns * KERNEL_BYTES)
    known = memory.known[processor].take(places // KERNEL_BYTES).all(-1)
    return _values(program, memory.content[processor].take(places), shift), known


def _places(device: Device, program: LayerProgram, processor: int, numbers: Ints) -> tuple[Ints, Ints]:
    """Bytes (outputs, passes, weights) and bit positions in them (outputs, passes, 1)."""
    kernels, passes = program.kernels, program.reads.passes
    if not kernels.x4 and program.mode is not Mode.QUAD:
        return _bytes(program, kernels.start + numbers * kernels.bits)
    output = numbers // passes
    address = kernels.start + (output // WAYS * passes + numbers % passes) * kernels.bits
    places, shift = _bytes(program, address)
    if not kernels.x4:
        return places, shift
    small = device.kernels.small
    pitch = np.where(places < small * KERNEL_BYTES, small, device.kernels.large - small) // WAYS
    return places + (output % WAYS)[:, :, None] * pitch * KERNEL_BYTES, shift


def _bytes(program: LayerProgram, address: Ints) -> tuple[Ints, Ints]:
    size = program.kernels.weights
    inside = program.kernels.first_byte + np.arange(size - 1, -1, -1)
    return (address >> 3)[:, :, None] * size + inside, (address & 7)[:, :, None]


def _values(program: LayerProgram, found: npt.NDArray[np.uint8], shift: Ints) -> npt.NDArray[np.int8]:
    bits = program.kernels.bits
    if bits == 8:
        return found.view(np.int8)
    values = _signed(found, shift, bits)
    return np.asarray(2 * values + 1, np.int8) if program.kernels.binary else values


def _signed(found: npt.NDArray[np.uint8], shift: Ints, bits: int) -> npt.NDArray[np.int8]:
    raw = found.astype(np.int16) >> shift & (1 << bits) - 1
    return np.asarray(raw - ((raw >> bits - 1) << bits), np.int8)
