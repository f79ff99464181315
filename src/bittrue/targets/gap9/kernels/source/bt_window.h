/* What a pooling window sees of the image, and the walk over windows that both poolings share. */
#ifndef BT_WINDOW_H
#define BT_WINDOW_H

#include "bt_common.h"
#include "bt_kernels.h"

typedef struct {
    int32_t first;
    int32_t count;
} bt_span;

/* The taps start, start + dilation, ... (`kernel` of them) that lie within 0 to size-1. */
BT_INLINE bt_span bt_span_of(int32_t start, int32_t kernel, int32_t dilation, int32_t size)
{
    bt_span span = {start, kernel};
    if (start >= 0 && start + (kernel - 1) * dilation < size)
        return span;
    for (; span.count > 0 && span.first < 0; span.count--)
        span.first += dilation;
    while (span.count > 0 && span.first + (span.count - 1) * dilation >= size)
        span.count--;
    return span;
}

/* The pixels of one window: the first one, how many in height and width, and the bytes between them. */
typedef struct {
    const uint8_t *pixel;
    int32_t rows;
    int32_t columns;
    int32_t row_step;
    int32_t column_step;
} bt_window;

/* A core's share: words (groups of 4 channels) of pixels, in the order of memory. A turn is what it does of one pixel:
 * words `word` to `last`-1.
 */
typedef struct {
    int32_t left;
    int32_t oy;
    int32_t ox;
    int32_t word;
    int32_t last;
    int32_t words;
    /* Rows of the image that the windows of this row see. */
    bt_span rows;
    bt_window window;
    /* The output's pixel, in elements. */
    int32_t out;
} bt_walk_over;

BT_INLINE void bt_set_row(const bt_pool_params *p, bt_walk_over *w)
{
    w->rows = bt_span_of(w->oy * p->stride_h - p->pad_top, p->kernel_h, p->dilation_h, p->in_h);
    w->window.rows = w->rows.count;
}

BT_INLINE void bt_set_window(const bt_pool_params *p, bt_walk_over *w)
{
    bt_span x = bt_span_of(w->ox * p->stride_w - p->pad_left, p->kernel_w, p->dilation_w, p->in_w);
    w->window.pixel = (const uint8_t *)p->input + (w->rows.first * p->in_w + x.first) * p->in_pitch;
    w->window.columns = x.count;
    w->last = bt_min(w->words, w->word + w->left);
}

BT_INLINE bt_walk_over bt_begin(const bt_pool_params *p, int32_t core, int32_t cores)
{
    int32_t words = (p->channels + 3) >> 2;
    bt_share share = bt_share_of(p->out_h * p->out_w * words, core, cores);
    int32_t pixel = share.begin / words, oy = pixel / p->out_w;
    bt_window window = {0, 0, 0, p->dilation_h * p->in_w * p->in_pitch, p->dilation_w * p->in_pitch};
    bt_walk_over w = {share.end - share.begin, oy, pixel - oy * p->out_w, share.begin - pixel * words, 0, words, {0, 0},
                      window, pixel * p->out_pitch};
    bt_set_row(p, &w);
    bt_set_window(p, &w);
    return w;
}

/* The next pixel; `left` becomes 0 behind the last one. */
BT_INLINE void bt_next(const bt_pool_params *p, bt_walk_over *w)
{
    w->left -= w->last - w->word;
    w->word = 0;
    w->out += p->out_pitch;
    if (++w->ox == p->out_w) {
        w->ox = 0;
        w->oy++;
        bt_set_row(p, w);
    }
    bt_set_window(p, w);
}

#endif
