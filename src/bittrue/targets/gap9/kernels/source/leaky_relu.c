/* Signed bytes: the positive ones stay, the others are requantized. */
#include "bt_common.h"
#include "bt_kernels.h"

void bt_leaky_relu(const bt_leaky_relu_params *p, int32_t core, int32_t cores)
{
    bt_share share = bt_share_of(p->count, core, cores);
    const int8_t *x = p->input;
    int8_t *y = p->output;
    for (int32_t i = share.begin; i < share.end; i++)
        y[i] = x[i] >= 0 ? x[i] : (int8_t)bt_requantize(&p->requant, p->requant.kind, 0, x[i]);
}
