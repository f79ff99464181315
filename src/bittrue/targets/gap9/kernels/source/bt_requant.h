/* Requantization in 32-bit words: y = clamp(round(slope(acc * multiplier + offset) / 2**shift), lo, hi).
 *
 * Rounding is a matter of the offset wherever it can be: FLOOR adds nothing, HALF_UP adds 2**(shift-1), and once the
 * sign of the value is known HALF_AWAY, TOWARD_ZERO and a slope are a floor with another offset too. What is left are
 * a few kinds; whoever fills the tables in (`bittrue.targets.gap9.kernels.requant`) proves which of them is exact.
 */
#ifndef BT_REQUANT_H
#define BT_REQUANT_H

#include "pulp_intrinsics.h"

enum {
    /* No requantization: the int32_t accumulator itself is stored. */
    BT_NONE = 0,
    /* (acc*m + o) >> shift in one word. Exact where acc*m + o stays within an int32_t. */
    BT_NARROW = 1,
    /* The same with ties to even; o has no rounding in it, offset_hi is 2**(shift-1) - 1, shift is 1 to 30. */
    BT_NARROW_EVEN = 2,
    /* (acc*(m << bits) + acc*n + o) >> (bits + shift), a multiplier in two parts that are multiplied in one word each:
       (acc*m + offset_hi + ((acc*n + low) >> bits)) >> shift, where o is offset_hi and, in its lowest bits, low. The
       record holds n in offset_lo, the shift in the lowest 5 bits of `shift` and low above them. Exact where acc*n +
       low, and the sum before the last shift, stay within an int32_t. */
    BT_PARTS = 3,
    /* (acc*m + o) >> (32 + shift) with the sum in two words, shift 0 to 31. Exact for every int32_t acc and m where
       the sum stays within 64 bits. */
    BT_WIDE = 4,
    /* BT_WIDE with two records: the first where acc >= split, the second below. */
    BT_SPLIT = 5,
    /* Everything: any rounding, a slope, shift (with the slope's) 0 to 62, sum and its product with the slope below
       2**62. The record holds the graph's own numbers. Several times slower. */
    BT_GENERAL = 6,
    /* acc / multiplier, rounded in any way: the mean of a window. A division, so as slow as BT_GENERAL. */
    BT_DIVIDE = 7
};

enum { BT_FLOOR = 0, BT_HALF_UP = 1, BT_HALF_EVEN = 2, BT_HALF_AWAY = 3, BT_TOWARD_ZERO = 4 };

typedef struct {
    int32_t multiplier;
    uint32_t offset_lo;
    int32_t offset_hi;
    int32_t shift;
} bt_scale;

typedef struct {
    /* One record (BT_SPLIT: two) per channel, or one for all. */
    const bt_scale *scales;
    /* BT_SPLIT alone: one per channel, or one for all. */
    const int32_t *splits;
    /* 1: a record per channel, 0: one for all. */
    int32_t per_channel;
    int32_t kind;
    int32_t lo;
    int32_t hi;
    /* BT_GENERAL and BT_DIVIDE. */
    int32_t rounding;
    /* BT_GENERAL alone. */
    int32_t slope_multiplier;
    /* BT_GENERAL; of BT_PARTS the bits of the low part. */
    int32_t slope_shift;
} bt_requant;

/* BT_GENERAL and BT_DIVIDE. */
int32_t bt_requant_slow(const bt_requant *q, const bt_scale *scale, int32_t acc);

BT_INLINE int32_t bt_scale_narrow(const bt_scale *scale, int32_t acc)
{
    return bt_add_shift(bt_mul(acc, scale->multiplier), (int32_t)scale->offset_lo, scale->shift);
}

BT_INLINE int32_t bt_scale_parts(const bt_scale *scale, int32_t bits, int32_t acc)
{
    int32_t low = bt_add_shift(bt_mul(acc, (int32_t)scale->offset_lo), scale->shift >> 5, bits);
    return bt_add_shift(bt_add(low, bt_mul(acc, scale->multiplier)), scale->offset_hi, scale->shift & 31);
}

BT_INLINE int32_t bt_scale_narrow_even(const bt_scale *scale, int32_t acc)
{
    int32_t value = bt_add(bt_mul(acc, scale->multiplier), (int32_t)scale->offset_lo);
    int32_t odd = (value >> scale->shift) & 1;
    return bt_add(bt_add(value, scale->offset_hi), odd) >> scale->shift;
}

BT_INLINE int32_t bt_scale_wide(const bt_scale *scale, int32_t acc)
{
    uint32_t product = (uint32_t)acc * (uint32_t)scale->multiplier;
    uint32_t low = product + scale->offset_lo;
    int32_t high = bt_add(bt_mulh(acc, scale->multiplier), scale->offset_hi);
    return bt_add(high, low < product) >> scale->shift;
}

/* BT_NARROW to BT_WIDE, with a record that is in registers already; `kind` is a constant. */
BT_INLINE int32_t bt_scaled(const bt_requant *q, int32_t kind, const bt_scale *scale, int32_t acc)
{
    int32_t value = kind == BT_NARROW  ? bt_scale_narrow(scale, acc)
                    : kind == BT_PARTS ? bt_scale_parts(scale, q->slope_shift, acc)
                    : kind == BT_WIDE  ? bt_scale_wide(scale, acc)
                                       : bt_scale_narrow_even(scale, acc);
    return bt_clamp(value, q->lo, q->hi);
}

/* One accumulator of a channel. Where speed matters `kind` is a constant; where it is not, it is compared by size,
 * because compilers make a table of a switch, which lies in slow memory.
 */
BT_INLINE int32_t bt_requantize(const bt_requant *q, int32_t kind, int32_t channel, int32_t acc)
{
    int32_t index = q->per_channel ? channel : 0;
    const bt_scale *scale = q->scales + index;
    if (kind <= BT_NARROW_EVEN) {
        if (kind <= BT_NONE)
            return acc;
        return kind < BT_NARROW_EVEN ? bt_scaled(q, BT_NARROW, scale, acc) : bt_scaled(q, BT_NARROW_EVEN, scale, acc);
    }
    if (kind > BT_SPLIT)
        return bt_requant_slow(q, scale, acc);
    if (kind < BT_WIDE)
        return bt_scaled(q, BT_PARTS, scale, acc);
    if (kind > BT_WIDE)
        scale = q->scales + 2 * index + (acc < q->splits[index]);
    return bt_scaled(q, BT_WIDE, scale, acc);
}

/* Requantize one accumulator into element `index` of the output: int32_t for BT_NONE, else a byte. */
BT_INLINE void bt_put(const bt_requant *q, int32_t kind, void *output, int32_t index, int32_t channel, int32_t acc)
{
    int32_t value = bt_requantize(q, kind, channel, acc);
    if (kind == BT_NONE)
        ((int32_t *)output)[index] = value;
    else
        ((uint8_t *)output)[index] = (uint8_t)value;
}

#endif
