"""Rules of the poolings. Functions reduce one spatial axis after the other: as many slices as the window is long."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

import numpy as np

from ..ops import AvgPool, MaxPool
from ..ops.spatial import Spatial
from ..types import Shape
from .division import rounded_division
from .lowering import Body, Lowered, Site, Standard, rule

MAXPOOL_DTYPES = ("int8", "uint8")
"""What ONNX Runtime's MaxPool accepts."""

LOWEST = int(np.iinfo(np.int64).min)


@rule(MaxPool)
def max_pool(op: MaxPool, site: Site) -> Lowered:
    """`MaxPool` of 8-bit tensors with pads below the kernel's size; else a function."""
    rank = len(op.kernel)
    if site.out.elem.dtype.name in MAXPOOL_DTYPES and all(p < k for p, k in zip(op.pads, op.kernel * 2, strict=True)):
        return Standard("MaxPool", {"kernel_shape": op.kernel, "strides": op.stride, "pads": op.pads,
                                    "dilations": op.dilation})
    body = Body()
    padded = _padded(body, op.pads, body.constant(LOWEST))
    return body.finish(_reduced(body, body.larger, padded, op.window, site.out.shape[-rank:]), site.out.elem.dtype)


@rule(AvgPool)
def avg_pool(op: AvgPool, site: Site) -> Lowered:
    """A function: the exact sum, divided and rounded."""
    size = site.operands[0].shape[1:]
    body = Body()
    if op.kernel:
        window = op.window(size)
        padded = _padded(body, window.pads, body.constant(0))
        total = _reduced(body, partial(body.op, "Add"), padded, window, site.out.shape[1:])
    else:
        total = body.op("ReduceSum", body.cast("x"), body.constant(tuple(range(2, 2 + len(size)))), keepdims=1)
    divisor = op.divides_by(size)
    if divisor > 1:
        total = rounded_division(body, total, body.constant(divisor), op.rounding)
    return body.finish(total, site.out.elem.dtype)


def _padded(body: Body, pads: tuple[int, ...], value: str) -> str:
    """x as int64 with `value` around its spatial axes."""
    rank = len(pads) // 2
    x = body.cast("x")
    return body.op("Pad", x, body.constant((0, 0, *pads[:rank], 0, 0, *pads[rank:])), value) if any(pads) else x


def _reduced(body: Body, fold: Callable[[str, str], str], x: str, window: Spatial, out: Shape) -> str:
    """Every window of a padded x folded by `fold`: the taps of one axis after the other."""
    for axis in range(len(out)):
        step, stride = window.dilation[axis], window.stride[axis]
        taps = [_slice(body, x, axis + 2, tap * step, out[axis], stride) for tap in range(window.kernel[axis])]
        x = reduce(fold, taps)
    return x


def _slice(body: Body, x: str, axis: int, start: int, count: int, stride: int) -> str:
    """`count` elements along `axis`, from `start` on in steps of `stride`."""
    bounds = ((start,), (start + (count - 1) * stride + 1,), (axis,), (stride,))
    return body.op("Slice", x, *(body.constant(bound) for bound in bounds))
