"""Handlers of what only moves: nothing, where the place in memory can say it; else padding and cropping kernels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....ir import Node
from ....ir.ops import AvgPool, Concat, Conv, MaxPool, Pad, Slice, Transpose
from ....ir.types import Shape
from ..network import Layer, Tensor
from .layout import Layout, image_layout, rows_layout
from .walk import BYTES, MOVES, Padded, Refused, Walk, storage
from .window import cropped


def reshape(walk: Walk, node: Node) -> None:
    """The same memory under another name; whoever reads it sees whether its order fits."""
    walk.take((node.name,), walk.tensor(node.inputs[0]).name)


def transpose(walk: Walk, node: Node) -> None:
    """An order of axes in which every element stays where it is. Raises `Refused` (BT5544)."""
    op, name = node.op, node.inputs[0]
    assert isinstance(op, Transpose)
    source, shape = walk.tensor(name), walk.graph.types[name].shape
    moved = op.run(np.arange(source.height * source.width * source.channels).reshape(1, *shape))[0]
    if np.array_equal(moved.ravel(), np.arange(moved.size)):
        reshape(walk, node)
        return
    places = Layout.of(source).places()
    for layout in _layouts(walk, node.name):
        if layout.channels == source.channels and np.array_equal(layout.pixels(moved).ravel(), places):
            walk.view(node.name, layout.tensor(node.name, source.elem, (source.name, 0)))
            return
    raise Refused("BT5544", f"it moves {walk.graph.types[name]} in memory", MOVES)


def _layouts(walk: Walk, name: str) -> list[Layout]:
    """How a node's values may lie, best first."""
    shape = walk.graph.types[name].shape
    return [x for x in (walk.wishes.get(name), image_layout(shape), rows_layout(shape)) if x is not None]


def channel_layout(shape: Shape, axis: int) -> Layout | None:
    """The layout whose channels lie along an axis."""
    if axis == 0 and len(shape) in (1, 2, 3):
        return image_layout(shape)
    return rows_layout(shape) if axis == len(shape) - 1 else None


def concat(walk: Walk, node: Node) -> None:
    """Slices of the channels of one tensor; `place` makes them so."""
    op, graph = node.op, walk.graph
    assert isinstance(op, Concat)
    layout = channel_layout(graph.types[node.name].shape, op.axis)
    if layout is None:
        raise _no_join(op.axis)
    parts = tuple(walk.shaped(name, channel_layout(graph.types[name].shape, op.axis), node.name).name
                  for name in node.inputs)
    walk.enter(layout.tensor(node.name, storage(graph, node.name)))
    walk.take((node.name,))
    walk.joined.append((node.name, parts))


def _no_join(axis: int) -> Refused:
    return Refused("BT5546", f"it joins along axis {axis}", "join along the channels: axis 0 of images, the last axis "
                   "of rows; or compute the parts together")


def pad(walk: Walk, node: Node) -> None:
    """Pads of the windows that read it, where they can be; else a kernel."""
    folded = _folded(walk, node)
    if folded is not None:
        walk.padded[node.name] = folded
        return
    op, name = node.op, node.inputs[0]
    assert isinstance(op, Pad)
    source, layout = _axes_apart(walk, node)
    rank = len(walk.graph.types[name].shape)
    begins, ends = (_by_axis(source, pads, 0) for pads in (op.pads[:rank], op.pads[rank:]))
    if source.elem not in BYTES:
        raise Refused("BT5548", f"it pads {walk.graph.types[name]}; the kernel pads bytes", "pad 8-bit data")
    walk.finish(Layer("", "pad", (node.name,), (source.name,), "", padding=(*begins, *ends), value=op.value), layout,
                source.elem)


def _folded(walk: Walk, node: Node) -> Padded | None:
    op, name, graph = node.op, node.inputs[0], walk.graph
    assert isinstance(op, Pad)
    rank = len(graph.types[name].shape)
    if rank not in (2, 3) or node.name in graph.outputs or op.pads[0] or op.pads[rank] \
            or not all(_takes_pads(walk, user, node, op) for user in graph.users[node.name]):
        return None
    (top, left), (bottom, right) = ((0, *op.pads[first:first + rank - 1])[-2:] for first in (1, rank + 1))
    return Padded(name, (top, left, bottom, right))


def _takes_pads(walk: Walk, user: Node, node: Node, op: Pad) -> bool:
    """Whether what a node makes of a padded image is what it makes of the image and more pads."""
    graph, name = walk.graph, node.inputs[0]
    if isinstance(user.op, Conv | AvgPool):
        return op.value == 0
    if not isinstance(user.op, MaxPool):
        return False
    # a value that is never larger than a pixel does not win, like a pad, if there is a pixel in every window
    rank = len(graph.types[name].shape) - 1
    old, new = user.op.pads, (*op.pads[1:rank + 1], *op.pads[rank + 2:])
    whole = replace(user.op, pads=tuple(p + q for p, q in zip(old, new, strict=True)))
    return op.value <= int(graph.ranges[name].lo.min()) \
        and whole.window.covers(graph.types[name].shape[1:])


def cut(walk: Walk, node: Node) -> None:
    """Some channels are a slice in memory; fewer rows or columns are copied."""
    op, graph, name = node.op, walk.graph, node.inputs[0]
    assert isinstance(op, Slice)
    if graph.types[node.name].shape == graph.types[name].shape:
        reshape(walk, node)
        return
    source, layout = _axes_apart(walk, node)
    starts, ends = _by_axis(source, op.starts, 0), _by_axis(source, op.ends, 1)
    part = replace(source, name=node.name, channels=layout.channels, within=(source.name, starts[2]),
                   image=None if source.image is None else (layout.channels, *source.image[1:]))
    if layout.size[:2] == (source.height, source.width):
        walk.view(node.name, part)
        return
    if source.elem not in BYTES:
        raise Refused("BT5548", f"it cuts pixels out of {graph.types[name]}; the kernel copies bytes",
                      "cut 8-bit data, or channels only")
    if layout.channels != source.channels:
        source = walk.enter(replace(part, name=walk.free(f"{node.name}.channels")))
    walk.finish(Layer("", "max_pool", (node.name,), (source.name,), "",
                      cropped(Layout.of(source), starts[:2], ends[:2])), layout, source.elem)


def _axes_apart(walk: Walk, node: Node) -> tuple[Tensor, Layout]:
    """The tensor that a node reads and the layout of what it makes, the axes of both being rows, columns, channels.

    Raises `Refused` (BT5544, BT5548).
    """
    name, shape = node.inputs[0], walk.graph.types[node.name].shape
    if len(shape) > 3:
        raise Refused("BT5548", f"it reads {walk.graph.types[name]}; kernels know rows, columns and channels",
                      "use at most three axes")
    source = walk.tensor(name)
    if source.image is None and len(shape) == 3:
        return walk.shaped(name, _apart(walk.graph.types[name].shape), node.name), _apart(shape)
    make = image_layout if source.image else rows_layout
    layout = make(shape)
    assert layout is not None
    return walk.shaped(name, make(walk.graph.types[name].shape), node.name), layout


def _apart(shape: Shape) -> Layout:
    """Rows (H, W, C) with a height of their own."""
    height, width, channels = shape
    return Layout(height, width, channels)


def _by_axis(source: Tensor, values: tuple[int, ...], missing: int) -> tuple[int, int, int]:
    """Values for each axis of the graph as those of rows, columns and channels."""
    order = (*values[1:], values[0]) if source.image is not None else values
    height, width, channels = (missing, missing, *order)[-3:]
    return height, width, channels
