/* The instructions that the kernels need beyond RV32IMC, with one meaning on three kinds of compilers:
 *
 *   - the GAP SDK's compiler (__gap9__, __pulp__): its builtins;
 *   - any other RISC-V compiler for 32 bits: the Xpulpv2 encodings by `.insn`;
 *   - any other machine, or with BT_PORTABLE: plain C.
 *
 * All three give the same bits. A word holds four bytes, lane 0 in its lowest bits (little endian).
 */
#ifndef BT_PULP_INTRINSICS_H
#define BT_PULP_INTRINSICS_H

#include <stdint.h>

#if !defined(BT_PORTABLE) && (defined(__gap9__) || defined(__pulp__))
#define BT_BUILTINS 1
#elif !defined(BT_PORTABLE) && defined(__riscv) && __riscv_xlen == 32
#define BT_INSN 1
#endif

#define BT_INLINE static inline __attribute__((always_inline))

/* Words at any address: RI5CY loads and stores them misaligned, for one cycle more. */
typedef struct __attribute__((packed, may_alias)) {
    uint32_t value;
} bt_any_word;

#if defined(BT_INSN)
BT_INLINE uint32_t bt_load(const void *address)
{
    uint32_t word;
    __asm__("lw %0, %1" : "=r"(word) : "m"(*(const bt_any_word *)address));
    return word;
}

BT_INLINE void bt_store(void *address, uint32_t word)
{
    __asm__("sw %1, %0" : "=m"(*(bt_any_word *)address) : "r"(word));
}
#else
BT_INLINE uint32_t bt_load(const void *address)
{
    return ((const bt_any_word *)address)->value;
}

BT_INLINE void bt_store(void *address, uint32_t word)
{
    ((bt_any_word *)address)->value = word;
}
#endif

/* High word of the 64-bit product; every RISC-V compiler makes one `mulh` (`mulhu`) of it. */
BT_INLINE int32_t bt_mulh(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b) >> 32);
}

BT_INLINE uint32_t bt_mulhu(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a * b) >> 32);
}

#if defined(BT_BUILTINS)
typedef signed char bt_v4s __attribute__((vector_size(4)));
typedef unsigned char bt_v4u __attribute__((vector_size(4)));

BT_INLINE int32_t bt_dot_i8(int32_t sum, uint32_t x, uint32_t w)
{
    return __builtin_pulp_sdotsp4((bt_v4s)x, (bt_v4s)w, sum);
}

BT_INLINE int32_t bt_dot_u8(int32_t sum, uint32_t x, uint32_t w)
{
    return __builtin_pulp_sdotusp4((bt_v4u)x, (bt_v4s)w, sum);
}

BT_INLINE uint32_t bt_max_i8(uint32_t a, uint32_t b)
{
    return (uint32_t)__builtin_pulp_max4((bt_v4s)a, (bt_v4s)b);
}

BT_INLINE uint32_t bt_max_u8(uint32_t a, uint32_t b)
{
    return (uint32_t)__builtin_pulp_maxu4((bt_v4u)a, (bt_v4u)b);
}

BT_INLINE uint32_t bt_shuffle(uint32_t a, uint32_t b, uint32_t lanes)
{
    return (uint32_t)__builtin_shuffle((bt_v4s)a, (bt_v4s)b, (bt_v4s)lanes);
}

BT_INLINE int32_t bt_max(int32_t a, int32_t b)
{
    return __builtin_pulp_maxsi(a, b);
}

BT_INLINE int32_t bt_min(int32_t a, int32_t b)
{
    return __builtin_pulp_minsi(a, b);
}

#elif defined(BT_INSN)
/* sum + x.w over four lanes; both signed. */
BT_INLINE int32_t bt_dot_i8(int32_t sum, uint32_t x, uint32_t w)
{
    __asm__(".insn r 0x57, 1, 0x5c, %0, %1, %2" : "+r"(sum) : "r"(x), "r"(w));
    return sum;
}

/* sum + x.w over four lanes; x unsigned, w signed. */
BT_INLINE int32_t bt_dot_u8(int32_t sum, uint32_t x, uint32_t w)
{
    __asm__(".insn r 0x57, 1, 0x54, %0, %1, %2" : "+r"(sum) : "r"(x), "r"(w));
    return sum;
}

