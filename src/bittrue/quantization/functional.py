"""Functional PyTorch calls and the modules that do the same, as a table."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

Factory = Callable[..., tuple[nn.Module, ...]]
"""Takes the call's arguments behind the tensor, gives the modules that follow one another in its place."""


def _relu(inplace: bool = False) -> tuple[nn.Module, ...]:
    return (nn.ReLU(),)


def _relu6(inplace: bool = False) -> tuple[nn.Module, ...]:
    return (nn.ReLU6(),)


def _leaky_relu(negative_slope: float = 0.01, inplace: bool = False) -> tuple[nn.Module, ...]:
    return (nn.LeakyReLU(negative_slope),)


def _dropout(*args: Any, **kwargs: Any) -> tuple[nn.Module, ...]:
    return (nn.Dropout(),)


def _identity(*args: Any, **kwargs: Any) -> tuple[nn.Module, ...]:
    return (nn.Identity(),)


def _pad(pad: tuple[int, ...], mode: str = "constant", value: float | None = None) -> tuple[nn.Module, ...]:
    if mode != "constant" or value not in (None, 0) or len(pad) not in (2, 4):
        raise ValueError("only zero padding of the last one or two axes has an integer form")
    return (nn.ZeroPad1d(tuple(pad)) if len(pad) == 2 else nn.ZeroPad2d(tuple(pad)),)  # type: ignore[arg-type]


def _mean(dim: Any = None, keepdim: bool = False, **kwargs: Any) -> tuple[nn.Module, ...]:
    axes = (dim,) if isinstance(dim, int) else tuple(dim or ())
    pools: dict[tuple[int, ...], nn.Module] = {
        (2, 3): nn.AdaptiveAvgPool2d(1), (-2, -1): nn.AdaptiveAvgPool2d(1),
        (2,): nn.AdaptiveAvgPool1d(1), (-1,): nn.AdaptiveAvgPool1d(1)}
    pool = pools.get(tuple(sorted(axes)))
    if pool is None:
        raise ValueError(f"a mean over the axes {dim} is no global average pooling")
    return (pool,) if keepdim else (pool, nn.Flatten(1))


def _of(module: type[nn.Module]) -> Factory:
    """A functional whose arguments are those of its module."""
    return lambda *args, **kwargs: (module(*args, **kwargs),)


FACTORIES: dict[Any, Factory] = {
    **dict.fromkeys((F.relu, torch.relu, torch.relu_, "relu", "relu_"), _relu),
    F.relu6: _relu6,
    F.leaky_relu: _leaky_relu,
    F.max_pool1d: _of(nn.MaxPool1d),
    F.max_pool2d: _of(nn.MaxPool2d),
    F.avg_pool1d: _of(nn.AvgPool1d),
    F.avg_pool2d: _of(nn.AvgPool2d),
    **dict.fromkeys((F.adaptive_avg_pool1d, torch.adaptive_avg_pool1d), _of(nn.AdaptiveAvgPool1d)),
    F.adaptive_avg_pool2d: _of(nn.AdaptiveAvgPool2d),
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d, torch.dropout), _dropout),
    **dict.fromkeys(("contiguous", "clone", torch.clone), _identity),
    F.pad: _pad,
    **dict.fromkeys((torch.mean, "mean"), _mean),
}

ADDS: frozenset[Any] = frozenset({operator.add, operator.iadd, torch.add, "add", "add_"})
CATS: frozenset[Any] = frozenset({torch.cat, torch.concat, torch.concatenate})
SHAPE_CALLS: frozenset[Any] = frozenset({torch.flatten, "flatten", "view", "reshape", torch.reshape, "squeeze",
                                         torch.squeeze, "unsqueeze", torch.unsqueeze, "unflatten", torch.unflatten})



def _transpose(rank: int, dim0: int, dim1: int) -> tuple[int, ...]:
    order = list(range(rank))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return tuple(order)


def _permute(rank: int, *axes: Any, dims: Any = None) -> tuple[int, ...]:
    given = dims if dims is not None else axes[0] if not isinstance(axes[0], int) else axes
    return tuple(int(axis) % rank for axis in given)


PERMUTATIONS: dict[Any, Callable[..., tuple[int, ...]]] = {
    **dict.fromkeys((torch.transpose, "transpose", torch.swapaxes, "swapaxes"), _transpose),
    **dict.fromkeys((torch.permute, "permute"), _permute),
}
"""Calls that put axes into another order: take the rank and the call's arguments, give the order."""

SUPPORTED = ("Conv1d, Conv2d, Linear, BatchNorm1d, BatchNorm2d, ReLU, ReLU6, LeakyReLU, max and average pooling, "
             "ZeroPad, +, torch.cat, flatten, reshape, transpose, dropout")
"""For the `fix` of a diagnostic."""
