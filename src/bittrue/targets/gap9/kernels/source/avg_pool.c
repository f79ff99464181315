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

/* Words of four channels by shift, the kind of every power of two; window and y are at the first one. */
BT_INLINE void narrow_words(bt_window window, const bt_requant *q, uint8_t *y, int32_t channel, int32_t words,
                            int32_t is_signed)
{
    bt_requant r = *q;
    const bt_scale *scale = r.scales + (r.per_channel ? channel : 0);
    for (; words > 0; words--, window.pixel += 4, y += 4) {
        sums s = sum_of(window, 0, 4, is_signed);
        for (int32_t c = 0; c < 4; c++, scale += r.per_channel)
            y[c] = (uint8_t)bt_scaled(&r, BT_NARROW, scale, s.channel[c]);
    }
}

static __attribute__((noinline)) void narrow_i8(bt_window window, const bt_requant *q, uint8_t *y, int32_t channel,
                                                int32_t words)
{
    narrow_words(window, q, y, channel, words, 1);
}

static __attribute__((noinline)) void narrow_u8(bt_window window, const bt_requant *q, uint8_t *y, int32_t channel,
                                                int32_t words)
{
    narrow_words(window, q, y, channel, words, 0);
}

/* Up to four channels, any kind. */
static __attribute__((noinline)) void average(const bt_pool_params *p, bt_window window, int32_t pixel, int32_t channel)
{
    int32_t bytes = bt_min(p->channels - channel, 4), at = pixel * p->out_pitch + channel;
    sums s = sum_of(window, channel, bytes, p->is_signed);
    for (int32_t c = 0; c < bytes; c++)
        bt_put(&p->requant, p->requant.kind, p->output, at + c, channel + c, s.channel[c]);
}

void bt_avg_pool(const bt_pool_params *p, int32_t core, int32_t cores)
{
    int32_t words = (p->channels + 3) >> 2;
    bt_share share = bt_share_of(p->out_h * p->out_w * words, core, cores);
    for (int32_t unit = share.begin; unit < share.end;) {
        bt_run run = bt_run_of(unit, share.end, words);
        bt_window window = bt_window_of(p, run.pixel), here = window;
        int32_t word = run.word, whole = bt_min(run.last, p->channels >> 2) - word;
        if (p->requant.kind == BT_NARROW && whole > 0) {
            here.pixel += 4 * word;
            (p->is_signed ? narrow_i8 : narrow_u8)(here, &p->requant, (uint8_t *)p->output + run.pixel * p->out_pitch +
                                                   4 * word, 4 * word, whole);
            word += whole;
        }
        for (; word < run.last; word++)
            average(p, window, run.pixel, 4 * word);
        unit += run.last - run.word;
    }
}
