"""The lowering of every kind of step, as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ...ir import I32
from ...ir.op import Op
from ...ir.ops import Abs, Add, BitOr, BitXor, Concat, Conv, ConvTranspose, Linear, Sub
from . import values as pending
from .average import pool_mean
from .bias import grid_bias
from .model import (
    Act,
    Bias,
    Bitwise,
    Clamp,
    Convolve,
    ConvolveTransposed,
    Dense,
    GridBias,
    Join,
    Magnitude,
    Normalize,
    Permute,
    PoolMax,
    PoolMean,
    Quantize,
    QuantizedBias,
    Same,
    Slope,
    Step,
    Subtract,
    Sum,
    ToShape,
    ZeroPad,
)
from .moves import move, settle_moves
from .problems import need
from .requantize import quantize_input, requantize
from .state import Lowering, refuse_input
from .values import Value, uniform_scale

Rule = Callable[[Lowering, Step, tuple[Value, ...]], Value]

MAX_OPERAND_BITS = 16
"""A wider operand of a layer is an accumulator that nobody quantized."""


def _layer(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    act: Any = step.act
    fix = "put a QuantIdentity or QuantReLU before it"
    refuse_input(values[0])
    need(values[0].linear or values[0].rectified, "BT2104", f"its input is not quantized: it is computed by "
         f"{', '.join(values[0].source)}", fix)
    x = state.integer(step.inputs[0])
    elem = state.emit.types[x.node].elem
    need(elem.bits <= MAX_OPERAND_BITS, "BT2104", f"its input is not quantized: it is the {elem.bits}-bit accumulator "
         f"{x.node}", fix)
    rank = len(state.emit.types[x.node].shape)
    factors = (*uniform_scale(x, getattr(act, "groups", 1), act.outputs), act.scale)
    value = Value("", factors, rank - 1 if isinstance(act, Dense) else 0, x.divisor, source=(step.name,))
    operands = [state.emit.constant(f"{step.name}.weight", act.weight, act.elem)]
    if (bias := grid_bias(state, step, value)) is not None:
        operands.append(state.emit.constant(f"{step.name}.bias", bias, I32))
    node = state.emit.add(step.name, LAYER_OPS[type(act)](act), x.node, *operands, scale=value.scale())
    return replace(value, node=node)


LAYER_OPS: dict[type[Act], Callable[[Any], Op]] = {
    Convolve: lambda a: Conv(a.stride, a.pads, a.dilation, a.groups, I32),
    ConvolveTransposed: lambda a: ConvTranspose(a.stride, a.padding * 2, a.output_padding, a.dilation, a.groups, I32),
    Dense: lambda a: Linear(I32),
}
"""The graph's op of every kind of layer."""


def _bias(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    act: Any = step.act
    if step.output in state.biases:  # the layer's node holds it already
        return values[0].named(step.name)
    return pending.add_bias(values[0], step.name, act.bias)


def _normalize(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    act: Any = step.act
    refuse_input(values[0])
    return pending.normalize(settle_moves(state.emit, values[0]), step.name, act.norm)


def _slope(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    act: Any = step.act
    refuse_input(values[0])
    return pending.slope(values[0], step.name, act)


def _clamp(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    act: Any = step.act
    refuse_input(values[0])
    return pending.clamp(values[0], step.name, act)


def _quantize(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    act: Any = step.act
    return quantize_input(state, act, values[0]) if values[0].is_input else requantize(state, step, act, values[0])


def _sum(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    a, b = (state.integer(i) for i in step.inputs)
    need(a.grid() == b.grid() and (a.axis == b.axis or len(a.grid()) == 1), "BT2111",
         f"it adds {a.node} with scale {_shown(a)} and {b.node} with scale {_shown(b)}",
         "send both operands through one shared QuantIdentity, so that their integers can be added")
    kind = PAIR_OPS[type(step.act)]
    node = state.emit.add(step.name, kind(state.emit.reach(kind(I32), a.node, b.node)), a.node, b.node, scale=a.scale())
    return replace(a, node=node, source=(step.name,))


PAIR_OPS: dict[type[Act], type[Add | Sub]] = {Sum: Add, Subtract: Sub}


def _bitwise(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    act: Any = step.act
    a, b = (state.integer(i) for i in step.inputs)
    need(a.grid() == b.grid() == (Fraction(act.scale),), "BT2111", f"it works on the bits of {a.node} with scale "
         f"{_shown(a)} and {b.node} with scale {_shown(b)}", f"quantize both operands with the scale {act.scale:g}")
    elems = {state.emit.types[x.node].elem for x in (a, b)}
    need(len(elems) == 1, "BT2111", f"it works on the bits of integers of the types {', '.join(map(str, elems))}",
         "quantize both operands to the same bits and sign")
    node = state.emit.add(step.name, BIT_OPS[act.function](), a.node, b.node, scale=a.scale())
    return replace(a, node=node, source=(step.name,))


BIT_OPS: dict[Callable[..., Any], type[BitOr | BitXor]] = {torch.bitwise_or: BitOr, torch.bitwise_xor: BitXor}


def _magnitude(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    value = state.integer(step.inputs[0])
    node = state.emit.add(step.name, Abs(), value.node, scale=value.scale())
    return replace(value, node=node, source=(step.name,))


def _join(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    act: Any = step.act
    parts = [state.integer(i) for i in step.inputs]
    elems = {state.emit.types[p.node].elem for p in parts}
    need(len(elems) == 1, "BT2111", f"it joins integers of the types {', '.join(sorted(map(str, elems)))}",
         "send all operands through one shared QuantIdentity")
    if len({p.grid() for p in parts}) == 1 and len(parts[0].grid()) == 1:
        joined = replace(parts[0], factors=parts[0].factors, source=(step.name,))
    else:
        need(act.axis == 0 and all(p.axis == 0 and p.divisor == 1 and len(p.factors) == 1 for p in parts), "BT2111",
             f"it joins scales {', '.join(map(_shown, parts))}", "send all operands through one shared QuantIdentity")
        widths = [state.emit.types[p.node].shape[0] for p in parts]
        scale = np.concatenate([np.broadcast_to(p.factors[0], (w,)) for p, w in zip(parts, widths, strict=True)])
        joined = Value(parts[0].node, (scale,), source=(step.name,))
    node = state.emit.add(step.name, Concat(act.axis), *(p.node for p in parts), scale=joined.scale())
    return replace(joined, node=node)


def _shown(value: Value) -> str:
    scale = value.scale().values
    return f"{scale[0]:.6g}" if len(scale) == 1 else f"{min(scale):.6g}..{max(scale):.6g} (per channel)"


def _move(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    return move(state.emit, step.name, step.act, values[0])


def _same(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    return values[0]


RULES: dict[type[Act], Rule] = {
    Convolve: _layer, ConvolveTransposed: _layer, Dense: _layer,
    Bias: _bias, QuantizedBias: _bias, GridBias: _bias,
    Normalize: _normalize, Slope: _slope, Clamp: _clamp,
    Quantize: _quantize,
    PoolMax: _move, ZeroPad: _move, ToShape: _move, Permute: _move, PoolMean: pool_mean,
    Sum: _sum, Subtract: _sum, Bitwise: _bitwise, Magnitude: _magnitude, Join: _join, Same: _same,
}
"""How a step of every kind becomes part of the graph."""
