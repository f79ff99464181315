"""Where each form of instruction has its operands: from the bits of a word to a decoded instruction.

`Operands` names registers by number; the decoder turns register 0 as a destination into `SINK`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..columns import CONSTANT, LOOP_COUNT, LOOP_SETUP, REGISTER


@dataclass(frozen=True)
class Operands:
    """What a word names; `reads` are the registers that it needs."""

    rd: int = 0
    rs1: int = 0
    rs2: int = 0
    rs3: int = 0
    """The register whose old value is the third operand."""
    immediate: int = 0
    second: int = 0
    mode: int = REGISTER
    jump: int = 0
    """Bytes from this instruction to where it may go."""
    reads: tuple[int, ...] = ()


@dataclass(frozen=True)
class Word:
    """An instruction's bits and address."""

    value: int
    pc: int

    def bits(self, place: int, width: int) -> int:
        """An unsigned field."""
        return self.value >> place & (1 << width) - 1

    def signed(self, place: int, width: int) -> int:
        """A signed field."""
        return _signed(self.bits(place, width), width)

    @property
    def rd(self) -> int:
        return self.bits(7, 5)

    @property
    def rs1(self) -> int:
        return self.bits(15, 5)

    @property
    def rs2(self) -> int:
        return self.bits(20, 5)

    @property
    def store_offset(self) -> int:
        return _signed(self.bits(7, 5) | self.bits(25, 7) << 5, 12)

    @property
    def branch_offset(self) -> int:
        return _signed(self.bits(8, 4) << 1 | self.bits(25, 6) << 5 | self.bits(7, 1) << 11 | self.bits(31, 1) << 12, 13)

    @property
    def jump_offset(self) -> int:
        return _signed(self.bits(21, 10) << 1 | self.bits(20, 1) << 11 | self.bits(12, 8) << 12
                       | self.bits(31, 1) << 20, 21)

    @property
    def six(self) -> int:
        """The immediate of SIMD instructions: bit 25 is its lowest."""
        return self.bits(20, 5) << 1 | self.bits(25, 1)


def _signed(value: int, width: int) -> int:
    return (value ^ 1 << width - 1) - (1 << width - 1)


def _registers(w: Word) -> Operands:
    return Operands(w.rd, w.rs1, w.rs2, reads=(w.rs1, w.rs2))


def _accumulating(w: Word) -> Operands:
    return Operands(w.rd, w.rs1, w.rs2, w.rd, reads=(w.rs1, w.rs2, w.rd))


def _numbered(w: Word) -> Operands:
    return Operands(w.rd, w.rs1, w.rs2, second=w.bits(25, 5), reads=(w.rs1, w.rs2))


def _numbered_accumulating(w: Word) -> Operands:
    return Operands(w.rd, w.rs1, w.rs2, w.rd, second=w.bits(25, 5), reads=(w.rs1, w.rs2, w.rd))


def _constant(value: Callable[[Word], int], *, accumulates: bool = False) -> Callable[[Word], Operands]:
    def form(w: Word) -> Operands:
        reads = (w.rs1, w.rd) if accumulates else (w.rs1,)
        return Operands(w.rd, w.rs1, rs3=w.rd if accumulates else 0, immediate=value(w), mode=CONSTANT, reads=reads)
    return form


def _upper(w: Word) -> Operands:
    return Operands(w.rd, immediate=_signed(w.value & 0xFFFFF000, 32), mode=CONSTANT)


def _upper_pc(w: Word) -> Operands:
    return Operands(w.rd, immediate=_signed((w.value & 0xFFFFF000) + w.pc & 0xFFFFFFFF, 32), mode=CONSTANT)


def _clip_limit(w: Word) -> int:
    return (1 << max(w.rs2 - 1, 0)) - 1


def _field(w: Word) -> int:
    return w.bits(25, 5) << 5 | w.rs2


def _shuffle_bytes(first: int) -> Callable[[Word], int]:
    def control(w: Word) -> int:
        return first << 24 | (w.six >> 4 & 3) << 16 | (w.six >> 2 & 3) << 8 | w.six & 3
    return control


def _shuffle_halves(w: Word) -> int:
    return (w.six >> 1 & 1) << 16 | w.six & 1


def _load(w: Word) -> Operands:
    return Operands(w.rd, w.rs1, immediate=w.signed(20, 12), mode=CONSTANT, reads=(w.rs1,))


def _store(w: Word) -> Operands:
    return Operands(0, w.rs1, 0, w.rs2, immediate=w.store_offset, mode=CONSTANT, reads=(w.rs1, w.rs2))


def _store_register(w: Word) -> Operands:
    return Operands(0, w.rs1, w.rd, w.rs2, reads=(w.rs1, w.rs2, w.rd))


