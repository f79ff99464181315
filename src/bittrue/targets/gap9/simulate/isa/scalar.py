"""What the scalar instructions compute, one expression each.

`a`, `b` and `d` are the 32-bit values of rs1, of rs2 or the immediate, and of rd before the instruction, as signed
integers; `n` is a second immediate. Results are cut to 32 bits by whoever stores them. The generator of the dispatch
takes these expressions as they are.
"""

from __future__ import annotations

from ..words import (
    bits,
    clrsb,
    divide,
    divide_unsigned,
    find_first,
    find_last,
    high,
    high_mixed,
    high_unsigned,
    insert_field,
    ones,
    population,
    remainder,
    remainder_unsigned,
    rotate,
    s8,
    s16,
    s32,
    u16,
    u32,
)


def add(a: int, b: int, d: int, n: int) -> int:
    return a + b


def sub(a: int, b: int, d: int, n: int) -> int:
    return a - b


def sll(a: int, b: int, d: int, n: int) -> int:
    return a << (b & 31)


def slt(a: int, b: int, d: int, n: int) -> int:
    return 1 if a < b else 0


def sltu(a: int, b: int, d: int, n: int) -> int:
    return 1 if u32(a) < u32(b) else 0


def xor(a: int, b: int, d: int, n: int) -> int:
    return a ^ b


def srl(a: int, b: int, d: int, n: int) -> int:
    return u32(a) >> (b & 31)


def sra(a: int, b: int, d: int, n: int) -> int:
    return a >> (b & 31)


def or_(a: int, b: int, d: int, n: int) -> int:
    return a | b


def and_(a: int, b: int, d: int, n: int) -> int:
    return a & b


def second(a: int, b: int, d: int, n: int) -> int:
    return b


def eq(a: int, b: int, d: int, n: int) -> int:
    return 1 if a == b else 0


def ne(a: int, b: int, d: int, n: int) -> int:
    return 1 if a != b else 0


def ge(a: int, b: int, d: int, n: int) -> int:
    return 1 if a >= b else 0


def geu(a: int, b: int, d: int, n: int) -> int:
    return 1 if u32(a) >= u32(b) else 0


def mul(a: int, b: int, d: int, n: int) -> int:
    return a * b


def mulh(a: int, b: int, d: int, n: int) -> int:
    return high(a, b)


def mulhsu(a: int, b: int, d: int, n: int) -> int:
    return high_mixed(a, b)


def mulhu(a: int, b: int, d: int, n: int) -> int:
    return high_unsigned(a, b)


def div(a: int, b: int, d: int, n: int) -> int:
    return divide(a, b)


def divu(a: int, b: int, d: int, n: int) -> int:
    return divide_unsigned(u32(a), u32(b))


def rem(a: int, b: int, d: int, n: int) -> int:
    return remainder(a, b)


def remu(a: int, b: int, d: int, n: int) -> int:
    return remainder_unsigned(u32(a), u32(b))


def avgu(a: int, b: int, d: int, n: int) -> int:
    return u32(a + b) >> 1


def slet(a: int, b: int, d: int, n: int) -> int:
    return 1 if a <= b else 0


def sletu(a: int, b: int, d: int, n: int) -> int:
    return 1 if u32(a) <= u32(b) else 0


def min_(a: int, b: int, d: int, n: int) -> int:
    return min(a, b)


def minu(a: int, b: int, d: int, n: int) -> int:
    return min(u32(a), u32(b))


def max_(a: int, b: int, d: int, n: int) -> int:
    return max(a, b)


def maxu(a: int, b: int, d: int, n: int) -> int:
    return max(u32(a), u32(b))


def ror(a: int, b: int, d: int, n: int) -> int:
    return rotate(u32(a), b & 31)


def ff1(a: int, b: int, d: int, n: int) -> int:
    return find_first(u32(a))


def fl1(a: int, b: int, d: int, n: int) -> int:
    return find_last(u32(a))


def clb(a: int, b: int, d: int, n: int) -> int:
    return clrsb(a)


def cnt(a: int, b: int, d: int, n: int) -> int:
    return population(u32(a))


def exths(a: int, b: int, d: int, n: int) -> int:
    return s16(a)


def exthz(a: int, b: int, d: int, n: int) -> int:
    return a & 0xFFFF


def extbs(a: int, b: int, d: int, n: int) -> int:
    return s8(a)


def extbz(a: int, b: int, d: int, n: int) -> int:
    return a & 0xFF


def abs_(a: int, b: int, d: int, n: int) -> int:
    return abs(a)


def clip(a: int, b: int, d: int, n: int) -> int:
    return -b - 1 if a <= -b - 1 else b if a >= b else a


def clipu(a: int, b: int, d: int, n: int) -> int:
    return 0 if a <= 0 else b if a >= b else a


def extract(a: int, b: int, d: int, n: int) -> int:
    return bits(a, b & 31, (b >> 5) & 31)


def extractu(a: int, b: int, d: int, n: int) -> int:
    return (u32(a) >> (b & 31)) & ones((b >> 5) & 31)


