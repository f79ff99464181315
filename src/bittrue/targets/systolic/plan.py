"""How a graph is laid out on the array: tiles, widths, memory addresses, cycles.

The cycle model of the plain schedule (nothing overlapped), for one tile of `cols` output and `rows` input channels:

    n_kij * (2 * cols + rows + n_nij) + n_out * n_kij + 5

Per kernel position `cols` cycles load the weights, `n_nij` stream the padded image, `rows + cols` drain the array;
then one partial sum per cycle is gathered into the accumulators, and 5 cycles empty the pipeline. The RTL's own counter
must give the same number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from ...errors import Unsupported
from ...ir import Graph
from .check import problems
from .layers import ArrayLayer, array_layers, host_nodes
from .needs import Needs, needs_of
from .options import FileNames, SystolicOptions

PIPELINE_FLUSH = 5


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
    addr_bits: int

    def parameters(self) -> dict[str, int]:
        """As the parameters of the SystemVerilog modules."""
        return {name.upper(): value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Job:
    """One start of the array: one sample, one output-channel tile, one input-channel tile of a layer."""

    layer: LayerPlan
    image: int
    oc: int
    ic: int
    first: bool
    last: bool


@dataclass(frozen=True)
class LayerPlan:
    """A layer on the array: which input-channel tiles feed which output-channel tile."""

    layer: ArrayLayer
    tiles: tuple[tuple[int, ...], ...]
    """Per output-channel tile its input-channel tiles; tiles that no group connects are left out."""
    tile_cycles: int
    utilization: float

    @property
    def cycles(self) -> int:
        """Cycles for one sample."""
        return self.tile_cycles * sum(map(len, self.tiles))

    def jobs(self, image: int) -> Iterator[Job]:
        """The tiles of one sample in the order in which the hardware runs them."""
        for oc, inputs in enumerate(self.tiles):
            for ic in inputs:
                yield Job(self, image, oc, ic, ic == inputs[0], ic == inputs[-1])

    def to_json(self) -> dict[str, Any]:
        """The decisions as a plain dictionary."""
        layer = self.layer
        return {"name": layer.name, "op": layer.kind, "requant": layer.requant, "folder": layer.folder,
                "input": f"{layer.act}{list(layer.in_shape)}", "output": list(layer.out_shape),
                "weights": str(layer.weight), **asdict(layer.window), "groups": layer.groups,
                "n_nij": layer.n_nij, "n_kij": layer.n_kij, "n_out": layer.n_out,
                "tiles": [list(inputs) for inputs in self.tiles],
                "macs": layer.macs, "cycles": self.cycles, "utilization": round(self.utilization, 6)}


@dataclass(frozen=True)
class SystolicPlan:
    """Everything that `emit` needs to know beside the graph and the inputs."""

    options: SystolicOptions
    geometry: Geometry
    layers: tuple[LayerPlan, ...]
    host: tuple[str, ...]
    """Nodes between the layers, run by the oracle."""

    @property
    def names(self) -> FileNames:
        """Names of the text files."""
        return self.options.names

    def jobs(self, images: int) -> Iterator[Job]:
        """Every start of the array for a batch: layer by layer, sample by sample."""
        for layer in self.layers:
            for image in range(images):
                yield from layer.jobs(image)

    def to_json(self) -> dict[str, Any]:
        """The decisions as a plain dictionary."""
        return {"options": self.options.to_json(), "geometry": asdict(self.geometry),
                "layers": [layer.to_json() for layer in self.layers], "host": list(self.host)}


def make_plan(graph: Graph, given: Mapping[str, Any] | None = None) -> SystolicPlan:
    """The plan. Raises `BadInput` for wrong options, `Unsupported` with every reason why the graph does not fit."""
    options = SystolicOptions.parse(given)
    if found := problems(graph, options):
        raise Unsupported(*found)
    layers = array_layers(graph)
    geometry = geometry_for(options, needs_of(graph, layers, options))
    return SystolicPlan(options, geometry, tuple(_plan_layer(layer, geometry) for layer in layers),
                        host_nodes(graph, layers))


def geometry_for(options: SystolicOptions, needs: Needs) -> Geometry:
    """Chosen widths where given, else what the graph needs, but no less than the customary widths."""
    return Geometry(
        rows=options.rows, cols=options.cols, act_bits=options.act_bits or needs.act_bits,
        weight_bits=options.weight_bits or needs.weight_bits, psum_bits=options.psum_bits or max(16, needs.psum_bits),
        acc_bits=options.acc_bits or max(32, needs.acc_bits), mul_bits=max(32, needs.mul_bits),
        out_bits=options.out_bits or max(16, needs.out_bits), addr_bits=needs.addr_bits,
    )


def _plan_layer(layer: ArrayLayer, geometry: Geometry) -> LayerPlan:
    tiles = tuple(_connected(layer, geometry, oc) for oc in range(ceil(layer.out_shape[0] / geometry.cols)))
    cycles = tile_cycles(layer, geometry.rows, geometry.cols)
    multipliers = geometry.rows * geometry.cols
    return LayerPlan(layer, tiles, cycles, layer.macs / (multipliers * cycles * sum(map(len, tiles))))


def tile_cycles(layer: ArrayLayer, rows: int, cols: int) -> int:
    """Cycles of one tile; see the module's docstring."""
    return layer.n_kij * (2 * cols + rows + layer.n_nij) + layer.n_out * layer.n_kij + PIPELINE_FLUSH


def _connected(layer: ArrayLayer, geometry: Geometry, oc: int) -> tuple[int, ...]:
    """The input-channel tiles that share a group with output-channel tile `oc`."""
    per_output, per_input = layer.out_shape[0] // layer.groups, layer.in_shape[0] // layer.groups
    last_output = min((oc + 1) * geometry.cols, layer.out_shape[0]) - 1
    first = oc * geometry.cols // per_output * per_input
    last = (last_output // per_output + 1) * per_input - 1
    return tuple(range(first // geometry.rows, last // geometry.rows + 1))
