/* Rows of activations times a blocked weight matrix, requantized. */
#include "bt_dot.h"
#include "bt_matrix.h"

typedef const uint8_t *block_function(int32_t sum[8], const uint8_t *w, const uint8_t *x0, const uint8_t *x1,
                                      int32_t turns);

typedef const uint8_t *eight_function(int32_t sum[16], const uint8_t *w, const uint8_t *v, const uint8_t *x0,
                                      const uint8_t *x1, const int32_t *bias, int32_t turns);

static const int32_t no_bias[8];

/* What the loop over blocks holds in registers; `step` is from one channel's record to the next. */
typedef struct {
    const uint8_t *x0;
    const uint8_t *x1;
    uint8_t *y0;
    uint8_t *y1;
    const uint8_t *w;
    const int32_t *bias;
    int32_t bias_step;
    const bt_scale *scale;
    int32_t step;
    int32_t lo;
    int32_t hi;
} state;

static state start(const bt_matrix *m, int32_t first)
{
    const bt_requant *q = m->requant;
    state s = {0, 0, 0, 0, m->weights + first * m->words * 16, no_bias, 0, q->scales, q->per_channel, q->lo, q->hi};
    if (q->per_channel)
        s.scale += 4 * first;
    if (m->bias) {
        s.bias = m->bias + 4 * first;
        s.bias_step = 4;
    }
    return s;
}

BT_INLINE int32_t scaled(const bt_scale *scale, int32_t kind, int32_t sum)
{
    return kind == BT_WIDE ? bt_scale_wide(scale, sum)
                           : kind == BT_NARROW ? bt_scale_narrow(scale, sum) : bt_scale_narrow_even(scale, sum);
}

/* Requantize one channel of both rows with the same record. */
BT_INLINE void put_channel(state *s, int32_t kind, int32_t channel, int32_t a, int32_t b)
{
    if (kind == BT_NONE) {
        ((int32_t *)s->y0)[channel] = a;
        ((int32_t *)s->y1)[channel] = b;
        return;
    }
    bt_scale scale = *s->scale;
    s->scale += s->step;
    a = scaled(&scale, kind, a);
    b = scaled(&scale, kind, b);
    s->y0[channel] = (uint8_t)bt_clamp(a, s->lo, s->hi);
    s->y1[channel] = (uint8_t)bt_clamp(b, s->lo, s->hi);
}

BT_INLINE void load_bias(const state *s, int32_t scale, int32_t sum[8])
{
    sum[0] = sum[1] = bt_mul(s->bias[0], 1 << scale);
    sum[2] = sum[3] = bt_mul(s->bias[1], 1 << scale);
    sum[4] = sum[5] = bt_mul(s->bias[2], 1 << scale);
    sum[6] = sum[7] = bt_mul(s->bias[3], 1 << scale);
}

/* Whole blocks of two rows, `kind` one of BT_NONE, BT_NARROW, BT_WIDE. */
BT_INLINE void run_whole(state *s, block_function *block, int32_t scale, int32_t kind, int32_t words, int32_t count)
{
    state t = *s;
    int32_t bytes = kind == BT_NONE ? 16 : 4;
    for (; count > 0; count--, t.bias += t.bias_step, t.y0 += bytes, t.y1 += bytes) {
        int32_t sum[8];
        load_bias(&t, scale, sum);
        t.w = block(sum, t.w, t.x0, t.x1, words);
        put_channel(&t, kind, 0, sum[0] >> scale, sum[1] >> scale);
        put_channel(&t, kind, 1, sum[2] >> scale, sum[3] >> scale);
        put_channel(&t, kind, 2, sum[4] >> scale, sum[5] >> scale);
        put_channel(&t, kind, 3, sum[6] >> scale, sum[7] >> scale);
    }
    *s = t;
}

/* Pairs of whole blocks of 8-bit weights. The loop over channels is not unrolled: it stays in the core's own 512 bytes
 * of instruction cache, together with the block.
 */
BT_INLINE void run_eight(state *s, eight_function *eight, int32_t kind, int32_t words, int32_t count)
{
    state t = *s;
    int32_t bytes = kind == BT_NONE ? 32 : 8;
    for (; count > 0; count--, t.bias += 2 * t.bias_step, t.y0 += bytes, t.y1 += bytes) {
        int32_t sum[16];
        t.w = eight(sum, t.w, t.w + 16 * words, t.x0, t.x1, t.bias, words);
        for (int32_t c = 0; c < 8; c++)
            put_channel(&t, kind, c, sum[2 * c], sum[2 * c + 1]);
    }
    *s = t;
}

/* As many blocks as there are pairs of; returns how many they are. */
BT_INLINE int32_t run_eights(state *s, eight_function *eight, int32_t kind, int32_t words, int32_t whole)
{
    int32_t count = whole >> 1;
    if (kind == BT_WIDE)
        run_eight(s, eight, BT_WIDE, words, count);
    else if (kind == BT_NARROW)
        run_eight(s, eight, BT_NARROW, words, count);
    else if (kind == BT_NONE)
        run_eight(s, eight, BT_NONE, words, count);
    else
        run_eight(s, eight, BT_NARROW_EVEN, words, count);
    return 2 * count;
}

