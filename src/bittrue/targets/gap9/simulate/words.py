"""Arithmetic on 32-bit words in Python; `native/words.h` has the same functions for the compiled simulator."""

from __future__ import annotations


def u8(value: int) -> int:
    return value & 0xFF


def u16(value: int) -> int:
    return value & 0xFFFF


def u32(value: int) -> int:
    return value & 0xFFFFFFFF


def s8(value: int) -> int:
    return ((value & 0xFF) ^ 0x80) - 0x80


def s16(value: int) -> int:
    return ((value & 0xFFFF) ^ 0x8000) - 0x8000


def s32(value: int) -> int:
    return ((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


def high(a: int, b: int) -> int:
    return (a * b) >> 32


def high_mixed(a: int, b: int) -> int:
    """The upper half of signed `a` times unsigned `b`."""
    return (a * (b & 0xFFFFFFFF)) >> 32


def high_unsigned(a: int, b: int) -> int:
    """The upper half of the unsigned product, whose low half is split so that nothing overflows."""
    left, right = a & 0xFFFFFFFF, b & 0xFFFFFFFF
    low = (left & 0xFFFF) * right
    return ((left >> 16) * right + (low >> 16)) >> 16


def divide(a: int, b: int) -> int:
    """Rounded to zero; by zero -1."""
    if b == 0:
        return -1
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def divide_unsigned(a: int, b: int) -> int:
    return 0xFFFFFFFF if b == 0 else a // b


def remainder(a: int, b: int) -> int:
    """With the sign of `a`; by zero `a`."""
    if b == 0:
        return a
    rest = abs(a) % abs(b)
    return rest if a >= 0 else -rest


def remainder_unsigned(a: int, b: int) -> int:
    return a if b == 0 else a % b


def rotate(a: int, count: int) -> int:
    """An unsigned word rotated to the right."""
    return (a >> count) | (a << (32 - count))


def find_last(a: int) -> int:
    """The number of the highest set bit, 32 for none."""
    if a == 0:
        return 32
    place = 31
    while not (a >> place) & 1:
        place -= 1
    return place


def find_first(a: int) -> int:
    """The number of the lowest set bit, 32 for none."""
    return find_last(a & -a)


def clrsb(a: int) -> int:
    """How many bits after the sign equal it; 0 for 0."""
    return 0 if a == 0 else 31 if a == -1 else 30 - find_last(a if a >= 0 else ~a)


def leading_zeros(a: int) -> int:
    """Of an unsigned word."""
    return 32 if a == 0 else 31 - find_last(a)


def population(a: int) -> int:
    """Set bits of an unsigned word."""
    pairs = a - ((a >> 1) & 0x55555555)
    fours = (pairs & 0x33333333) + ((pairs >> 2) & 0x33333333)
    return ((((fours + (fours >> 4)) & 0x0F0F0F0F) * 0x01010101) & 0xFFFFFFFF) >> 24


def ones(width: int) -> int:
    """`width` + 1 ones."""
    return (2 << width) - 1


def bits(a: int, place: int, width: int) -> int:
    """The signed field of `width` + 1 bits at `place`, shortened where the word ends."""
    used = min(width + 1, 32 - place)
    sign = 1 << (used - 1)
    return ((a >> place & (2 * sign - 1)) ^ sign) - sign


def insert_field(a: int, d: int, place: int, width: int) -> int:
    """`d` with the low bits of `a` in its field of `width` + 1 bits at `place`."""
    mask = ((2 << width) - 1) << place
    return (d & ~mask) | ((a << place) & mask)


def pack_b(first: int, second: int, third: int, fourth: int) -> int:
    return (first & 0xFF) | (second & 0xFF) << 8 | (third & 0xFF) << 16 | (fourth & 0xFF) << 24


def pack_h(first: int, second: int) -> int:
    return (first & 0xFFFF) | (second & 0xFFFF) << 16


def dot_b(a: int, b: int) -> int:
    return (s8(a) * s8(b) + s8(a >> 8) * s8(b >> 8) + s8(a >> 16) * s8(b >> 16) + s8(a >> 24) * s8(b >> 24))


def dotu_b(a: int, b: int) -> int:
    return (u8(a) * u8(b) + u8(a >> 8) * u8(b >> 8) + u8(a >> 16) * u8(b >> 16) + u8(a >> 24) * u8(b >> 24))


def dotus_b(a: int, b: int) -> int:
    """Unsigned bytes of `a`, signed ones of `b`."""
    return (u8(a) * s8(b) + u8(a >> 8) * s8(b >> 8) + u8(a >> 16) * s8(b >> 16) + u8(a >> 24) * s8(b >> 24))


def dot_h(a: int, b: int) -> int:
    return s16(a) * s16(b) + s16(a >> 16) * s16(b >> 16)


def dotu_h(a: int, b: int) -> int:
    return u16(a) * u16(b) + u16(a >> 16) * u16(b >> 16)


def dotus_h(a: int, b: int) -> int:
    """Unsigned halves of `a`, signed ones of `b`."""
    return u16(a) * s16(b) + u16(a >> 16) * s16(b >> 16)


def shuffle_b(a: int, b: int) -> int:
    """Bytes of `a`, chosen by the low two bits of each byte of `b`."""
    return pack_b(a >> (8 * (b & 3)), a >> (8 * ((b >> 8) & 3)), a >> (8 * ((b >> 16) & 3)),
                  a >> (8 * ((b >> 24) & 3)))


def shuffle_h(a: int, b: int) -> int:
    """Halves of `a`, chosen by the lowest bit of each half of `b`."""
    return pack_h(a >> (16 * (b & 1)), a >> (16 * ((b >> 16) & 1)))


def shuffle2_b(a: int, b: int, d: int) -> int:
    """Bytes of `d` (0 to 3) and `a` (4 to 7), chosen by the low three bits of each byte of `b`."""
    both = (a << 32) | (d & 0xFFFFFFFF)
    return pack_b(both >> (8 * (b & 7)), both >> (8 * ((b >> 8) & 7)), both >> (8 * ((b >> 16) & 7)),
                  both >> (8 * ((b >> 24) & 7)))


def shuffle2_h(a: int, b: int, d: int) -> int:
    """Halves of `d` (0, 1) and `a` (2, 3), chosen by the low two bits of each half of `b`."""
    both = (a << 32) | (d & 0xFFFFFFFF)
    return pack_h(both >> (16 * (b & 3)), both >> (16 * ((b >> 16) & 3)))
