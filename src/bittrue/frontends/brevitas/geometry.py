"""The arguments of pooling, padding and shape functions, brought to the form that the steps use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from .model import Act, Permute, PoolMax, PoolMean, Same, ToShape, ZeroPad
from .problems import need, obstacle

Shape = tuple[int, ...]
_NO_CEIL = "use ceil_mode=False, with nn.ZeroPad2d before it where the border matters"


@dataclass(frozen=True)
class Call:
    """What a rule knows of a call beside its arguments: shapes with batch of its first operand and of its output."""

    x: Shape
    out: Shape
    batch: int

    @property
    def size(self) -> Shape:
        """Spatial size of the operand."""
        return self.x[2:]

    @property
    def sample(self) -> Shape:
        """Shape of one sample of the output; an `Obstacle` when the batch axis has changed."""
        need(len(self.out) > 0 and self.out[0] == self.batch and self.x[0] == self.batch, "BT2118",
             f"it makes {list(self.out)} of {list(self.x)}, a batch of {self.batch}", "leave the first axis alone")
        return self.out[1:]


def per_axis(value: Any, rank: int) -> Shape:
    """An int, or a sequence of one or `rank` ints, as `rank` ints."""
    values = tuple(int(v) for v in value) if isinstance(value, Sequence) else (int(value),)
    return values * rank if len(values) == 1 else values


def max_pool(call: Call, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
             ceil_mode: bool = False, return_indices: bool = False) -> tuple[Act, ...]:
    """Max pooling."""
    rank = len(call.size)
    kernel, pad, dilation = (per_axis(v, rank) for v in (kernel_size, padding, dilation))
    stride = per_axis(stride, rank) if stride else kernel
    need(not return_indices, "BT2117", "max pooling also returns indices", "use return_indices=False")
    _floor_geometry(call, kernel, stride, pad, dilation)
    return (PoolMax(kernel, stride, pad + pad, dilation),)


def avg_pool(call: Call, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
             count_include_pad: bool = True, divisor_override: int | None = None) -> tuple[Act, ...]:
    """Average pooling; with padding the zeros count."""
    rank = len(call.size)
    kernel, pad = per_axis(kernel_size, rank), per_axis(padding, rank)
    stride = per_axis(stride, rank) if stride else kernel
    need(count_include_pad or not any(pad), "BT2117", "its divisor differs at the border",
         "use count_include_pad=True or padding=0")
    need(divisor_override is None or divisor_override >= 1, "BT2117", f"it divides by {divisor_override}",
         "use a divisor of at least 1")
    _floor_geometry(call, kernel, stride, pad, (1,) * rank)
    return (PoolMean(kernel, stride, pad + pad, divisor_override or _product(kernel)),)


def adaptive_avg_pool(call: Call, output_size: Any) -> tuple[Act, ...]:
    """Average pooling to a given size that divides the input's."""
    window = _adaptive_window(call)
    return (PoolMean(window, window, (0, 0) * len(window), _product(window)),)


def adaptive_max_pool(call: Call, output_size: Any, return_indices: bool = False) -> tuple[Act, ...]:
    """Max pooling to a given size that divides the input's."""
    need(not return_indices, "BT2117", "max pooling also returns indices", "use return_indices=False")
    window = _adaptive_window(call)
    return (PoolMax(window, window, (0, 0) * len(window), (1,) * len(window)),)


def mean(call: Call, dim: Any = None, keepdim: bool = False) -> tuple[Act, ...]:
    """A mean over all spatial axes: global average pooling."""
    rank = len(call.x)
    axes = {d % rank for d in ((dim,) if isinstance(dim, int) else dim or ())}
    need(rank in (3, 4) and axes == set(range(2, rank)), "BT2102", f"it takes the mean over the axes {dim} of "
         f"{list(call.x)}", "take the mean over all spatial axes, (2, 3) of an image")
    pool = PoolMean(call.size, call.size, (0, 0) * len(call.size), _product(call.size))
    return (pool,) if keepdim else (pool, ToShape(call.sample))