def _branch(w: Word) -> Operands:
    return Operands(0, w.rs1, w.rs2, jump=w.branch_offset, reads=(w.rs1, w.rs2))


def _branch_immediate(w: Word) -> Operands:
    return Operands(0, w.rs1, immediate=w.signed(20, 5), mode=CONSTANT, jump=w.branch_offset, reads=(w.rs1,))


def _loop(w: Word) -> Operands:
    """`second` is the loop; the immediate a count or, doubled, the distance to the end."""
    operation = w.bits(12, 3)
    reads = (w.rs1,) if operation in (LOOP_COUNT, LOOP_SETUP) else ()
    count, distance = (w.bits(20, 12), w.rs1 * 2) if operation == LOOP_SETUP + 1 else (w.bits(20, 12), w.bits(20, 12) * 2)
    return Operands(0, w.rs1 if reads else 0, immediate=count, mode=CONSTANT, second=w.bits(7, 1), jump=distance,
                    reads=reads)


def _csr(w: Word) -> Operands:
    return Operands(w.rd, w.rs1, second=w.bits(20, 12), reads=(w.rs1,))


def _csr_immediate(w: Word) -> Operands:
    return Operands(w.rd, immediate=w.rs1, mode=CONSTANT, second=w.bits(20, 12))


FORMS: Mapping[str, Callable[[Word], Operands]] = MappingProxyType({
    "r": _registers,
    "r1": lambda w: Operands(w.rd, w.rs1, reads=(w.rs1,)),
    "rd": _accumulating,
    "n": _numbered,
    "n_d": _numbered_accumulating,
    "i": _constant(lambda w: w.signed(20, 12)),
    "u5": _constant(lambda w: w.rs2),
    "u": _upper,
    "auipc": _upper_pc,
    "s6": _constant(lambda w: _signed(w.six, 6)),
    "u6": _constant(lambda w: w.six),
    "s6_d": _constant(lambda w: _signed(w.six, 6), accumulates=True),
    "u6_d": _constant(lambda w: w.six, accumulates=True),
    "clip": _constant(_clip_limit),
    "field": _constant(_field),
    "field_d": _constant(_field, accumulates=True),
    "shuffle_h": _constant(_shuffle_halves),
    "shuffle_0": _constant(_shuffle_bytes(0)),
    "shuffle_1": _constant(_shuffle_bytes(1)),
    "shuffle_2": _constant(_shuffle_bytes(2)),
    "shuffle_3": _constant(_shuffle_bytes(3)),
    "load": _load,
    "load_post": _load,
    "load_register": _registers,
    "load_register_post": _registers,
    "store": _store,
    "store_post": _store,
    "store_register": _store_register,
    "store_register_post": _store_register,
    "branch": _branch,
    "branch_immediate": _branch_immediate,
    "jal": lambda w: Operands(w.rd, jump=w.jump_offset),
    "jalr": _load,
    "loop": _loop,
    "csr": _csr,
    "csr_immediate": _csr_immediate,
    "none": lambda w: Operands(),
})
"""By the name of the form, see `Row.form`."""
SYNTAX: Mapping[str, str] = MappingProxyType({
    "r": "rd, rs1, rs2", "r1": "rd, rs1", "rd": "rd, rs1, rs2", "n": "rd, rs1, rs2, n", "n_d": "rd, rs1, rs2, n",
    "i": "rd, rs1, imm", "u5": "rd, rs1, imm", "u": "rd, imm", "auipc": "rd, imm", "s6": "rd, rs1, imm",
    "u6": "rd, rs1, imm", "s6_d": "rd, rs1, imm", "u6_d": "rd, rs1, imm", "clip": "rd, rs1, bits",
    "field": "rd, rs1, width - 1, place", "field_d": "rd, rs1, width - 1, place", "shuffle_h": "rd, rs1, imm",
    "shuffle_0": "rd, rs1, imm", "shuffle_1": "rd, rs1, imm", "shuffle_2": "rd, rs1, imm",
    "shuffle_3": "rd, rs1, imm", "load": "rd, imm(rs1)", "load_post": "rd, imm(rs1!)", "load_register": "rd, rs2(rs1)",
    "load_register_post": "rd, rs2(rs1!)", "store": "rs2, imm(rs1)", "store_post": "rs2, imm(rs1!)",
    "store_register": "rs2, rs3(rs1)", "store_register_post": "rs2, rs3(rs1!)", "branch": "rs1, rs2, to",
    "branch_immediate": "rs1, imm, to", "jal": "rd, to", "jalr": "rd, imm(rs1)", "loop": "L, ...",
    "csr": "rd, csr, rs1", "csr_immediate": "rd, csr, imm", "none": "",
})
"""The operands of each form, as assemblers write them."""
