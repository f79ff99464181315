/* The channels of several images one after the other. */
#include "bt_common.h"
#include "bt_kernels.h"

void bt_concat(const bt_concat_params *p, int32_t core, int32_t cores)
{
    bt_share share = bt_share_of(p->pixels, core, cores);
    for (int32_t pixel = share.begin; pixel < share.end; pixel++) {
        uint8_t *y = (uint8_t *)p->output + pixel * p->out_pitch;
        for (int32_t i = 0; i < p->count; i++)
            y = bt_copy(y, (const uint8_t *)p->parts[i].data + pixel * p->parts[i].pitch, p->parts[i].channels);
    }
}
