"""What a layer reads, as the activation memory holds it: images of channels, whatever the tensor's shape.

A `Source` is a tensor in a view. A layer whose source another layer has stored in the same view reads it where it is;
every other source is loaded from outside. Flattening in front of a linear layer costs nothing: the layer becomes a
convolution whose kernel is the whole image. So does an image with few channels that is loaded from outside: it can be
unfolded (im2col) on its way, so that the rows of the array see kernel positions as channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from ...ir import Graph, IntArray
from ...ir.ops import Concat, Conv, Flatten, Linear
from ...ir.ops.spatial import pad_spatial, taps
from .layers import POINT, ArrayLayer, LayerConstants, Window, as_image, layer_constants

IMAGE, ROWS, UNFOLDED = "image", "rows", "unfolded"
"""Views: (C), (C, W) or (C, H, W) as it is; (*rows, C) with the channels first; one channel per kernel position."""


@dataclass(frozen=True)
class Source:
    """A tensor in a view; `window` is that of an unfolded image."""

    tensor: str
    view: str = IMAGE
    window: Window = POINT

    def values(self, tensor: IntArray) -> IntArray:
        """Values of the tensor (N, *shape) as images (N, C, H, W)."""
        if self.view == ROWS:
            channels = np.moveaxis(tensor, -1, 1)
            return channels.reshape(len(tensor), channels.shape[1], 1, -1)
        image = tensor.reshape(len(tensor), *as_image(tensor.shape[1:]))
        return image if self.view == IMAGE else _unfolded(image, self.window)


def _unfolded(image: IntArray, window: Window) -> IntArray:
    """(N, C, H, W) as (N, C * n_kij, H', W'): channel c * n_kij + kij is channel c at kernel position kij."""
    padded = pad_spatial(image, window.pads, 0)
    size = tuple((length - (kernel - 1) * dilation - 1) // stride + 1 for length, kernel, stride, dilation
                 in zip(padded.shape[2:], window.kernel, window.stride, window.dilation, strict=True))
    every = slice(None)
    positions = [padded[(every, every, *taps(tap, size, window.stride, window.dilation))]
                 for tap in np.ndindex(window.kernel)]
    return np.stack(positions, axis=2).reshape(len(image), -1, *size)


@dataclass(frozen=True)
class Lowered:
    """A layer as the array runs it: its shapes and window are those of the views that it reads and writes."""

    layer: ArrayLayer
    sources: tuple[Source, ...]
    result: Source | None
    """What its output stages give, in the view in which it is stored."""

    def constants(self, graph: Graph) -> LayerConstants:
        """The layer's constants, weights (O, I, n_kij) in these shapes; I counts the channels of all sources."""
        return layer_constants(graph, self.layer)

    def unfolded(self) -> Lowered:
        """The same layer on an unfolded image: a 1x1 convolution with as many channels as there were weights."""
        layer, source = self.layer, Source(self.layer.source, UNFOLDED, self.layer.window)
        shape = (layer.in_shape[0] * layer.n_kij, *layer.out_shape[1:])
        return replace(self, sources=(source,), layer=replace(layer, in_shape=shape, window=POINT))

    @property
    def can_unfold(self) -> bool:
        """Whether it is a dense convolution on an image."""
        return self.layer.kind == Conv.kind and self.layer.groups == 1 and self.sources[0].view == IMAGE \
            and self.layer.n_kij > 1


def lowered(graph: Graph, layer: ArrayLayer) -> Lowered:
    """The layer with its sources as views."""
    result = None if layer.requant is None else Source(layer.requant, _view(graph, layer, layer.requant))
    if layer.kind == Linear.kind:
        return _lowered_linear(graph, layer, result)
    return Lowered(layer, tuple(Source(skip_flatten(graph, name)) for name in layer.sources), result)


def _view(graph: Graph, layer: ArrayLayer, tensor: str) -> str:
    return ROWS if layer.kind == Linear.kind and len(graph.types[tensor].shape) > 1 else IMAGE


def _lowered_linear(graph: Graph, layer: ArrayLayer, result: Source | None) -> Lowered:
    """A linear layer on a flattened image is a convolution with a kernel of the image's size."""
    node, source = graph.node[layer.source], layer.source
    if isinstance(node.op, Flatten):
        channels, height, width = as_image(graph.types[node.inputs[0]].shape)
        window = Window((height, width))
        shapes = replace(layer, in_shape=(channels, height, width), window=window)
        return Lowered(shapes, (Source(node.inputs[0]),), result)
    return Lowered(layer, (Source(source, _view(graph, layer, source)),), result)


def skip_flatten(graph: Graph, tensor: str) -> str:
    """The image of one pixel that a flattened tensor is, if it is one; else the tensor itself."""
    node = graph.node[tensor]
    is_pixel = isinstance(node.op, Flatten) and prod(as_image(graph.types[node.inputs[0]].shape)[1:]) == 1
    return node.inputs[0] if is_pixel else tensor


def channel_parts(graph: Graph, tensor: str) -> tuple[str, ...] | None:
    """The tensors whose channels a tensor puts one after the other; None when it is no such concatenation."""
    node = graph.node[tensor]
    if not isinstance(node.op, Concat) or node.op.axis != 0 or len(set(node.inputs)) < len(node.inputs):
        return None
    return node.inputs if len(graph.types[tensor].shape) == 3 else None
