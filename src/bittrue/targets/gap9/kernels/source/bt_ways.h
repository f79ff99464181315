/* The ways through a matrix product: whole blocks of channels for two rows, one function for each width and sign of the
 * operands and each kind of requantization, so that what runs lies together and fits into a core's own 512 bytes of
 * instruction cache. For the same reason the sums pass through memory and the loop over channels is not unrolled.
 */
#ifndef BT_WAYS_H
#define BT_WAYS_H

#include "bt_dot.h"
#include "bt_matrix.h"
#include "bt_put.h"

typedef const uint8_t *bt_eight_function(int32_t sum[16], const uint8_t *w, const uint8_t *v, const uint8_t *x0,
                                      const uint8_t *x1, const int32_t *bias, int32_t turns);
typedef const uint8_t *bt_block_function(int32_t sum[8], const uint8_t *w, const uint8_t *x0, const uint8_t *x1,
                                      int32_t turns);

static const int32_t bt_no_bias[8];

BT_INLINE bt_cursor bt_start(const bt_matrix *m, bt_rows r, int32_t first, int32_t element)
{
    const bt_requant *q = m->requant;
    bt_cursor c = {m->weights + first * m->words * 16, m->bias ? m->bias + 4 * first : bt_no_bias,
                q->scales + (q->per_channel ? 4 * first : 0), r.y0 + 4 * first * element, r.y1 + 4 * first * element};
    return c;
}

/* Pairs of whole blocks of 8-bit weights. */
BT_INLINE void bt_run_eights(const bt_matrix *m, bt_rows r, int32_t first, int32_t count, int32_t kind,
                          bt_eight_function *eight)
{
    bt_cursor at = bt_start(m, r, first, kind == BT_NONE ? 4 : 1);
    int32_t words = m->words, bias_step = m->bias ? 8 : 0;
    const bt_requant *q = m->requant;
    for (; count > 0; count--, at.bias += bias_step) {
        int32_t sum[16];
        at.w = eight(sum, at.w, at.w + 16 * words, r.x0, r.x1, at.bias, words);
        at = bt_put_block(q, at, kind, 8, sum);
    }
}

/* Whole blocks; `scale` is the power of two by which sums of narrow weights are too large. */
BT_INLINE void bt_run_blocks(const bt_matrix *m, bt_rows r, int32_t first, int32_t count, int32_t kind,
                          bt_block_function *block, int32_t scale)
{
    bt_cursor at = bt_start(m, r, first, kind == BT_NONE ? 4 : 1);
    int32_t words = m->words, bias_step = m->bias ? 4 : 0;
    const bt_requant *q = m->requant;
    for (; count > 0; count--, at.bias += bias_step) {
        int32_t sum[8], stored[8];
        for (int32_t c = 0; c < 4; c++)
            sum[2 * c] = sum[2 * c + 1] = bt_mul(at.bias[c], 1 << scale);
        at.w = block(sum, at.w, r.x0, r.x1, words);
        for (int32_t i = 0; i < 8; i++)
            stored[i] = sum[i] >> scale;
        at = bt_put_block(q, at, kind, 4, stored);
    }
}

#define BT_DEFINE_WAY(name, run, kind, ...)                                                                  \
    static __attribute__((noinline)) void name(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t count) \
    {                                                                                                     \
        bt_rows rows = *r;                                                                                \
        for (int32_t pair = rows.pairs; pair > 0; pair--, bt_next_pair(&rows))                            \
            run(m, rows, first, count, kind, __VA_ARGS__);                                                \
    }

#endif
