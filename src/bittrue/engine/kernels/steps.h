/* The steps besides convolution. Each works on one row of one image; a step's unit is a few such rows. */
#ifndef BITTRUE_STEPS_H
#define BITTRUE_STEPS_H

#include "requant.h"

INLINE uint8_t *bt_row(const bt_view *v, int64_t n, int64_t y) { return v->base + n * v->image + y * v->row; }

INLINE int64_t bt_get(const bt_view *v, const uint8_t *p, int64_t i)
{
    return (v->wide ? ((const int32_t *)p)[i] : p[i]) - v->zero;
}

INLINE void bt_put(const bt_view *v, uint8_t *p, int64_t i, int64_t value)
{
    if (v->wide) ((int32_t *)p)[i] = (int32_t)(value + v->zero);
    else p[i] = (uint8_t)(value + v->zero);
}

/* Dense (batch, channels, height, width) arrays of any integer type to a view. */
#define LOAD_TYPE(CODE, TYPE)                                                                             \
    case CODE: {                                                                                          \
        const TYPE *from = (const TYPE *)s->external + (n * s->channels * s->height + y) * s->width;      \
        for (int64_t c = 0; c < s->channels; c++, from += s->height * s->width)                           \
            for (int64_t x = 0; x < s->width; x++) bt_put(&s->out, to + x * s->out.pixel, c, (int64_t)from[x]); \
        break;                                                                                            \
    }
static void bt_load_row(const bt_step *s, int64_t n, int64_t y)
{
    uint8_t *to = bt_row(&s->out, n, y);
    switch (s->external_type) {
        LOAD_TYPE(0, int64_t) LOAD_TYPE(1, uint8_t) LOAD_TYPE(2, int8_t) LOAD_TYPE(3, uint16_t)
        LOAD_TYPE(4, int16_t) LOAD_TYPE(5, uint32_t) LOAD_TYPE(6, int32_t)
    }
}

/* A view to a dense int64 (batch, channels, height, width) array. */
static void bt_store_row(const bt_step *s, int64_t n, int64_t y)
{
    const uint8_t *from = bt_row(&s->a, n, y);
    int64_t *to = (int64_t *)s->external + (n * s->channels * s->height + y) * s->width;
    for (int64_t c = 0; c < s->channels; c++, to += s->height * s->width)
        for (int64_t x = 0; x < s->width; x++) to[x] = bt_get(&s->a, from + x * s->a.pixel, c);
}

/* Accumulators (wide) to a narrow or wide tensor. */
static void bt_requant_row(const bt_step *s, int64_t n, int64_t y)
{
    const uint8_t *from = bt_row(&s->a, n, y);
    uint8_t *to = bt_row(&s->out, n, y);
    for (int64_t x = 0; x < s->width; x++, from += s->a.pixel, to += s->out.pixel)
        bt_requant_exact(s->requant, (const int32_t *)from, 0, s->channels, s->out.wide ? NULL : to,
                         s->out.wide ? (int32_t *)to : NULL);
}

/* One window of a narrow max pool; taps outside of the image do not count. */
static void bt_maxpool_pixel(const bt_step *s, const uint8_t *image, int64_t y, int64_t x, uint8_t *to)
{
    int first = 1;
    for (int64_t i = 0; i < s->kernel[0]; i++) {
        int64_t row = y * s->stride[0] - s->pad[0] + i * s->dilation[0];
        if (row < 0 || row >= s->in_height) continue;
        for (int64_t j = 0; j < s->kernel[1]; j++) {
            int64_t column = x * s->stride[1] - s->pad[1] + j * s->dilation[1];
            if (column < 0 || column >= s->in_width) continue;
            const uint8_t *from = image + row * s->a.row + column * s->a.pixel;
            if (first) memcpy(to, from, (size_t)s->channels);
            else for (int64_t c = 0; c < s->channels; c++) to[c] = from[c] > to[c] ? from[c] : to[c];
            first = 0;
        }
    }
}

/* The common 2x2 window with stride 2 and no padding, in one pass. */
static void bt_maxpool_2x2(const bt_step *s, const uint8_t *restrict top, uint8_t *restrict to)
{
    const uint8_t *bottom = top + s->a.row;
    int64_t right = s->a.pixel;
    for (int64_t c = 0; c < s->channels; c++) {
        uint8_t above = top[c] > top[c + right] ? top[c] : top[c + right];
        uint8_t below = bottom[c] > bottom[c + right] ? bottom[c] : bottom[c + right];
        to[c] = above > below ? above : below;
    }
}

static void bt_maxpool_row(const bt_step *s, int64_t n, int64_t y)
{
    const uint8_t *image = bt_row(&s->a, n, 0);
    uint8_t *to = bt_row(&s->out, n, y);
    int simple = s->kernel[0] == 2 && s->kernel[1] == 2 && s->stride[0] == 2 && s->stride[1] == 2 && !s->pad[0]
                 && !s->pad[1] && s->dilation[0] == 1 && s->dilation[1] == 1;
    for (int64_t x = 0; x < s->width; x++, to += s->out.pixel) {
        if (simple) bt_maxpool_2x2(s, image + 2 * y * s->a.row + 2 * x * s->a.pixel, to);
        else bt_maxpool_pixel(s, image, y, x, to);
    }
}

#endif
