"""The way from an arrangement to its placement: ways of the input are tried in order, and what is found is verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from ....errors import Diagnostic, Unsupported
from ..device import Device
from ..legalize.layout import Arrangement
from ..memory.bias import bias_map
from ..memory.kernels import kernel_map
from ..network import BUFFER, INPUT
from ..placement import Placement
from ..rules import problems
from .conflict import Conflict, conflicts
from .demand import Demand, Solution
from .explain import explained, oversized, overweight, too_tall
from .geometry import Geometry
from .model import Resource
from .needs import demand
from .options import PlaceOptions
from .solve import search
from .ways import ways

CONFLICT_EFFORT = 0.1
"""Share of the effort that one step of an explanation may take."""

FAILURES = 2
"""How many times the effort all searches together may take that find nothing."""


@dataclass
class Placer:
    """One search for a placement."""

    arrangement: Arrangement
    device: Device
    options: PlaceOptions
    tried: list[tuple[Geometry, Demand]] = field(default_factory=list)
    """What has been shown to be impossible, or was not decided."""
    broken: list[Diagnostic] = field(default_factory=list)
    """Rules that the last placement broke."""
    spent: float = 0.0

    def run(self) -> Placement:
        """The first placement that is right. Raises `Unsupported` (BT5387..BT5397, or rules that none can keep)."""
        network = self.arrangement.network
        buffered = [layer.name for layer in network.layers if BUFFER in layer.sources]
        if buffered:
            raise Unsupported(Diagnostic("BT5397", f"layer {buffered[0]}", "it reads the data buffer, which keeps data "
                                         "between inferences", "state processors and offsets yourself"))
        for geometry, overlap in self._geometries():
            placement = self._placed(geometry, overlap)
            if placement is not None:
                return placement
            if self.spent > FAILURES * self.options.effort:
                break
        raise Unsupported(*self._reasons())

    def _geometries(self) -> Iterator[tuple[Geometry, bool]]:
        """Ways in which no tensor is too large for an instance. Raises `Unsupported` (BT5387..BT5390) without any."""
        tall: list[Geometry] = []
        some = False
        for way, overlap in ways(self.arrangement.network, self.device, self.options):
            geometry = Geometry(self.arrangement, self.device, way)
            if too_tall(geometry):
                tall.append(geometry)
                continue
            if not some:
                _refuse(overweight(geometry, demand(geometry)))
            some = True
            yield geometry, overlap
        if not tall and not some:
            raise Unsupported(Diagnostic("BT5387", "the input", "only a first layer that convolves reads CHW, alone, "
                                         "and up to 16 channels", "let the input be HWC"))
        if not some:
            least = min(tall, key=lambda geometry: (len(too_tall(geometry)), geometry.way.streaming))
            _refuse((*oversized(least), *overweight(least, demand(least))))

    def _placed(self, geometry: Geometry, overlap: bool) -> Placement | None:
        """The placement for one way of the input; None if there is none, or none was found."""
        for share in (True, False):
            wanted = demand(geometry, overlap, share)
            found = search(wanted, self.options.effort, partial(self._at_fault, geometry, wanted))
            if found.solution is not None:
                return self._kept(geometry, self._settled(geometry, wanted, found.solution, overlap))
            self.spent += found.spent
            if not wanted.ties:
                break
        self.tried.append((geometry, wanted))
        if len(self.tried) == 1:
            _refuse(explained(geometry, wanted, filter(partial(_hopeless, wanted), self._conflicts(wanted))))
        return None

    def _at_fault(self, geometry: Geometry, wanted: Demand, solution: Solution) -> tuple[int, ...]:
        """The blocks whose starts let a loader, which fills gaps as it finds them, run out of kernel memory."""
        placement = geometry.placement(solution)
        overflows = kernel_map(geometry.network, placement, self.device, geometry.hardware).overflows
        if not overflows:
            return ()
        order = [kernel.layer for kernel in wanted.kernels]
        until = order.index(overflows[0].layer) if overflows[0].layer in order else len(order) - 1
        return tuple(dict.fromkeys(kernel.block for kernel in wanted.kernels[:until + 1]))

    def _settled(self, geometry: Geometry, wanted: Demand, solution: Solution, overlap: bool) -> Placement:
        """With the groups of the biases, where a loader would not find such that fit."""
        placement = geometry.placement(solution, overlap)
        if not bias_map(geometry.network, placement, self.device, geometry.hardware).overflows:
            return placement
        groups = zip(wanted.biases, solution.bias_groups, strict=True)
        return geometry.placement(solution, overlap, {b.layer: group for b, group in groups if group is not None})

    def _kept(self, geometry: Geometry, placement: Placement) -> Placement | None:
        """The placement if it breaks no rule but those that the network breaks anyway."""
        anyway = problems(geometry.network, None, self.device)
        self.broken = [found for found in problems(geometry.network, placement, self.device) if found not in anyway]
        return None if self.broken else placement

    def _conflicts(self, wanted: Demand) -> tuple[Conflict, ...]:
        return conflicts(wanted, self.options.effort * CONFLICT_EFFORT)

    def _reasons(self) -> Iterable[Diagnostic]:
        """Why there is none: of the way that leaves most freedom, the last one."""
        if self.broken:
            return self.broken
        geometry, wanted = self.tried[-1]
        if found := self._conflicts(wanted):
            return explained(geometry, wanted, found)
        return [Diagnostic("BT5396", "the network", "neither a placement nor a reason why there is none was found in "
                           f"{len(self.tried)} searches with effort {self.options.effort:g}",
                           "raise the effort, or state processors and offsets yourself")]


def _hopeless(wanted: Demand, conflict: Conflict) -> bool:
    """Whether no other way of the input helps: it is not about data, nor about layers that read the input."""
    if Resource.DATA in conflict.resources:
        return False
    readers = {wanted.kernels[index].block for index in conflict.of(Resource.KERNELS)}
    entrance = next(area.block for area in wanted.areas if INPUT in area.layers)
    return entrance not in readers


def _refuse(found: Iterable[Diagnostic]) -> None:
    """Raises `Unsupported` if there is anything."""
    reasons = tuple(found)
    if reasons:
        raise Unsupported(*reasons)
