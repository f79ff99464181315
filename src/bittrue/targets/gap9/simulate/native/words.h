// Arithmetic on 32-bit words, held in 64 bits and cut where it matters. The same functions are in words.py.
#pragma once
#include <stdint.h>

typedef int64_t i64;

static inline i64 min(i64 a, i64 b) { return a < b ? a : b; }
static inline i64 max(i64 a, i64 b) { return a > b ? a : b; }
static inline i64 magnitude(i64 a) { return a < 0 ? -a : a; }
static inline i64 u8(i64 v) { return (uint8_t)v; }
static inline i64 u16(i64 v) { return (uint16_t)v; }
static inline i64 u32(i64 v) { return (uint32_t)v; }
static inline i64 s8(i64 v) { return (int8_t)v; }
static inline i64 s16(i64 v) { return (int16_t)v; }
static inline i64 s32(i64 v) { return (int32_t)v; }
static inline i64 high(i64 a, i64 b) { return (a * b) >> 32; }
static inline i64 high_mixed(i64 a, i64 b) { return (a * u32(b)) >> 32; }
static inline i64 high_unsigned(i64 a, i64 b) { return (i64)((uint64_t)u32(a) * (uint64_t)u32(b) >> 32); }
static inline i64 divide(i64 a, i64 b) { return b == 0 ? -1 : a / b; }
static inline i64 divide_unsigned(i64 a, i64 b) { return b == 0 ? 0xFFFFFFFF : a / b; }
static inline i64 remainder_(i64 a, i64 b) { return b == 0 ? a : a % b; }
static inline i64 remainder_unsigned(i64 a, i64 b) { return b == 0 ? a : a % b; }
static inline i64 rotate(i64 a, i64 count) { return (a >> count) | (a << (32 - count)); }
static inline i64 leading_zeros(i64 a) { return a == 0 ? 32 : __builtin_clz((uint32_t)a); }
static inline i64 find_last(i64 a) { return a == 0 ? 32 : 31 - __builtin_clz((uint32_t)a); }
static inline i64 find_first(i64 a) { return a == 0 ? 32 : __builtin_ctz((uint32_t)a); }
static inline i64 clrsb(i64 a) { return a == 0 ? 0 : a == -1 ? 31 : 30 - find_last(a >= 0 ? a : ~a); }
static inline i64 population(i64 a) { return __builtin_popcount((uint32_t)a); }
static inline i64 ones(i64 width) { return ((i64)2 << width) - 1; }

static inline i64 bits(i64 a, i64 place, i64 width) {
    i64 used = min(width + 1, 32 - place);
    return (i64)((uint64_t)(a >> place) << (64 - used)) >> (64 - used);
}

static inline i64 insert_field(i64 a, i64 d, i64 place, i64 width) {
    i64 mask = ones(width) << place;
    return (d & ~mask) | ((a << place) & mask);
}

static inline i64 pack_b(i64 a, i64 b, i64 c, i64 d) { return u8(a) | u8(b) << 8 | u8(c) << 16 | u8(d) << 24; }
static inline i64 pack_h(i64 a, i64 b) { return u16(a) | u16(b) << 16; }

static inline i64 dot_b(i64 a, i64 b) {
    return s8(a) * s8(b) + s8(a >> 8) * s8(b >> 8) + s8(a >> 16) * s8(b >> 16) + s8(a >> 24) * s8(b >> 24);
}

static inline i64 dotu_b(i64 a, i64 b) {
    return u8(a) * u8(b) + u8(a >> 8) * u8(b >> 8) + u8(a >> 16) * u8(b >> 16) + u8(a >> 24) * u8(b >> 24);
}

static inline i64 dotus_b(i64 a, i64 b) {
    return u8(a) * s8(b) + u8(a >> 8) * s8(b >> 8) + u8(a >> 16) * s8(b >> 16) + u8(a >> 24) * s8(b >> 24);
}

static inline i64 dot_h(i64 a, i64 b) { return s16(a) * s16(b) + s16(a >> 16) * s16(b >> 16); }
static inline i64 dotu_h(i64 a, i64 b) { return u16(a) * u16(b) + u16(a >> 16) * u16(b >> 16); }
static inline i64 dotus_h(i64 a, i64 b) { return u16(a) * s16(b) + u16(a >> 16) * s16(b >> 16); }

static inline i64 shuffle_b(i64 a, i64 b) {
    return pack_b(a >> 8 * (b & 3), a >> 8 * (b >> 8 & 3), a >> 8 * (b >> 16 & 3), a >> 8 * (b >> 24 & 3));
}

static inline i64 shuffle_h(i64 a, i64 b) { return pack_h(a >> 16 * (b & 1), a >> 16 * (b >> 16 & 1)); }

static inline i64 shuffle2_b(i64 a, i64 b, i64 d) {
    i64 both = a << 32 | u32(d);
    return pack_b(both >> 8 * (b & 7), both >> 8 * (b >> 8 & 7), both >> 8 * (b >> 16 & 7), both >> 8 * (b >> 24 & 7));
}

static inline i64 shuffle2_h(i64 a, i64 b, i64 d) {
    i64 both = a << 32 | u32(d);
    return pack_h(both >> 16 * (b & 3), both >> 16 * (b >> 16 & 3));
}
