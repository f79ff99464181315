"""The state of all registers: what was written, and the values of fields.

A value that nobody wrote is the register's reset value. `layers` says which layers somebody configured.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ..device import AddressMap, RegisterAt, Scope

Key = tuple[str, int, int]
"""Name, group, layer."""

ONCE = (Scope.FIFO, Scope.FAST_FIFO)
OF_LAYERS = (Scope.LAYER, Scope.STREAM)


class Registers:
    """Registers of one accelerator."""

    def __init__(self, addresses: AddressMap) -> None:
        self.table = addresses.registers
        self._fields = {name: tuple((f.name, f.lsb, f.limit) for f in register.fields)
                        for name, register in self.table.items()}
        self.values: dict[Key, int] = {}
        self.layers: defaultdict[int, set[int]] = defaultdict(set)
        """Layer -> groups in which one of its registers was written."""
        self.version = 0
        """Counts changes of anything but the control registers."""

    def write(self, place: RegisterAt, value: int) -> None:
        """Set a register."""
        self.values[place.name, place.group, place.layer] = value
        self.version += place.name != "CTL"
        if place.register.scope is Scope.LAYER:
            self.layers[place.layer].add(place.group)

    def word(self, name: str, group: int = 0, layer: int = 0) -> int:
        """A register's value; 0 for a register that the chip or the layer does not have."""
        value = self.values.get((name, group, layer))
        if value is not None:
            return value
        register = self.table.get(name)
        return 0 if register is None or layer >= register.count else register.reset

    def fields(self, name: str, group: int = 0, layer: int = 0) -> dict[str, int]:
        """The values of a register's fields; none for a register that the chip does not have."""
        fields = self._fields.get(name)
        if fields is None:
            return {}
        word = self.word(name, group, layer)
        return {field: word >> lsb & limit for field, lsb, limit in fields}

    def put(self, name: str, group: int, **fields: int) -> None:
        """Set fields of a group's register, as the chip itself does."""
        register, word = self.table[name], self.word(name, group)
        for field, value in fields.items():
            row = register.by_name[field]
            word = word & ~row.mask | value << row.lsb
        self.values[name, group, 0] = word

    def forget(self, group: int) -> None:
        """Lose all registers of a group: they have their reset values again."""
        self.version += 1
        for key in [k for k in self.values if k[1] == group and self.table[k[0]].scope not in ONCE]:
            del self.values[key]
        for groups in self.layers.values():
            groups.discard(group)

    def clear_layers(self, group: int) -> None:
        """Set the registers of all layers of a group to 0."""
        self.version += 1
        for key in [k for k in self.values if k[1] == group and self.table[k[0]].scope in OF_LAYERS]:
            self.values[key] = 0


@dataclass(frozen=True)
class Fields:
    """The fields of a layer's registers in one group, by register."""

    registers: Registers
    group: int
    layer: int

    def __getitem__(self, name: str) -> dict[str, int]:
        return self.registers.fields(name, self.group, self.layer)
