/* Sum of every window, requantized; four channels at a time, each picked by a dot product with a single one. */
#include "bt_window.h"

typedef struct {
    int32_t channel[4];
} sums;

BT_INLINE sums add_word(sums s, uint32_t word, int32_t is_signed)
{
    for (int32_t c = 0; c < 4; c++)
        s.channel[c] = is_signed ? bt_dot_i8(s.channel[c], word, 1u << (8 * c))
                                 : bt_dot_u8(s.channel[c], word, 1u << (8 * c));
    return s;
}

BT_INLINE sums sum_of(bt_window window, int32_t channel, int32_t bytes, int32_t is_signed)
{
    const uint8_t *line = window.pixel + channel;
    sums s = {{0, 0, 0, 0}};
    for (int32_t y = 0; y < window.rows; y++, line += window.row_step) {
        const uint8_t *from = line;
        for (int32_t x = 0; x < window.columns; x++, from += window.column_step)
            s = add_word(s, bt_load_part(from, bytes), is_signed);
    }
    return s;
}

static __attribute__((noinline)) sums sum_i8(bt_window window, int32_t channel)
{
    return sum_of(window, channel, 4, 1);
}

static __attribute__((noinline)) sums sum_u8(bt_window window, int32_t channel)
{
    return sum_of(window, channel, 4, 0);
}

/* Four channels by shift, the kind of every power of two. */
static __attribute__((noinline)) void put_narrow(const bt_requant *q, uint8_t *y, int32_t channel, const sums *s)
{
    const bt_scale *scale = q->scales + (q->per_channel ? channel : 0);
    int32_t step = q->per_channel;
    for (int32_t c = 0; c < 4; c++, scale += step)
        y[c] = (uint8_t)bt_scaled(q, BT_NARROW, scale, s->channel[c]);
}

static __attribute__((noinline)) void put_any(const bt_pool_params *p, int32_t at, int32_t channel, int32_t count,
                                              const sums *s)
{
    for (int32_t c = 0; c < count; c++)
        bt_put(&p->requant, p->requant.kind, p->output, at + c, channel + c, s->channel[c]);
}

static void average(const bt_pool_params *p, bt_window window, int32_t pixel, int32_t channel)
{
    int32_t bytes = bt_min(p->channels - channel, 4), at = pixel * p->out_pitch + channel;
    sums s = bytes < 4 ? sum_of(window, channel, bytes, p->is_signed)
                       : (p->is_signed ? sum_i8 : sum_u8)(window, channel);
    if (bytes == 4 && p->requant.kind == BT_NARROW)
        put_narrow(&p->requant, (uint8_t *)p->output + at, channel, &s);
    else
        put_any(p, at, channel, bytes, &s);
}

void bt_avg_pool(const bt_pool_params *p, int32_t core, int32_t cores)
{
    int32_t words = (p->channels + 3) >> 2;
    bt_share share = bt_share_of(p->out_h * p->out_w * words, core, cores);
    for (int32_t unit = share.begin; unit < share.end;) {
        bt_run run = bt_run_of(unit, share.end, words);
        bt_window window = bt_window_of(p, run.pixel);
        for (int32_t word = run.word; word < run.last; word++, unit++)
            average(p, window, run.pixel, 4 * word);
    }
}
