/* Fully connected layer: rows in pairs, a single row (or the last one) with two blocks of channels at a time. */
#include "bt_common.h"
#include "bt_kernels.h"
#include "bt_matrix.h"

static void single_row(const bt_linear_params *p, const bt_matrix *m, int32_t core, int32_t cores)
{
    int32_t blocks = (p->out_c + 3) >> 2;
    bt_share share = bt_share_of((blocks + 1) >> 1, core, cores);
    bt_matrix_row(m, p->input, p->output, 2 * share.begin, bt_min(2 * share.end, blocks));
}

static void paired_rows(const bt_linear_params *p, const bt_matrix *m, int32_t core, int32_t cores)
{
    int32_t element = p->requant.kind == BT_NONE ? 4 : 1, blocks = (p->out_c + 3) >> 2;
    bt_share share = bt_share_of(((p->rows + 1) >> 1) * blocks, core, cores);
    for (int32_t unit = share.begin, last; unit < share.end; unit += last) {
        int32_t pair = unit / blocks, first = unit - pair * blocks, two = 2 * pair + 1 < p->rows;
        uint8_t *y = (uint8_t *)p->output + 2 * pair * p->out_pitch * element;
        const uint8_t *x = (const uint8_t *)p->input + 2 * pair * p->in_pitch;
        last = bt_min(blocks - first, share.end - unit);
        bt_matrix_pair(m, x, two ? x + p->in_pitch : x, y, two ? y + p->out_pitch * element : 0, first, first + last);
    }
}

void bt_linear(const bt_linear_params *p, int32_t core, int32_t cores)
{
    bt_matrix m = {p->weights, p->bias, &p->requant, p->out_c, bt_words(p->in_c, p->weight_bits), p->weight_bits,
                   p->is_signed};
    if (p->rows == 1)
        single_row(p, &m, core, cores);
    else
        paired_rows(p, &m, core, cores);
}
