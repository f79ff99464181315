/* Convolutions and fully connected layers: units of work over output pixels and panels of output channels. */
#ifndef BITTRUE_CONV_H
#define BITTRUE_CONV_H

#include "forms.h"
#include "gemm.h"

INLINE int64_t bt_divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
INLINE int64_t bt_least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t bt_conv_rows(const bt_step *s) { return s->batch * s->height * s->width; }

static int64_t bt_conv_units(const bt_step *s)
{
    return bt_divide_up(bt_conv_rows(s), s->rows_per_unit) * bt_divide_up(s->panels, s->panels_per_unit);
}

/* Where the windows of `count` output pixels begin in the input, and where their results go. */
static void bt_conv_pixels(const bt_step *s, int64_t row, int64_t count, const uint8_t **in, uint8_t **out)
{
    int64_t x = row % s->width, y = row / s->width % s->height, n = row / s->width / s->height;
    for (int64_t i = 0; i < count; i++) {
        in[i] = s->a.base + n * s->a.image + (y * s->stride[0] - s->pad[0]) * s->a.row
                + (x * s->stride[1] - s->pad[1]) * s->a.pixel;
        out[i] = s->out.base + n * s->out.image + y * s->out.row + x * s->out.pixel;
        if (++x == s->width) {
            x = 0;
            if (++y == s->height) y = 0, n++;
        }
    }
}

/* One panel for `count` pixels. The last tile moves back to stay full where it can, else its spare rows repeat the
 * last window; both only redo work, and nothing is stored twice. */
static void bt_conv_panel(const bt_step *s, int64_t index, int64_t count, const uint8_t *const *in,
                          uint8_t *const *out)
{
    const bt_panel *panel = s->panel + index;
    bt_operand op = {s, s->weights + index * s->runs * s->quads * 4 * PANEL, s->init + index * PANEL};
    int32_t acc[16 * PANEL] __attribute__((aligned(64)));
    int64_t rows;
    for (int64_t done = 0; done < count; done += rows) {
        rows = bt_tile_rows(panel->count, count - done, s->pairs);
        int64_t first = bt_least(done, count - rows > 0 ? count - rows : 0), taken = bt_least(rows, count - first);
        const uint8_t *a[16];
        uint8_t *o[16];
        for (int64_t r = 0; r < rows; r++) a[r] = in[first + bt_least(r, taken - 1)] + panel->in_offset;
        for (int64_t r = 0; r < taken; r++) o[r] = out[first + r] + panel->out_channel * (panel->form ? 1 : 4);
        if (s->pairs && rows == 16 && taken < 16)
            for (int64_t r = taken; r < 16; r++) a[r] = a[taken - 2];
        bt_tile(op, rows, panel->count, a, acc);
        bt_out(panel->form, (bt_tile_out){acc, done - first, taken, panel->count, index * PANEL, o}, s->requant);
    }
}

static void bt_conv_unit(const bt_step *s, int64_t unit)
{
    int64_t chunks = bt_divide_up(bt_conv_rows(s), s->rows_per_unit);
    int64_t row = unit % chunks * s->rows_per_unit, panel = unit / chunks * s->panels_per_unit;
    int64_t count = bt_least(s->rows_per_unit, bt_conv_rows(s) - row);
    const uint8_t *in[MAX_ROWS];
    uint8_t *out[MAX_ROWS];
    bt_conv_pixels(s, row, count, in, out);
    for (int64_t end = bt_least(panel + s->panels_per_unit, s->panels); panel < end; panel++)
        bt_conv_panel(s, panel, count, in, out);
}

#endif
