/* One value around an image. */
#include "bt_common.h"
#include "bt_kernels.h"

/* A row of the output that holds a row of the image. */
static void pad_row(const bt_pad_params *p, uint8_t *to, const uint8_t *from)
{
    int32_t pixel = p->pad_front + p->in_c + p->pad_back;
    uint32_t value = (uint8_t)p->value;
    to = bt_fill(to, value, p->pad_left * pixel);
    if (pixel == p->in_c && p->in_pitch == p->in_c) {
        to = bt_copy(to, from, p->in_w * pixel);
    } else {
        for (int32_t x = 0; x < p->in_w; x++, from += p->in_pitch) {
            to = bt_fill(to, value, p->pad_front);
            to = bt_copy(to, from, p->in_c);
            to = bt_fill(to, value, p->pad_back);
        }
    }
    bt_fill(to, value, p->pad_right * pixel);
}

void bt_pad(const bt_pad_params *p, int32_t core, int32_t cores)
{
    int32_t row = (p->pad_left + p->in_w + p->pad_right) * (p->pad_front + p->in_c + p->pad_back);
    bt_share share = bt_share_of(p->pad_top + p->in_h + p->pad_bottom, core, cores);
    for (int32_t oy = share.begin; oy < share.end; oy++) {
        int32_t iy = oy - p->pad_top;
        uint8_t *to = (uint8_t *)p->output + oy * row;
        if (iy < 0 || iy >= p->in_h)
            bt_fill(to, (uint8_t)p->value, row);
        else
            pad_row(p, to, (const uint8_t *)p->input + iy * p->in_w * p->in_pitch);
    }
}
