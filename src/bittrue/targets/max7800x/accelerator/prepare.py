"""A layer ready to run: its registers decoded and checked, its kernels and biases gathered. Kept until one changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..device import Device
from .biases import Biases, biases_of
from .checks import check_layer, check_size
from .complaints import Complaints, Kind
from .consistency import check_consistency
from .decode import Decoder
from .groups import check_groups
from .layer import LayerProgram, Mode
from .memories import Memories
from .registers import Fields, Registers
from .weights import Weights, weights_of

Group = tuple[int, tuple[int, ...]]
"""The group that starts the others, and all of them."""

CONTROL = ("qupac", "poolrnd", "binary")
"""Fields of CTL that change what a layer computes."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A layer's program; kernels and biases where it has any."""

    program: LayerProgram
    weights: Weights | None
    biases: Biases | None


@dataclass
class Preparer:
    """Prepares layers. One that gave no complaint is remembered, as long as no register and no weight changes."""

    device: Device
    registers: Registers
    memories: Memories
    complaints: Complaints
    known: dict[tuple[object, ...], tuple[tuple[int, ...], Prepared]] = field(default_factory=dict)

    def decode(self, layer: int, first: bool, groups: Group, complaints: Complaints | None = None) -> LayerProgram:
        """The program of a layer."""
        found = self.complaints if complaints is None else complaints
        return Decoder(self.device, self.registers, found, *groups).decode(layer, first)

    def prepare(self, layer: int, first: bool, groups: Group) -> Prepared | None:
        """A layer ready to run; None, with a complaint, for one that cannot."""
        control = self.registers.fields("CTL", groups[0])
        key = (layer, first, groups, *(control.get(name) for name in CONTROL))
        versions = (self.registers.version, self.memories.kernels.version, self.memories.bias.version)
        known = self.known.get(key)
        if known is not None and known[0] == versions:
            return known[1]
        before = self.complaints.counts.total()
        prepared = self._prepare(layer, first, groups)
        if prepared is not None and before == self.complaints.counts.total():
            self.known[key] = versions, prepared
        return prepared

    def _prepare(self, layer: int, first: bool, groups: Group) -> Prepared | None:
        if not check_layer(self.device, self.registers, self.complaints, layer, *groups):
            return None
        program = self.decode(layer, first, groups)
        check_groups(self.device, self.registers, self.complaints, program)
        check_consistency(self.device, Fields(self.registers, groups[0], layer), program, self.complaints)
        if not program.processors:
            self.complaints.add(Kind.PROCESSORS, "no processor is enabled")
            return None
        if not check_size(self.device, self.complaints, program):
            return None
        if program.mode is Mode.PASSTHROUGH:
            return Prepared(program, None, None)
        return Prepared(program, weights_of(self.device, program, self.memories.kernels, self.complaints),
                        biases_of(self.device, program, self.memories.bias, self.complaints))
