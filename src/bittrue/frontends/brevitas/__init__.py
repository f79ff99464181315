"""Freezing a trained Brevitas model into the integer graph, and evaluating the model as the law means it: in real
arithmetic with its frozen float32 parameters."""

from ...errors import ToolMissing, declare, fail

declare({"BT2100": "PyTorch or Brevitas is missing"})

try:
    from .float32 import Float32Layer, Float32Report, float32_report
    from .freeze import Change, Frozen, freeze, snap_output_bias
    from .reference import input_integers
    from .trace import reference_trace
except ModuleNotFoundError as missing:
    fail(ToolMissing, "BT2100", "bittrue.frontends.brevitas", f"{str(missing.name).partition('.')[0]} is not installed",
         "pip install torch (the CPU build is enough), then pip install 'bittrue[train]'")

__all__ = ["Change", "Float32Layer", "Float32Report", "Frozen", "float32_report", "freeze", "input_integers",
           "reference_trace", "snap_output_bias"]
