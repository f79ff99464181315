"""What a kernel reads for a part of its output, and the integers that its call gets.

All kernels of the table are one case of the same thing: along rows and columns a window (of one tap for those that work
pixel by pixel) slides over the input; along channels an output needs all input channels, or its own. The image around
a convolution's input and the border that `pad` writes are the same numbers: what of the window's span lies outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from ..kernels import ELEMENT_TYPES, KERNELS, Columns, row_bytes
from ..network import Layer, Network, Tensor
from ..program import Region


@dataclass(frozen=True)
class Span:
    """A part of one axis of an input, and how much of what is wanted lies before and after the axis."""

    begin: int
    end: int
    before: int = 0
    after: int = 0

    @property
    def size(self) -> int:
        """Places on the axis."""
        return self.end - self.begin


@dataclass(frozen=True)
class Axis:
    """An axis of an input with the window that slides along it."""

    size: int
    kernel: int = 1
    stride: int = 1
    pad: int = 0
    dilation: int = 1

    def span(self, begin: int, end: int) -> Span:
        """What the outputs `begin` to `end`-1 see.

        From the axis' begin on, what is left of it behind the last window belongs to that: whole lines are one piece.

        >>> Axis(size=8, kernel=3, pad=1).span(0, 4), Axis(size=8, kernel=3, pad=1).span(4, 8)
        (Span(begin=0, end=5, before=1, after=0), Span(begin=3, end=8, before=0, after=1))
        """
        first, last = begin * self.stride - self.pad, (end - 1) * self.stride - self.pad + self.reach
        start, stop = max(first, 0), min(last, self.size)
        if start >= stop:
            return Span(0, 0, end - begin)
        if start == 0 and self.size - stop < self.stride:
            stop = self.size
        return Span(start, stop, start - first, max(0, last - stop))

    @property
    def reach(self) -> int:
        """Places from the window's first tap to its last one, both included."""
        return (self.kernel - 1) * self.dilation + 1


@dataclass(frozen=True)
class Strip:
    """Where a tensor lies in another one: that one's name, its bytes from pixel to pixel, the tensor's first byte."""

    root: str
    pitch: int
    begin: int


@dataclass(frozen=True)
class Operand:
    """One input of a layer: the kernel's pointer to it, the tensor, and how its axes belong to the output's."""

    field: str
    tensor: Tensor
    strip: Strip
    rows: Axis
    columns: Axis
    channels: Axis | None
    """None: every output needs all channels."""
    beyond: int
    """Bytes behind it in L1 that some kernel may read: one that finds it there, too."""

    def spans(self, region: Region) -> tuple[Span, Span, Span]:
        """Rows, columns and channels of the input that a part of the output needs."""
        whole = Span(0, self.tensor.channels)
        return (self.rows.span(*region.rows), self.columns.span(*region.columns),
                self.channels.span(*region.channels) if self.channels else whole)

    def part(self, region: Region) -> Region:
        """The same as a region of the input."""
        rows, columns, channels = self.spans(region)
        return Region((rows.begin, rows.end), (columns.begin, columns.end), (channels.begin, channels.end))


MATRIX = frozenset(("conv", "pointwise", "linear"))
"""Kernels whose outputs need all channels of the input."""
POINTERS: Mapping[str, tuple[str, ...]] = MappingProxyType({"add": ("a", "b")})
"""The pointers to inputs, where there is more than `input`."""


@dataclass(frozen=True, eq=False)
class Job:
    """A layer with its tensors: everything that tiles follow from."""

    layer: Layer
    output: Tensor
    strip: Strip
    """Where the output lies."""
    operands: tuple[Operand, ...]
    beyond: int
    """Bytes behind the output in L1 that a kernel which finds it there may read."""

    @property
    def size(self) -> Region:
        """All of the output."""
        return Region((0, self.output.height), (0, self.output.width), (0, self.output.channels))

    @property
    def dense(self) -> bool:
        """Whether the output's pixels lie side by side."""
        return self.strip.pitch == self.output.pixel_bytes


def job(network: Network, layer: Layer) -> Job:
    """The layer with its tensors."""
    output = network.tensors[layer.output]
    fields = POINTERS.get(layer.kernel, ("input",))
    return Job(layer, output, strip_of(network, layer.output), tuple(_operand(network, layer, output, field, name)
                                    for field, name in zip(fields, layer.inputs, strict=True)),
               _beyond(network, layer.output))


