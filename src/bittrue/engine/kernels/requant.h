/* Requantization: the definition, and three vector forms that Python uses only where it proved them equal to it. */
#ifndef BITTRUE_REQUANT_H
#define BITTRUE_REQUANT_H

#include "engine.h"

/* num / 2**shift, rounded. Quotient and remainder of an arithmetic shift: nothing here can overflow. */
INLINE int64_t bt_round_shift(int64_t num, int64_t shift, int64_t mode)
{
    int64_t quotient = num >> shift;
    int64_t rest = num & (((int64_t)1 << shift) - 1);
    int64_t half = shift ? (int64_t)1 << (shift - 1) : 1; /* shift 0: the rest is 0, below any half */
    int64_t tie_up = mode == ROUND_HALF_UP ? 1 : mode == ROUND_HALF_EVEN ? (quotient & 1) : (num >= 0);
    int64_t up = mode == ROUND_FLOOR ? 0 : mode == ROUND_TOWARD_ZERO ? (num < 0) & (rest > 0)
                                         : (rest > half) | ((rest == half) & tie_up);
    return quotient + up;
}

INLINE int64_t bt_requant_one(const bt_requant *rq, int64_t mode, int64_t sloped, int64_t acc, int64_t c)
{
    int64_t value = acc * rq->mul[c] + rq->off[c];
    int64_t y = bt_round_shift(value, rq->shift[c], mode);
    if (sloped) {
        int64_t below = bt_round_shift(value * rq->slope_multiplier, rq->shift[c] + rq->slope_shift, mode);
        y = value < 0 ? below : y;
    }
    y = y < rq->lo ? rq->lo : y;
    return y > rq->hi ? rq->hi : y;
}

/* Each rounding mode gets its own loop, so that the compiler can vectorize it. */
#define REQUANT_LOOP(MODE, SLOPED)                                                         \
    for (int64_t i = 0; i < count; i++) {                                                  \
        int64_t y = bt_requant_one(rq, MODE, SLOPED, acc[i], channel + i) + rq->zero;      \
        if (narrow) narrow[i] = (uint8_t)y; else wide[i] = (int32_t)y;                     \
    }
#define REQUANT_MODE(MODE)                     \
    case MODE:                                 \
        if (sloped) { REQUANT_LOOP(MODE, 1) }  \
        else { REQUANT_LOOP(MODE, 0) }         \
        break;

/* The definition for `count` neighbouring channels of one pixel; exactly one of `narrow` and `wide` is given. */
static void bt_requant_exact(const bt_requant *rq, const int32_t *acc, int64_t channel, int64_t count, uint8_t *narrow,
                             int32_t *wide)
{
    int sloped = rq->slope_multiplier != 1 || rq->slope_shift != 0;
    switch (rq->mode) {
        REQUANT_MODE(ROUND_HALF_UP)
        REQUANT_MODE(ROUND_HALF_EVEN)
        REQUANT_MODE(ROUND_HALF_AWAY)
        REQUANT_MODE(ROUND_FLOOR)
        REQUANT_MODE(ROUND_TOWARD_ZERO)
    }
}

#endif
