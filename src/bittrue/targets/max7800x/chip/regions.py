"""The memories of the two chips, and how the two cores share them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..device import Device

KIB = 1024
FLASH, SRAM = 0x10000000, 0x20000000
STACK = 16 * KIB

CORES: Mapping[str, tuple[int, int]] = MappingProxyType({
    "max78000": (64 * KIB, 100_000_000), "max78002": (128 * KIB, 120_000_000),
})
"""Name of a target -> bytes of SRAM that the Arm core has to itself, clock in Hz. Sources: data sheets, user guides."""


@dataclass(frozen=True)
class Memories:
    """Sizes of flash and SRAM in bytes, and clocks in Hz."""

    flash: int
    sram: int
    arm_share: int
    """Bytes of SRAM that the Arm core has to itself when the RISC-V core runs too."""
    core_hz: int
    """The clock that projects select."""

    @classmethod
    def of(cls, device: Device) -> Memories:
        """Those of a chip."""
        share, hertz = CORES[device.name]
        return cls(device.flash_bytes, device.sram_bytes, share, hertz)


@dataclass(frozen=True)
class Room:
    """Where a program may lie: (first address, bytes) of flash and SRAM, and where a stub for booting goes."""

    flash: tuple[int, int]
    sram: tuple[int, int]
    boot: int | None = None


def arm_room(memories: Memories, shared: bool) -> Room:
    """The Arm core's room, next to a RISC-V program or alone."""
    return Room((FLASH, memories.flash), (SRAM, memories.arm_share if shared else memories.sram))


def riscv_room(device: Device, memories: Memories, start: int) -> Room:
    """The RISC-V core's room; its program lies in flash behind the Arm core's, from address `start` on.

    Its variables are between the Arm core's and the boot stub, or in the SRAM that the chip does not have.
    """
    own = device.sram_bytes
    sram = (SRAM + own, memories.sram - own) if memories.sram > own else (
        SRAM + memories.arm_share, device.riscv_sram - SRAM - memories.arm_share)
    return Room((start, FLASH + memories.flash - start), sram, device.riscv_sram)
