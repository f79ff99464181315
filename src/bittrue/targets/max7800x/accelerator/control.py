"""Writes to registers that do something: starting, stopping, clearing memories, power."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..device import Device, RegisterAt
from .complaints import Complaints, Kind
from .engine import Engine
from .memories import Memories
from .mlator import Mlator
from .packing import KernelPort
from .registers import OF_LAYERS, Registers

CLEAR = 0x18
"""`SRAM_TEST.bistsel` with which `bramz` clears the registers; 0x1C with the bias memory."""

CLEAR_BIAS = 0x1C

LETTERS = "smtb"
"""Data memory, kernel memory, TRAM, bias memory, as in the names of the test register's fields."""


@dataclass
class Control:
    """The registers' side effects, and what follows from them for accesses to memories."""

    device: Device
    registers: Registers
    memories: Memories
    engine: Engine
    port: KernelPort
    mlators: tuple[Mlator, ...]
    complaints: Complaints
    clocked: list[bool] = field(default_factory=list)
    asleep: list[bool] = field(default_factory=list)
    kernels_asleep: list[bool] = field(default_factory=list)
    cleared: list[bool] = field(default_factory=list)
    """Groups whose registers the self test has cleared."""
    packed: list[bool] = field(default_factory=list)
    """Groups whose kernel memory takes packed words."""

    powered: list[bool] = field(default_factory=list)
    """Groups whose supply is on."""

    def __post_init__(self) -> None:
        self.powered += [True] * self.device.groups
        for flags in (self.clocked, self.asleep, self.kernels_asleep, self.cleared, self.packed):
            flags += [False] * self.device.groups

    def ready(self, group: int) -> bool:
        """Whether a group's memories can be accessed."""
        awake = not self.asleep[group] and not self.kernels_asleep[group]
        return self.powered[group] and self.clocked[group] and awake

    def supply(self, groups: int) -> None:
        """The power switches of the groups, bit n for group n: without power everything in a group is lost."""
        self.port.flush()
        for group in range(self.device.groups):
            on = bool(groups >> group & 1)
            if self.powered[group] and not on:
                self.memories.forget(self._instances(group), self._processors(group), group)
                self.registers.forget(group)
                for flags in (self.clocked, self.asleep, self.cleared, self.packed):
                    flags[group] = False
            self.powered[group] = on

    def write(self, place: RegisterAt, value: int) -> None:
        """Write a register, with all that follows."""
        old = self.registers.fields(place.name, place.group, place.layer)
        effect = EFFECTS.get(place.name)
        if self.engine.waits and place.register.scope in OF_LAYERS:
            self.complaints.add(Kind.BUSY, f"{place.name} of layer {place.layer}")
        if place.name == "CTL" and not old["cnn_irq"]:
            value &= ~place.register.by_name["cnn_irq"].mask  # software can clear it, not set it
        self.registers.write(place, value)
        if effect is not None:
            self.port.flush()
            effect(self, place.group, old, self.registers.fields(place.name, place.group, place.layer))

    def control(self, group: int, old: Mapping[str, int], new: Mapping[str, int]) -> None:
        """CTL: clock, packed outputs, start, stop."""
        self.clocked[group], self.packed[group] = bool(new["clk_en"]), bool(new["mexpress"])
        if new["mlat_ld"] and not old["mlat_ld"]:
            pointer = self.registers.fields("WPTR_BASE", group)["wptr_base"]
            increment = self.registers.fields("LCTL2", group)["wptr_inc"] + 1
            self.mlators[group].load(pointer, increment, new["mlatch_sel"])
        elif not new["mlat_ld"]:
            self.mlators[group].stop()
        if new["cnn_en"] and not old["cnn_en"]:
            if self.device.register_clear and not self.cleared[group]:
                self.complaints.add(Kind.NOT_CLEARED, f"group {group} starts")
            self.engine.start(group)
        elif old["cnn_en"] and not new["cnn_en"]:
            self.engine.stop(group)

    def power(self, group: int, old: Mapping[str, int], new: Mapping[str, int]) -> None:
        """SRAM: sleep and power of a group's memories."""
        self.asleep[group] = bool(new["ds"] or new["pd"])

    def always_on(self, group: int, old: Mapping[str, int], new: Mapping[str, int]) -> None:
        """AON_CTL: sleep and power of the kernel memories of all groups."""
        for number in range(self.device.groups):
            off = new["pd"] >> number & 1
            self.kernels_asleep[number] = bool(off or new["dsleep"] >> number & 1)
            if off:
                self.memories.kernels.forget(self._processors(number))

    def count(self, group: int, old: Mapping[str, int], new: Mapping[str, int]) -> None:
        """LCNT_MAX: the network is set up anew; one that was stopped between two layers is given up."""
        if self.engine.run is not None and not self.engine.waits:
            self.engine.run = None

    def test(self, group: int, old: Mapping[str, int], new: Mapping[str, int]) -> None:
        """SRAM_TEST: test or clear memories, or the registers. Everything is done at once."""
        clears = self.device.register_clear and new["bistsel"] in (CLEAR, CLEAR_BIAS) and new["bramz"]
        if clears:
            self.registers.clear_layers(group)
            self.cleared[group] = True
        done: dict[str, int] = {}
        for letter in LETTERS:
            tested, zeroed = new[f"{letter}bistrun"], new[f"{letter}ramz"]
            rises = (tested and not old[f"{letter}bistrun"]) or (zeroed and not old[f"{letter}ramz"])
            if rises and (letter != "b" or not clears or new["bistsel"] == CLEAR_BIAS):
                self._zero(letter, group)
            done |= {f"{letter}allbdone": tested, f"{letter}allzdone": zeroed}
        tests = int(any(done[f"{letter}allbdone"] for letter in LETTERS))
        zeros = int(any(done[f"{letter}allzdone"] for letter in LETTERS))
        self.registers.put("SRAM_TEST", group, **done, bistdone=tests, zerodone=zeros)

    def _zero(self, letter: str, group: int) -> None:
        match letter:
            case "s":
                self.memories.data.zero(self._instances(group))
            case "m":
                self.memories.kernels.zero(self._processors(group))
            case "t":
                self.memories.tram.zero(self._processors(group))
            case _:
                self.memories.bias.zero(group)

    def _instances(self, group: int) -> slice:
        per_group = self.device.group_processors // self.device.shared
        return slice(group * per_group, (group + 1) * per_group)

    def _processors(self, group: int) -> slice:
        return slice(group * self.device.group_processors, (group + 1) * self.device.group_processors)


EFFECTS: Mapping[str, Callable[[Control, int, Mapping[str, int], Mapping[str, int]], None]] = MappingProxyType({
    "CTL": Control.control, "SRAM": Control.power, "AON_CTL": Control.always_on, "LCNT_MAX": Control.count,
    "SRAM_TEST": Control.test,
})
"""Register -> what writing it does."""
