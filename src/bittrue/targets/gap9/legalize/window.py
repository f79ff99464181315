"""Handlers of poolings, and what windows see: images with the zeros that stand around them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ....ir import I32, IntType, Node
from ....ir.ops import AvgPool, MaxPool
from ....ir.ops.spatial import Spatial, Window
from ..kernels import NO_REQUANT, plan_division
from ..network import Layer, Tensor
from .layout import Layout, image_layout
from .stage import stage_behind
from .walk import BYTES, Pads, Refused, Walk, storage

NO_PADS: Pads = (0, 0, 0, 0)


@dataclass(frozen=True)
class Seen:
    """An image and the zeros around it; `nodes` are those that put them there."""

    tensor: Tensor
    pads: Pads = NO_PADS
    nodes: tuple[str, ...] = ()


def seen_by(walk: Walk, node: Node) -> Seen:
    """The image that a convolution or pooling reads. Raises `Refused` (BT5542, BT5544)."""
    name = node.inputs[0]
    padded = walk.padded.get(name)
    source = padded.source if padded else name
    tensor = walk.data(source, image_layout(walk.graph.types[source].shape), node.name)
    return Seen(tensor, padded.pads, (name,)) if padded else Seen(tensor)


def window_of(spatial: Spatial, around: Pads = NO_PADS) -> Window:
    """A window of 1 or 2 axes; columns are the last one. More zeros around the image are more pads."""
    window = Window.of(spatial.kernel, spatial.stride, spatial.pads, spatial.dilation)
    top, left, bottom, right = (own + more for own, more in zip(window.pads, around, strict=True))
    return replace(window, pads=(top, left, bottom, right))


def max_pool(walk: Walk, node: Node) -> None:
    """The largest value of every window."""
    assert isinstance(node.op, MaxPool)
    seen, layout = seen_by(walk, node), image_layout(walk.graph.types[node.name].shape)
    assert layout is not None
    walk.finish(Layer("", "max_pool", (*seen.nodes, node.name), (seen.tensor.name,), "",
                      window_of(node.op.window, seen.pads)), layout, storage(walk.graph, node.name))


def avg_pool(walk: Walk, node: Node) -> None:
    """The sum of every window, requantized or divided."""
    op, graph = node.op, walk.graph
    assert isinstance(op, AvgPool)
    size, seen = graph.types[node.inputs[0]].shape[1:], seen_by(walk, node)
    layout = image_layout(graph.types[node.name].shape)
    assert layout is not None
    layer = Layer("", "avg_pool", (*seen.nodes, node.name), (seen.tensor.name,), "",
                  window_of(op.window(size), seen.pads), requant=NO_REQUANT)
    if op.divides_by(size) != 1:
        walk.finish(_divided(walk, node, op, layer), layout, storage(graph, node.name))
        return
    stage = stage_behind(walk, node.name)
    nodes = (*layer.nodes, *walk.after(node.name, stage.last))
    walk.finish(replace(layer, nodes=nodes, requant=stage.part(walk, layout)), layout, storage(graph, stage.last))


def _divided(walk: Walk, node: Node, op: AvgPool, layer: Layer) -> Layer:
    """An average that is rounded by itself."""
    graph, name = walk.graph, node.inputs[0]
    elem, reach = storage(graph, node.name), graph.ranges[node.name]
    if elem not in BYTES:
        raise Refused("BT5549", f"its averages are {int(reach.lo.min())}..{int(reach.hi.max())}; the kernel stores "
                      "bytes", "divide by the window's area, or requantize the exact sum (divisor 1)")
    shape = graph.types[name].shape
    sums = replace(op, divisor=1, out=I32).bounds(graph.ranges[name].broadcast(shape))
    kind = IntType.parse(elem)
    table = plan_division(op.divides_by(shape[1:]), op.rounding, kind.min, kind.max,
                          (int(sums.lo.min()), int(sums.hi.max())))
    return replace(layer, requant=table)


def cropped(layout: Layout, starts: tuple[int, int], ends: tuple[int, int]) -> Window:
    """The window of one pixel that leaves out what is not within starts..ends: pads below zero."""
    return Window(pads=(-starts[0], -starts[1], ends[0] - layout.height, ends[1] - layout.width))
