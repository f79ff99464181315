/* The requantizations that cover everything: 64-bit values as two words, all roundings, a slope below zero; and the
 * exact division.
 */
#include "bt_requant.h"

typedef struct {
    uint32_t lo;
    int32_t hi;
} wide;

static wide wide_add(wide a, uint32_t lo, int32_t hi)
{
    wide sum = {a.lo + lo, bt_add(a.hi, hi)};
    sum.hi = bt_add(sum.hi, sum.lo < lo);
    return sum;
}

static wide wide_times(wide a, uint32_t factor)
{
    wide product = {a.lo * factor, (int32_t)((uint32_t)a.hi * factor + bt_mulhu(a.lo, factor))};
    return product;
}

/* Arithmetic shift by 0 to 63. */
static wide wide_shift(wide a, int32_t shift)
{
    wide result = a;
    if (shift >= 32) {
        result.lo = (uint32_t)(a.hi >> (shift - 32));
        result.hi = a.hi >> 31;
    } else if (shift > 0) {
        result.lo = (a.lo >> shift) | ((uint32_t)a.hi << (32 - shift));
        result.hi = a.hi >> shift;
    }
    return result;
}

/* 2**exponent - 1, exponent 0 to 63. */
static wide wide_ones(int32_t exponent)
{
    wide ones = {exponent >= 32 ? 0xffffffffu : (1u << exponent) - 1,
                 exponent > 32 ? (int32_t)((1u << (exponent - 32)) - 1) : 0};
    return ones;
}

/* What makes a floor of the rounding: added before the shift, which is at least 1. */
static wide wide_bias(wide value, int32_t shift, int32_t rounding)
{
    wide below_half = wide_ones(shift - 1), zero = {0, 0};
    int32_t negative = value.hi < 0;
    switch (rounding) {
    case BT_HALF_UP:
        return wide_add(below_half, 1, 0);
    case BT_HALF_EVEN:
        return wide_add(below_half, wide_shift(value, shift).lo & 1, 0);
    case BT_HALF_AWAY:
        return wide_add(below_half, (uint32_t)!negative, 0);
    case BT_TOWARD_ZERO:
        return negative ? wide_ones(shift) : zero;
    default:
        return zero;
    }
}

static int32_t wide_clamp(wide a, int32_t lo, int32_t hi)
{
    if (a.hi != (int32_t)a.lo >> 31)
        return a.hi < 0 ? lo : hi;
    return bt_clamp((int32_t)a.lo, lo, hi);
}

static int32_t general(const bt_requant *q, const bt_scale *scale, int32_t acc)
{
    wide value = {(uint32_t)acc * (uint32_t)scale->multiplier, bt_mulh(acc, scale->multiplier)};
    int32_t shift = scale->shift;
    value = wide_add(value, scale->offset_lo, scale->offset_hi);
    if (value.hi < 0) {
        value = wide_times(value, (uint32_t)q->slope_multiplier);
        shift += q->slope_shift;
    }
    if (shift > 0) {
        wide bias = wide_bias(value, shift, q->rounding);
        value = wide_add(value, bias.lo, bias.hi);
    }
    return wide_clamp(wide_shift(value, shift), q->lo, q->hi);
}

/* acc / divisor: the floor and the remainder say what every rounding gives. */
static int32_t divide(int32_t acc, int32_t divisor, int32_t rounding)
{
    int32_t quotient = acc / divisor, below = acc % divisor, above;
    if (below < 0) {
        quotient--;
        below += divisor;
    }
    above = divisor - below;
    switch (rounding) {
    case BT_HALF_UP:
        return quotient + (below >= above);
    case BT_HALF_EVEN:
        return quotient + (below > above || (below == above && (quotient & 1)));
    case BT_HALF_AWAY:
        return quotient + (below > above || (below == above && acc >= 0));
    case BT_TOWARD_ZERO:
        return quotient + (acc < 0 && below > 0);
    default:
        return quotient;
    }
}

int32_t bt_requant_slow(const bt_requant *q, const bt_scale *scale, int32_t acc)
{
    if (q->kind == BT_DIVIDE)
        return bt_clamp(divide(acc, scale->multiplier, q->rounding), q->lo, q->hi);
    return general(q, scale, acc);
}
