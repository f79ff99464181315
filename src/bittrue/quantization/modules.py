"""The plain modules that can be quantized: their kinds, and which of their settings have an integer form."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from torch import nn


class Kind(Enum):
    """What a node does to a quantized tensor."""

    LAYER = "convolution or linear"
    NORM = "batch norm"
    RELU = "ReLU"
    LEAKY = "LeakyReLU"
    MAX_POOL = "max pooling"
    AVG_POOL = "average pooling"
    PAD = "zero padding"
    SHAPE = "reshape"
    ADD = "addition"
    CAT = "concatenation"


KINDS: dict[type[nn.Module], Kind] = {
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Linear), Kind.LAYER),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), Kind.NORM),
    **dict.fromkeys((nn.ReLU, nn.ReLU6), Kind.RELU),
    nn.LeakyReLU: Kind.LEAKY,
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d), Kind.MAX_POOL),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), Kind.AVG_POOL),
    **dict.fromkeys((nn.ZeroPad1d, nn.ZeroPad2d), Kind.PAD),
}

DROPPED: frozenset[type[nn.Module]] = frozenset({nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d})
"""Modules that do nothing in a trained model."""

Problem = tuple[str, str]
"""Why, and what to do."""

Check = Callable[[Any, tuple[int, ...]], "Problem | None"]
"""Takes a module and the shape of its input."""


def problem_of(module: nn.Module, shape: tuple[int, ...]) -> Problem | None:
    """Why a module of a known kind, fed a tensor of `shape` (batch included), has no integer form; None if it has."""
    for kinds, check in _CHECKS:
        if isinstance(module, kinds) and (problem := check(module, shape)) is not None:
            return problem
    return None


def _conv(module: Any, shape: tuple[int, ...]) -> Problem | None:
    if module.padding_mode != "zeros":
        return f"it pads with mode {module.padding_mode!r}", "use padding_mode='zeros'"
    if module.padding == "same" and not _symmetric(module):
        return "padding 'same' is not the same on both sides here", "pad with nn.ZeroPad2d and use padding=0"
    if len(shape) != module.weight.ndim:
        return f"its input {shape} has no batch axis", "feed (batch, channels, *size)"
    return None


def _symmetric(module: Any) -> bool:
    return all((k - 1) * d % 2 == 0 for k, d in zip(module.kernel_size, module.dilation, strict=True))


def _linear(module: Any, shape: tuple[int, ...]) -> Problem | None:
    if len(shape) > 3:
        return f"its input {shape} is an image", "flatten it first, or reshape it to (batch, rows, features)"
    return None


def _norm(module: Any, shape: tuple[int, ...]) -> Problem | None:
    if module.running_mean is None:
        return "it has no running statistics, so it is no fixed function", "use track_running_stats=True"
    return None


def _leaky(module: Any, shape: tuple[int, ...]) -> Problem | None:
    if not 0 <= module.negative_slope < 1:
        return f"its slope {module.negative_slope} is not between 0 and 1", "use a slope from 0 to below 1"
    return None


def _pool(module: Any, shape: tuple[int, ...]) -> Problem | None:
    if module.ceil_mode:
        return "ceil_mode reaches beyond the input", "pad with nn.ZeroPad2d and use ceil_mode=False"
    if getattr(module, "return_indices", False):
        return "it also returns indices", "use return_indices=False"
    if getattr(module, "divisor_override", None) is not None:
        return "it divides by another number than its window has", "leave divisor_override alone"
    if not getattr(module, "count_include_pad", True) and any(_tuple(module.padding)):
        return "its divisor differs at the border", "use count_include_pad=True or padding=0"
    return None


def _adaptive(module: Any, shape: tuple[int, ...]) -> Problem | None:
    size = shape[2:]
    wanted = output_size(module, size)
    if any(s % w for s, w in zip(size, wanted, strict=True)):
        return f"{size} is not divisible by its output size {wanted}", "use an output size of 1, or one that divides"
    return None


def output_size(module: Any, size: tuple[int, ...]) -> tuple[int, ...]:
    """The output size of an adaptive pooling as a tuple of whole numbers."""
    wanted = module.output_size
    wanted = wanted if isinstance(wanted, tuple | list) else (wanted,) * len(size)
    return tuple(s if w is None else w for w, s in zip(wanted, size, strict=True))


def _tuple(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


_CHECKS: tuple[tuple[tuple[type[nn.Module], ...], Check], ...] = (
    ((nn.Conv1d, nn.Conv2d), _conv),
    ((nn.Linear,), _linear),
    ((nn.BatchNorm1d, nn.BatchNorm2d), _norm),
    ((nn.LeakyReLU,), _leaky),
    ((nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d), _pool),
    ((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), _adaptive),
)
