/* Convolution with a 1x1 kernel: the pixels themselves are the rows of the matrix. */
#include "bt_common.h"
#include "bt_kernels.h"
#include "bt_matrix.h"

/* Pairs of pixels in a row of the output are done at once; if rows lie right behind each other, they are one. */
void bt_pointwise(const bt_pointwise_params *p, int32_t core, int32_t cores)
{
    int32_t pixels = p->out_h * p->out_w, pitch = p->out_pitch * (p->requant.kind == BT_NONE ? 4 : 1);
    int32_t step = p->stride_w * p->in_pitch, line = p->stride_h * p->in_w * p->in_pitch;
    int32_t wide = line == p->out_w * step ? pixels : p->out_w, next_line = line - wide * step;
    bt_matrix m = {p->weights, p->bias, &p->requant, p->out_c, bt_words(p->in_c, p->weight_bits), p->weight_bits,
                   p->is_signed};
    bt_piece piece = bt_piece_of(pixels, p->out_c, core, cores);
    int32_t oy = 2 * piece.pair / wide, ox = 2 * piece.pair - oy * wide;
    const uint8_t *x = (const uint8_t *)p->input + oy * line + ox * step;
    for (; piece.left > 0; bt_next_piece(&piece)) {
        int32_t pixel = 2 * piece.pair, two = pixel + 1 < pixels;
        const uint8_t *x1 = x + step + (ox + 1 < wide ? 0 : next_line);
        uint8_t *y = (uint8_t *)p->output + pixel * pitch;
        bt_cut_piece(&piece, (wide - ox) >> 1);
        bt_rows r = {x, two ? x1 : x, y, two ? y + pitch : y, 2 * step, 2 * pitch, piece.pairs};
        bt_matrix_rows(&m, &r, piece.first, piece.last);
        x += 2 * piece.pairs * step;
        for (ox += 2 * piece.pairs; ox >= wide; ox -= wide)
            x += next_line;
    }
}
