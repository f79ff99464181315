/* Convolutions and fully connected layers: units of work over output pixels and panels of output channels. */
#ifndef BITTRUE_CONV_H
#define BITTRUE_CONV_H

#include "forms.h"
#include "gemm.h"

INLINE int64_t bt_divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
INLINE int64_t bt_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Where the windows of `count` output pixels of a region begin in the input, and where their results go. */
static void bt_conv_pixels(const bt_step *s, const bt_region *g, int64_t row, int64_t count, const uint8_t **in,
                           uint8_t **out)
{
    int64_t in_step = s->stride[1] * s->a.pixel, out_step = s->out.pixel;
    int64_t x = row % g->width, y = row / g->width % g->height, n = row / g->width / g->height;
    for (int64_t done = 0; done < count;) {
        int64_t stretch = bt_least(count - done, g->width - x);
        const uint8_t *from = s->a.base + n * s->a.image + ((g->y + y) * s->stride[0] - s->pad[0]) * s->a.row
                              + ((g->x + x) * s->stride[1] - s->pad[1]) * s->a.pixel;
        uint8_t *to = s->out.base + n * s->out.image + (g->y + y) * s->out.row + (g->x + x) * s->out.pixel;
        for (int64_t i = 0; i < stretch; i++) {
            in[done + i] = from + i * in_step;
            out[done + i] = to + i * out_step;
        }
        done += stretch, x = 0;
        if (++y == g->height) y = 0, n++;
    }
}

/* One panel for `count` pixels of region `g`. The last tile may compute spare rows, which are not stored. */
static void bt_conv_panel(const bt_step *s, const bt_region *g, int64_t index, int64_t count, const uint8_t *const *in,
                          uint8_t *const *out)
{
    const bt_panel *panel = s->panel + index;
    int64_t pitch = s->quads * 4 * PANEL, skipped = (g->run * s->quads + g->quad) * 4 * PANEL;
    bt_product op = {
        .runs = g->runs, .bytes = g->quads * 4, .run_offset = s->run_offset + g->run,
        .in_offset = panel->in_offset + g->quad * 4,
        .weights = s->weights + index * s->runs * pitch + skipped, .weights_pitch = pitch,
        .init = s->init + ((g - s->region) * s->panels + index) * PANEL, .neighbour = s->stride[1] * s->a.pixel};
    int64_t offset = panel->out_channel * (s->out.wide ? 4 : 1);
    int32_t acc[TILE_ROWS * PANEL] __attribute__((aligned(64))) = {0};
    for (int64_t done = 0; done < count;) {
        int64_t taken = bt_tile(op, count - done, panel->count, g->pairs, in + done, acc);
        taken = bt_least(taken, count - done);
        bt_out(panel->form, (bt_tile_out){acc, taken, panel->count, index * PANEL, offset, out + done}, s->requant);
        done += taken;
    }
}

static void bt_conv_unit(const bt_step *s, int64_t unit)
{
    const bt_region *g = s->region + s->unit[3 * unit];
    int64_t row = s->unit[3 * unit + 1], panel = s->unit[3 * unit + 2];
    int64_t count = bt_least(g->rows_per_unit, s->batch * g->height * g->width - row);
    const uint8_t *in[MAX_ROWS + TILE_ROWS];
    uint8_t *out[MAX_ROWS];
    bt_conv_pixels(s, g, row, count, in, out);
    for (int64_t i = 0; i < TILE_ROWS; i++) in[count + i] = in[count - 1 - (g->pairs ? 1 : 0)]; /* for spare rows */
    for (int64_t end = bt_least(panel + g->panels_per_unit, s->panels); panel < end; panel++)
        bt_conv_panel(s, g, panel, count, in, out);
}

#endif
