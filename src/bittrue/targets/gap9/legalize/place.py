"""Concatenations by placement: what is joined is written side by side from the start, or copied there."""

from __future__ import annotations

from dataclasses import replace

from ..network import Layer, Tensor
from .walk import BYTES, Walk


def place(walk: Walk) -> None:
    """Make the parts of all concatenations slices of the whole.

    The last concatenation comes first, so that one whose parts lie in another already (as in a DenseNet, whose
    concatenations grow) is a slice of it.
    """
    for name, parts in reversed(walk.joined):
        whole, tensors = walk.tensors[name], [walk.tensors[part] for part in parts]
        if not _is_slice(walk, whole, tensors):
            _fill(walk, whole, tensors)


def _is_slice(walk: Walk, whole: Tensor, parts: list[Tensor]) -> bool:
    """Make the whole a slice of the tensor that its parts lie in, one behind the other, if they do."""
    if whole.within is not None or parts[0].within is None or whole.name in walk.whole:
        return False
    parent, first = parts[0].within
    place = first
    for part in parts:
        if part.within != (parent, place) or not _alike(part, whole):
            return False
        place += part.channels
    walk.enter(replace(whole, within=(parent, first)))
    return True


def _alike(part: Tensor, whole: Tensor) -> bool:
    same_size = (part.height, part.width) == (whole.height, whole.width)
    return same_size and part.element_bytes == whole.element_bytes and part.elem[1:] == whole.elem[1:]


def _fill(walk: Walk, whole: Tensor, parts: list[Tensor]) -> None:
    fixed = {node.name for node in walk.graph.inputs} | walk.whole
    first = 0
    for index, part in enumerate(parts):
        now = walk.tensors[part.name]  # a tensor that stands twice has been placed meanwhile
        if now.within is None and now.name not in fixed and _alike(now, whole):
            walk.enter(replace(now, within=(whole.name, first)))
        else:
            _copy(walk, now, replace(now, name=walk.free(f"{whole.name}.{index}"), elem=whole.elem,
                                     within=(whole.name, first)))
        first += part.channels


def _copy(walk: Walk, source: Tensor, target: Tensor) -> None:
    """A layer that only copies; accumulators and 16-bit inputs as 32-bit words."""
    kernel = "pad" if target.elem in BYTES else "requantize"
    assert target.within is not None
    walk.append(Layer("", kernel, (target.within[0],), (source.name,), ""), target)
