"""Rules about pooling."""

from __future__ import annotations

from collections.abc import Iterator

from ..network import Operator
from .case import View
from .rule import Rule, Stage, layer_rule, limit, of, when

PASSTHROUGH, TRANSPOSED = of(Operator.PASSTHROUGH), of(Operator.CONVTRANSPOSE2D)


def _one_dimensional(view: View) -> bool:
    """Whether only the rows matter."""
    return view.layer.one_dimensional or (PASSTHROUGH(view) and view.layer.in_dim[1] == 1)


def _uneven(view: View) -> Iterator[str]:
    rows, cols = view.layer.pool.stride
    if rows != cols and not _one_dimensional(view):
        yield f"its pooling stride is {rows}x{cols}, and rows and columns must be equal"


def _transposed(view: View) -> Iterator[str]:
    """The register that holds the stride of pooling is 0 in transposed convolutions."""
    if TRANSPOSED(view) and view.layer.pool.stride != (1, 1):
        rows, cols = view.layer.pool.stride
        yield f"its pooling stride is {rows}x{cols}, and a transposed convolution pools with stride 1 only"


def _passes(view: View) -> list[int]:
    """Passes of a layer that only pools, to more than one pixel."""
    pools = PASSTHROUGH(view) and view.layer.pool.active and view.hardware.pooled_dim != (1, 1)
    return [view.hardware.in_passes.count] if pools else []


def _empty(view: View) -> Iterator[str]:
    for what, (rows, cols) in (("input", view.layer.in_dim), ("pooled input", view.layer.pooled_dim),
                               ("output", view.layer.out_dim)):
        if rows < 1 or cols < 1:
            yield f"its {what} is {rows}x{cols}"
            return


def _reach(view: View) -> list[int]:
    pool = view.layer.pool
    return [(window - 1) * dilation for window, dilation in zip(pool.window, pool.dilation, strict=True)
            if dilation > 1]


TITLES = {
    "BT5280": "a pooling window that the chip does not have",
    "BT5281": "a pooling stride that the chip does not have",
    "BT5282": "a pooling dilation that the chip does not have",
    "BT5283": "a dilated pooling window that is too large",
    "BT5284": "pooling of too many channels without convolution",
    "BT5285": "pooling and flattening in one layer",
    "BT5286": "data without any pixel",
}

RULES: tuple[Rule, ...] = (
    limit("BT5280", "pool_window", lambda v: v.layer.pool.window, "pool in several layers", Stage.NUMBERS, True),
    limit("BT5281", "pool_stride", lambda v: v.layer.pool.stride, "pool in several layers", Stage.NUMBERS, True),
    layer_rule("BT5281", _uneven, "use the same stride for both, or 1-D data", Stage.NUMBERS),
    layer_rule("BT5281", _transposed, "pool in a layer before", Stage.NUMBERS),
    limit("BT5282", "pool_dilation", lambda v: v.layer.pool.dilation, "use a smaller dilation", Stage.NUMBERS, True),
    limit("BT5283", "pool_reach", _reach, "use a smaller window or dilation", Stage.NUMBERS),
    limit("BT5284", "pool_passes", _passes, "pool in a layer that convolves (an identity with 1x1 kernels), or to 1x1"),
    limit("BT5285", "flatten_pool", when(lambda v: v.layer.flatten, lambda v: v.layer.pool.window),
          "pool in the layer before", Stage.NUMBERS),
    layer_rule("BT5286", _empty, "make the input larger, or kernels and pooling windows smaller", blocking=True),
)
"""Pooling."""
