"""Compressed instructions (RV32C without floats): each stands for a 32-bit word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ILLEGAL = 0
"""No instruction: what reserved encodings expand to."""
SP = 2


@dataclass(frozen=True)
class Compressed:
    """A row: the name, the bits that say it, and the word that it stands for."""

    name: str
    match: int
    mask: int
    expand: Callable[[int], int]


def _bits(word: int, *parts: tuple[int, int, int]) -> int:
    """The immediate that is put together from (place, width, place in the immediate)."""
    return sum((word >> place & (1 << width) - 1) << to for place, width, to in parts)


def _signed(value: int, width: int) -> int:
    return (value ^ 1 << width - 1) - (1 << width - 1)


def _i(opcode: int, funct3: int, rd: int, rs1: int, immediate: int) -> int:
    return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | (immediate & 0xFFF) << 20


def _r(funct3: int, funct7: int, rd: int, rs1: int, rs2: int) -> int:
    return 0x33 | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | funct7 << 25


def _s(rs1: int, rs2: int, immediate: int) -> int:
    return 0x23 | (immediate & 31) << 7 | 2 << 12 | rs1 << 15 | rs2 << 20 | immediate >> 5 << 25


def _b(funct3: int, rs1: int, offset: int) -> int:
    return (0x63 | (offset >> 11 & 1) << 7 | (offset >> 1 & 15) << 8 | funct3 << 12 | rs1 << 15
            | (offset >> 5 & 63) << 25 | (offset >> 12 & 1) << 31)


def _j(rd: int, offset: int) -> int:
    return (0x6F | rd << 7 | (offset >> 12 & 0xFF) << 12 | (offset >> 11 & 1) << 20 | (offset >> 1 & 0x3FF) << 21
            | (offset >> 20 & 1) << 31)


def _rd(word: int) -> int:
    return word >> 7 & 31


def _rs2(word: int) -> int:
    return word >> 2 & 31


def _low(word: int) -> int:
    """The register of bits 4 to 2."""
    return 8 + (word >> 2 & 7)


def _middle(word: int) -> int:
    """The register of bits 9 to 7."""
    return 8 + (word >> 7 & 7)


def _imm6(word: int) -> int:
    return _signed(_bits(word, (2, 5, 0), (12, 1, 5)), 6)


def _offset4(word: int) -> int:
    return _bits(word, (6, 1, 2), (10, 3, 3), (5, 1, 6))


def _jump(word: int) -> int:
    return _signed(_bits(word, (3, 3, 1), (11, 1, 4), (2, 1, 5), (7, 1, 6), (6, 1, 7), (9, 2, 8), (8, 1, 10),
                         (12, 1, 11)), 12)


def _branch(word: int) -> int:
    return _signed(_bits(word, (3, 2, 1), (10, 2, 3), (2, 1, 5), (5, 2, 6), (12, 1, 8)), 9)


def _addi4spn(word: int) -> int:
    value = _bits(word, (6, 1, 2), (5, 1, 3), (11, 2, 4), (7, 4, 6))
    return _i(0x13, 0, _low(word), SP, value) if value else ILLEGAL


def _addi16sp(word: int) -> int:
    value = _signed(_bits(word, (6, 1, 4), (2, 1, 5), (5, 1, 6), (3, 2, 7), (12, 1, 9)), 10)
    return _i(0x13, 0, SP, SP, value) if value else ILLEGAL


def _lui(word: int) -> int:
    return 0x37 | _rd(word) << 7 | (_imm6(word) & 0xFFFFF) << 12 if _imm6(word) else ILLEGAL


def _shift(funct3: int, funct7: int) -> Callable[[int], int]:
    return lambda word: _i(0x13, funct3, _middle(word), _middle(word), _rs2(word) | funct7 << 5)


def _arithmetic(funct3: int, funct7: int) -> Callable[[int], int]:
    return lambda word: _r(funct3, funct7, _middle(word), _middle(word), _low(word))


def _lwsp(word: int) -> int:
    offset = _bits(word, (4, 3, 2), (12, 1, 5), (2, 2, 6))
    return _i(0x03, 2, _rd(word), SP, offset) if _rd(word) else ILLEGAL


ROWS: tuple[Compressed, ...] = (
    Compressed("c.addi4spn", 0x0000, 0xE003, _addi4spn),
    Compressed("c.lw", 0x4000, 0xE003, lambda w: _i(0x03, 2, _low(w), _middle(w), _offset4(w))),
    Compressed("c.sw", 0xC000, 0xE003, lambda w: _s(_middle(w), _low(w), _offset4(w))),
    Compressed("c.addi", 0x0001, 0xE003, lambda w: _i(0x13, 0, _rd(w), _rd(w), _imm6(w))),
    Compressed("c.jal", 0x2001, 0xE003, lambda w: _j(1, _jump(w))),
    Compressed("c.li", 0x4001, 0xE003, lambda w: _i(0x13, 0, _rd(w), 0, _imm6(w))),
    Compressed("c.addi16sp", 0x6101, 0xEF83, _addi16sp),
    Compressed("c.lui", 0x6001, 0xE003, _lui),
    Compressed("c.srli", 0x8001, 0xFC03, _shift(5, 0x00)),
    Compressed("c.srai", 0x8401, 0xFC03, _shift(5, 0x20)),
    Compressed("c.andi", 0x8801, 0xEC03, lambda w: _i(0x13, 7, _middle(w), _middle(w), _imm6(w))),
    Compressed("c.sub", 0x8C01, 0xFC63, _arithmetic(0, 0x20)),
    Compressed("c.xor", 0x8C21, 0xFC63, _arithmetic(4, 0x00)),
    Compressed("c.or", 0x8C41, 0xFC63, _arithmetic(6, 0x00)),
    Compressed("c.and", 0x8C61, 0xFC63, _arithmetic(7, 0x00)),
    Compressed("c.j", 0xA001, 0xE003, lambda w: _j(0, _jump(w))),
    Compressed("c.beqz", 0xC001, 0xE003, lambda w: _b(0, _middle(w), _branch(w))),
    Compressed("c.bnez", 0xE001, 0xE003, lambda w: _b(1, _middle(w), _branch(w))),
    Compressed("c.slli", 0x0002, 0xF003, lambda w: _i(0x13, 1, _rd(w), _rd(w), _rs2(w))),
    Compressed("c.lwsp", 0x4002, 0xE003, _lwsp),
    Compressed("c.jr", 0x8002, 0xF07F, lambda w: _i(0x67, 0, 0, _rd(w), 0) if _rd(w) else ILLEGAL),
    Compressed("c.mv", 0x8002, 0xF003, lambda w: _r(0, 0, _rd(w), 0, _rs2(w))),
    Compressed("c.ebreak", 0x9002, 0xFFFF, lambda w: 0x00100073),
    Compressed("c.jalr", 0x9002, 0xF07F, lambda w: _i(0x67, 0, 1, _rd(w), 0)),
    Compressed("c.add", 0x9002, 0xF003, lambda w: _r(0, 0, _rd(w), _rd(w), _rs2(w))),
    Compressed("c.swsp", 0xC002, 0xE003, lambda w: _s(SP, _rs2(w), _bits(w, (9, 4, 2), (7, 2, 6)))))
"""What is most narrowly described comes before what it is a case of."""


def expand(half: int) -> int:
    """The 32-bit word that a compressed instruction stands for, `ILLEGAL` for none."""
    return next((row.expand(half) for row in ROWS if half & row.mask == row.match), ILLEGAL)
