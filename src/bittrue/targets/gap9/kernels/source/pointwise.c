/* Convolution with a 1x1 kernel: the pixels themselves are the rows of the matrix. */
#include "bt_common.h"
#include "bt_kernels.h"
#include "bt_matrix.h"

/* Where a pixel of the output is in its row, and what lies below it. */
typedef struct {
    const uint8_t *x;
    int32_t left;
    int32_t step;
    int32_t next_row;
} walk;

static walk walk_from(const bt_pointwise_params *p, int32_t pixel)
{
    int32_t oy = pixel / p->out_w, ox = pixel - oy * p->out_w, step = p->stride_w * p->in_pitch;
    int32_t row = p->stride_h * p->in_w * p->in_pitch;
    walk w = {(const uint8_t *)p->input + oy * row + ox * step, p->out_w - ox, step, row - (p->out_w - 1) * step};
    return w;
}

BT_INLINE walk next_pixel(const bt_pointwise_params *p, walk w)
{
    if (--w.left > 0) {
        w.x += w.step;
    } else {
        w.x += w.next_row;
        w.left = p->out_w;
    }
    return w;
}

void bt_pointwise(const bt_pointwise_params *p, int32_t core, int32_t cores)
{
    int32_t pixels = p->out_h * p->out_w, blocks = (p->out_c + 3) >> 2;
    int32_t pitch = p->out_pitch * (p->requant.kind == BT_NONE ? 4 : 1);
    bt_matrix m = {p->weights, p->bias, &p->requant, p->out_c, bt_words(p->in_c, p->weight_bits), p->weight_bits,
                   p->is_signed};
    bt_share share = bt_share_of(((pixels + 1) >> 1) * blocks, core, cores);
    int32_t pair = share.begin / blocks, first = share.begin - pair * blocks, left = share.end - share.begin;
    uint8_t *y = (uint8_t *)p->output + 2 * pair * pitch;
    walk w = walk_from(p, 2 * pair);
    for (int32_t pixel = 2 * pair; left > 0; pixel += 2, y += 2 * pitch) {
        int32_t last = bt_min(blocks, first + left), two = pixel + 1 < pixels;
        const uint8_t *x = w.x;
        w = next_pixel(p, w);
        bt_matrix_pair(&m, x, two ? w.x : x, y, two ? y + pitch : y, first, last);
        w = next_pixel(p, w);
        left -= last - first;
        first = 0;
    }
}
