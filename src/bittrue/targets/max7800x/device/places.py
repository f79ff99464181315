"""What lies at an address of the accelerator."""

from __future__ import annotations

from dataclasses import dataclass

from .registers import Register


@dataclass(frozen=True)
class DataWord:
    """A word of data memory: instance 0 to 15 (processor // 4)."""

    instance: int
    word: int


@dataclass(frozen=True)
class KernelPart:
    """One of the four bus words of a column of kernel memory.

    Part 0 holds byte 0 of the nine in its low bits, part 1 bytes 1 to 4, part 2 bytes 5 to 8, the first of them on
    top. Writing part 3 (zero) stores the column.
    """

    processor: int
    column: int
    part: int


@dataclass(frozen=True)
class BiasByte:
    """A byte of a group's bias memory, in the low bits of a bus word."""

    group: int
    index: int


@dataclass(frozen=True)
class TramWord:
    """A 16-bit word of a processor's TRAM, in the low bits of a bus word."""

    processor: int
    word: int


@dataclass(frozen=True)
class RegisterAt:
    """A register, of which group and layer (0 where it has none)."""

    register: Register
    group: int = 0
    layer: int = 0

    @property
    def name(self) -> str:
        """The register's name."""
        return self.register.name


@dataclass(frozen=True)
class Nothing:
    """Nothing lies there."""

    address: int


Place = DataWord | KernelPart | BiasByte | TramWord | RegisterAt | Nothing
"""What a bus word holds."""
