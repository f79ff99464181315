"""Biases that are integers of the graph: on the accumulator's grid, inside of the layer's sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import IntArray
from ...numerics.steps import FloatArray
from .model import Bias, GridBias, QuantizedBias, Step
from .problems import need
from .state import Lowering, Snap
from .values import Value


def grid_bias(state: Lowering, layer: Step, value: Value) -> IntArray | None:
    """The integer bias of a layer whose sums are `value`, if its bias is one: quantized so by Brevitas, or that of an
    unquantized output. None for a real bias, and for none."""
    follower = next((s for s in state.model.steps if layer.output in s.inputs
                     and isinstance(s.act, (Bias, QuantizedBias))), None)
    if follower is None:
        return None
    grid = np.asarray(value.scale().values)
    act: Any = follower.act
    if isinstance(act, QuantizedBias):
        integers = act.integers(grid)
    elif layer.output in state.model.unquantized():
        integers = _snapped(state, layer.name, act, grid)
    else:
        return None
    state.biases[follower.output] = GridBias(integers, grid, act.axis)
    return integers


def _snapped(state: Lowering, name: str, act: Bias, grid: FloatArray) -> IntArray:
    """A real bias as integers; where float32 cannot tell them from the bias, nothing has changed."""
    integers = np.rint(act.bias / grid)
    need(bool((np.abs(integers) < 2.0 ** 31).all()), "BT2119", "its bias exceeds 32 bits on the accumulator's grid",
         "train with a larger scale")
    snap = Snap(name, act.layer, integers.astype(np.int64), grid)
    if np.array_equal(snap.bias.astype(np.float32), act.bias.astype(np.float32)):
        return snap.integers
    largest = float(np.abs(snap.bias - act.bias).max())
    need(state.snap, "BT2114", f"its bias is real, up to {largest:.3g} away from a multiple of the accumulator's scale",
         "call bittrue.frontends.brevitas.snap_output_bias(model, example_input), or freeze with snap=True")
    known = state.snaps.setdefault(act.layer, snap)
    need(np.array_equal(known.grid, snap.grid), "BT2114", "it is used on inputs of different scales",
         "use a layer of its own for every use")
    return snap.integers


