/* Rows of activations times a blocked weight matrix: the work that convolution, pointwise and linear share. */
#ifndef BT_MATRIX_H
#define BT_MATRIX_H

#include "bt_common.h"
#include "bt_requant.h"

typedef struct {
    /* Blocks of 4 channels, see bt_dot.h; aligned to 4 bytes. */
    const uint8_t *weights;
    /* One per channel, a multiple of 4 of them; 0: no bias. */
    const int32_t *bias;
    const bt_requant *requant;
    /* Output channels. */
    int32_t channels;
    /* Words of weights in one channel. */
    int32_t words;
    /* 8, 4 or 2. */
    int32_t weight_bits;
    int32_t is_signed;
} bt_matrix;

/* Pairs of rows and their outputs; how far it is in bytes from one pair to the next. A single row is both of a pair: it
 * is computed and stored twice.
 */
typedef struct {
    const uint8_t *x0;
    const uint8_t *x1;
    uint8_t *y0;
    uint8_t *y1;
    int32_t x_step;
    int32_t y_step;
    int32_t pairs;
} bt_rows;

/* A core's share of pairs times blocks, the blocks of a pair one after the other, in pieces: blocks first to last-1 of
 * `pairs` pairs.
 */
typedef struct {
    int32_t blocks;
    /* Whole pairs of the largest share. */
    int32_t most;
    /* The pair of the share's end, units that are left. */
    int32_t end;
    int32_t left;
    int32_t pair;
    int32_t pairs;
    int32_t first;
    int32_t last;
} bt_piece;

BT_INLINE bt_piece bt_piece_of(int32_t rows, int32_t channels, int32_t core, int32_t cores)
{
    int32_t blocks = (channels + 3) >> 2;
    bt_share share = bt_share_of(((rows + 1) >> 1) * blocks, core, cores);
    int32_t pair = share.begin / blocks;
    int32_t most = (((rows + 1) >> 1) * blocks + cores - 1) / (cores * blocks);
    bt_piece piece = {blocks, most, share.end / blocks, share.end - share.begin,
                      pair,   1,    share.begin - pair * blocks, 0};
    return piece;
}

/* Up to `most` pairs; one if it is not done as a whole. */
BT_INLINE void bt_cut_piece(bt_piece *piece, int32_t most)
{
    piece->last = bt_min(piece->blocks, piece->first + piece->left);
    piece->pairs = piece->first > 0 ? 1 : bt_max(bt_min(most, piece->end - piece->pair), 1);
}

BT_INLINE void bt_next_piece(bt_piece *piece)
{
    piece->left -= (piece->last - piece->first) * piece->pairs;
    piece->pair += piece->pairs;
    piece->first = 0;
}

/* Words of one channel's weights: `length` weights, filled up with zeros. */
BT_INLINE int32_t bt_words(int32_t length, int32_t weight_bits)
{
    return (length * weight_bits + 31) >> 5;
}

/* Bytes of activations that these words meet: the length of a row in the im2col buffer. */
BT_INLINE int32_t bt_row_bytes(int32_t words, int32_t weight_bits)
{
    return words * (32 / weight_bits);
}

/* The next pair. */
BT_INLINE void bt_next_pair(bt_rows *r)
{
    r->x0 += r->x_step;
    r->x1 += r->x_step;
    r->y0 += r->y_step;
    r->y1 += r->y_step;
}

/* Blocks first to last-1 of 4 output channels for the rows. */
void bt_matrix_rows(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t last);

/* `count` pairs of whole blocks of 8-bit weights: signed activations, and of the others BT_NONE and BT_NARROW_EVEN. */
void bt_matrix_eights(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t count);

/* Blocks first to last-1 in every other case; those below `whole` are whole and of a kind up to BT_WIDE. */
void bt_matrix_rest(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t whole, int32_t last);

#endif
