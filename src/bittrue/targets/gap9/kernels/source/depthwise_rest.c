/* Depthwise convolution: signed activations, 64-bit sums, kernels of other sizes, rare requantizations. Apart from
 * depthwise.c, which with the loops that are used most is as large as the shared instruction cache.
 */
#include "bt_depthwise.h"

BT_DEFINE_THREES(i8)
BT_DEFINE_PICK(pick_i8, i8)
BT_DEFINE_ONE(wide, i8, WIDE, 9, 11)
BT_DEFINE_ONE(wide, u8, WIDE, 9, 11)
BT_DEFINE_TWO(wide, i8, WIDE, BT_CLAMPED, 9, 22)
BT_DEFINE_TWO(wide, u8, WIDE, BT_CLAMPED, 9, 22)
BT_DEFINE_FOURS(narrow, i8, NARROW, 5)
BT_DEFINE_FOURS(narrow, u8, NARROW, 5)
BT_DEFINE_FOURS(parts, i8, PARTS, 7)
BT_DEFINE_FOURS(parts, u8, PARTS, 7)
BT_DEFINE_FOURS(wide, i8, WIDE, 8)
BT_DEFINE_FOURS(wide, u8, WIDE, 8)

static bt_lines_function *fours(int32_t kind, int32_t is_signed)
{
    if (kind == BT_PARTS)
        return is_signed ? bt_fours_i8_parts : bt_fours_u8_parts;
    if (kind == BT_WIDE)
        return is_signed ? bt_fours_i8_wide : bt_fours_u8_wide;
    return is_signed ? bt_fours_i8_narrow : bt_fours_u8_narrow;
}

bt_lines_function *bt_depthwise_function(bt_way way, const bt_requant *q, int32_t is_signed, int32_t two)
{
    if (way == BT_BY_FOURS)
        return fours(q->kind, is_signed);
    if (q->kind != BT_WIDE)
        return pick_i8(q->kind, two, q->lo == 0);
    if (two)
        return is_signed ? bt_two_i8_wide : bt_two_u8_wide;
    return is_signed ? bt_one_i8_wide : bt_one_u8_wide;
}

/* Any kernel and requantization, word by word. */
BT_INLINE int32_t window_sum(const bt_depthwise_params *p, const uint8_t *x, const uint8_t *w, int32_t sum)
{
    int32_t column = 4 * ((p->kernel_h + 3) >> 2), step = p->dilation_w * column;
    for (int32_t kx = 0; kx < p->kernel_w; kx++, x += step, w += column)
        for (int32_t t = 0; t < column; t += 4)
            sum = p->is_signed ? bt_dot_i8(sum, bt_load(x + t), bt_load(w + t))
                               : bt_dot_u8(sum, bt_load(x + t), bt_load(w + t));
    return sum;
}

void bt_depthwise_words(const bt_depthwise_params *p, const bt_unit *u)
{
    int32_t size = p->kernel_w * 4 * u->words, step = p->stride_w * 4 * u->words;
    int32_t row = u->oy * p->out_w * p->out_pitch;
    for (int32_t c = 0; c < u->valid; c++) {
        int32_t channel = u->channel + c, bias = p->bias ? p->bias[channel] : 0, at = row + channel;
        const uint8_t *x = u->scratch + c * u->plane, *w = (const uint8_t *)p->weights + channel * size;
        for (int32_t left = p->out_w; left > 0; left--, x += step, at += p->out_pitch)
            bt_put(&p->requant, p->requant.kind, p->output, at, channel, window_sum(p, x, w, bias));
    }
}
