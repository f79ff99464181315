"""Registers and their fields: packing values into a 32-bit word and back, with range checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

WORD = 32
"""Bits of a register."""


class RegisterError(ValueError):
    """A value that does not fit a register, or a field or register that does not exist."""


class Scope(str, Enum):
    """How often a register exists, and from where its offset counts."""

    FIFO = "once, from the start of the accelerator"
    FAST_FIFO = "once, from the start of the fast FIFO"
    GROUP = "per group"
    LAYER = "per group and layer"
    STREAM = "per group and streaming layer"


@dataclass(frozen=True)
class Field:
    """Some adjacent bits of a register: unsigned, `width` bits from bit `lsb` on."""

    name: str
    lsb: int
    width: int
    meaning: str
    reset: int = 0
    values: tuple[str, ...] = ()
    """What the values 0, 1, ... stand for, where they are codes."""
    read_only: bool = False
    open_ended: bool = False
    """The width is not published: the field may be narrower than stated, its upper neighbour is not known."""

    @property
    def limit(self) -> int:
        """The largest value."""
        return (1 << self.width) - 1

    @property
    def mask(self) -> int:
        """The field's bits."""
        return self.limit << self.lsb

    @property
    def bits(self) -> str:
        """The field's bits in words.

        >>> Field("a", 4, 1, "").bits, Field("b", 4, 3, "").bits
        ('4', '6:4')
        """
        return f"{self.lsb}" if self.width == 1 else f"{self.lsb + self.width - 1}:{self.lsb}"


@dataclass(frozen=True)
class Register:
    """A register of 32 bits; bits without a field are reserved or not published.

    `offset` counts bytes from where its scope says; per layer it is that of layer 0, `pitch` bytes before the next.
    """

    name: str
    title: str
    scope: Scope
    offset: int
    fields: tuple[Field, ...]
    count: int = 1
    """Layers that have the register."""
    pitch: int = 0
    guide: str = ""
    """The register's name in the MAX78000 user guide, where it differs."""

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """Field by name."""
        return {field.name: field for field in self.fields}

    @property
    def mask(self) -> int:
        """All bits with a field."""
        return sum(field.mask for field in self.fields)

    @property
    def reset(self) -> int:
        """The register's value after a reset."""
        return sum(field.reset << field.lsb for field in self.fields)

    def pack(self, **values: int) -> int:
        """The register's value; fields that are not given are 0.

        Raises `RegisterError` for a field that does not exist or a value that does not fit.

        >>> Register("R", "", Scope.GROUP, 0, (Field("low", 0, 4, ""), Field("high", 8, 8, ""))).pack(low=2, high=0x31)
        12546
        """
        return sum(self._place(name, value) for name, value in values.items())

    def _place(self, name: str, value: int) -> int:
        field = self.by_name.get(name)
        if field is None:
            raise RegisterError(f"register {self.name} has no field {name}; it has {', '.join(self.by_name)}")
        if not 0 <= value <= field.limit:
            raise RegisterError(f"{self.name}.{name} = {value} does not fit its {field.width} bits: 0 to {field.limit}")
        return value << field.lsb

    def unpack(self, word: int) -> dict[str, int]:
        """The values of all fields. Bits without a field are left out, see `unknown`."""
        return {field.name: (word & field.mask) >> field.lsb for field in self.fields}

    def unknown(self, word: int) -> int:
        """The bits of a word that no field holds."""
        return word & ~self.mask
