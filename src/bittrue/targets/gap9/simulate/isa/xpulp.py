"""The scalar rows of Xpulpv2: memory accesses, hardware loops, bit manipulation, multiplications, clips.

Encodings: the list in the documentation of the RI5CY core; those of common kernels have also been executed on GVSOC.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import columns as c
from . import scalar as s
from .row import Function, Row, fields

LOADS = (("lb", 0, 0x00, 8, True), ("lh", 1, 0x08, 16, True), ("lw", 2, 0x10, 32, True), ("lbu", 4, 0x20, 8, False),
         ("lhu", 5, 0x28, 16, False))
"""Name, funct3 with an immediate, funct7 with a register, bits, signed."""
STORES = (("sb", 0, 8), ("sh", 1, 16), ("sw", 2, 32))
"""Name, funct3 with an immediate (plus 4: with a register), bits."""
GENERAL: tuple[tuple[str, int, int, Function], ...] = (
    ("p.avgu", 1, 0x02, s.avgu), ("p.slet", 2, 0x02, s.slet), ("p.sletu", 3, 0x02, s.sletu),
    ("p.min", 4, 0x02, s.min_), ("p.minu", 5, 0x02, s.minu), ("p.max", 6, 0x02, s.max_), ("p.maxu", 7, 0x02, s.maxu),
    ("p.ror", 5, 0x04, s.ror), ("p.clipr", 5, 0x0A, s.clip), ("p.clipur", 6, 0x0A, s.clipu),
    ("p.extractr", 0, 0x40, s.extract), ("p.extractur", 1, 0x40, s.extractu), ("p.bclrr", 3, 0x40, s.bclr),
    ("p.bsetr", 4, 0x40, s.bset))
"""Name, funct3, funct7, function: two registers."""
SINGLE: tuple[tuple[str, int, int, Function], ...] = (
    ("p.abs", 0, 0x02, s.abs_), ("p.ff1", 0, 0x08, s.ff1), ("p.fl1", 1, 0x08, s.fl1), ("p.clb", 2, 0x08, s.clb),
    ("p.cnt", 3, 0x08, s.cnt), ("p.exths", 4, 0x08, s.exths), ("p.exthz", 5, 0x08, s.exthz),
    ("p.extbs", 6, 0x08, s.extbs), ("p.extbz", 7, 0x08, s.extbz))
BIT_FIELDS: tuple[tuple[str, int, Function], ...] = (
    ("p.extract", 0, s.extract), ("p.extractu", 1, s.extractu), ("p.bclr", 3, s.bclr), ("p.bset", 4, s.bset))
"""Name, funct3, function: the field's width - 1 and place are immediates."""
LOOPS = (("lp.starti", 0, c.LOOP_START), ("lp.endi", 1, c.LOOP_STOP), ("lp.count", 2, c.LOOP_COUNT),
         ("lp.counti", 3, c.LOOP_COUNT_CONSTANT), ("lp.setup", 4, c.LOOP_SETUP),
         ("lp.setupi", 5, c.LOOP_SETUP_CONSTANT))
PRODUCTS: tuple[tuple[str, int, Function, Function, bool], ...] = (
    ("p.mulu", 0, s.mulu, s.mulu_r, False), ("p.mulhhu", 1, s.mulhhu, s.mulhhu_r, False),
    ("p.muls", 2, s.muls, s.muls_r, False), ("p.mulhhs", 3, s.mulhhs, s.mulhhs_r, False),
    ("p.macu", 0, s.macu, s.macu_r, True), ("p.machhu", 1, s.machhu, s.machhu_r, True),
    ("p.macs", 2, s.macs, s.macs_r, True), ("p.machhs", 3, s.machhs, s.machhs_r, True))
