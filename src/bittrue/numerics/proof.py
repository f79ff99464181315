"""The proof that a graph's requantizations are the trained model's step functions, and that no accumulator overflows.

A requantization is monotone in its accumulator, whose range the graph's interval analysis knows, so its step positions
are found by bisection over the op's own definition (`Requant.run`), all levels and channels at once. The model's are
found in exact arithmetic (`steps.thresholds`). Equal positions mean equal functions, for every input. All other nodes
are integer arithmetic by definition and have nothing to prove but that their values fit their types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np

from ..errors import BadInput, Diagnostics, declare
from ..ir import Graph, IntArray, Node, verified
from ..ir.ops import Requant
from .certificate import DIFFERENT, PROVED, UNPROVED, Certificate, Counterexample, LayerProof, Width, steps_digest
from .steps import StepModel, Steps, thresholds

Parameters = tuple[IntArray, IntArray, IntArray]

declare({
    "BT3020": "a step model names no requantization of the graph",
    "BT3021": "a step model has another number of channels than its requantization",
})


MAX_LEVELS = 1 << 16
"""A requantization with more output levels (to a wide integer) is reported as unproved."""

BLOCK = 1 << 20
"""Step positions that are bisected at once, which bounds the memory."""


@dataclass(frozen=True)
class _Site:
    """A Requant node of a graph, with the model it must equal, if there is one."""

    graph: Graph
    node: Node
    op: Requant
    model: StepModel | None

    @property
    def channels(self) -> int:
        """1 if neither the op nor its model differs between channels, else the length of the op's axis."""
        alone = self.parameters[0].size == 1 and (self.model is None or self.model.channels == 1)
        return 1 if alone else self.graph.types[self.node.name].shape[self.op.axis]

    @property
    def parameters(self) -> Parameters:
        """Multiplier, offset, shift."""
        multiplier, offset, shift = (self.graph.constants[name].values for name in self.node.inputs[1:])
        return multiplier, offset, shift

    @cached_property
    def reach(self) -> tuple[IntArray, IntArray]:
        """Smallest and largest accumulator of every channel: all its positions along the op's axis together."""
        bounds = self.graph.ranges[self.node.inputs[0]]
        others = tuple(a for a in range(bounds.lo.ndim) if a != self.op.axis or self.channels == 1)
        shape = (self.channels,)
        return np.broadcast_to(bounds.lo.min(axis=others), shape), np.broadcast_to(bounds.hi.max(axis=others), shape)

    @property
    def levels(self) -> tuple[int, int]:
        """First and last output of the graph or the model."""
        bounds = self.graph.ranges[self.node.name]
        ends = [(int(bounds.lo.min()), int(bounds.hi.max()))]
        ends += [(self.model.lo, self.model.hi)] if self.model else []
        return min(lo for lo, _ in ends), max(hi for _, hi in ends)


def prove(graph: Graph, steps: Mapping[str, StepModel], model_bytes: bytes) -> Certificate:
    """Compare every Requant node with its StepModel (by node name) over everything that its accumulator can hold.

    `model_bytes` are the bytes of the graph's ONNX file; the certificate belongs to them. The result's verdict is
    "proved", or says what is not: a requantization without a model, or one that differs (with the first accumulator).
    Raises `BadInput` for a graph that breaks a rule (BT1001..), a model without a value (BT3001..BT3003) or models that
    do not belong to the graph (BT3020, BT3021).
    """
    sites = [_Site(graph, node, node.op, steps.get(node.name)) for node in verified(graph)
             if isinstance(node.op, Requant)]
    _check(sites, steps)
    return Certificate(graph.name, sha256(model_bytes).hexdigest(), tuple(map(_layer, sites)), tuple(_widths(graph)))


