"""Outputs -> words: which word of which data memory instance every output goes to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..device import Device
from .biases import slots_of
from .complaints import Complaints, Kind
from .compute import Outputs
from .convolve import Array
from .layer import LayerProgram, Mode, Part
from .memories import ALL, Flags, Ints, Words

BYTES = 4
BYTE = np.uint32(0xFF)


@dataclass(frozen=True, eq=False)
class Written:
    """Words in the order in which they are written: instance, word (not wrapped by a circular buffer), value, and as a
    mask which bytes have a defined value."""

    instances: Ints
    words: Ints
    values: Words
    masks: Words


def written(device: Device, program: LayerProgram, outputs: Outputs, complaints: Complaints) -> Written:
    """The words that a layer writes."""
    if not program.mode.by_processor:
        return _channels(device, program, outputs)
    _check_slots(device, program, complaints)
    if program.post.wide:
        complaints.add(Kind.NOT_MODELLED, "32-bit outputs without sums over processors (LCTL.bigdwrt)")
    return _processors(device, program, outputs, complaints)


def _channels(device: Device, program: LayerProgram, outputs: Outputs) -> Written:
    """Convolution: four channels to a word, all passes of a pixel one after the other."""
    writes, (channels, rows, columns) = program.writes, outputs.values.shape
    passes, groups = -(-channels // writes.channels), -(-writes.channels // BYTES)
    values, known = (_by_pass(a, passes, writes.channels) for a in (outputs.values, _flags(outputs)))
    base = next(part.base for part in program.parts if part.group == program.leader)
    pointers = base + np.arange(groups) * writes.mask
    pixel, number = np.arange(rows * columns)[:, None, None], np.arange(passes)[None, :, None]
    width = BYTES if program.post.wide else 1
    words = _low(device, pointers) + pixel * (writes.increment * width) + number * writes.passes
    if not program.post.wide:
        return _written(_instance(device, pointers), words, _packed(values), _masks(known))
    spread = words[..., None] + np.arange(BYTES)
    masks = np.where(known, np.uint32(ALL), np.uint32(0)).astype(np.uint32)
    return _written(_instance(device, pointers)[:, None], spread, (values & ALL).astype(np.uint32), masks)


def _flags(outputs: Outputs) -> Flags:
    if outputs.known is None:
        return np.ones(outputs.values.shape, np.bool_)
    return np.broadcast_to(outputs.known, outputs.values.shape)


def _by_pass(array: Array, passes: int, channels: int) -> Array:
    """(outputs, rows, columns) -> (pixels, passes, words, 4), filled up with 0 or False."""
    words = -(-channels // BYTES)
    full = np.zeros((passes * channels, array.shape[1] * array.shape[2]), array.dtype)
    full[:len(array)] = array.reshape(len(array), -1)
    out = np.zeros((passes, words * BYTES, full.shape[1]), array.dtype)
    out[:, :channels] = full.reshape(passes, channels, -1)
    return np.ascontiguousarray(out.transpose(2, 0, 1)).reshape(full.shape[1], passes, words, BYTES)


def _packed(values: Array) -> Words:
    """The last axis of four values of 8 bits -> a word."""
    return np.ascontiguousarray(values.astype(np.int8)).view(np.uint32)[..., 0]


def _masks(known: Array) -> Words:
    return (known.astype(np.uint8) * np.uint8(0xFF)).view(np.uint32)[..., 0]


def _instance(device: Device, pointers: Ints) -> Ints:
    return np.asarray(pointers >> device.pointer_word_bits, np.int64)


def _low(device: Device, pointers: Ints) -> Ints:
    return np.asarray(pointers & (1 << device.pointer_word_bits) - 1, np.int64)


def _written(instances: Ints, words: Ints, values: Words, masks: Words) -> Written:
    return Written(np.broadcast_to(instances, words.shape).reshape(-1), words.reshape(-1), values.reshape(-1),
                   masks.reshape(-1))


def _processors(device: Device, program: LayerProgram, outputs: Outputs, complaints: Complaints) -> Written:
    """Every group writes the outputs of its processors."""
    writes, known, index = program.writes, _flags(outputs), 0
    passes, pixels = program.reads.passes, outputs.values.shape[2] * outputs.values.shape[3]
    columns: list[tuple[Ints, Ints, Words, Words]] = []
    step = writes.increment * (passes if program.mode is Mode.PASSTHROUGH else 1)
    for part in program.parts:
        own = slice(index, index + len(part.processors))
        index = own.stop
        if not part.processors:
            continue
        slots, pointers = _slots(device, program, part, complaints)
        values, flags = (_by_slot(a[own], slots) for a in (outputs.values, known))
        words = (_low(device, pointers) + np.arange(pixels)[:, None, None] * step
                 + np.arange(passes)[None, :, None] * (writes.passes if passes > 1 else 0))
        columns.append((np.broadcast_to(_instance(device, pointers), words.shape), words, _packed(values),
                        _masks(flags)))
    instances, words, packed, masks = (np.concatenate(arrays, axis=2) for arrays in zip(*columns, strict=True))
    return _written(instances, words, packed, masks)


def _slots(device: Device, program: LayerProgram, part: Part, complaints: Complaints) -> tuple[Ints, Ints]:
    """The byte place of every processor among the words of its group, and the pointer of each of these words."""
    if program.mode is Mode.PASSTHROUGH:
        places = np.arange(len(part.processors))
        return places, part.base + np.arange(-(-len(places) // BYTES)) * program.writes.slot
    slots = np.asarray(slots_of(device, program, part))
    words = np.unique(slots // BYTES)
    places = np.searchsorted(words, slots // BYTES) * BYTES + slots % BYTES
    if program.mode is Mode.DEPTHWISE:
        return places, part.base + words * program.writes.mask
    first = min(program.processors) // device.shared
    if int(_instance(device, np.asarray(part.base))) != first:
        complaints.add(Kind.SIZES_DISAGREE, f"group {part.group}: a depthwise layer that writes where it reads has its "
                                            f"write pointer in instance {part.base >> device.pointer_word_bits}, not "
                                            f"{first}")
    instance = part.group * (device.group_processors // device.shared) + words
    return places, (instance << device.pointer_word_bits) + _low(device, np.asarray(part.base))


def _by_slot(array: Array, places: Ints) -> Array:
    """(processors, passes, rows, columns) -> (pixels, passes, words, 4)."""
    words = int(places.max()) // BYTES + 1
    out = np.zeros((words * BYTES, array.shape[1], array.shape[2] * array.shape[3]), array.dtype)
    out[places] = array.reshape(len(array), array.shape[1], -1)
    return np.ascontiguousarray(out.transpose(2, 1, 0)).reshape(out.shape[2], out.shape[1], words, BYTES)


def _check_slots(device: Device, program: LayerProgram, complaints: Complaints) -> None:
    most = max((len(part.processors) for part in program.parts), default=0)
    slots = {Mode.PASSTHROUGH: -(-most // BYTES), Mode.DEPTHWISE: most, Mode.BROADCAST: min(most, BYTES)}[program.mode]
    if program.slots != slots and not program.post.wide:
        complaints.add(Kind.SIZES_DISAGREE, f"{program.slots} time slots for {most} processors of a group")
