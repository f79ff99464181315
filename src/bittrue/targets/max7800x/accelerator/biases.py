"""Bias memory -> one value for every output channel, and whether somebody wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..device import Device
from .complaints import Complaints, Kind
from .layer import LayerProgram, Mode, Part
from .memories import Bias, Flags, Ints
from .weights import WAYS

Place = tuple[int, Ints, Ints]
"""A group, the output channels that take their bias from it, and the byte of each in its memory."""


@dataclass(frozen=True, eq=False)
class Biases:
    """`values` and `known` per output channel: (outputs,), of depthwise layers (processors, passes)."""

    values: Ints
    known: Flags


def biases_of(device: Device, program: LayerProgram, memory: Bias, complaints: Complaints) -> Biases | None:
    """The biases of a layer; None for a layer without."""
    places = list(_places(device, program, complaints))
    if not places:
        return None
    shape = _shape(program)
    values, known = np.zeros(shape, np.int64), np.ones(shape, np.bool_)
    for group, outputs, bytes_ in places:
        if int(bytes_.max()) >= device.bias.bytes:
            complaints.add(Kind.UNWRITTEN_BIAS, f"group {group}: bias byte {int(bytes_.max())} of {device.bias.bytes}")
        inside = bytes_ % device.bias.bytes
        values.reshape(-1)[outputs] += memory.content[group].take(inside).view(np.int8)
        known.reshape(-1)[outputs] &= memory.known[group].take(inside)
    return Biases(values, known)


def _shape(program: LayerProgram) -> tuple[int, ...]:
    return (len(program.processors), program.reads.passes) if program.mode.by_processor else (program.outputs,)


def _places(device: Device, program: LayerProgram, complaints: Complaints) -> Iterator[Place]:
    index = 0
    for part in program.parts:
        first, index = index, index + len(part.processors)
        if part.bias is None or (program.mode.by_processor and not part.processors):
            continue
        if program.mode in (Mode.DEPTHWISE, Mode.BROADCAST):
            yield _each(device, program, part, first)
        elif program.mode is Mode.QUAD:
            outputs = np.arange(part.group, program.outputs, WAYS)
            yield part.group, outputs, part.bias + outputs // WAYS
        elif part.group in program.sources:
            outputs = np.arange(program.outputs)
            yield part.group, outputs, _start(device, program, part.bias) + outputs
        else:
            complaints.add(Kind.PROCESSORS, f"group {part.group} has a bias, but is not added (LCTL.cnnsi_en)")


def _start(device: Device, program: LayerProgram, bias: int) -> int:
    """The byte of the first output channel. A streaming first layer of the MAX78000 starts one byte late."""
    if program.kernels.x4:
        return bias * WAYS
    late = not device.streaming_bias and program.layer == 0 and program.stream.buffer > 0
    return bias + late


def _each(device: Device, program: LayerProgram, part: Part, first: int) -> Place:
    """A byte for every slot of the group, pass after pass."""
    passes, slots = program.reads.passes, np.asarray(slots_of(device, program, part))
    above = any(other.group > part.group and other.processors for other in program.parts)
    count = device.group_processors if program.mode is Mode.BROADCAST or above else int(slots.max()) + 1
    begin = (part.bias or 0) * (WAYS if program.mode is Mode.BROADCAST else 1)
    if program.mode is Mode.BROADCAST:  # four processors read at once
        slots = slots % WAYS * WAYS + slots // WAYS
    outputs = (first + np.arange(len(slots)))[:, None] * passes + np.arange(passes)
    bytes_ = begin + slots[:, None] + np.arange(passes) * count
    return part.group, outputs.reshape(-1), bytes_.reshape(-1)


def slots_of(device: Device, program: LayerProgram, part: Part) -> list[int]:
    """The place of each processor of a depthwise layer in its group.

    Without broadcast, the first group in use counts from its first processor, all others from the group's start.
    """
    begin = part.group * device.group_processors
    working = [other for other in program.parts if other.processors]
    if program.mode is Mode.DEPTHWISE and working and part is working[0]:
        begin = part.processors[0]
    return [p - begin for p in part.processors]
