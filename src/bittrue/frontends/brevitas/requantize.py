"""Quantizers: what is pending in front of one becomes a requantization; the first one is the graph's input."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...ir import Input, Scale, TensorType
from ...ir.ops import Requant
from ...numerics.steps import StepModel, output_range
from ...numerics.synthesis import MAX_SHIFT, RequantParams, synthesize
from .model import Quantize, Step
from .moves import flush
from .problems import need
from .state import Lowering
from .values import Value, step_model

INPUT = "input"


def requantize(state: Lowering, step: Step, act: Quantize, value: Value) -> Value:
    """One requantization for everything that is pending in front of a quantizer; none where nothing is left to do."""
    if value.rounded and state.emit.types[value.node].elem == act.elem and (act.lo, act.hi) == (act.elem.min,
                                                                                                act.elem.max):
        return Value(value.node, (act.scale,))
    moved = bool(value.after)
    need(act.scale.size == 1 or not moved, "BT2110", "its scales per channel meet elements that have moved or are "
         "pooled", "use one scale for all channels")
    shape = state.emit.types[value.node].shape
    axis = act.axis if act.scale.size > 1 else value.axis
    need(axis == value.axis or not value.per_channel, "BT2110", "its scales differ along another axis than the layer's",
         "quantize per channel of the layer")
    channels = shape[axis] if value.per_channel or act.scale.size > 1 else 1
    need(all(a.size in (1, channels) for a in (*value.arrays, act.scale)), "BT2110",
         f"parameters for {sorted({a.size for a in (*value.arrays, act.scale)})} channels meet {channels} channels",
         "use as many channels as the layer has")
    source = " + ".join((*value.source, step.name))
    model = step_model(value, act, channels, source)
    lo, hi = state.emit.channel_range(value.node, axis, channels)
    params = _shift_alone(state, model) or synthesize(model, lo, hi, max_multiplier_bits=state.max_multiplier_bits,
                                                      rounding=state.rounding, layer=step.name)
    name = state.emit.unique(step.name)
    operands = [state.emit.constant(f"{name}.{field}", getattr(params, field)) for field in
                ("multiplier", "offset", "shift")]
    op: Requant = params.op(act.elem, axis)
    node = state.emit.add(name, op, value.node, *operands, scale=Scale(tuple(act.scale.tolist()), axis))
    state.steps[node] = model
    quantized = Value(node, (act.scale,), axis, after=value.after)
    return flush(state.emit, quantized)


def _shift_alone(state: Lowering, model: StepModel) -> RequantParams | None:
    """A scale that is a power of two, for all channels, as nothing but a shift: where the reachable accumulators leave
    a choice, this is what every chip has."""
    plain = model.bias is None and model.batch_norm is None and model.clip is None and model.slope in (0.0, 1.0)
    if not plain or model.channels > 1 or state.rounding not in (None, model.rounding):
        return None
    ratio = Fraction(1, model.divisor) / Fraction(model.out_scale.item())
    for factor in model.factors:
        ratio *= Fraction(factor.item())
    up, down = ratio.numerator.bit_length() - 1, ratio.denominator.bit_length() - 1
    if ratio != Fraction(1 << up, 1 << down) or up >= state.max_multiplier_bits or down > MAX_SHIFT:
        return None
    return RequantParams(np.array([1 << up]), np.array([0]), np.array([down]), 1, 0, model.rounding,
                         *output_range(model))


def quantize_input(state: Lowering, act: Quantize, value: Value) -> Value:
    """The quantizer of the model's input: the graph's input holds its integers; what waits follows on integers."""
    same = [name for name, known in state.inputs.items() if known.proxy is act.proxy]
    clamp = None if (act.lo, act.hi) == (act.elem.min, act.elem.max) else (act.lo, act.hi)
    scale = Scale(tuple(act.scale.tolist()), act.axis, act.rounding, clamp)
    node = same[0] if same else state.emit.add(INPUT, Input(TensorType(state.model.input_shape, act.elem)),
                                               scale=scale)
    state.inputs.setdefault(node, act)
    need(act.scale.size == 1 or not value.after, "BT2110", "the input's scales per channel meet elements that have "
         "moved", "use one scale for all channels")
    return flush(state.emit, Value(node, (act.scale,), act.axis, after=value.after))


