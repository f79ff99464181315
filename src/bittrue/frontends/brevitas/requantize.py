"""Quantizers: what is pending in front of one becomes a requantization; the first one is the graph's input."""

from __future__ import annotations

from ...ir import Input, Scale, TensorType
from ...ir.ops import Requant
from ...numerics.synthesis import synthesize
from .model import Quantize, Step
from .moves import flush
from .problems import need
from .state import Lowering
from .values import Value, step_model

INPUT = "input"


def requantize(state: Lowering, step: Step, act: Quantize, value: Value) -> Value:
    """One requantization for everything that is pending in front of a quantizer."""
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
    params = synthesize(model, lo, hi, max_multiplier_bits=state.max_multiplier_bits, rounding=state.rounding,
                        layer=step.name)
    name = state.emit.unique(step.name)
    operands = [state.emit.constant(f"{name}.{field}", getattr(params, field)) for field in
                ("multiplier", "offset", "shift")]
    op: Requant = params.op(act.elem, axis)
    node = state.emit.add(name, op, value.node, *operands, scale=Scale(tuple(act.scale.tolist()), axis))
    state.steps[node] = model
    quantized = Value(node, (act.scale,), axis, after=value.after)
    return flush(state.emit, quantized)


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