/* `valid` channels of a block, one row or two, any kind. */
static __attribute__((noinline)) void put_any(const bt_matrix *m, const state *s, int32_t channel, const int32_t sum[8])
{
    const bt_requant *q = m->requant;
    int32_t valid = bt_min(m->channels - channel, 4);
    for (int32_t c = 0; c < valid; c++) {
        bt_put(q, q->kind, s->y0, c, channel + c, sum[2 * c]);
        if (s->y1)
            bt_put(q, q->kind, s->y1, c, channel + c, sum[2 * c + 1]);
    }
}

BT_INLINE void run_any(const bt_matrix *m, state *s, block_function *block, int32_t scale, int32_t first, int32_t last)
{
    int32_t bytes = m->requant->kind == BT_NONE ? 16 : 4;
    for (; first < last; first++, s->bias += s->bias_step, s->y0 += bytes) {
        int32_t sum[8], scaled[8];
        load_bias(s, scale, sum);
        s->w = block(sum, s->w, s->x0, s->x1, m->words);
        for (int32_t i = 0; i < 8; i++)
            scaled[i] = sum[i] >> scale;
        put_any(m, s, 4 * first, scaled);
        s->y1 = s->y1 ? s->y1 + bytes : 0;
    }
}

/* Whole blocks of both rows, from `first` on, of a kind with a way of its own. */
static int32_t whole_blocks(const bt_matrix *m, const state *s, int32_t first, int32_t last)
{
    int32_t kind = m->requant->kind;
    if (!s->y1 || kind > BT_WIDE)
        return 0;
    return bt_max(bt_min(m->channels >> 2, last) - first, 0);
}

/* Any blocks; `scale` is the power of two by which sums of narrow weights are too large. */
BT_INLINE void run(const bt_matrix *m, state *s, block_function *block, int32_t scale, int32_t first, int32_t last)
{
    int32_t kind = m->requant->kind, whole = whole_blocks(m, s, first, last);
    if (kind == BT_WIDE)
        run_whole(s, block, scale, BT_WIDE, m->words, whole);
    else if (kind == BT_NARROW)
        run_whole(s, block, scale, BT_NARROW, m->words, whole);
    else if (kind == BT_NONE)
        run_whole(s, block, scale, BT_NONE, m->words, whole);
    else
        run_whole(s, block, scale, BT_NARROW_EVEN, m->words, whole);
    run_any(m, s, block, scale, first + whole, last);
}

void bt_matrix_pair(const bt_matrix *m, const uint8_t *x0, const uint8_t *x1, void *y0, void *y1, int32_t first,
                    int32_t last)
{
    int32_t bytes = m->requant->kind == BT_NONE ? 16 : 4;
    state s = start(m, first);
    s.x0 = x0;
    s.x1 = x1;
    s.y0 = (uint8_t *)y0 + first * bytes;
    s.y1 = y1 ? (uint8_t *)y1 + first * bytes : 0;
    if (m->weight_bits == 8) {
        int32_t whole = whole_blocks(m, &s, first, last), kind = m->requant->kind;
        first += m->is_signed ? run_eights(&s, bt_eight_i8, kind, m->words, whole)
                              : run_eights(&s, bt_eight_u8, kind, m->words, whole);
    }
    if (m->weight_bits == 8 && m->is_signed)
        run(m, &s, bt_block_i8, 0, first, last);
    else if (m->weight_bits == 8)
        run(m, &s, bt_block_u8, 0, first, last);
    else if (m->weight_bits == 4 && m->is_signed)
        run(m, &s, bt_block_i8_w4, 4, first, last);
    else if (m->weight_bits == 4)
        run(m, &s, bt_block_u8_w4, 4, first, last);
    else if (m->is_signed)
        run(m, &s, bt_block_i8_w2, 6, first, last);
    else
        run(m, &s, bt_block_u8_w2, 6, first, last);
}

/* Two blocks of 8-bit weights for one row: sum[c] is channel c of the first, sum[4 + c] of the second. */
BT_INLINE void run_row(const bt_matrix *m, block_function *row, const uint8_t *x, void *y, int32_t index)
{
    const uint8_t *w = m->weights + index * m->words * 16;
    int32_t sum[8], stored[8], valid = bt_min(m->channels - 4 * index, 8);
    for (int32_t c = 0; c < 8; c++)
        sum[c] = m->bias ? m->bias[4 * index + c] : 0;
    row(sum, w, w + m->words * 16, x, m->words);
    for (int32_t c = 0; c < 8; c++)
        stored[c] = sum[c];
    for (int32_t c = 0; c < valid; c++)
        bt_put(m->requant, m->requant->kind, y, 4 * index + c, 4 * index + c, stored[c]);
}

void bt_matrix_row(const bt_matrix *m, const uint8_t *x, void *y, int32_t first, int32_t last)
{
    for (; m->weight_bits == 8 && first + 1 < last; first += 2) {
        if (m->is_signed)
            run_row(m, bt_row_i8, x, y, first);
        else
            run_row(m, bt_row_u8, x, y, first);
    }
    if (first < last)
        bt_matrix_pair(m, x, x, y, 0, first, last);
}
