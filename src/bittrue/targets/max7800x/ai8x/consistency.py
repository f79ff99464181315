"""What the keys of one layer must agree on, whatever the device and the other layers are: a table of rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ....errors import Diagnostics, declare
from ..network import Activation, Eltwise, Operator
from .description import LayerKeys

declare({"BT5206": "keys of a layer contradict each other"})


def operator(keys: LayerKeys) -> Operator:
    """The main operation, stated or default."""
    return keys.operation[0] if keys.operation else Operator.CONV2D


def eltwise(keys: LayerKeys) -> Eltwise | None:
    """The element-wise operation, stated by `eltwise` or as the main operation."""
    return keys.eltwise or (keys.operation[1] if keys.operation else None)


def pools(keys: LayerKeys) -> bool:
    """Whether a pooling window is stated."""
    return keys.states("max_pool") or keys.states("avg_pool")


def check_layer(keys: LayerKeys, found: Diagnostics) -> None:
    """Add every contradiction within a layer (BT5206). Keys with wrong values contradict nothing."""
    for rule in _RULES:
        if not keys.unclear(*rule.keys) and rule.broken(keys):
            found.add("BT5206", keys.where(*rule.keys), rule.why, rule.fix)


@dataclass(frozen=True)
class _Rule:
    """`keys` are those that it looks at, the one to be named first."""

    keys: tuple[str, ...]
    broken: Callable[[LayerKeys], bool]
    why: str
    fix: str


def _convolves(keys: LayerKeys) -> bool:
    return operator(keys) is not Operator.PASSTHROUGH


def _wrong_kernel(keys: LayerKeys) -> bool:
    return keys.kernel_size is not None and not _KERNELS[operator(keys)](keys.kernel_size)


_KERNELS: dict[Operator, Callable[[tuple[int, ...]], bool]] = {
    Operator.CONV1D: lambda size: len(size) == 1 or size[1] == 1,
    Operator.CONV2D: lambda size: len(size) == 2,
    Operator.CONVTRANSPOSE2D: lambda size: len(size) == 2,
    Operator.LINEAR: lambda size: max(size) == 1,
    Operator.PASSTHROUGH: lambda size: max(size) == 1,
}
"""Which kernel sizes an operation may state."""


def _cannot_flatten(keys: LayerKeys) -> bool:
    one = operator(keys) is Operator.LINEAR or (operator(keys) is Operator.CONV2D and keys.kernel_size == (1, 1))
    return bool(keys.flatten) and not one


def _two_element_wise(keys: LayerKeys) -> bool:
    main = keys.operation[1] if keys.operation else None
    return keys.eltwise is not None and main is not None and keys.eltwise is not main


_RULES = (
    _Rule(("avg_pool", "max_pool"), lambda k: k.states("max_pool") and k.states("avg_pool"),
          "max_pool and avg_pool exclude each other", "keep one of them"),
    _Rule(("pool_dilation", "max_pool", "avg_pool"), lambda k: k.states("pool_dilation") and not pools(k),
          "pool_dilation without pooling", "add max_pool or avg_pool, or remove pool_dilation"),
    _Rule(("pool_first", "max_pool", "avg_pool", "eltwise", "operation"),
          lambda k: k.pool_first is False and not (eltwise(k) and (k.max_pool or k.avg_pool or (1, 1)) != (1, 1)),
          "pool_first: false needs both pooling and an element-wise operation", "remove pool_first"),
    _Rule(("operands", "eltwise", "operation"), lambda k: k.operands is not None and eltwise(k) is None,
          "operands without an element-wise operation", "add eltwise, or remove operands"),
    _Rule(("eltwise", "operation"), _two_element_wise,
          "eltwise and operation name different element-wise operations", "keep one of them"),
    _Rule(("kernel_size", "operation"), _wrong_kernel, "the operation has no kernel of this form",
          "write rows x columns (3x3) for Conv2d and ConvTranspose2d, a length for Conv1d, nothing for the others"),
    _Rule(("dilation", "operation"), lambda k: (k.dilation or (1, 1)) != (1, 1) and not _convolves(k),
          "dilation without a convolution", "remove dilation"),
    _Rule(("stride", "operation"), lambda k: (k.stride or (1, 1)) != (1, 1) and not _convolves(k),
          "stride without a convolution", "use pool_stride, or remove stride"),
    _Rule(("pad", "operation"), lambda k: bool(k.pad) and not _convolves(k), "pad without a convolution", "remove pad"),
    _Rule(("groups", "operation"), lambda k: (k.groups or 1) > 1 and not _convolves(k),
          "groups without a convolution", "remove groups"),
    _Rule(("output_pad", "operation"), lambda k: bool(k.output_pad) and operator(k) is not Operator.CONVTRANSPOSE2D,
          "output_pad without a transposed convolution", "remove output_pad"),
    _Rule(("output_shift", "operation"), lambda k: bool(k.output_shift) and not _convolves(k),
          "output_shift without a convolution", "remove output_shift"),
    _Rule(("activate", "operation"),
          lambda k: (k.activate or Activation.NONE) is not Activation.NONE and not _convolves(k),
          "activate without a convolution", "remove activate"),
    _Rule(("bypass", "operation"), lambda k: bool(k.bypass) and not _convolves(k), "bypass without a convolution",
          "remove bypass"),
    _Rule(("weight_source", "bypass"), lambda k: k.weight_source is not None and bool(k.bypass),
          "bypass and weight_source exclude each other", "remove weight_source"),
    _Rule(("flatten", "operation", "kernel_size"), _cannot_flatten,
          "flatten needs a linear layer, or Conv2d with kernel_size: 1x1",
          "write operation: linear, or remove flatten"),
    _Rule(("buffer_shift", "operation"), lambda k: k.buffer_shift is not None and _convolves(k),
          "buffer_shift with a convolution", "write operation: passthrough"),
    _Rule(("buffer_shift", "in_sequences"), lambda k: k.buffer_shift is not None and not k.states("in_sequences"),
          "buffer_shift does not say which buffer", "name the data buffer in in_sequences"),
    _Rule(("buffer_insert", "out_offset"), lambda k: k.buffer_insert is not None and not k.states("out_offset"),
          "buffer_insert does not say where the new data go", "state out_offset"),
)
