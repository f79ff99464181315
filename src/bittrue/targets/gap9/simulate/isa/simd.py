"""The SIMD rows of Xpulpv2: four bytes or two halves in a register, the second operand a register, its lowest lane
(.sc) or an immediate of six bits (.sci)."""

from __future__ import annotations

from collections.abc import Iterator

from . import vector as v
from .row import Function, Row, fields

OPCODE = 0x57
LANE = {"b": 8, "h": 16}
FUNCT3 = {("", "h"): 0, ("", "b"): 1, (".sc", "h"): 4, (".sc", "b"): 5, (".sci", "h"): 6, (".sci", "b"): 7}
"""By variant and lane."""
LANES: tuple[tuple[str, int, Function, Function, bool], ...] = (
    ("add", 0x00, v.add, v.add, True), ("sub", 0x04, v.sub, v.sub, True),
    ("avg", 0x08, v.avg_b, v.avg_h, True), ("avgu", 0x0C, v.avgu_b, v.avgu_h, False),
    ("min", 0x10, v.min_, v.min_, True), ("minu", 0x14, v.min_, v.min_, False),
    ("max", 0x18, v.max_, v.max_, True), ("maxu", 0x1C, v.max_, v.max_, False),
    ("srl", 0x20, v.shift_right_b, v.shift_right_h, False), ("sra", 0x24, v.shift_right_b, v.shift_right_h, True),
    ("sll", 0x28, v.shift_left_b, v.shift_left_h, False), ("or", 0x2C, v.or_, v.or_, True),
    ("xor", 0x30, v.xor, v.xor, True), ("and", 0x34, v.and_, v.and_, True),
    ("cmpeq", 0x02, v.eq, v.eq, True), ("cmpne", 0x06, v.ne, v.ne, True), ("cmpgt", 0x0A, v.gt, v.gt, True),
    ("cmpge", 0x0E, v.ge, v.ge, True), ("cmplt", 0x12, v.lt, v.lt, True), ("cmple", 0x16, v.le, v.le, True),
    ("cmpgtu", 0x1A, v.gt, v.gt, False), ("cmpgeu", 0x1E, v.ge, v.ge, False), ("cmpltu", 0x22, v.lt, v.lt, False),
    ("cmpleu", 0x26, v.le, v.le, False))
"""Name, funct7 without its lowest bit, function of a byte and of a half, signed."""
DOTS: tuple[tuple[str, int, Function, Function, bool, bool], ...] = (
    ("dotup", 0x40, v.dotup_b, v.dotup_h, False, False), ("dotusp", 0x44, v.dotusp_b, v.dotusp_h, True, False),
    ("dotsp", 0x4C, v.dotsp_b, v.dotsp_h, True, False), ("sdotup", 0x50, v.sdotup_b, v.sdotup_h, False, True),
    ("sdotusp", 0x54, v.sdotusp_b, v.sdotusp_h, True, True), ("sdotsp", 0x5C, v.sdotsp_b, v.sdotsp_h, True, True))
"""Name, funct7 without its lowest bit, functions, signed immediate, whether it accumulates."""
MOVES: tuple[tuple[str, int, int, str, Function], ...] = (
    ("pv.abs.h", 0x38, 0, "r1", v.abs_), ("pv.abs.b", 0x38, 1, "r1", v.abs_),
    ("pv.extract.h", 0x3C, 6, "u6", v.extract_h), ("pv.extract.b", 0x3C, 7, "u6", v.extract_b),
    ("pv.extractu.h", 0x48, 6, "u6", v.extractu_h), ("pv.extractu.b", 0x48, 7, "u6", v.extractu_b),
    ("pv.insert.h", 0x58, 6, "u6_d", v.insert_h), ("pv.insert.b", 0x58, 7, "u6_d", v.insert_b),
    ("pv.shuffle.h", 0x60, 0, "r", v.shuffle_halves), ("pv.shuffle.sci.h", 0x60, 6, "shuffle_h", v.shuffle_halves),
    ("pv.shuffle.b", 0x60, 1, "r", v.shuffle_bytes), ("pv.shufflei0.sci.b", 0x60, 7, "shuffle_0", v.shuffle_bytes),
    ("pv.shufflei1.sci.b", 0x74, 7, "shuffle_1", v.shuffle_bytes),
    ("pv.shufflei2.sci.b", 0x78, 7, "shuffle_2", v.shuffle_bytes),
    ("pv.shufflei3.sci.b", 0x7C, 7, "shuffle_3", v.shuffle_bytes),
    ("pv.shuffle2.h", 0x64, 0, "rd", v.shuffle2_halves), ("pv.shuffle2.b", 0x64, 1, "rd", v.shuffle2_bytes),
    ("pv.pack.h", 0x68, 0, "r", v.pack_h), ("pv.packhi.b", 0x6C, 1, "rd", v.packhi_b),
    ("pv.packlo.b", 0x70, 1, "rd", v.packlo_b))
"""Name, funct7, funct3, form, function."""
EXACT = ("pv.abs.h", "pv.abs.b", "pv.pack.h")
"""Whose funct7 has no free bit."""


def rows() -> Iterator[Row]:
    """All SIMD rows."""
    for name, funct7, byte, half, signed in LANES:
        for (variant, lane), funct3 in FUNCT3.items():
            form = "r" if variant != ".sci" else "s6" if signed else "u6"
            yield Row(f"pv.{name}{variant}.{lane}", form, *_encoding(funct7, funct3), byte if lane == "b" else half,
                      lane=LANE[lane], signed=signed, copies=variant == ".sc", per_lane=True)
    for name, funct7, byte, half, signed, accumulates in DOTS:
        for (variant, lane), funct3 in FUNCT3.items():
            form = "r" if variant != ".sci" else "s6" if signed else "u6"
            form = {"r": "rd", "s6": "s6_d", "u6": "u6_d"}[form] if accumulates else form
            yield Row(f"pv.{name}{variant}.{lane}", form, *_encoding(funct7, funct3), byte if lane == "b" else half,
                      lane=LANE[lane], copies=variant == ".sc")
    yield from _moves()


def _moves() -> Iterator[Row]:
    for name, funct7, funct3, form, function in MOVES:
        single = function is v.abs_
        match, mask = (fields(OPCODE, funct3, funct7) if name in EXACT else _encoding(funct7, funct3))
        yield Row(name, form, match, mask, function, lane=LANE[name[-1]] if single else 0, per_lane=single)


def _encoding(funct7: int, funct3: int) -> tuple[int, int]:
    """The lowest bit of funct7 is one of the immediate, or of no meaning."""
    match, mask = fields(OPCODE, funct3, funct7)
    return match, mask & ~(1 << 25)
