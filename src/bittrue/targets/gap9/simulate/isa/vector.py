"""What the SIMD instructions compute.

The functions of one lane (`x` of rs1, `y` of rs2) are repeated by the generator for the four bytes or the two halves
of a register, signed or unsigned as their row says. The functions of whole registers are like the scalar ones.
"""

from __future__ import annotations

from ..words import (
    dot_b,
    dot_h,
    dotu_b,
    dotu_h,
    dotus_b,
    dotus_h,
    s8,
    s16,
    shuffle2_b,
    shuffle2_h,
    shuffle_b,
    shuffle_h,
    u8,
    u16,
)


def add(x: int, y: int) -> int:
    return x + y


def sub(x: int, y: int) -> int:
    return x - y


def min_(x: int, y: int) -> int:
    return min(x, y)


def max_(x: int, y: int) -> int:
    return max(x, y)


def or_(x: int, y: int) -> int:
    return x | y


def xor(x: int, y: int) -> int:
    return x ^ y


def and_(x: int, y: int) -> int:
    return x & y


def abs_(x: int, y: int) -> int:
    return abs(x)


def eq(x: int, y: int) -> int:
    return -1 if x == y else 0


def ne(x: int, y: int) -> int:
    return -1 if x != y else 0


def gt(x: int, y: int) -> int:
    return -1 if x > y else 0


def ge(x: int, y: int) -> int:
    return -1 if x >= y else 0


def lt(x: int, y: int) -> int:
    return -1 if x < y else 0


def le(x: int, y: int) -> int:
    return -1 if x <= y else 0


def avg_b(x: int, y: int) -> int:
    return s8(x + y) >> 1


def avg_h(x: int, y: int) -> int:
    return s16(x + y) >> 1


def avgu_b(x: int, y: int) -> int:
    return u8(x + y) >> 1


def avgu_h(x: int, y: int) -> int:
    return u16(x + y) >> 1


def shift_right_b(x: int, y: int) -> int:
    return x >> (y & 7)


def shift_right_h(x: int, y: int) -> int:
    return x >> (y & 15)


def shift_left_b(x: int, y: int) -> int:
    return x << (y & 7)


def shift_left_h(x: int, y: int) -> int:
    return x << (y & 15)


def extract_b(a: int, b: int, d: int, n: int) -> int:
    return s8(a >> (8 * (b & 3)))


def extract_h(a: int, b: int, d: int, n: int) -> int:
    return s16(a >> (16 * (b & 1)))


def extractu_b(a: int, b: int, d: int, n: int) -> int:
    return u8(a >> (8 * (b & 3)))


def extractu_h(a: int, b: int, d: int, n: int) -> int:
    return u16(a >> (16 * (b & 1)))


def insert_b(a: int, b: int, d: int, n: int) -> int:
    return (d & ~(0xFF << (8 * (b & 3)))) | (u8(a) << (8 * (b & 3)))


def insert_h(a: int, b: int, d: int, n: int) -> int:
    return (d & ~(0xFFFF << (16 * (b & 1)))) | (u16(a) << (16 * (b & 1)))


def dotsp_b(a: int, b: int, d: int, n: int) -> int:
    return dot_b(a, b)


def dotsp_h(a: int, b: int, d: int, n: int) -> int:
    return dot_h(a, b)


def dotup_b(a: int, b: int, d: int, n: int) -> int:
    return dotu_b(a, b)


def dotup_h(a: int, b: int, d: int, n: int) -> int:
    return dotu_h(a, b)


def dotusp_b(a: int, b: int, d: int, n: int) -> int:
    return dotus_b(a, b)


def dotusp_h(a: int, b: int, d: int, n: int) -> int:
    return dotus_h(a, b)


def sdotsp_b(a: int, b: int, d: int, n: int) -> int:
    return d + dot_b(a, b)


def sdotsp_h(a: int, b: int, d: int, n: int) -> int:
    return d + dot_h(a, b)


def sdotup_b(a: int, b: int, d: int, n: int) -> int:
    return d + dotu_b(a, b)


def sdotup_h(a: int, b: int, d: int, n: int) -> int:
    return d + dotu_h(a, b)


def sdotusp_b(a: int, b: int, d: int, n: int) -> int:
    return d + dotus_b(a, b)


def sdotusp_h(a: int, b: int, d: int, n: int) -> int:
    return d + dotus_h(a, b)


def shuffle_bytes(a: int, b: int, d: int, n: int) -> int:
    return shuffle_b(a, b)


def shuffle_halves(a: int, b: int, d: int, n: int) -> int:
    return shuffle_h(a, b)


def shuffle2_bytes(a: int, b: int, d: int, n: int) -> int:
    return shuffle2_b(a, b, d)


def shuffle2_halves(a: int, b: int, d: int, n: int) -> int:
    return shuffle2_h(a, b, d)


def pack_h(a: int, b: int, d: int, n: int) -> int:
    return (u16(a) << 16) | u16(b)


def packhi_b(a: int, b: int, d: int, n: int) -> int:
    return (u8(a) << 24) | (u8(b) << 16) | u16(d)


def packlo_b(a: int, b: int, d: int, n: int) -> int:
    return (d & ~0xFFFF) | (u8(a) << 8) | u8(b)
