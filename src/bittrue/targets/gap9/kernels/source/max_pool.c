/* Largest value of every window, four channels at a time. */
#include "bt_window.h"

static uint32_t largest(bt_window window, int32_t channel, int32_t bytes, int32_t is_signed)
{
    const uint8_t *line = window.pixel + channel;
    uint32_t found = bt_load_part(line, bytes);
    for (int32_t y = 0; y < window.rows; y++, line += window.row_step) {
        const uint8_t *from = line;
        for (int32_t x = 0; x < window.columns; x++, from += window.column_step) {
            uint32_t word = bt_load_part(from, bytes);
            found = is_signed ? bt_max_i8(found, word) : bt_max_u8(found, word);
        }
    }
    return found;
}

void bt_max_pool(const bt_pool_params *p, int32_t core, int32_t cores)
{
    int32_t words = (p->channels + 3) >> 2;
    bt_share share = bt_share_of(p->out_h * p->out_w * words, core, cores);
    for (int32_t unit = share.begin; unit < share.end;) {
        bt_run run = bt_run_of(unit, share.end, words);
        bt_window window = bt_window_of(p, run.pixel);
        uint8_t *y = (uint8_t *)p->output + run.pixel * p->out_pitch;
        for (int32_t word = run.word; word < run.last; word++, unit++) {
            int32_t bytes = bt_min(p->channels - 4 * word, 4);
            bt_store_part(y + 4 * word, largest(window, 4 * word, bytes, p->is_signed), bytes);
        }
    }
}
