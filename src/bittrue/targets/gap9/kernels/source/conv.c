/* Convolution: im2col of two output pixels at a time, then 4 channels x 2 pixels in registers. */
#include "bt_common.h"
#include "bt_kernels.h"
#include "bt_matrix.h"

/* One row of the kernel within row `line` of the image: pixels outside of it are zeros. */
static uint8_t *copy_taps(const bt_conv_params *p, uint8_t *to, const uint8_t *line, int32_t left)
{
    for (int32_t kx = 0, ix = left; kx < p->kernel_w; kx++, ix += p->dilation_w)
        if (ix < 0 || ix >= p->in_w)
            to = bt_fill(to, 0, p->in_c);
        else
            to = bt_copy(to, line + ix * p->in_pitch, p->in_c);
    return to;
}

/* The same where the pixels lie side by side in memory: three pieces, outside, inside, outside. */
static uint8_t *copy_run(const bt_conv_params *p, uint8_t *to, const uint8_t *line, int32_t left)
{
    int32_t begin = bt_clamp(-left, 0, p->kernel_w);
    int32_t end = bt_clamp(p->in_w - left, begin, p->kernel_w);
    if (begin > 0)
        to = bt_fill(to, 0, begin * p->in_c);
    to = bt_copy(to, line + (left + begin) * p->in_c, (end - begin) * p->in_c);
    return end < p->kernel_w ? bt_fill(to, 0, (p->kernel_w - end) * p->in_c) : to;
}

/* What the kernel sees for one output pixel: kernel_h * kernel_w * in_c bytes. */
static void im2col(const bt_conv_params *p, uint8_t *to, int32_t pixel)
{
    int32_t oy = pixel / p->out_w, left = (pixel - oy * p->out_w) * p->stride_w - p->pad_left;
    int32_t side_by_side = p->dilation_w == 1 && p->in_pitch == p->in_c;
    int32_t iy = oy * p->stride_h - p->pad_top;
    for (int32_t ky = 0; ky < p->kernel_h; ky++, iy += p->dilation_h) {
        const uint8_t *line = (const uint8_t *)p->input + iy * p->in_w * p->in_pitch;
        if (iy < 0 || iy >= p->in_h)
            to = bt_fill(to, 0, p->kernel_w * p->in_c);
        else if (side_by_side)
            to = copy_run(p, to, line, left);
        else
            to = copy_taps(p, to, line, left);
    }
}

void bt_conv(const bt_conv_params *p, int32_t core, int32_t cores)
{
    int32_t words = bt_words(p->kernel_h * p->kernel_w * p->in_c, p->weight_bits);
    int32_t row = bt_row_bytes(words, p->weight_bits), element = p->requant.kind == BT_NONE ? 4 : 1;
    int32_t pixels = p->out_h * p->out_w, blocks = (p->out_c + 3) >> 2;
    bt_matrix m = {p->weights, p->bias, &p->requant, p->out_c, words, p->weight_bits, p->is_signed};
    bt_share share = bt_share_of(((pixels + 1) >> 1) * blocks, core, cores);
    uint8_t *x0 = (uint8_t *)p->scratch + core * 2 * row, *x1 = x0 + row;
    for (int32_t unit = share.begin, last; unit < share.end; unit += last) {
        int32_t pair = unit / blocks, first = unit - pair * blocks, pixel = 2 * pair;
        int32_t two = pixel + 1 < pixels;
        uint8_t *y = (uint8_t *)p->output + pixel * p->out_pitch * element;
        last = bt_min(blocks - first, share.end - unit);
        im2col(p, x0, pixel);
        if (two)
            im2col(p, x1, pixel + 1);
        bt_matrix_pair(&m, x0, two ? x1 : x0, y, two ? y + p->out_pitch * element : 0, first, first + last);
    }
}
