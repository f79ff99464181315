"""The network's inputs: they lie in memory as those who read them want it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ....ir import Graph, Node
from ....ir.ops import AvgPool, Concat, Conv, Flatten, Linear, MaxPool, Pad, Requant, Reshape, Slice, Transpose
from .layout import Layout, image_layout, rows_layout
from .walk import Walk, storage

Wishes = Mapping[str, Layout | None]


def entry(walk: Walk, node: Node) -> None:
    """An input of the network."""
    shape = walk.graph.types[node.name].shape
    layout = walk.wishes[node.name] or image_layout(shape) or rows_layout(shape)
    walk.enter(layout.tensor(node.name, storage(walk.graph, node.name)))
    walk.take((node.name,))


def wishes_of(graph: Graph) -> dict[str, Layout | None]:
    """For every node the layout that the first of its readers with a wish wants; None if all take any."""
    wishes: dict[str, Layout | None] = {}
    for node in reversed(graph.nodes):
        found = (_wish(graph, node.name, user, wishes) for user in graph.users[node.name])
        wishes[node.name] = next((wish for wish in found if wish is not None), None)
    return wishes


def _wish(graph: Graph, name: str, user: Node, wishes: Wishes) -> Layout | None:
    op, shape, behind = user.op, graph.types[name].shape, wishes[user.name]
    if isinstance(op, Conv | MaxPool | AvgPool):
        return image_layout(shape)
    if isinstance(op, Linear):
        return rows_layout(shape) if len(shape) > 1 else None
    if isinstance(op, Reshape | Flatten):
        return behind
    if isinstance(op, Transpose):
        return _before(op, graph, name, behind)
    axis = _channel_axis(graph, user)
    if axis is not None and len(shape) > 1:
        return image_layout(shape) if axis == 0 else rows_layout(shape) if axis == len(shape) - 1 else None
    if isinstance(op, Pad | Slice | Concat):
        return behind and (image_layout(shape) if behind.image else rows_layout(shape))
    return behind if graph.types[user.name].shape == shape else None


def _channel_axis(graph: Graph, user: Node) -> int | None:
    """The axis that a node takes for the channels."""
    if isinstance(user.op, Requant) and graph.constants[user.inputs[1]].values.size > 1:
        return user.op.axis
    if isinstance(user.op, Concat):
        return user.op.axis
    if isinstance(user.op, Slice):
        before, after = graph.types[user.inputs[0]].shape, graph.types[user.name].shape
        cut = [axis for axis, (p, q) in enumerate(zip(before, after, strict=True)) if p != q]
        return cut[0] if len(cut) == 1 else None
    return None


def _before(op: Transpose, graph: Graph, name: str, behind: Layout | None) -> Layout | None:
    """The layout in which a transposition into another one moves nothing."""
    shape = graph.types[name].shape
    if behind is None:
        return None
    places = behind.pixels(op.run(np.arange(graph.types[name].size).reshape(1, *shape))[0]).ravel()
    tries = (image_layout(shape), rows_layout(shape))
    return next((x for x in tries if x and x.channels == behind.channels and np.array_equal(x.places(), places)), None)
