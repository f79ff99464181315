"""A network as the cluster runs it: kernels on images that lie in memory row by row, pixel by pixel (HWC).

`legalize` makes it from a graph, `plan` cuts it into tiles and places it, `emit` writes it as C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...ir import IntArray
from ...ir.ops.spatial import Window
from .kernels import NO_REQUANT, RequantTable

DTYPES: Mapping[str, np.dtype[np.generic]] = {
    name: np.dtype(code) for name, code in (("i8", "i1"), ("u8", "u1"), ("i16", "<i2"), ("u16", "<u2"), ("i32", "<i4"))}
"""The element types in memory."""


@dataclass(frozen=True)
class Tensor:
    """An activation tensor. In memory it is (height, width, channels), elements of type `elem` (`i8` ... `i32`).

    `image` is the shape (C, H, W) that the graph's sample is reshaped to before its axes are put into the order of the
    memory; None for rows whose last axis is the channels already, such as the input of a linear layer.
    """

    name: str
    """The graph's node that it is the value of."""
    height: int
    width: int
    channels: int
    elem: str
    image: tuple[int, int, int] | None
    within: tuple[str, int] | None = None
    """The tensor that it is a slice of the channels of, and the first of these channels. Its pixels are that one's, in
    the same order, though it may count them in other rows and columns (Reshape, Transpose)."""

    @property
    def element_bytes(self) -> int:
        """Bytes of an element."""
        return DTYPES[self.elem].itemsize

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a pixel's channels."""
        return self.channels * self.element_bytes

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of pixels without anything in between."""
        return self.width * self.pixel_bytes

    @property
    def bytes(self) -> int:
        """Bytes of all of it."""
        return self.height * self.row_bytes

    def to_memory(self, values: IntArray) -> IntArray:
        """Samples (N, *shape in the graph) in the order of the memory: (N, height, width, channels)."""
        if self.image is None:
            return values.reshape(-1, self.height, self.width, self.channels)
        return values.reshape(-1, *self.image).transpose(0, 2, 3, 1)

    def to_graph(self, values: IntArray, shape: tuple[int, ...]) -> IntArray:
        """The inverse of `to_memory`; `shape` is the graph's shape of one sample."""
        if self.image is not None:
            values = values.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(values).reshape(-1, *shape)


@dataclass(frozen=True, eq=False)
class Layer:
    """One call of a kernel on whole tensors: what fusion made of some nodes of the graph."""

    name: str
    """The node whose value it computes, which is also the name of its output tensor; or that of a slice of it."""
    kernel: str
    """The row of `kernels.KERNELS`."""
    nodes: tuple[str, ...]
    """The graph's nodes that it stands for, in order."""
    inputs: tuple[str, ...]
    """Tensors, in the order of the kernel's operands."""
    output: str
    window: Window = field(default_factory=Window)
    weights: IntArray | None = None
    """conv, pointwise (O, I, KH, KW); depthwise (C, KH, KW); linear (O, K), K in the order of the memory. With more
    columns than its input has channels, a linear layer reads pixels in one go; that input is no slice."""
    weight_bits: int = 8
    bias: IntArray | None = None
    """(O,): of every layer with weights."""
    requant: RequantTable = NO_REQUANT
    table: bytes | None = None
    """lookup: 256 bytes."""
    padding: tuple[int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0)
    """pad: top, left, front (of the channels), bottom, right, back."""
    value: int = 0
    """pad: what is put around the image."""
    macs: int = 0
    """Multiply-accumulates of one sample, as the graph's ops count them."""


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in the order in which they run."""

    name: str
    tensors: Mapping[str, Tensor]
    """By name: inputs, outputs of layers, slices of them, and the whole tensors that several layers write slices of.
    One that has no node's name is a slice of one that has: a part of a grouped convolution, a copy in a concatenation.
    """
    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    """Tensors, in the order of the graph's inputs."""
    outputs: tuple[str, ...]
    """Tensors, in the order of the graph's outputs."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Nodes of the graph that move and change nothing in memory (Flatten, Reshape, a Relu of what is not negative), and
    the tensor that they are."""

    def root(self, name: str) -> tuple[Tensor, int]:
        """The tensor in whose memory a tensor lies, and its first channel there."""
        tensor, first = self.tensors[name], 0
        while (within := tensor.within) is not None:
            tensor, first = self.tensors[within[0]], first + within[1]
        return tensor, first

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one sample."""
        return sum(layer.macs for layer in self.layers)
