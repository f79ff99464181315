"""Every row of the table of instructions against a definition by hand, through decoder and compiled simulator."""

from __future__ import annotations

import random

import numpy as np
import pytest
from gap9.cluster_programs import EXIT, L1, L2, get_register, load, machine, s_type, word
from gap9.instructions_by_hand import BY_HAND, WORD, simd

from bittrue.targets.gap9.simulate import columns as c
from bittrue.targets.gap9.simulate.isa.forms import FORMS, SYNTAX
from bittrue.targets.gap9.simulate.isa.row import Row
from bittrue.targets.gap9.simulate.isa.table import ROWS, by_opcode, find

COMPUTING = [row for row in ROWS if row.kind in (c.ALU, c.DIVIDE) and row.name != "auipc"]
EDGES = (0, 1, 2, 31, 127, 128, 255, 32767, 32768, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x80808080, 0x7F7F7F7F,
         0xFF00FF00, 0x8000FFFF)
RD, RS1, RS2, POINTER = 10, 11, 12, 13
DATA = L2 + 0x10000
TRIES = 40


def value(source: random.Random) -> int:
    return source.choice(EDGES) if source.random() < 0.5 else source.getrandbits(32)


def random_word(row: Row, source: random.Random) -> int:
    """The row's word with random bits where the row has none of its own, and the test's registers."""
    free = ~row.mask & 0xFFFFFFFF
    registers = RD << 7 | RS1 << 15
    drawn = source.getrandbits(32) & ~(31 << 7 | 31 << 15)
    if row.form in ("r", "rd", "n", "n_d"):
        drawn, registers = drawn & ~(31 << 20), registers | RS2 << 20
    return row.match | (drawn | registers) & free


def second(row: Row, drawn: int, rs2: int) -> int:
    """The second operand by hand, from the fields that the manual names."""
    low, high = drawn >> 20 & 31, drawn >> 25 & 31
    table = {"r": rs2, "rd": rs2, "n": rs2, "n_d": rs2, "r1": 0, "u": drawn & 0xFFFFF000, "u5": low, "clip": low,
             "i": ((drawn >> 20) ^ 0x800) - 0x800, "field": high << 5 | low, "field_d": high << 5 | low}
    return table.get(row.form, low * 2 + (drawn >> 25 & 1)) % WORD


@pytest.mark.parametrize("row", COMPUTING, ids=lambda row: f"{row.name}-{row.form}")
def test_what_it_computes(row: Row) -> None:
    source = random.Random(f"{row.name} {row.form}")
    words, expected = load(POINTER, DATA), []
    for _ in range(TRIES):
        a, b, d, drawn = value(source), value(source), value(source), random_word(row, source)
        operand, n = second(row, drawn, b), drawn >> 25 & 31
        if row.name.startswith("pv."):
            result = simd(row.name, a, operand, d)
        else:
            result = BY_HAND[row.name](a, operand, d, n if row.form in ("n", "n_d") else 0)
        words += [*load(RD, d), *load(RS1, a), *load(RS2, b), drawn, s_type("p.sw", RD, POINTER, 4, "store_post")]
        expected.append(int(result) % WORD)
    cluster = machine([*words, *EXIT])
    assert cluster.run(10_000).exit_code == 0
    assert np.frombuffer(cluster.read_memory(DATA, 4 * TRIES), "<u4").tolist() == expected


def test_nothing_is_written_to_x0() -> None:
    cluster = machine([word("add", 0, RS1, RS2), word("add", RD, 0, RS2), *EXIT], registers={RS1: 5, RS2: 7})
    cluster.run(1000)
    assert get_register(cluster, c.FABRIC, RD) == 7


def test_rows_exclude_each_other() -> None:
    """No word fits two rows, but for the ones that are a case of another: it comes first."""
    for rows in by_opcode().values():
        for index, first in enumerate(rows):
            for other in rows[index + 1:]:
                common = first.mask & other.mask
                if first.match & common == other.match & common:
                    assert other.mask & ~first.mask == 0, (first.name, other.name)
                    assert first.name == "p.insertr" or other.name == f"{first.name}N", (first.name, other.name)


def test_every_row_is_found_and_has_a_form() -> None:
    assert all(find(row.match | ~row.mask & 0xFFFFFFFF & ~(127 << 25)) is not None for row in ROWS)
    assert {row.form for row in ROWS} <= FORMS.keys() == SYNTAX.keys()


@pytest.mark.parametrize("width,is_signed,loaded", [("b", True, 0xFFFFFF91), ("bu", False, 0x91), ("h", True, 0xFFFFB391),
                                                    ("hu", False, 0xB391), ("w", True, 0xD5F7B391)])
@pytest.mark.parametrize("form,moves", [("load", False), ("load_post", True), ("load_register", False),
                                        ("load_register_post", True)])
def test_loads(width: str, is_signed: bool, loaded: int, form: str, moves: bool) -> None:
    """From L1, at an odd address too; post-increment forms load from the register itself and then add."""
    name = f"l{width}" if form == "load" else f"p.l{width}"
    distance = 0 if moves else 8
    operand = {RS2: 8} if "register" in form else {}
    drawn = word(name, RD, RS1, RS2, form=form) if operand else word(name, RD, RS1, form=form) | 8 << 20
    cluster = machine([drawn, *EXIT], 0, {RS1: L1 + 5 - distance, **operand})
    cluster.write_memory(L1 + 5, bytes([0x91, 0xB3, 0xF7, 0xD5]))
    assert cluster.run(1000).exit_code == 0
    assert get_register(cluster, 0, RD) == loaded
    assert get_register(cluster, 0, RS1) == L1 + 5 - distance + (8 if moves else 0)


@pytest.mark.parametrize("width,stored", [("b", "88"), ("h", "8877"), ("w", "88776655")])
@pytest.mark.parametrize("form,moves", [("store", False), ("store_post", True), ("store_register", False),
                                        ("store_register_post", True)])
def test_stores(width: str, stored: str, form: str, moves: bool) -> None:
    name = f"s{width}" if form == "store" else f"p.s{width}"
    distance = 0 if moves else 12
    drawn = word(name, 13 if "register" in form else 12, RS1, RS2, form=form)
    cluster = machine([drawn, *EXIT], 0, {RS1: L1 + 7 - distance, RS2: 0x55667788, 13: 12})
    assert cluster.run(1000).exit_code == 0
    assert cluster.read_memory(L1 + 4, 12).hex() == "000000" + stored + "00" * (9 - len(stored) // 2)
    assert get_register(cluster, 0, RS1) == L1 + 7 - distance + (12 if moves else 0)
