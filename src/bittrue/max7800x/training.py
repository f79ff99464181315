"""How `bittrue train` and `bittrue freeze` treat presets of this family; see `quantization.families`."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..frontends.brevitas import freeze
from ..quantization.data import DataSet
from .clipping import Clip, post_training_quantize
from .convert import policy_named, quantize
from .correction import correct_biases
from .fold import fold_batch_norms
from .policy import Policy, parse_policy

folded = fold_batch_norms


def images(data: DataSet) -> DataSet:
    """Signed 8-bit images: pixel - 128, for pixels of 8 bits."""
    return data.signed


def quantized(model: nn.Module, preset: str, policy: str, example: Tensor) -> nn.Module:
    """The model in the accelerator's arithmetic, with the biases of its layers of few bits corrected. Raises as
    `quantize` and `freeze` do: a model that cannot become integers shall not be trained."""
    made = quantize(model, _policy(preset, policy))
    freeze(made, example[:1])
    return correct_biases(made, model, example)


def clipped(model: nn.Module, preset: str, policy: str, method: str, **numbers: float) -> nn.Module:
    """The trained model after post-training quantization."""
    options: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
    return post_training_quantize(model, _policy(preset, policy), Clip(method, **options))


def _policy(preset: str, text: str) -> Policy:
    return parse_policy(text) if text else policy_named(preset)
