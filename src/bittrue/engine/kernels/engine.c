/* The executor of a list of steps: one library per instruction set, chosen by the macros BT_AVX512VNNI, BT_AVXVNNI,
 * BT_AVX2 or none of them (plain C). */
#include "conv.h"
#include "pool.h"
#include "steps.h"

typedef void (*bt_row_function)(const bt_step *, int64_t, int64_t);

static const bt_row_function bt_rows[STEP_COUNT] = {
    [STEP_MAP] = bt_map_row,
    [STEP_LOAD] = bt_load_row,
    [STEP_STORE] = bt_store_row,
    [STEP_MAXPOOL] = bt_maxpool_row,
    [STEP_AVGPOOL] = bt_avgpool_row,
    [STEP_TABLE] = bt_table_row,
    [STEP_FLATTEN] = bt_flatten_row,
    [STEP_COPY] = bt_copy_row,
    [STEP_BITWISE] = bt_bitwise_row,
};

static int64_t bt_step_units(const bt_step *s)
{
    if (s->kind == STEP_CONV) return s->units;
    return bt_divide_up(s->batch * s->height, s->rows_per_unit);
}

static void bt_step_unit(const bt_step *s, int64_t unit)
{
    if (s->kind == STEP_CONV) {
        bt_conv_unit(s, unit);
        return;
    }
    int64_t row = unit * s->rows_per_unit, end = bt_least(row + s->rows_per_unit, s->batch * s->height);
    for (; row < end; row++) bt_rows[s->kind](s, row / s->height, row % s->height);
}

EXPORT int64_t bt_run(const bt_step *steps, int64_t count, int64_t threads)
{
    return bt_run_steps(steps, count, threads);
}

/* Sizes of the shared structures, so that the caller can check that both sides agree. */
EXPORT void bt_layout(int64_t *sizes)
{
    sizes[0] = sizeof(bt_view);
    sizes[1] = sizeof(bt_requant);
    sizes[2] = sizeof(bt_panel);
    sizes[3] = sizeof(bt_region);
    sizes[4] = sizeof(bt_step);
}

/* The steps of a monotone requantization in slot `c` between two accumulators: writes pairs (last before, first after)
 * in order, at most `room` accumulators; returns how many there are. */
static int64_t bt_steps_between(const bt_requant *rq, int64_t c, int64_t low, int64_t y_low, int64_t high,
                                int64_t y_high, int64_t *out, int64_t room)
{
    if (y_low == y_high) return 0;
    if (high - low == 1) {
        if (room >= 2) out[0] = low, out[1] = high;
        return 2;
    }
    int64_t middle = low + (high - low) / 2, sloped = rq->slope_multiplier != 1 || rq->slope_shift != 0;
    int64_t y = bt_requant_one(rq, rq->mode, sloped, middle, c);
    int64_t left = bt_steps_between(rq, c, low, y_low, middle, y, out, room);
    int64_t used = left < room ? left : room;
    return left + bt_steps_between(rq, c, middle, y, high, y_high, out + used, room - used);
}

EXPORT int64_t bt_steps(const bt_requant *rq, int64_t c, int64_t low, int64_t high, int64_t *out, int64_t room)
{
    int64_t sloped = rq->slope_multiplier != 1 || rq->slope_shift != 0;
    return bt_steps_between(rq, c, low, bt_requant_one(rq, rq->mode, sloped, low, c), high,
                            bt_requant_one(rq, rq->mode, sloped, high, c), out, room);
}

/* Send `rows` rows of PANEL accumulators of the panel that begins at `slot` through a form: stored bytes in `out`. */
EXPORT void bt_apply(int64_t form, const bt_requant *rq, int64_t slot, const int32_t *acc, int64_t rows, uint8_t *out)
{
    int32_t tile[TILE_ROWS * PANEL] __attribute__((aligned(64))) = {0};
    uint8_t *to[TILE_ROWS];
    for (int64_t done = 0; done < rows; done += TILE_ROWS) {
        int64_t taken = bt_least(TILE_ROWS, rows - done);
        memcpy(tile, acc + done * PANEL, (size_t)(taken * PANEL) * 4);
        for (int64_t r = 0; r < taken; r++) to[r] = out + (done + r) * PANEL;
        bt_out(form, (bt_tile_out){tile, taken, PANEL, slot, 0, to}, rq);
    }
}
