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

static void average(const bt_pool_params *p, bt_window window, int32_t pixel, int32_t channel)
{
    int32_t bytes = bt_min(p->channels - channel, 4);
    sums s = p->is_signed ? sum_of(window, channel, bytes, 1) : sum_of(window, channel, bytes, 0);
    for (int32_t c = 0; c < bytes; c++)
        bt_put(&p->requant, p->requant.kind, p->output, pixel * p->out_pitch + channel + c, channel + c, s.channel[c]);
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
