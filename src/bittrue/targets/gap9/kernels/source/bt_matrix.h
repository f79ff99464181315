/* Rows of activations times a blocked weight matrix: the work that convolution, pointwise and linear share. */
#ifndef BT_MATRIX_H
#define BT_MATRIX_H

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

/* Two rows and their outputs. A single row is both: it is computed and stored twice. */
typedef struct {
    const uint8_t *x0;
    const uint8_t *x1;
    uint8_t *y0;
    uint8_t *y1;
} bt_rows;

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

/* Blocks first to last-1 of 4 output channels for the rows x0 and x1; y0 and y1 are their outputs. */
void bt_matrix_pair(const bt_matrix *m, const uint8_t *x0, const uint8_t *x1, void *y0, void *y1, int32_t first,
                    int32_t last);

/* `count` pairs of whole blocks of 8-bit weights: signed activations, and of the others BT_NONE and BT_NARROW_EVEN. */
void bt_matrix_eights(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t count);

/* Blocks first to last-1 in every other case; those below `whole` are whole and of a kind up to BT_WIDE. */
void bt_matrix_rest(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t whole, int32_t last);

#endif
