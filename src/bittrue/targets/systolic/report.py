"""What a plan costs, layer by layer: cycles, stalls by cause, memory traffic; and its schedule beside other ones.

All of it follows from the plan. The RTL's counters must agree with it, which is what `verify` checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from ...errors import Unsupported
from ...ir import Graph
from .layers import ArrayLayer, array_layers
from .lowering import UNFOLDED
from .plan import Geometry, LayerPlan, SystolicPlan, make_plan
from .schedule import SCHEDULES, scalesim_cycles

STALLS = ("start", "weights", "gather", "array", "drain")
TRAFFIC = ("activations", "weights", "psums", "sums", "accumulators", "outputs")
"""What moves: activations and weights into the array, partial sums out of it and into the accumulators, finished
accumulators, outputs into the activation memory."""


@dataclass(frozen=True)
class LayerCost:
    """A layer, or all of them, for one sample."""

    name: str
    op: str
    macs: int
    cycles: int
    capacity: int
    """Multiply-accumulates that the array could have done in these cycles: two per multiplier in subword mode."""
    bound: int
    """Cycles that its multiply-accumulates take when no multiplier ever waits."""
    stalls: Mapping[str, int]
    words: Mapping[str, int]
    bytes: Mapping[str, int]
    subword: bool = False
    unfolded: bool = False

    @property
    def utilization(self) -> float:
        """Useful multiply-accumulates per multiplier and cycle."""
        return self.macs / self.capacity

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**asdict(self), "utilization": round(self.utilization, 6)}


@dataclass(frozen=True)
class Comparison:
    """A layer's cycles, or those of all layers, by schedule. A schedule that cannot run the network is left out."""

    name: str
    bound: int
    cycles: Mapping[str, int]
    scalesim: int | None
    """What SCALE-Sim's formula gives; None where it means nothing: for poolings, additions, requantizations."""
    scalesim_bound: int
    """The bound of an array without subword mode, which SCALE-Sim does not know."""

    def utilization(self) -> dict[str, float]:
        """Bound / cycles of every schedule, and of SCALE-Sim's formula where it means something."""
        shares = {name: self.bound / cycles for name, cycles in self.cycles.items()}
        return shares | ({} if self.scalesim is None else {"scalesim": self.scalesim_bound / self.scalesim})

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**asdict(self), "utilization": {name: round(share, 6) for name, share in self.utilization().items()}}


@dataclass(frozen=True)
class ArrayReport:
    """A network on an array, for one sample."""

    network: str
    schedule: str
    geometry: Geometry
    layers: tuple[LayerCost, ...]
    total: LayerCost
    comparisons: tuple[Comparison, ...]
    comparison_totals: tuple[Comparison, ...]
    """Of the layers that SCALE-Sim's formula is for, and of all layers."""
    host: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {"network": self.network, "schedule": self.schedule, "geometry": asdict(self.geometry),
                "layers": [layer.to_json() for layer in self.layers], "total": self.total.to_json(),
                "comparison": [entry.to_json() for entry in self.comparisons],
                "comparison_totals": [entry.to_json() for entry in self.comparison_totals], "host": list(self.host)}


def array_report(graph: Graph, plan: SystolicPlan) -> ArrayReport:
    """The report of a plan."""
    layers = tuple(layer_cost(layer, plan.geometry) for layer in plan.layers)
    compared = tuple(_comparisons(graph, plan, layers))
    dense = [entry for entry in compared if entry.scalesim is not None]
    totals = _compared("convolutions, linear layers", dense), _compared("all layers", compared)
    return ArrayReport(graph.name, plan.options.schedule, plan.geometry, layers, total(layers), compared, totals,
                       plan.host)


def layer_cost(layer: LayerPlan, geometry: Geometry) -> LayerCost:
    """What one layer costs."""
    shape, words, bits = layer.lowered.layer, asdict(layer.traffic), _word_bits(layer, geometry)
    return LayerCost(
        layer.name, shape.kind, shape.macs, layer.cycles.total, capacity=layer.multipliers * layer.cycles.total,
        bound=ceil(shape.macs / layer.multipliers), stalls=layer.cycles.stalls(), words=words,
        bytes={kind: ceil(count * bits[kind] / 8) for kind, count in words.items()}, subword=layer.subword,
        unfolded=any(source.view == UNFOLDED for source in layer.lowered.sources))


def _word_bits(layer: LayerPlan, geometry: Geometry) -> dict[str, int]:
    """Bits of a word of every kind of traffic."""
    g, stored = geometry, layer.store.width if layer.store else 0
    return {"activations": g.rows * g.act_bits, "weights": g.load_lanes * g.rows * g.lanes.parts * g.weight_bits,
            "psums": g.cols * g.psum_bits, "sums": g.cols * g.psum_bits, "accumulators": g.cols * g.acc_bits,
            "outputs": g.cols * stored * g.lanes.bits}


def total(layers: Sequence[LayerCost]) -> LayerCost:
    """All layers together."""
    numbers = {name: sum(getattr(layer, name) for layer in layers) for name in ("macs", "cycles", "capacity", "bound")}
    return LayerCost("total", "", **numbers, stalls=_summed(STALLS, [layer.stalls for layer in layers]),
                     words=_summed(TRAFFIC, [layer.words for layer in layers]),
                     bytes=_summed(TRAFFIC, [layer.bytes for layer in layers]))


def _summed(kinds: Sequence[str], each: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {kind: sum(values[kind] for values in each) for kind in kinds}


def _comparisons(graph: Graph, plan: SystolicPlan, layers: Sequence[LayerCost]) -> Iterator[Comparison]:
    plans = {name: other for name in SCHEDULES if (other := _with_schedule(graph, plan, name))}
    shapes = array_layers(graph, plan.options.act_bits)
    for number, (layer, shape) in enumerate(zip(layers, shapes, strict=True)):
        cycles = {name: other.layers[number].cycles.total for name, other in plans.items()}
        yield Comparison(layer.name, layer.bound, cycles, _scalesim(plan, shape),
                         ceil(layer.macs / (plan.options.rows * plan.options.cols)))


def _with_schedule(graph: Graph, plan: SystolicPlan, name: str) -> SystolicPlan | None:
    """The same choices with another schedule, None where that cannot run the network."""
    if name == plan.options.schedule:
        return plan
    try:
        return make_plan(graph, {**plan.options.to_json(), "schedule": name})
    except Unsupported:
        return None


def _scalesim(plan: SystolicPlan, layer: ArrayLayer) -> int | None:
    """SCALE-Sim's cycles of a layer as it is in the graph; groups run one after the other."""
    if layer.is_diagonal:
        return None
    reduction = layer.n_kij * layer.in_shape[0] // layer.groups
    return layer.groups * scalesim_cycles(plan.options.rows, plan.options.cols, reduction,
                                          layer.out_shape[0] // layer.groups, layer.n_out)


def _compared(name: str, entries: Sequence[Comparison]) -> Comparison:
    """The sum of these; no number of SCALE-Sim's where one of them has none."""
    known = [entry.scalesim for entry in entries if entry.scalesim is not None]
    return Comparison(name, sum(entry.bound for entry in entries),
                      {schedule: sum(entry.cycles[schedule] for entry in entries) for schedule in entries[0].cycles},
                      sum(known) if len(known) == len(entries) else None,
                      sum(entry.scalesim_bound for entry in entries))