def insert(a: int, b: int, d: int, n: int) -> int:
    return insert_field(a, d, b & 31, (b >> 5) & 31)


def bset(a: int, b: int, d: int, n: int) -> int:
    return a | (ones((b >> 5) & 31) << (b & 31))


def bclr(a: int, b: int, d: int, n: int) -> int:
    return a & ~(ones((b >> 5) & 31) << (b & 31))


def mac(a: int, b: int, d: int, n: int) -> int:
    return d + a * b


def msu(a: int, b: int, d: int, n: int) -> int:
    return d - a * b


def muls(a: int, b: int, d: int, n: int) -> int:
    return (s16(a) * s16(b)) >> n


def mulhhs(a: int, b: int, d: int, n: int) -> int:
    return (s16(a >> 16) * s16(b >> 16)) >> n


def mulu(a: int, b: int, d: int, n: int) -> int:
    return (u16(a) * u16(b)) >> n


def mulhhu(a: int, b: int, d: int, n: int) -> int:
    return (u16(a >> 16) * u16(b >> 16)) >> n


def muls_r(a: int, b: int, d: int, n: int) -> int:
    return s32(s16(a) * s16(b) + ((1 << n) >> 1)) >> n


def mulhhs_r(a: int, b: int, d: int, n: int) -> int:
    return s32(s16(a >> 16) * s16(b >> 16) + ((1 << n) >> 1)) >> n


def mulu_r(a: int, b: int, d: int, n: int) -> int:
    return u32(u16(a) * u16(b) + ((1 << n) >> 1)) >> n


def mulhhu_r(a: int, b: int, d: int, n: int) -> int:
    return u32(u16(a >> 16) * u16(b >> 16) + ((1 << n) >> 1)) >> n


def macs(a: int, b: int, d: int, n: int) -> int:
    return s32(d + s16(a) * s16(b)) >> n


def machhs(a: int, b: int, d: int, n: int) -> int:
    return s32(d + s16(a >> 16) * s16(b >> 16)) >> n


def macu(a: int, b: int, d: int, n: int) -> int:
    return u32(d + u16(a) * u16(b)) >> n


def machhu(a: int, b: int, d: int, n: int) -> int:
    return u32(d + u16(a >> 16) * u16(b >> 16)) >> n


def macs_r(a: int, b: int, d: int, n: int) -> int:
    return s32(d + s16(a) * s16(b) + ((1 << n) >> 1)) >> n


def machhs_r(a: int, b: int, d: int, n: int) -> int:
    return s32(d + s16(a >> 16) * s16(b >> 16) + ((1 << n) >> 1)) >> n


def macu_r(a: int, b: int, d: int, n: int) -> int:
    return u32(d + u16(a) * u16(b) + ((1 << n) >> 1)) >> n


def machhu_r(a: int, b: int, d: int, n: int) -> int:
    return u32(d + u16(a >> 16) * u16(b >> 16) + ((1 << n) >> 1)) >> n


def add_n(a: int, b: int, d: int, n: int) -> int:
    return s32(a + b) >> n


def add_rn(a: int, b: int, d: int, n: int) -> int:
    return s32(a + b + ((1 << n) >> 1)) >> n


def addu_n(a: int, b: int, d: int, n: int) -> int:
    return u32(a + b) >> n


def addu_rn(a: int, b: int, d: int, n: int) -> int:
    return u32(a + b + ((1 << n) >> 1)) >> n


def sub_n(a: int, b: int, d: int, n: int) -> int:
    return s32(a - b) >> n


def sub_rn(a: int, b: int, d: int, n: int) -> int:
    return s32(a - b + ((1 << n) >> 1)) >> n


def subu_n(a: int, b: int, d: int, n: int) -> int:
    return u32(a - b) >> n


def subu_rn(a: int, b: int, d: int, n: int) -> int:
    return u32(a - b + ((1 << n) >> 1)) >> n


def add_nr(a: int, b: int, d: int, n: int) -> int:
    return s32(d + a) >> (b & 31)


def add_rnr(a: int, b: int, d: int, n: int) -> int:
    return s32(d + a + ((1 << (b & 31)) >> 1)) >> (b & 31)


def addu_nr(a: int, b: int, d: int, n: int) -> int:
    return u32(d + a) >> (b & 31)


def addu_rnr(a: int, b: int, d: int, n: int) -> int:
    return u32(d + a + ((1 << (b & 31)) >> 1)) >> (b & 31)


def sub_nr(a: int, b: int, d: int, n: int) -> int:
    return s32(d - a) >> (b & 31)


def sub_rnr(a: int, b: int, d: int, n: int) -> int:
    return s32(d - a + ((1 << (b & 31)) >> 1)) >> (b & 31)


def subu_nr(a: int, b: int, d: int, n: int) -> int:
    return u32(d - a) >> (b & 31)


def subu_rnr(a: int, b: int, d: int, n: int) -> int:
    return u32(d - a + ((1 << (b & 31)) >> 1)) >> (b & 31)
