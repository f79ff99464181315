"""From typed steps to the integer graph.

Layers become sums of products; everything up to the next quantizer becomes one requantization, synthesized from its
exact step function.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import BittrueError, Diagnostics, Unsupported
from ...ir import Graph, GraphBuilder, Rounding
from ...numerics.steps import StepModel
from .emit import Emitter
from .lowerings import RULES
from .model import Act, Quantize, Step, TrainedModel, Weighted
from .problems import Obstacle
from .state import Lowering, Snap
from .values import Value


@dataclass(frozen=True, eq=False)
class Lowered:
    """A lowered model: the graph, the step model of every Requant, the quantizer of every graph input.

    `model` is the trained model with its biases on the grid where they are integers of the graph; `nodes` says which
    node, with which pending-free value, holds a value of `model` as integers. `snaps` are the biases that were moved.
    """

    graph: Graph
    steps: dict[str, StepModel]
    inputs: dict[str, Quantize]
    model: TrainedModel
    nodes: dict[int, Value]
    snaps: tuple[Snap, ...]


def lower(model: TrainedModel, name: str, *, snap: bool, max_multiplier_bits: int,
          rounding: Rounding | None) -> Lowered:
    """Lower all steps. Raises `Unsupported` with every obstacle found."""
    state = Lowering(model, snap, max_multiplier_bits, rounding, Emitter(GraphBuilder(name)))
    found = Diagnostics()
    for step in model.steps:
        if any(i not in state.values for i in step.inputs):
            continue  # follows from an obstacle already found
        try:
            operands = tuple(state.values[i] for i in step.inputs)
            value = RULES[type(step.act)](state, step, operands)
        except Obstacle as problem:
            found.add(problem.code, step.where, problem.why, problem.fix)
            continue
        except BittrueError as error:  # from the synthesis
            found.extend(error)
            continue
        state.values[step.output] = value
        if value.integer and not value.rounded and not _bias_follows(state, step):
            state.nodes[step.output] = value
    outputs = _outputs(state, found)
    found.raise_as(Unsupported)
    graph = state.emit.build(*outputs)
    acts: dict[int, Act] = dict(state.biases)
    return Lowered(graph, state.steps, state.inputs, model.with_acts(acts), state.nodes, tuple(state.snaps.values()))


def _bias_follows(state: Lowering, step: Step) -> bool:
    """Whether the node of a layer already holds the bias of the next step, so that it is not yet this step's value."""
    return isinstance(step.act, Weighted) and any(
        step.output in s.inputs and s.output in state.biases for s in state.model.steps)


def _outputs(state: Lowering, found: Diagnostics) -> list[str]:
    names = []
    for position, number in enumerate(state.model.outputs):
        if number not in state.values:
            continue
        try:
            value = state.integer(number)
        except Obstacle as problem:
            found.add("BT2113", f"output {position}", problem.why.replace("its operand", "it"),
                      "put a QuantIdentity before the output, or move the last steps out of the model")
            continue
        names.append(value.node)
    return names


