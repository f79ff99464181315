/* Convolution with a 1x1 kernel: the pixels themselves are the rows of the matrix. */
#include "bt_common.h"
#include "bt_kernels.h"
#include "bt_matrix.h"

static const uint8_t *pixel_at(const bt_pointwise_params *p, int32_t pixel)
{
    int32_t oy = pixel / p->out_w, ox = pixel - oy * p->out_w;
    return (const uint8_t *)p->input + (oy * p->stride_h * p->in_w + ox * p->stride_w) * p->in_pitch;
}

void bt_pointwise(const bt_pointwise_params *p, int32_t core, int32_t cores)
{
    int32_t element = p->requant.kind == BT_NONE ? 4 : 1, pixels = p->out_h * p->out_w, blocks = (p->out_c + 3) >> 2;
    bt_matrix m = {p->weights, p->bias, &p->requant, p->out_c, bt_words(p->in_c, p->weight_bits), p->weight_bits,
                   p->is_signed};
    bt_share share = bt_share_of(((pixels + 1) >> 1) * blocks, core, cores);
    for (int32_t unit = share.begin, last; unit < share.end; unit += last) {
        int32_t pair = unit / blocks, first = unit - pair * blocks, pixel = 2 * pair, two = pixel + 1 < pixels;
        uint8_t *y = (uint8_t *)p->output + pixel * p->out_pitch * element;
        const uint8_t *x = pixel_at(p, pixel);
        last = bt_min(blocks - first, share.end - unit);
        bt_matrix_pair(&m, x, two ? pixel_at(p, pixel + 1) : x, y, two ? y + p->out_pitch * element : 0, first,
                       first + last);
    }
}
