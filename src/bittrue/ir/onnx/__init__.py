"""The graph as a standard ONNX file: integer ops and functions of integer ops, which stock ONNX Runtime executes.

`save` and `load` are inverse to each other: `load(path)` returns a graph equal to the one saved, or raises; it accepts
no file that ONNX Runtime would execute differently. The layout is described in `bittrue.ir.onnx.write`.
"""

from . import rules_elementwise, rules_movement, rules_pool, rules_requant, rules_sums  # noqa: F401 (enter the rules)
from .read import from_bytes, from_model, load
from .write import save, to_bytes, to_model

__all__ = ["from_bytes", "from_model", "load", "save", "to_bytes", "to_model"]