def pad(call: Call, pads: Any, mode: str = "constant", value: float | None = None) -> tuple[Act, ...]:
    """Zero padding; `pads` as in torch: begin and end of the last axis, then of the one before it, ..."""
    need(mode == "constant" and not value, "BT2117", f"it pads with mode {mode!r}, value {value}",
         "pad with zeros: a quantized zero is exact")
    rank = len(call.x)
    pads = per_axis(pads, 2 * (rank - 2)) if isinstance(pads, int) else tuple(pads)
    sides = [(0, 0)] * rank
    for i in range(len(pads) // 2):
        sides[rank - 1 - i] = (int(pads[2 * i]), int(pads[2 * i + 1]))
    need(sides[0] == (0, 0), "BT2118", "it pads the batch axis", "leave the first axis alone")
    need(all(p >= 0 for side in sides for p in side), "BT2117", f"the padding {pads} is negative, which cuts",
         "use pads of at least 0")
    return (ZeroPad(tuple(b for b, _ in sides[1:]) + tuple(e for _, e in sides[1:])),)


def to_shape(call: Call, *_: Any, **__: Any) -> tuple[Act, ...]:
    """flatten, view, reshape, squeeze, ...: the elements keep their order, so the new shape says all."""
    return (ToShape(call.sample),) if call.x != call.out else (Same(),)


def permute(call: Call, *dims: Any) -> tuple[Act, ...]:
    """permute(x, dims) and x.permute(*dims)."""
    order = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    return _permuted(call, [int(d) % len(call.x) for d in order])


def transpose(call: Call, dim0: int, dim1: int) -> tuple[Act, ...]:
    """Two axes exchanged."""
    order = list(range(len(call.x)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return _permuted(call, order)


def _permuted(call: Call, order: list[int]) -> tuple[Act, ...]:
    need(order[0] == 0, "BT2118", "it moves the batch axis", "leave the first axis alone")
    return (Permute(tuple(d - 1 for d in order[1:])),)


def same_pads(layer: Any, size: Shape) -> Shape:
    """Zero padding of a convolution, begins then ends, whatever form its `padding` has."""
    rank = len(size)
    need(layer.padding_mode == "zeros", "BT2117", f"it pads with mode {layer.padding_mode!r}",
         "use padding_mode='zeros'")
    if getattr(layer, "is_same_padded_strided", False):
        return _strided_same_pads(layer, size)
    if not isinstance(layer.padding, str):
        return per_axis(layer.padding, rank) * 2
    if layer.padding == "valid":
        return (0,) * (2 * rank)
    total = [(k - 1) * d for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
    return (*(t // 2 for t in total), *(t - t // 2 for t in total))


def _strided_same_pads(layer: Any, size: Shape) -> Shape:
    """Brevitas' own 'same' padding for strides over 1: an output of ceil(size / stride)."""
    axes = zip(size, layer.kernel_size, layer.stride, layer.dilation, strict=True)
    total = [max((ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in axes]
    return (*(t // 2 for t in total), *(t - t // 2 for t in total))


def _floor_geometry(call: Call, kernel: Shape, stride: Shape, pads: Shape, dilation: Shape) -> None:
    """The output has the size that windows inside of the padded input give (`ceil_mode` can add one beyond)."""
    need(call.x[0] == call.batch and len(call.x) in (3, 4), "BT2117", f"its input {list(call.x)} is no batch of images",
         "pool (batch, channels, *size)")
    axes = zip(call.size, kernel, stride, pads, dilation, strict=True)
    size = tuple((n + 2 * p - (k - 1) * d - 1) // s + 1 for n, k, s, p, d in axes)
    need(size == call.out[2:], "BT2117", "ceil_mode adds windows that reach beyond the input", _NO_CEIL)


def _adaptive_window(call: Call) -> Shape:
    size, wanted = call.size, call.out[2:]
    need(len(size) in (1, 2) and len(wanted) == len(size), "BT2117", f"its input {list(call.x)} is no batch of images",
         "pool (batch, channels, *size)")
    if any(n % w for n, w in zip(size, wanted, strict=True)):
        obstacle("BT2117", f"its windows overlap: {list(size)} is no multiple of the output size {list(wanted)}",
                 "use an output size of 1, or one that divides the input's")
    return tuple(n // w for n, w in zip(size, wanted, strict=True))


def _product(values: Shape) -> int:
    result = 1
    for value in values:
        result *= value
    return result
