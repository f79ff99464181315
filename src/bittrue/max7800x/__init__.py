"""Training for MAX78000 and MAX78002: modules named and called as in ai8x, with the accelerator's own arithmetic.

A model file of ai8x-training is used with its import changed to

    import bittrue.max7800x as ai8x

Data are 8-bit fractions from -1 to 127/128. While a model is trained in float, values are clipped to that range;
`quantize` then gives its weights 8, 4, 2 or 1 bit by a policy, and every tensor becomes an integer times a power of
two, so that `freeze` finds the same integers. Importing this package loads no PyTorch; the modules do, when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import ToolMissing, fail
from .device import Device, set_device
from .policy import LayerPolicy, Policy, parse_policy, read_policy
from .presets import PRESETS

_LAZY = {
    "quantize": "convert", "fold_batch_norms": "fold", "correct_biases": "correction",
    "Clip": "clipping", "post_training_quantize": "clipping",
    "QuantizationAwareModule": "layers", "Empty": "layers",
    **dict.fromkeys(("Add", "Sub", "Or", "Xor", "BitwiseOr", "BitwiseXor", "Eltwise"), "eltwise"),
}
"""Names that need PyTorch and the module each is in; all layers of `layers.LAYERS` are names, too."""

__all__ = ["PRESETS", "Device", "LayerPolicy", "Policy", "parse_policy", "read_policy", "set_device"]


def __getattr__(name: str) -> Any:
    if name == "dev":
        return import_module(".device", __name__).current()
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f".{_LAZY.get(name, 'layers')}", __name__)
    except ModuleNotFoundError as error:
        fail(ToolMissing, "BT2000", f"bittrue.max7800x.{name}", f"{error.name} is not installed",
             "pip install torch (the CPU build is enough), then pip install 'bittrue[train]'")
    if not hasattr(module, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(module, name)