/* The larger one, lane by lane. */
BT_INLINE uint32_t bt_max_i8(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__(".insn r 0x57, 1, 0x18, %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

BT_INLINE uint32_t bt_max_u8(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__(".insn r 0x57, 1, 0x1c, %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* Lane i of the result is lane (l & 3) of a, or of b where l & 4; l is lane i of `lanes`. */
BT_INLINE uint32_t bt_shuffle(uint32_t a, uint32_t b, uint32_t lanes)
{
    __asm__(".insn r 0x57, 1, 0x64, %0, %1, %2" : "+r"(a) : "r"(b), "r"(lanes));
    return a;
}

BT_INLINE int32_t bt_max(int32_t a, int32_t b)
{
    int32_t result;
    __asm__(".insn r 0x33, 6, 0x02, %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

BT_INLINE int32_t bt_min(int32_t a, int32_t b)
{
    int32_t result;
    __asm__(".insn r 0x33, 4, 0x02, %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

#else
BT_INLINE int32_t bt_lane_i8(uint32_t word, int32_t lane)
{
    return (int8_t)(word >> (8 * lane));
}

BT_INLINE int32_t bt_lane_u8(uint32_t word, int32_t lane)
{
    return (uint8_t)(word >> (8 * lane));
}

BT_INLINE int32_t bt_dot_i8(int32_t sum, uint32_t x, uint32_t w)
{
    for (int32_t lane = 0; lane < 4; lane++)
        sum = (int32_t)((uint32_t)sum + (uint32_t)(bt_lane_i8(x, lane) * bt_lane_i8(w, lane)));
    return sum;
}

BT_INLINE int32_t bt_dot_u8(int32_t sum, uint32_t x, uint32_t w)
{
    for (int32_t lane = 0; lane < 4; lane++)
        sum = (int32_t)((uint32_t)sum + (uint32_t)(bt_lane_u8(x, lane) * bt_lane_i8(w, lane)));
    return sum;
}

BT_INLINE uint32_t bt_max_i8(uint32_t a, uint32_t b)
{
    uint32_t result = 0;
    for (int32_t lane = 0; lane < 4; lane++) {
        uint32_t larger = bt_lane_i8(a, lane) > bt_lane_i8(b, lane) ? a : b;
        result |= larger & (0xffu << (8 * lane));
    }
    return result;
}

BT_INLINE uint32_t bt_max_u8(uint32_t a, uint32_t b)
{
    uint32_t result = 0;
    for (int32_t lane = 0; lane < 4; lane++) {
        uint32_t larger = bt_lane_u8(a, lane) > bt_lane_u8(b, lane) ? a : b;
        result |= larger & (0xffu << (8 * lane));
    }
    return result;
}

BT_INLINE uint32_t bt_shuffle(uint32_t a, uint32_t b, uint32_t lanes)
{
    uint32_t result = 0;
    for (int32_t lane = 0; lane < 4; lane++) {
        int32_t pick = bt_lane_u8(lanes, lane);
        result |= (uint32_t)bt_lane_u8(pick & 4 ? b : a, pick & 3) << (8 * lane);
    }
    return result;
}

BT_INLINE int32_t bt_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

BT_INLINE int32_t bt_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}
#endif

BT_INLINE int32_t bt_clamp(int32_t value, int32_t lo, int32_t hi)
{
    return bt_min(bt_max(value, lo), hi);
}

/* Sum and product modulo 2**32: C leaves signed overflow undefined, the hardware does not. */
BT_INLINE int32_t bt_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

BT_INLINE int32_t bt_mul(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a * (uint32_t)b);
}

/* (a + b) >> shift, 0 to 31. */
#if defined(BT_INSN)
BT_INLINE int32_t bt_add_shift(int32_t a, int32_t b, int32_t shift)
{
    __asm__(".insn r 0x5b, 2, 0x20, %0, %1, %2" : "+r"(a) : "r"(b), "r"(shift));
    return a;
}
#else
BT_INLINE int32_t bt_add_shift(int32_t a, int32_t b, int32_t shift)
{
    return bt_add(a, b) >> shift;
}
#endif

#endif