"""Name, highest two bits, function, function with rounding, whether it accumulates."""
SHIFTED_SUMS: tuple[tuple[str, int, int, Function, Function], ...] = (
    ("p.addN", 2, 0, s.add_n, s.add_nr), ("p.adduN", 2, 2, s.addu_n, s.addu_nr),
    ("p.addRN", 6, 0, s.add_rn, s.add_rnr), ("p.adduRN", 6, 2, s.addu_rn, s.addu_rnr),
    ("p.subN", 3, 0, s.sub_n, s.sub_nr), ("p.subuN", 3, 2, s.subu_n, s.subu_nr),
    ("p.subRN", 7, 0, s.sub_rn, s.sub_rnr), ("p.subuRN", 7, 2, s.subu_rn, s.subu_rnr))
"""Name, funct3, highest two bits, function with an immediate, function with a register."""


def rows() -> Iterator[Row]:
    """All scalar rows of Xpulpv2."""
    yield from _loads()
    yield from _stores()
    yield from _control()
    yield from _bits()
    yield from _products()


def _loads() -> Iterator[Row]:
    for name, funct3, funct7, width, signed in LOADS:
        def row(form: str, match: int, mask: int, kind: int, *, name: str = name, width: int = width,
                signed: bool = signed) -> Row:
            return Row(f"p.{name}", form, match, mask, kind=kind, width=width, signed=signed, latency="load")
        yield row("load_register", *fields(0x03, 7, funct7), c.LOAD)
        yield row("load_post", *fields(0x0B, funct3), c.LOAD_POST)
        yield row("load_register_post", *fields(0x0B, 7, funct7), c.LOAD_POST)
    yield Row("p.elw", "load", *fields(0x03, 6), kind=c.WAIT_LOAD, width=32, latency="load")


def _stores() -> Iterator[Row]:
    for name, funct3, width in STORES:
        yield Row(f"p.{name}", "store_register", *fields(0x23, 4 + funct3, 0), kind=c.STORE, width=width)
        yield Row(f"p.{name}", "store_post", *fields(0x2B, funct3), kind=c.STORE_POST, width=width)
        yield Row(f"p.{name}", "store_register_post", *fields(0x2B, 4 + funct3, 0), kind=c.STORE_POST, width=width)


def _control() -> Iterator[Row]:
    for name, funct3, operation in LOOPS:
        match, mask = fields(0x7B, funct3)
        yield Row(name, "loop", match, mask | 0xF << 8, kind=c.LOOP, operation=operation)
    yield Row("p.beqimm", "branch_immediate", *fields(0x63, 2), s.eq, kind=c.BRANCH)
    yield Row("p.bneimm", "branch_immediate", *fields(0x63, 3), s.ne, kind=c.BRANCH)


def _bits() -> Iterator[Row]:
    for name, funct3, funct7, function in GENERAL:
        yield Row(name, "r", *fields(0x33, funct3, funct7), function)
    for name, funct3, funct7, function in SINGLE:
        yield Row(name, "r1", *fields(0x33, funct3, funct7, 0), function)
    for name, funct3, function in BIT_FIELDS:
        yield Row(name, "field", *fields(0x33, funct3, top=3), function)
    yield Row("p.insert", "field_d", *fields(0x33, 2, top=3), s.insert)
    yield Row("p.insertr", "rd", *fields(0x33, 2, 0x40), s.insert)
    yield Row("p.clip", "clip", *fields(0x33, 1, 0x0A), s.clip)
    yield Row("p.clipu", "clip", *fields(0x33, 2, 0x0A), s.clipu)


def _products() -> Iterator[Row]:
    yield Row("p.mac", "rd", *fields(0x33, 0, 0x21), s.mac)
    yield Row("p.msu", "rd", *fields(0x33, 1, 0x21), s.msu)
    for name, top, plain, rounded, accumulates in PRODUCTS:
        form, funct3 = ("n_d", 1) if accumulates else ("n", 0)
        yield Row(name, form, *fields(0x5B, funct3, top << 5), plain)
        yield Row(f"{name}N", form, *fields(0x5B, funct3, top=top), plain)
        yield Row(f"{name}RN", form, *fields(0x5B, funct3 + 4, top=top), rounded)
    for name, funct3, top, fixed, variable in SHIFTED_SUMS:
        yield Row(name, "n", *fields(0x5B, funct3, top=top), fixed)
        yield Row(f"{name}r", "rd", *fields(0x5B, funct3, (top + 1) << 5), variable)
