/* Fully connected layer: rows in pairs; a single row by up to two blocks of channels at a time. */
#include "bt_common.h"
#include "bt_dot.h"
#include "bt_kernels.h"
#include "bt_matrix.h"

/* Two blocks, one block, or two channels of one; all sums begin with the bias. */
BT_INLINE void row_sums(const bt_matrix *m, const uint8_t *x, int32_t sum[8], int32_t channel, int32_t count,
                        int32_t is_signed)
{
    const uint8_t *w = m->weights + (channel >> 2) * m->words * 16 + (channel & 3) * 4;
    if (count == 8)
        (is_signed ? bt_row_i8 : bt_row_u8)(sum, w, w + m->words * 16, x, m->words);
    else if (count == 4)
        (is_signed ? bt_four_i8 : bt_four_u8)(sum, w, x, m->words);
    else
        (is_signed ? bt_two_i8 : bt_two_u8)(sum, w, x, m->words);
}

static __attribute__((noinline)) void row_i8(const bt_matrix *m, const uint8_t *x, int32_t sum[8], int32_t channel,
                                             int32_t count)
{
    row_sums(m, x, sum, channel, count, 1);
}

static __attribute__((noinline)) void row_u8(const bt_matrix *m, const uint8_t *x, int32_t sum[8], int32_t channel,
                                             int32_t count)
{
    row_sums(m, x, sum, channel, count, 0);
}

/* `kind` is a constant. */
BT_INLINE void put_bytes(const bt_requant *q, int32_t kind, uint8_t *y, int32_t channel, const int32_t *sum,
                         int32_t count)
{
    const bt_scale *scale = q->scales + (q->per_channel ? channel : 0);
    for (int32_t step = q->per_channel; count > 0; count--, scale += step)
        *y++ = (uint8_t)bt_scaled(q, kind, scale, *sum++);
}

static void put_row(const bt_requant *q, void *y, int32_t channel, const int32_t *sum, int32_t count)
{
    if (q->kind == BT_PARTS)
        put_bytes(q, BT_PARTS, (uint8_t *)y + channel, channel, sum, count);
    else if (q->kind == BT_WIDE)
        put_bytes(q, BT_WIDE, (uint8_t *)y + channel, channel, sum, count);
    else if (q->kind == BT_NARROW)
        put_bytes(q, BT_NARROW, (uint8_t *)y + channel, channel, sum, count);
    else
        for (int32_t c = 0; c < count; c++)
            bt_put(q, q->kind, y, channel + c, channel + c, sum[c]);
}

/* One row with 8-bit weights; a core has an even number of channels: small layers keep all of them busy, too. */
static void single_row(const bt_linear_params *p, const bt_matrix *m, int32_t core, int32_t cores)
{
    bt_share pairs = bt_share_of((p->out_c + 1) >> 1, core, cores);
    int32_t channel = 2 * pairs.begin, end = bt_min(2 * pairs.end, p->out_c);
    for (int32_t count; channel < end; channel += count) {
        int32_t sum[8], left = end - channel;
        count = (channel & 3) || left <= 2 ? 2 : left <= 6 ? 4 : 8;
        for (int32_t c = 0; c < count; c++)
            sum[c] = m->bias ? m->bias[channel + c] : 0;
        (m->is_signed ? row_i8 : row_u8)(m, p->input, sum, channel, count);
        put_row(m->requant, p->output, channel, sum, bt_min(count, left));
    }
}

static void paired_rows(const bt_linear_params *p, const bt_matrix *m, int32_t core, int32_t cores)
{
    int32_t pitch = p->out_pitch * (p->requant.kind == BT_NONE ? 4 : 1);
    bt_piece piece = bt_piece_of(p->rows, p->out_c, core, cores);
    for (; piece.left > 0; bt_next_piece(&piece)) {
        int32_t row = 2 * piece.pair, two = row + 1 < p->rows;
        const uint8_t *x = (const uint8_t *)p->input + row * p->in_pitch;
        uint8_t *y = (uint8_t *)p->output + row * pitch;
        bt_cut_piece(&piece, (p->rows - row) >> 1);
        bt_rows r = {x, two ? x + p->in_pitch : x, y, two ? y + pitch : y, 2 * p->in_pitch, 2 * pitch, piece.pairs};
        bt_matrix_rows(m, &r, piece.first, piece.last);
    }
}

void bt_linear(const bt_linear_params *p, int32_t core, int32_t cores)
{
    bt_matrix m = {p->weights, p->bias, &p->requant, p->out_c, bt_words(p->in_c, p->weight_bits), p->weight_bits,
                   p->is_signed};
    if (p->rows == 1 && p->weight_bits == 8)
        single_row(p, &m, core, cores);
    else
        paired_rows(p, &m, core, cores);
}
