/* Signed bytes: the positive ones stay, the others are requantized. */
#include "bt_common.h"
#include "bt_kernels.h"

/* The requantized x where x is negative: by its sign's copies as a mask. */
BT_INLINE int32_t leaky(const bt_requant *q, int32_t kind, const bt_scale *scale, int32_t x)
{
    return x ^ ((x ^ bt_scaled(q, kind, scale, x)) & (x >> 31));
}

BT_INLINE void run(const bt_leaky_relu_params *p, int32_t kind, bt_share share)
{
    bt_requant q = p->requant;
    bt_scale scale = *q.scales;
    const int8_t *x = (const int8_t *)p->input + share.begin;
    int8_t *y = (int8_t *)p->output + share.begin;
    int32_t left = share.end - share.begin;
    for (; left >= 4; left -= 4, x += 4, y += 4) {
        int32_t x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
        y[0] = (int8_t)leaky(&q, kind, &scale, x0);
        y[1] = (int8_t)leaky(&q, kind, &scale, x1);
        y[2] = (int8_t)leaky(&q, kind, &scale, x2);
        y[3] = (int8_t)leaky(&q, kind, &scale, x3);
    }
    for (; left > 0; left--, x++, y++)
        *y = (int8_t)leaky(&q, kind, &scale, *x);
}

static void run_any(const bt_leaky_relu_params *p, bt_share share)
{
    const int8_t *x = p->input;
    int8_t *y = p->output;
    for (int32_t i = share.begin; i < share.end; i++)
        y[i] = x[i] >= 0 ? x[i] : (int8_t)bt_requantize(&p->requant, p->requant.kind, 0, x[i]);
}

void bt_leaky_relu(const bt_leaky_relu_params *p, int32_t core, int32_t cores)
{
    bt_share share = bt_share_of(p->count, core, cores);
    if (p->requant.kind == BT_NARROW)
        run(p, BT_NARROW, share);
    else if (p->requant.kind == BT_NARROW_EVEN)
        run(p, BT_NARROW_EVEN, share);
    else
        run_any(p, share);
}
