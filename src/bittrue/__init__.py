"""From a quantized PyTorch network to silicon without losing a bit.

The way of the data: `quantize` a plain model, `fit` it, `freeze` it to an integer graph with a certificate, then
`load`, `check`, `compile` and `verify` it for a chip. Everything is loaded when first used; only the first three need
PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import check, compile, load, run, verify, verify_model
    from .frontends.brevitas import freeze
    from .quantization import evaluate, fit, load_data, quantize

_HOME = {
    "quantize": "quantization", "fit": "quantization", "evaluate": "quantization", "load_data": "quantization",
    "freeze": "frontends.brevitas",
    "load": "api", "check": "api", "compile": "api", "run": "api", "verify": "api",
    "verify_model": "api",
}

__all__ = ["check", "compile", "evaluate", "fit", "freeze", "load", "load_data", "quantize", "run", "verify",
           "verify_model"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
