/* Columns of pixels at the border for all cores. In a file of its own: small ones fit into the instruction caches. */
#include "bt_border.h"
#include "bt_common.h"

/* One row of the kernel within row `line` of the image, pixel by pixel: those outside are zeros. */
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

void bt_border(const bt_conv_params *p, uint8_t *to, int32_t top, int32_t left)
{
    int32_t side_by_side = p->dilation_w == 1 && p->in_pitch == p->in_c;
    for (int32_t ky = 0, iy = top; ky < p->kernel_h; ky++, iy += p->dilation_h) {
        const uint8_t *line = (const uint8_t *)p->input + iy * p->in_w * p->in_pitch;
        if (iy < 0 || iy >= p->in_h)
            to = bt_fill(to, 0, p->kernel_w * p->in_c);
        else if (side_by_side)
            to = copy_run(p, to, line, left);
        else
            to = copy_taps(p, to, line, left);
    }
}
