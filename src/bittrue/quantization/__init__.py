"""From a plain PyTorch model to a trained quantized one: presets, conversion, training, calibration, data sets.

Importing this package loads neither PyTorch nor Brevitas; the functions that need them do, when first used. `load_data`
works without both.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ToolMissing, declare, fail
from .data import DataSet, Normalization, load_data

if TYPE_CHECKING:
    from .capture import Change
    from .convert import QuantizedModel, quantize
    from .presets import PRESETS, Preset, preset_named
    from .ptq import calibrate, equalize
    from .training import EpochMetrics, FitResult, evaluate, fit

declare({"BT2000": "PyTorch, Brevitas or Lightning is missing"})

_LAZY = {
    "Change": "capture",
    "QuantizedModel": "convert", "quantize": "convert",
    "EpochMetrics": "training", "FitResult": "training", "evaluate": "training", "fit": "training",
    "PRESETS": "presets", "Preset": "presets", "preset_named": "presets",
    "calibrate": "ptq", "equalize": "ptq",
}

__all__ = [
    "PRESETS", "Change", "DataSet", "EpochMetrics", "FitResult", "Normalization", "Preset", "QuantizedModel",
    "calibrate", "equalize", "evaluate", "fit", "load_data", "preset_named", "quantize",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f".{_LAZY[name]}", __name__)
    except ModuleNotFoundError as error:
        fail(ToolMissing, "BT2000", f"bittrue.quantization.{name}", f"{error.name} is not installed",
             "pip install torch (the CPU build is enough), then pip install 'bittrue[train]'")
    value = getattr(module, name)
    globals()[name] = value
    return value