def strip_of(network: Network, name: str) -> Strip:
    """Where a tensor lies."""
    root, first = network.root(name)
    return Strip(root.name, root.pixel_bytes, first * root.element_bytes)


def _operand(network: Network, layer: Layer, output: Tensor, field: str, name: str) -> Operand:
    tensor, strip = network.tensors[name], strip_of(network, name)
    if layer.kernel == "linear" and layer.weights is not None and tensor.channels != layer.weights.shape[1]:
        # Rows of several pixels: the same bytes, seen as one pixel each.
        tensor = replace(tensor, height=output.height, width=output.width, channels=layer.weights.shape[1])
        strip = replace(strip, pitch=tensor.pixel_bytes)
    rows, columns = (_axis(layer, size, index) for index, size in enumerate((tensor.height, tensor.width)))
    channels = None if layer.kernel in MATRIX else Axis(tensor.channels, pad=layer.padding[2])
    return Operand(field, tensor, strip, rows, columns, channels, _beyond(network, name))


def _axis(layer: Layer, size: int, index: int) -> Axis:
    window = layer.window
    return Axis(size, window.kernel[index], window.stride[index], window.pads[index] + layer.padding[index],
                window.dilation[index])


@cache
def _integers(kernel: str) -> frozenset[str]:
    return frozenset(field.name for field in KERNELS[kernel].fields if field.type == "int32_t")


def values(job: Job, region: Region, made: Columns = Columns.OWN) -> dict[str, int]:
    """The integer fields of the kernel's parameters for a part of the output; tiles are dense in L1.

    `made` is where a convolution's im2col matrix is.
    """
    layer, first = job.layer, job.operands[0]
    window = layer.window
    size = [end - begin for begin, end in (region.rows, region.columns, region.channels)]
    rows, columns, channels = first.spans(region)
    everything = {
        "in_h": rows.size, "in_w": columns.size, "in_c": channels.size, "in_pitch": channels.size,
        "out_h": size[0], "out_w": size[1], "out_c": size[2], "out_pitch": size[2], "channels": size[2],
        "kernel_h": window.kernel[0], "kernel_w": window.kernel[1], "stride_h": window.stride[0],
        "stride_w": window.stride[1], "dilation_h": window.dilation[0], "dilation_w": window.dilation[1],
        "pad_top": rows.before, "pad_bottom": rows.after, "pad_left": columns.before, "pad_right": columns.after,
        "pad_front": channels.before, "pad_back": channels.after, "value": layer.value,
        "is_signed": int(first.tensor.elem == "i8"), "weight_bits": layer.weight_bits, "columns": int(made),
        "pixels": size[0] * size[1], "rows": size[0] * size[1], "count": size[0] * size[1] * size[2],
        **_types(job, size)}
    return {name: value for name, value in everything.items() if name in _integers(layer.kernel)}


def _types(job: Job, size: list[int]) -> dict[str, int]:
    """Element types and pitches of the kernels that work pixel by pixel; nothing per channel is one long pixel."""
    pitch = size[2]
    types = {f"{prefix}_type": ELEMENT_TYPES[operand.tensor.elem]
             for prefix, operand in zip(("a", "b") if len(job.operands) > 1 else ("in",), job.operands, strict=True)}
    if job.layer.kernel not in ("add", "requantize"):
        return {}
    flat = {}
    if not job.layer.requant.per_channel:
        pitch = size[0] * size[1] * size[2]
        flat = {"pixels": 1, "channels": pitch}
    return {**types, **flat, "a_pitch": pitch, "b_pitch": pitch, "in_pitch": pitch, "out_pitch": pitch}


def bytes_of(tensor: Tensor, region: Region) -> int:
    """Bytes of a part of a tensor, dense."""
    rows, columns, channels = (end - begin for begin, end in (region.rows, region.columns, region.channels))
    return rows * columns * channels * tensor.element_bytes


def _beyond(network: Network, name: str) -> int:
    """Bytes behind a tensor that kernels may read: a linear layer's rows are read in whole words of weights."""
    root = network.root(name)[0]
    return max((row_bytes(layer.weights.shape[1], layer.weight_bits) - layer.weights.shape[1]
                for layer in network.layers if layer.kernel == "linear" and layer.weights is not None
                and any(network.root(read)[0] is root for read in layer.inputs)), default=0)
