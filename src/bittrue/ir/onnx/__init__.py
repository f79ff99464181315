"""The graph as a standard ONNX file: integer ops and functions of integer ops, which stock ONNX Runtime executes.

`save` and `load` are inverse to each other: `load(path)` returns a graph equal to the one saved, or raises; it accepts
no file that ONNX Runtime would execute differently. The layout is described in `bittrue.ir.onnx.write`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import rules_elementwise, rules_movement, rules_pool, rules_requant, rules_sums  # noqa: F401 (enter the rules)
from .write import save, to_bytes, to_model

if TYPE_CHECKING:
    from .read import from_bytes, from_model, load

__all__ = ["from_bytes", "from_model", "load", "save", "to_bytes", "to_model"]


def __getattr__(name: str) -> Any:
    """The reader is loaded when something is read."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import read

    return getattr(read, name)
