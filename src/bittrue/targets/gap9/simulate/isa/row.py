"""A row of the table of instructions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..columns import ALU

Function = Callable[..., int]
OPCODE, RD_FIELD, FUNCT3, RS1_FIELD, RS2_FIELD, FUNCT7 = 0x7F, 0x1F << 7, 7 << 12, 0x1F << 15, 0x1F << 20, 0x7F << 25


@dataclass(frozen=True)
class Row:
    """One instruction: how it is called and encoded, where its operands are, and what it computes."""

    name: str
    form: str
    """Where the operands are, one of `forms.FORMS`."""
    match: int
    mask: int
    """The bits of the word that say it is this instruction."""
    function: Function | None = None
    """What it computes: of one lane if `lane` is set."""
    kind: int = ALU
    operation: int = 0
    """Which one, for kinds without arithmetic."""
    lane: int = 0
    """Bits of a lane that the function is repeated for, or for which a scalar operand is copied; 0 for none."""
    signed: bool = True
    """Whether lanes or loaded values are extended with their sign."""
    copies: bool = False
    """Whether the second register's lowest lane stands for all (.sc)."""
    width: int = 0
    """Bits that a load or store moves."""
    latency: str = "one"
    """Its row in `timing.LATENCIES`."""
    per_lane: bool = False
    """Whether the function is one of lanes."""
    extension: str = "Xpulpv2"


def fields(opcode: int, funct3: int | None = None, funct7: int | None = None, rs2: int | None = None,
           top: int | None = None) -> tuple[int, int]:
    """Match and mask of the fields that are given; `top` are the two highest bits."""
    match, mask = opcode, OPCODE
    for value, place, bits in ((funct3, 12, FUNCT3), (funct7, 25, FUNCT7), (rs2, 20, RS2_FIELD), (top, 30, 3 << 30)):
        if value is not None:
            match, mask = match | value << place, mask | bits
    return match, mask