def requant_steps(op: Requant, parameters: Parameters, lo_acc: IntArray, hi_acc: IntArray,
                  levels: tuple[int, int]) -> list[Steps]:
    """Step positions of the integer function per channel, for accumulators lo_acc..hi_acc (C,).

    `levels` are the outputs lo..hi to report; all that are reached must be among them. Bisection over `Requant.run`,
    exact because the function is monotone, in the direction of the multiplier's sign.
    """
    channels = np.arange(len(lo_acc))
    blocks = np.array_split(channels, -(-len(channels) * max(1, levels[1] - levels[0]) // BLOCK))
    parameters = tuple(np.broadcast_to(p, lo_acc.shape) for p in parameters)  # type: ignore[assignment]
    return [steps for block in blocks if block.size
            for steps in _bisected(replace(op, axis=0), parameters, lo_acc, hi_acc, levels, block)]


def _bisected(op: Requant, parameters: Parameters, lo_acc: IntArray, hi_acc: IntArray, levels: tuple[int, int],
              block: IntArray) -> Iterator[Steps]:
    multiplier, offset, shift, low, high = (a[block] for a in (*parameters, lo_acc, hi_acc))
    sign, wanted = np.where(multiplier < 0, -1, 1), np.arange(levels[0] + 1, levels[1] + 1)[:, None]
    first, last = np.where(sign > 0, low, -high), np.where(sign > 0, high, -low)
    below, reached = (np.broadcast_to(end, (len(wanted), len(block))) for end in (first - 1, last + 1))
    while bool((reached - below > 1).any()):  # not reached at `below` (or left of the interval), but at `reached`
        middle = (below + reached) >> 1
        meets = op.run(np.clip(middle, first, last) * sign, multiplier, offset, shift) >= wanted
        meets &= middle >= first
        below, reached = np.where(meets, below, middle), np.where(meets, middle, reached)
    for c, (lo, hi, s) in enumerate(zip(low.tolist(), high.tolist(), sign.tolist(), strict=True)):
        yield Steps.canonical(lo, hi, levels[0], s, reached[:, c])


def _check(sites: list[_Site], steps: Mapping[str, StepModel]) -> None:
    found, known = Diagnostics(), {site.node.name: site for site in sites}
    for name, model in steps.items():
        found.items += model.problems
        if name not in known:
            found.add("BT3020", f"step model {name}", "the graph has no requantization of this name",
                      "name the models by the Requant nodes they belong to")
        elif model.channels not in (1, known[name].channels):
            found.add("BT3021", f"layer {name}", f"the model has {model.channels} channels, the graph has "
                      f"{known[name].channels}", "give one step function per channel, or one for all")
    found.raise_as(BadInput)


def _layer(site: _Site) -> LayerProof:
    (lo_acc, hi_acc), levels, model = site.reach, site.levels, site.model
    intervals = tuple(lo_acc.tolist()), tuple(hi_acc.tolist())
    if levels[1] - levels[0] >= MAX_LEVELS:
        return LayerProof(site.node.name, UNPROVED, *intervals, None, model, None)
    have = requant_steps(site.op, site.parameters, lo_acc, hi_acc, levels)
    if model is None:
        return LayerProof(site.node.name, UNPROVED, *intervals, steps_digest(have), None, None)
    want = [thresholds(model, c if model.channels > 1 else 0, s.lo_acc, s.hi_acc).spanning(*levels)
            for c, s in enumerate(have)]
    difference = next(_differences(want, have), None)
    return LayerProof(site.node.name, DIFFERENT if difference else PROVED, *intervals, steps_digest(have), model,
                      difference)


def _differences(want: list[Steps], have: list[Steps]) -> Iterator[Counterexample]:
    for channel, (model, graph) in enumerate(zip(want, have, strict=True)):
        if (acc := model.first_difference(graph)) is not None:
            yield Counterexample(channel, acc, int(model.evaluate(acc)), int(graph.evaluate(acc)))


def _widths(graph: Graph) -> Iterator[Width]:
    for node in graph:
        bounds, elem = graph.ranges[node.name], graph.types[node.name].elem
        lo, hi = int(bounds.lo.min()), int(bounds.hi.max())
        magnitude = max((v if v >= 0 else ~v).bit_length() for v in (lo, hi))
        yield Width(node.name, str(elem), lo, hi, max(1, magnitude + elem.signed))
