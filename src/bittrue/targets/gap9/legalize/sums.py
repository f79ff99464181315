"""Handlers of what sums up: convolutions, linear layers and additions, with the requantization behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ....ir import IntArray, Node
from ....ir.ops import Conv
from ....ir.ops.spatial import Window
from ..network import Layer, Tensor
from .layout import Layout, image_layout, rows_layout
from .stage import Stage, stage_behind
from .walk import Refused, Walk, storage
from .weights import conv_kernel, narrowest, side_by_side, together
from .window import Seen, seen_by, window_of


def conv(walk: Walk, node: Node) -> None:
    """A convolution: by pixels, channel by channel, or group by group."""
    op, graph = node.op, walk.graph
    assert isinstance(op, Conv)
    seen = seen_by(walk, node)
    weight, bias = _weights(walk, node)
    weight = weight.reshape(*weight.shape[:2], *(1,) * (4 - weight.ndim), *weight.shape[2:])
    window = window_of(op.window(graph.types[node.inputs[1]].shape[2:]), seen.pads)
    stage = stage_behind(walk, node.name)
    layer = Layer("", "conv", (*seen.nodes, node.name, *walk.after(node.name, stage.last)), (seen.tensor.name,), "",
                  window, weight, bias=bias, macs=op.macs(*(graph.types[name] for name in node.inputs)))
    layout = image_layout(graph.types[node.name].shape)
    assert layout is not None
    if op.groups == seen.tensor.channels == weight.shape[0] > 1:
        narrowest(weight, bias, graph.ranges[node.name])
        layer = replace(layer, kernel="depthwise", weights=weight[:, 0], requant=stage.part(walk, layout))
        walk.finish(layer, layout, storage(graph, stage.last))
    else:
        _grouped(walk, node, layer, stage, layout, seen)


def _weights(walk: Walk, node: Node) -> tuple[IntArray, IntArray]:
    weight, bias = (walk.graph.constant(node, operand) for operand in (1, 2))
    assert weight is not None
    return weight, np.zeros(weight.shape[0], np.int64) if bias is None else bias


def _grouped(walk: Walk, node: Node, layer: Layer, stage: Stage, layout: Layout, seen: Seen) -> None:
    """One layer, or one for some groups each: they read and write slices of the channels."""
    op, weight, elem = node.op, layer.weights, storage(walk.graph, stage.last)
    assert isinstance(op, Conv)
    assert weight is not None
    count = together(op.groups, weight.shape)
    whole = layout.tensor(stage.last, elem)
    if count == op.groups:
        walk.finish(_plain(walk, node, replace(layer, weights=side_by_side(weight, count)), stage, layout), layout,
                    elem)
        return
    walk.enter(whole)
    walk.take(layer.nodes)
    parts = op.groups // count
    for index, (ins, outs) in enumerate(zip(_slices(seen.tensor, parts), _slices(whole, parts), strict=True)):
        source = walk.enter(replace(ins, name=walk.free(f"{stage.last}.input{index}")))
        first = outs.within[1] if outs.within else 0
        channels = slice(first, first + outs.channels)
        part = replace(layer, inputs=(source.name,), weights=side_by_side(weight[channels], count),
                       bias=_bias(layer)[channels], macs=layer.macs // parts)
        walk.append(_plain(walk, node, part, stage, layout, channels),
                    replace(outs, name=walk.free(f"{stage.last}.group{index}")))


def _plain(walk: Walk, node: Node, layer: Layer, stage: Stage, layout: Layout,
           channels: slice = slice(None)) -> Layer:
    """A convolution without groups, for some of the output's channels."""
    assert layer.weights is not None
    widths = narrowest(layer.weights, _bias(layer), walk.graph.ranges[node.name])
    kernel, bits = conv_kernel(layer.weights, any(layer.window.pads), widths)
    return replace(layer, kernel=kernel, weight_bits=bits, requant=stage.part(walk, layout, channels))


def _bias(layer: Layer) -> IntArray:
    assert layer.bias is not None
    return layer.bias


def _slices(tensor: Tensor, parts: int) -> Iterator[Tensor]:
    """Equal slices of the channels."""
    size = tensor.channels // parts
    image = None if tensor.image is None else (size, *tensor.image[1:])
    for first in range(0, tensor.channels, size):
        yield replace(tensor, channels=size, image=image, within=(tensor.name, first))


def linear(walk: Walk, node: Node) -> None:
    """A linear layer. Its weights' columns follow the order in which a flattened image lies in memory."""
    graph, name = walk.graph, node.inputs[0]
    shape = graph.types[name].shape
    source = walk.data(name, rows_layout(shape), node.name) if len(shape) > 1 \
        else walk.bytes_of(name, walk.tensor(name))
    weight, bias = _weights(walk, node)
    if len(shape) == 1:
        weight = weight[:, Layout.of(source).places()]
        source = walk.dense(source) if source.channels < weight.shape[1] else source
    stage, layout = stage_behind(walk, node.name), rows_layout(graph.types[node.name].shape)
    walk.finish(Layer("", "linear", (node.name, *walk.after(node.name, stage.last)), (source.name,), "",
                      weights=weight, weight_bits=narrowest(weight, bias, graph.ranges[node.name])[0], bias=bias,
                      requant=stage.part(walk, layout), macs=node.op.macs(*(graph.types[n] for n in node.inputs))),
                layout, storage(graph, stage.last))


def add(walk: Walk, node: Node) -> None:
    """A sum of two tensors of one shape."""
    graph, (a, b) = walk.graph, node.inputs
    if graph.types[a].shape != graph.types[b].shape:
        raise Refused("BT5547", f"it adds {graph.types[a]} and {graph.types[b]}, of different shapes",
                      "add tensors of one shape; what is added to whole channels belongs into a bias")
    first = walk.tensor(a)
    second = walk.shaped(b, Layout.of(first), node.name)
    stage, layout = stage_behind(walk, node.name), Layout.of(first)
    walk.finish(Layer("", "add", (node.name, *walk.after(node.name, stage.last)), (first.name, second.name), "",
                      Window(), requant=stage.part(walk, layout)), layout, storage(graph, stage.last))
