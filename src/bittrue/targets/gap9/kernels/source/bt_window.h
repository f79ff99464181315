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

BT_INLINE bt_window bt_window_of(const bt_pool_params *p, int32_t pixel)
{
    int32_t oy = pixel / p->out_w, ox = pixel - oy * p->out_w;
    bt_span y = bt_span_of(oy * p->stride_h - p->pad_top, p->kernel_h, p->dilation_h, p->in_h);
    bt_span x = bt_span_of(ox * p->stride_w - p->pad_left, p->kernel_w, p->dilation_w, p->in_w);
    bt_window window = {(const uint8_t *)p->input + (y.first * p->in_w + x.first) * p->in_pitch, y.count, x.count,
                        p->dilation_h * p->in_w * p->in_pitch, p->dilation_w * p->in_pitch};
    return window;
}

/* A core's share: words (groups of 4 channels) of pixels, in the order of memory. */
typedef struct {
    int32_t pixel;
    int32_t word;
    int32_t last;
} bt_run;

BT_INLINE bt_run bt_run_of(int32_t unit, int32_t end, int32_t words)
{
    int32_t pixel = unit / words, word = unit - pixel * words;
    bt_run run = {pixel, word, bt_min(words, word + end - unit)};
    return run;
}

#endif
