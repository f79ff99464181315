"""Pooling and movement of elements: done on integers at once, or kept until the next requantization.

A quantizer q is a non-decreasing function of the real value, applied element by element, with q(0) = 0. So
max(q(a), q(b)) = q(max(a, b)): pooling the requantized integers is pooling the real values, whatever the sign of a
batch norm's gain in front of q. Pooling the *accumulator* instead would be wrong where that gain is negative. In the
same way q commutes with every rearrangement of elements and with padding by zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ...ir.ops import Flatten, MaxPool, Pad, Reshape, Transpose
from ...numerics.steps import FloatArray
from .emit import Emitter
from .model import Act, Permute, PoolMax, ToShape, ZeroPad
from .problems import need, obstacle
from .values import Value


def move(emit: Emitter, name: str, act: Act, value: Value) -> Value:
    """Do the movement where the value's integers are at hand and no parameter per channel loses its axis; else wait."""
    shape_only = isinstance(act, (ToShape, Permute)) and bool(value.node) and not value.after
    if value.integer or (shape_only and not _loses_channels(emit, value, act)):
        return apply(emit, name, act, value)
    return replace(value, after=(*value.after, (name, act)))


def flush(emit: Emitter, value: Value) -> Value:
    """Apply what waits to the node."""
    waiting, value = value.after, replace(value, after=())
    for name, act in waiting:
        value = apply(emit, name, act, value)
    return value


def settle_moves(emit: Emitter, value: Value) -> Value:
    """Apply what waits to the integers *in front of* the pending function, where that gives the same values."""
    acts = [act for _, act in value.after]
    need(value.rising or not any(isinstance(a, PoolMax) for a in acts), "BT2116", "max pooling comes between a batch "
         "norm with negative gain and another batch norm or average pooling",
         "put a QuantIdentity before the max pooling")
    need(value.keeps_zero or not any(isinstance(a, ZeroPad) for a in acts), "BT2116", "zero padding comes between a "
         "bias and a batch norm or average pooling", "put a QuantIdentity before the padding")
    return flush(emit, value)


def apply(emit: Emitter, name: str, act: Act, value: Value) -> Value:
    """The op on the value's node; parameters per channel follow the elements."""
    factors, axis = value.factors, value.axis
    if isinstance(act, Permute) and value.per_channel:
        axis = act.perm.index(axis)
    if isinstance(act, ToShape) and _loses_channels(emit, value, act):
        factors = _flattened_factors(emit, value, act)
    if isinstance(act, ToShape):
        axis = 0  # one scale for all, or one per element of the first axis
    moved = replace(value, factors=factors, axis=axis)
    node = emit.add(name, OPS[type(act)](act), value.node, scale=moved.scale() if moved.linear else None)
    return replace(moved, node=node)


def _loses_channels(emit: Emitter, value: Value, act: Act) -> bool:
    """Whether a reshape leaves no axis that the value's parameters per channel could lie along."""
    if not value.per_channel or not isinstance(act, ToShape):
        return False
    return value.axis != 0 or act.shape[:1] != emit.types[value.node].shape[:1]


def _flattened_factors(emit: Emitter, value: Value, act: ToShape) -> tuple[FloatArray, ...]:
    """Factors per channel of an image (C, *S), per element of its flattened form (C * prod(S),)."""
    shape = emit.types[value.node].shape
    if not value.linear or value.axis != 0 or len(act.shape) != 1:
        obstacle("BT2110", "it reshapes values whose scales differ between channels", "use one scale for all channels")
    return tuple(np.repeat(f, prod(shape[1:])) if f.size > 1 else f for f in value.factors)


OPS: dict[type[Act], Callable[[Any], Any]] = {
    PoolMax: lambda a: MaxPool(a.kernel, a.stride, a.pads, a.dilation),
    ZeroPad: lambda a: Pad(a.pads),
    ToShape: lambda a: Flatten() if len(a.shape) == 1 else Reshape(a.shape),
    Permute: lambda a: Transpose(a.perm),
}
"""The graph's op of every movement."""
