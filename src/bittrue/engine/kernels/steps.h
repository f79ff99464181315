/* The steps besides convolution. Each works on one row of one image; a step's unit is a few such rows. */
#ifndef BITTRUE_STEPS_H
#define BITTRUE_STEPS_H

#include "forms.h"

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

/* `count` neighbouring elements as 32-bit integers. */
INLINE void bt_widen(const bt_view *v, const uint8_t *p, int64_t first, int64_t count, int32_t *acc)
{
    int32_t zero = (int32_t)v->zero;
    if (v->wide) memcpy(acc, (const int32_t *)p + first, (size_t)count * 4);
    else for (int64_t i = 0; i < count; i++) acc[i] = (int32_t)p[first + i] - zero;
}

/* Fewer than PANEL elements of a row: acc = a + sign * b + init. */
static void bt_map_gather_some(const bt_step *s, const uint8_t *a, const uint8_t *b, int64_t first, int64_t count,
                               const int32_t *init, int32_t *acc)
{
    int32_t second[PANEL] = {0}, sign = (int32_t)s->sign;
    bt_widen(&s->a, a, first, count, acc);
    if (sign) bt_widen(&s->b, b, first, count, second);
    for (int64_t i = 0; i < count; i++) acc[i] = (int32_t)((uint32_t)(acc[i] + sign * second[i]) + (uint32_t)init[i]);
}

/* The same for PANEL elements. */
#ifdef BT_AVX512VNNI
INLINE __m512i bt_widen16(const bt_view *v, const uint8_t *p, int64_t first)
{
    if (v->wide) return LOAD((const int32_t *)p + first);
    __m512i stored = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p + first)));
    return _mm512_sub_epi32(stored, _mm512_set1_epi32((int32_t)v->zero));
}

INLINE void bt_map_gather(const bt_step *s, const uint8_t *a, const uint8_t *b, int64_t first, const int32_t *init,
                          int32_t *acc)
{
    for (int64_t i = 0; i < PANEL; i += LANES) {
        __m512i sum = bt_widen16(&s->a, a, first + i);
        if (s->sign > 0) sum = _mm512_add_epi32(sum, bt_widen16(&s->b, b, first + i));
        if (s->sign < 0) sum = _mm512_sub_epi32(sum, bt_widen16(&s->b, b, first + i));
        SAVE(acc + i, _mm512_add_epi32(sum, LOAD(init + i)));
    }
}
#else
INLINE void bt_map_gather(const bt_step *s, const uint8_t *a, const uint8_t *b, int64_t first, const int32_t *init,
                          int32_t *acc)
{
    bt_map_gather_some(s, a, b, first, PANEL, init, acc);
}
#endif

/* Requantization, addition and subtraction (requantized or not), element by element. The channels of a row lie one
 * behind the other, so a row is a vector; its panels meet the parameters of `panels` panels in turn. */
static void bt_map_row(const bt_step *s, int64_t n, int64_t y)
{
    const uint8_t *a = bt_row(&s->a, n, y), *b = s->sign ? bt_row(&s->b, n, y) : NULL;
    uint8_t *to = bt_row(&s->out, n, y), *out[TILE_ROWS];
    int64_t length = s->width * s->channels, size = s->out.wide ? 4 : 1, step = s->panels * PANEL;
    int32_t acc[TILE_ROWS * PANEL] __attribute__((aligned(64))) = {0};
    for (int64_t p = 0; p < s->panels; p++)
        for (int64_t first = p * PANEL; first < length;) {
            int64_t rows = 0, count = PANEL;
            for (; rows < TILE_ROWS && first + PANEL <= length; rows++, first += step) {
                bt_map_gather(s, a, b, first, s->init + p * PANEL, acc + rows * PANEL);
                out[rows] = to + first * size;
            }
            if (!rows) { /* the row's short end */
                count = length - first;
                bt_map_gather_some(s, a, b, first, count, s->init + p * PANEL, acc);
                out[rows++] = to + first * size;
                first += step;
            }
            bt_out(s->panel[p].form, (bt_tile_out){acc, rows, count, p * PANEL, 0, out}, s->requant);
        }
}

/* OR or XOR, element by element, in two's complement. */
static void bt_bitwise_row(const bt_step *s, int64_t n, int64_t y)
{
    const uint8_t *a = bt_row(&s->a, n, y), *b = bt_row(&s->b, n, y);
    uint8_t *to = bt_row(&s->out, n, y);
    for (int64_t i = 0; i < s->width * s->channels; i++) {
        int64_t p = bt_get(&s->a, a, i), q = bt_get(&s->b, b, i);
        bt_put(&s->out, to, i, s->mode == BITS_XOR ? p ^ q : p | q);
    }
}

