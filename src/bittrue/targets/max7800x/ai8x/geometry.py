"""The data that a layer reads: how its sources are joined, cropped and reshaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ....errors import Diagnostics, declare
from ..network import BUFFER, INPUT, Dim, RollingBuffer
from .resolve import Form

declare({"BT5212": "sizes in a network description contradict each other"})

_BUFFER_NEEDS = ("in_offset", "out_offset", "in_dim", "in_channels")
"""What a layer that reads the data buffer must state."""


@dataclass(frozen=True)
class Data:
    """Channels and size of a tensor; None where a problem keeps them unknown."""

    channels: int | None = None
    dim: Dim | None = None


@dataclass(frozen=True)
class Joined:
    """The sources of a layer as one tensor."""

    sources: tuple[int, ...]
    data: Data
    spatial: bool = False
    """Whether they are joined pixel by pixel, not along the channels."""


def joined(form: Form, sources: tuple[int, ...], parts: Sequence[Data], found: Diagnostics) -> Joined:
    """Join the sources; adds what does not fit together (BT5212)."""
    if form.operands > 1 and len(sources) != form.operands and sources != (INPUT,):
        found.add("BT5212", form.keys.where("in_sequences", "operands", "eltwise", "operation"),
                  f"{len(sources)} input{'s' * (len(sources) > 1)} for {form.operands} operands",
                  "name one layer per operand in in_sequences, or correct operands")
        return Joined(sources, Data())
    dims = [part.dim for part in parts if part.dim is not None]
    if len(dims) < len(parts) or form.keys.unclear("in_sequences"):
        return Joined(sources, Data())
    if len(parts) > 1 and form.operands == 1 and _pixelwise(form, dims):
        return _spatial(form, sources, parts, found)
    if any(dim != dims[0] for dim in dims):
        found.add("BT5212", form.keys.where("in_sequences"), "inputs of different sizes cannot be joined along the "
                  f"channels: {', '.join(map(text, dims))}", "correct in_sequences, or state in_dim to join pixels")
        return Joined(sources, Data())
    return Joined(sources, Data(_total(form, parts, found), dims[0]))


def read_size(form: Form, joint: Joined, buffer: RollingBuffer | None, found: Diagnostics) -> Dim | None:
    """The size of the data after cropping and reshaping; adds what does not fit (BT5212)."""
    keys, dim = form.keys, joint.data.dim
    if BUFFER in joint.sources:
        return _buffer_size(form, joint.sources, buffer, found)
    if keys.buffer_shift:
        found.add("BT5212", keys.where("buffer_shift"), "it shifts the data buffer, and reads something else",
                  "name the data buffer in in_sequences, or remove buffer_shift")
        return None
    if dim is None or keys.unclear("in_dim", "in_crop"):
        return None
    before, after = keys.in_crop or (0, 0)
    rows = dim[0] - before - after
    wanted = keys.in_dim or (rows, dim[1])
    if rows < 1:
        found.add("BT5212", keys.where("in_crop"), f"nothing is left of {dim[0]} rows", "correct in_crop")
        return None
    if prod(wanted) != rows * dim[1]:
        found.add("BT5212", keys.where("in_dim"), f"in_dim {text(wanted)} has {prod(wanted)} pixels, the input "
                  f"{text((rows, dim[1]))} has {rows * dim[1]}", "correct in_dim, in_crop or the layers it reads")
        return None
    return wanted


def text(dim: tuple[int, ...]) -> str:
    """A size for a message.

    >>> text((3, 4))
    '3x4'
    """
    return "x".join(map(str, dim))


def _pixelwise(form: Form, dims: Sequence[Dim]) -> bool:
    """Whether `in_dim` holds the pixels of all sources."""
    return form.keys.in_dim is not None and prod(form.keys.in_dim) == sum(map(prod, dims))


def _spatial(form: Form, sources: tuple[int, ...], parts: Sequence[Data], found: Diagnostics) -> Joined:
    channels = {part.channels for part in parts}
    if any(form.keys.in_crop or ()):
        found.add("BT5212", form.keys.where("in_crop"), "inputs whose pixels are joined cannot be cropped",
                  "remove in_crop")
    if len(channels) > 1 and None not in channels:
        found.add("BT5212", form.keys.where("in_sequences"), "inputs whose pixels are joined have different numbers of "
                  f"channels: {', '.join(str(part.channels) for part in parts)}",
                  "correct in_sequences, or remove in_dim")
    size = None if any(form.keys.in_crop or ()) else form.keys.in_dim
    return Joined(sources, Data(channels.pop() if len(channels) == 1 else None, size), spatial=True)


def _total(form: Form, parts: Sequence[Data], found: Diagnostics) -> int | None:
    """Channels of all sources together; operands have the same number each."""
    channels = [part.channels for part in parts if part.channels is not None]
    if len(channels) < len(parts):
        return None
    if form.operands > 1 and len(set(channels)) > 1:
        found.add("BT5212", form.keys.where("in_sequences"), "operands have different numbers of channels: "
                  f"{', '.join(map(str, channels))}", "correct in_sequences")
        return None
    return sum(channels)


def _buffer_size(form: Form, sources: tuple[int, ...], buffer: RollingBuffer | None, found: Diagnostics) -> Dim | None:
    keys = form.keys
    missing = [key for key in _BUFFER_NEEDS if not keys.states(key)]
    if missing:
        found.add("BT5212", keys.where("in_sequences"), f"a layer that reads the data buffer states no "
                  f"{' and no '.join(missing)}", f"state {', '.join(missing)}")
    if len(sources) > 1:
        found.add("BT5212", keys.where("in_sequences"), "the data buffer is one of several inputs",
                  "read the data buffer alone")
    if buffer is None or keys.in_dim is None:
        return None
    rows = keys.in_dim[0] + (keys.buffer_shift or 0)
    if (rows, keys.in_dim[1]) != buffer.dim:
        found.add("BT5212", keys.where("in_dim"), f"in_dim and buffer_shift take {text((rows, keys.in_dim[1]))}, the "
                  f"data buffer has {text(buffer.dim)}", "correct in_dim, buffer_shift or the buffer's dim")
        return None
    return keys.in_dim
