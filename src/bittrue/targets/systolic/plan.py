"""How a graph runs on the array: widths, tiles, where the activations are, cycles and traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

from ...errors import Unsupported
from ...ir import Graph
from ...ir.graph import Input
from .hazards import Stage, drain
from .layers import array_layers
from .limits import memory_problems, problems
from .lowering import Lowered, Source, channel_parts, lowered
from .memory import ActivationMap, Lanes, Load, Place, map_activations
from .needs import Needs, layer_needs
from .options import SystolicOptions
from .schedule import Cycles, Traffic, Work
from .tiles import Tile, tiles

MIN_DEPTH = 1024
"""Words of the smallest memory; depths are powers of two, so that many graphs share one build of the simulation."""


@dataclass(frozen=True)
class Geometry:
    """The parameters of the RTL."""

    rows: int
    cols: int
    act_bits: int
    weight_bits: int
    psum_bits: int
    acc_bits: int
    mul_bits: int
    out_bits: int
    scaled_bits: int
    slope_bits: int
    subword: int
    overlapped: int
    load_lanes: int
    act_depth: int
    acc_depth: int
    psum_depth: int

    def parameters(self) -> dict[str, int]:
        """As the parameters of the SystemVerilog modules."""
        return {name.upper(): value for name, value in asdict(self).items()}

    @property
    def loads(self) -> int:
        """Cycles that the weights of a pass take."""
        return ceil(self.cols / self.load_lanes)

    @property
    def lanes(self) -> Lanes:
        """The lanes of the activation memory."""
        return Lanes.of(self.rows, self.cols, self.act_bits, self.subword)


@dataclass(frozen=True)
class LayerPlan:
    """A layer on the array: its tiles, where its sources and its result are, what it costs for one sample."""

    lowered: Lowered
    tiles: tuple[Tile, ...]
    subword: bool
    """Whether each multiplier takes two input channels at once."""
    sources: tuple[Place, ...]
    store: Place | None
    """Where its outputs go if another layer reads them."""
    loads: tuple[Load, ...]
    """What the host loads before it runs."""
    work: Work
    cycles: Cycles
    traffic: Traffic
    multipliers: int
    """Multiply-accumulates that the array can do in one cycle."""

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.lowered.layer.name

    @property
    def utilization(self) -> float:
        """Useful multiply-accumulates per multiplier and cycle."""
        return self.lowered.layer.macs / (self.multipliers * self.cycles.total)

    def to_json(self) -> dict[str, Any]:
        """The decisions as a plain dictionary."""
        layer = self.lowered.layer
        return {"name": layer.name, "op": layer.kind, "requant": layer.requant,
                "sources": [f"{source.tensor} ({source.view})" for source in self.lowered.sources],
                "input": f"{layer.act}{list(layer.in_shape)}", "output": list(layer.out_shape),
                "weights": str(layer.weight), **asdict(layer.window), "groups": layer.groups, "subword": self.subword,
                "tiles": len(self.tiles), "passes": self.work.passes, "macs": layer.macs,
                "cycles": {"total": self.cycles.total, **asdict(self.cycles)}, "traffic": asdict(self.traffic),
                "utilization": round(self.utilization, 6)}


@dataclass(frozen=True)
class SystolicPlan:
    """Everything that `emit` needs to know beside the graph and the inputs."""

    options: SystolicOptions
    geometry: Geometry
    layers: tuple[LayerPlan, ...]
    host: tuple[str, ...]
    """Nodes between the layers, run by the oracle."""

    @property
    def cycles(self) -> int:
        """Cycles for one sample."""
        return sum(layer.cycles.total for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """The decisions as a plain dictionary."""
        return {"options": self.options.to_json(), "geometry": asdict(self.geometry),
                "layers": [layer.to_json() for layer in self.layers], "host": list(self.host)}


def make_plan(graph: Graph, given: Mapping[str, Any] | None = None) -> SystolicPlan:
    """The plan. Raises `BadInput` for wrong options, `Unsupported` with every reason why the graph does not fit."""
    options = SystolicOptions.parse(given)
    if found := problems(graph, options):
        raise Unsupported(*found)
    layers = chosen_forms(graph, options)
    needs = Needs.together([layer_needs(graph, layer, options.cols, options.width) for layer in layers])
    return _laid_out(graph, options, layers, needs)


def chosen_forms(graph: Graph, options: SystolicOptions) -> list[Lowered]:
    """The layers; images that come from outside are unfolded where that is wanted, or where it saves cycles."""
    layers = [lowered(graph, layer) for layer in array_layers(graph, options.act_bits)]
    made = {layer.result for layer in layers}
    return [_form(layer, options) if layer.can_unfold and _is_loaded(graph, layer.sources[0], made) else layer
            for layer in layers]


def _is_loaded(graph: Graph, source: Source, made: set[Source | None]) -> bool:
    """Whether no layer gives it, nor its parts."""
    return source not in made and channel_parts(graph, source.tensor) is None


def _form(layer: Lowered, options: SystolicOptions) -> Lowered:
    unfolded = layer.unfolded()
    wanted = options.unfold if options.unfold is not None else (
        options.how.overlapped and _quick_cycles(unfolded, options) < _quick_cycles(layer, options))
    return unfolded if wanted else layer


def _quick_cycles(layer: Lowered, options: SystolicOptions) -> int:
    """Cycles of a layer without subword mode, which is only known when all layers are placed."""
    work = _work(layer, tiles(layer.layer, options.cols, options.rows), options, stores=True)
    return options.how.cycles(work, 0).total


def _work(layer: Lowered, cut: Sequence[Tile], options: SystolicOptions, *, stores: bool) -> Work:
    shape = layer.layer
    steps = sum(tile.steps for tile in cut)
    return Work(options.rows, options.cols, ceil(options.cols / options.lanes), steps * shape.n_kij, len(cut),
                shape.n_kij, shape.n_nij, shape.n_out, stores)


def _laid_out(graph: Graph, options: SystolicOptions, layers: Sequence[Lowered], needs: Needs) -> SystolicPlan:
    act_bits = options.act_bits or needs.act_bits
    act_bits += act_bits % 2 * options.subword
    lanes = Lanes.of(options.rows, options.cols, act_bits, options.subword)
    memory = map_activations(graph, layers, lanes)
    stages = [_stage(layer, i, memory, lanes, options) for i, layer in enumerate(layers)]
    entries = tuple(_planned(graph, stage, following, memory, options)
                    for stage, following in zip(stages, (*stages[1:], None), strict=True))
    if found := memory_problems({"activations": memory.depth, "weights": sum(e.traffic.weights for e in entries)}):
        raise Unsupported(*found)
    geometry = _geometry(options, replace(needs, act_bits=act_bits), memory.depth, [stage.work for stage in stages])
    return SystolicPlan(options, geometry, entries, _host(graph, layers, memory))


def _geometry(options: SystolicOptions, needs: Needs, words: int, works: Sequence[Work]) -> Geometry:
    """Chosen widths where given, else what the graph needs, but no less than the customary widths."""
    psums = 1 if options.how.overlapped else max(work.n_nij * work.n_kij for work in works)
    out_bits = options.out_bits or max(16, needs.out_bits)
    return Geometry(
        rows=options.rows, cols=options.cols, act_bits=needs.act_bits,
        weight_bits=options.weight_bits or needs.weight_bits, psum_bits=options.psum_bits or max(16, needs.psum_bits),
        acc_bits=options.acc_bits or max(32, needs.acc_bits), mul_bits=max(32, needs.mul_bits), out_bits=out_bits,
        scaled_bits=max(options.scaled_bits or needs.scaled_bits, out_bits + 2),
        slope_bits=options.slope_bits or needs.slope_bits, subword=options.subword,
        overlapped=int(options.how.overlapped), load_lanes=options.lanes, act_depth=depth(words),
        acc_depth=depth(max(work.n_out for work in works)), psum_depth=depth(psums))


def depth(words: int) -> int:
    """The depth of a memory of at least `words` words."""
    return max(MIN_DEPTH, 1 << (words - 1).bit_length())


def _stage(layer: Lowered, index: int, memory: ActivationMap, lanes: Lanes, options: SystolicOptions) -> Stage:
    subword = memory.places[layer.sources[0]].width < lanes.parts
    cut = tiles(layer.layer, options.cols, options.rows * (2 if subword else 1))
    work = _work(layer, cut, options, stores=layer.result in memory.places)
    return Stage(layer, cut, subword, memory.loads[index], work)


def _planned(graph: Graph, stage: Stage, following: Stage | None, memory: ActivationMap,
             options: SystolicOptions) -> LayerPlan:
    layer, work = stage.lowered, stage.work
    store = None if layer.result is None else memory.places.get(layer.result)
    return LayerPlan(layer, stage.tiles, stage.subword, tuple(memory.places[source] for source in layer.sources), store,
                     stage.loads, work, options.how.cycles(work, drain(graph, stage, following)),
                     options.how.traffic(work), options.rows * options.cols * (2 if stage.subword else 1))


def _host(graph: Graph, layers: Sequence[Lowered], memory: ActivationMap) -> tuple[str, ...]:
    """Nodes that no layer computes and no view of the memory replaces."""
    made = {name for layer in layers for name in (layer.layer.name, layer.layer.requant)}
    seen = {source.tensor for source in memory.places}
    loaded = {load.source.tensor for loads in memory.loads for load in loads}
    views = {name for layer in layers for name in layer.layer.sources} - loaded | (seen - loaded)
    return tuple(node.name for node in graph.nodes
                 if node.name not in made | views and not isinstance(node.op, Input))