/* Any function of a byte. */
static void bt_table_row(const bt_step *s, int64_t n, int64_t y)
{
    const uint8_t *from = bt_row(&s->a, n, y);
    uint8_t *to = bt_row(&s->out, n, y);
    for (int64_t x = 0; x < s->width; x++, from += s->a.pixel, to += s->out.pixel)
        for (int64_t c = 0; c < s->channels; c++) bt_put(&s->out, to, c, s->table[from[c]]);
}

/* One image row of the source into its places of a vector (channel, row, column). */
static void bt_flatten_row(const bt_step *s, int64_t n, int64_t y)
{
    const uint8_t *from = bt_row(&s->a, n, y);
    uint8_t *to = bt_row(&s->out, n, 0);
    for (int64_t x = 0; x < s->width; x++, from += s->a.pixel)
        for (int64_t c = 0; c < s->channels; c++)
            bt_put(&s->out, to, (c * s->height + y) * s->width + x, bt_get(&s->a, from, c));
}

/* The elements of the source, from its `base` on, to those of the target, from its `base` on. */
static void bt_copy_row(const bt_step *s, int64_t n, int64_t y)
{
    const uint8_t *from = bt_row(&s->a, n, y);
    uint8_t *to = bt_row(&s->out, n, y);
    for (int64_t x = 0; x < s->width; x++, from += s->a.pixel, to += s->out.pixel)
        for (int64_t c = 0; c < s->channels; c++) bt_put(&s->out, to, c, bt_get(&s->a, from, c));
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

/* The common 2x2 window with stride 2, inside of the image, in one pass. */
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
                 && !s->pad[1] && s->dilation[0] == 1 && s->dilation[1] == 1
                 && 2 * s->height <= s->in_height && 2 * s->width <= s->in_width; /* no padding behind the image */
    for (int64_t x = 0; x < s->width; x++, to += s->out.pixel) {
        if (simple) bt_maxpool_2x2(s, image + 2 * y * s->a.row + 2 * x * s->a.pixel, to);
        else bt_maxpool_pixel(s, image, y, x, to);
    }
}

/* num / den rounded, den > 0, by quotient and remainder of the floor division. */
INLINE int64_t bt_round_divide(int64_t num, int64_t den, int64_t mode)
{
    int64_t quotient = num / den, rest = num % den;
    if (rest < 0) quotient--, rest += den;
    int64_t above = den - rest; /* distance to the next integer */
    int64_t tie_up = mode == ROUND_HALF_UP ? 1 : mode == ROUND_HALF_EVEN ? (quotient & 1) : (num >= 0);
    if (mode == ROUND_FLOOR) return quotient;
    if (mode == ROUND_TOWARD_ZERO) return num / den;
    return quotient + ((rest > above) | ((rest == above) & tie_up));
}

#define SUM_CHANNELS 64
/* Sums of windows, divided; padding counts as zeros. */
static void bt_avgpool_pixel(const bt_step *s, const uint8_t *image, int64_t y, int64_t x, uint8_t *to, int64_t channel)
{
    int64_t sum[SUM_CHANNELS] = {0};
    int64_t count = s->channels - channel < SUM_CHANNELS ? s->channels - channel : SUM_CHANNELS;
    for (int64_t i = 0; i < s->kernel[0]; i++) {
        int64_t row = y * s->stride[0] - s->pad[0] + i * s->dilation[0];
        if (row < 0 || row >= s->in_height) continue;
        for (int64_t j = 0; j < s->kernel[1]; j++) {
            int64_t column = x * s->stride[1] - s->pad[1] + j * s->dilation[1];
            if (column < 0 || column >= s->in_width) continue;
            int32_t element[SUM_CHANNELS];
            bt_widen(&s->a, image + row * s->a.row + column * s->a.pixel, channel, count, element);
            for (int64_t c = 0; c < count; c++) sum[c] += element[c];
        }
    }
    for (int64_t c = 0; c < count; c++) bt_put(&s->out, to, channel + c, bt_round_divide(sum[c], s->divisor, s->mode));
}

static void bt_avgpool_row(const bt_step *s, int64_t n, int64_t y)
{
    for (int64_t x = 0; x < s->width; x++)
        for (int64_t c = 0; c < s->channels; c += SUM_CHANNELS)
            bt_avgpool_pixel(s, bt_row(&s->a, n, 0), y, x, bt_row(&s->out, n, y) + x * s->out.pixel, c);
}

#endif
