/* Largest value of every window, four channels at a time. */
#include "bt_window.h"

/* Words of four channels; every window holds a pixel. */
BT_INLINE void whole_words(bt_window window, uint8_t *y, int32_t words, int32_t is_signed)
{
    for (; words > 0; words--, window.pixel += 4, y += 4) {
        const uint8_t *line = window.pixel;
        uint32_t found = bt_load(line);
        for (int32_t row = window.rows; row > 0; row--, line += window.row_step) {
            const uint8_t *from = line;
            for (int32_t column = window.columns; column > 0; column--, from += window.column_step) {
                uint32_t word = bt_load(from);
                found = is_signed ? bt_max_i8(found, word) : bt_max_u8(found, word);
            }
        }
        bt_store(y, found);
    }
}

static __attribute__((noinline)) void words_i8(bt_window window, uint8_t *y, int32_t words)
{
    whole_words(window, y, words, 1);
}

static __attribute__((noinline)) void words_u8(bt_window window, uint8_t *y, int32_t words)
{
    whole_words(window, y, words, 0);
}

/* The last 1 to 3 channels. */
static void last_bytes(bt_window window, uint8_t *y, int32_t bytes, int32_t is_signed)
{
    const uint8_t *line = window.pixel;
    uint32_t found = bt_load_part(line, bytes);
    for (int32_t row = 0; row < window.rows; row++, line += window.row_step)
        for (int32_t column = 0; column < window.columns; column++) {
            uint32_t word = bt_load_part(line + column * window.column_step, bytes);
            found = is_signed ? bt_max_i8(found, word) : bt_max_u8(found, word);
        }
    bt_store_part(y, found, bytes);
}

void bt_max_pool(const bt_pool_params *p, int32_t core, int32_t cores)
{
    int32_t words = (p->channels + 3) >> 2;
    bt_share share = bt_share_of(p->out_h * p->out_w * words, core, cores);
    for (int32_t unit = share.begin; unit < share.end;) {
        bt_run run = bt_run_of(unit, share.end, words);
        bt_window window = bt_window_of(p, run.pixel);
        uint8_t *y = (uint8_t *)p->output + run.pixel * p->out_pitch + 4 * run.word;
        int32_t whole = bt_min(run.last, p->channels >> 2) - run.word;
        window.pixel += 4 * run.word;
        (p->is_signed ? words_i8 : words_u8)(window, y, whole);
        if (run.word + whole < run.last) {
            window.pixel += 4 * whole;
            last_bytes(window, y + 4 * whole, p->channels & 3, p->is_signed);
        }
        unit += run.last - run.word;
    }
}
