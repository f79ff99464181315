"""Register writes as C: named registers, one table entry for all groups that get the same value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...words import comment
from ..device import ADDRESSES, AddressMap, Device, Register, RegisterAt, Scope
from ..program import Fill, LayerWrites, Step, Write

PER_LAYER = (Scope.LAYER, Scope.STREAM)
SINGLE = (Scope.FIFO, Scope.FAST_FIFO)


@dataclass(frozen=True)
class Define:
    """A register's macro."""

    name: str
    value: str
    title: str


@dataclass(frozen=True)
class Entry:
    """One register of a layer with the same value in several groups (bit g: group g)."""

    groups: int
    register: str
    value: int
    note: str


@dataclass(frozen=True)
class LayerTable:
    """The registers of one layer of the chip."""

    layer: int
    name: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Statement:
    """One step as C: its text, and what it is for."""

    text: str
    note: str


@dataclass(frozen=True)
class Names:
    """The registers of a chip by the names that they have in the emitted C."""

    device: Device

    @property
    def addresses(self) -> AddressMap:
        """The chip's addresses."""
        return ADDRESSES[self.device.name]

    def at(self, address: int) -> RegisterAt | None:
        """The register at an address; None for anything else."""
        place = self.addresses.decode(address)
        return place if isinstance(place, RegisterAt) else None

    def in_group(self, place: RegisterAt) -> str:
        """The register's offset in its group."""
        layer = f"({place.layer})" if place.register.scope in PER_LAYER else ""
        return f"REG_{place.name}{layer}"

    def address(self, address: int) -> str:
        """The address of a register; any other address as a number."""
        place = self.at(address)
        if place is None:
            return f"0x{address:08x}u"
        if place.register.scope in SINGLE:
            return f"CNN_{place.name}"
        return f"CNN_GROUP({place.group}) + {self.in_group(place)}"

    def define(self, register: Register) -> Define:
        """The macro of a register."""
        if register.scope in SINGLE:
            return Define(f"CNN_{register.name}", f"0x{self.addresses.register(register.name):08x}u", register.title)
        if register.scope in PER_LAYER:
            return Define(f"REG_{register.name}(layer)", f"(0x{register.offset:x}u + (layer) * 0x{register.pitch:x}u)",
                          register.title)
        return Define(f"REG_{register.name}", f"0x{register.offset:x}u", register.title)

    def defines(self, addresses: Iterable[int]) -> tuple[Define, ...]:
        """The macros of all registers at these addresses, in the chip's order."""
        used = {place.name for address in addresses if (place := self.at(address)) is not None}
        return tuple(self.define(register) for name, register in self.addresses.registers.items() if name in used)


# ---- statements

def statements(steps: Iterable[Step], names: Names) -> tuple[Statement, ...]:
    """Steps one by one."""
    return tuple(_statement(step, names) for step in steps)


def _statement(step: Step, names: Names) -> Statement:
    place = names.address(step.address)
    if isinstance(step, Write):
        return Statement(f"set({place}, 0x{step.value:08x}u);", comment(step.note))
    if isinstance(step, Fill):
        return Statement(f"clear({place}, {step.words}u);", comment(step.note))
    condition = f"(get({place}) & 0x{step.mask:08x}u) != 0x{step.value:08x}u"
    text = f"if ({condition}) {{ return CNN_FAIL; }}" if step.fails else f"while ({condition}) {{}}"
    return Statement(text, comment(step.note))


# ---- layers

def layer_tables(layers: Sequence[LayerWrites], names: Names) -> tuple[LayerTable, ...]:
    """The writes of every layer, with those that are the same in several groups together.

    Within a layer the order of different registers means nothing; a register that is written twice keeps its order.
    Raises ValueError for a write to anything but a group's register.
    """
    numbers = dict.fromkeys((part.layer, part.name) for part in layers)
    return tuple(LayerTable(number, name, tuple(_entries([p for p in layers if (p.layer, p.name) == (number, name)],
                                                         names)))
                 for number, name in numbers)


def _entries(parts: Sequence[LayerWrites], names: Names) -> Iterator[Entry]:
    if any(len({write.address for write in part.writes}) < len(part.writes) for part in parts):
        for part in parts:
            yield from (_entry(names, write, 1 << part.group) for write in part.writes)
        return
    together: dict[tuple[str, int], tuple[Write, int]] = {}
    for part in parts:
        for write in part.writes:
            key = _name(names, write), write.value
            first, groups = together.get(key, (write, 0))
            together[key] = first, groups | 1 << part.group
    yield from (_entry(names, write, groups) for write, groups in together.values())


def _name(names: Names, write: Write) -> str:
    place = names.at(write.address)
    if place is None or place.register.scope in SINGLE:
        raise ValueError(f"address 0x{write.address:08x} is no register of a group: {write.note}")
    return names.in_group(place)


def _entry(names: Names, write: Write, groups: int) -> Entry:
    place = names.at(write.address)
    return Entry(groups, _name(names, write), write.value, _fields(place.register, write.value) if place else "")


def _fields(register: Register, value: int) -> str:
    """The fields of a register's value that are not zero.

    >>> _fields(ADDRESSES["max78000"].registers["RCNT"], 0x0001001d)
    'rows: rcnt_max 29, rcnt_pad 1'
    """
    fields = ", ".join(f"{name} {number:#x}" if number > 0xFFFF else f"{name} {number}"
                       for name, number in register.unpack(value).items() if number)
    return comment(f"{register.title}: {fields}" if fields else register.title)
