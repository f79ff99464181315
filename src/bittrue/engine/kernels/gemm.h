/* Tiles of a matrix product: a few output pixels times a block of output channels, accumulators in registers.
 *
 * A window is read where it lies: `runs` stretches of contiguous bytes of the channels-last input (for a 3x3 kernel
 * three stretches of 3 * channels bytes), so no im2col copy exists. Weights are packed in the order of use. */
#ifndef BITTRUE_GEMM_H
#define BITTRUE_GEMM_H

#include "lanes.h"

/* A tile adds up: t[row][0..PANEL) = init + window(row) . weights, for the windows that begin at a[row]. */
typedef struct {
    const bt_step *step;
    const int8_t *weights; /* of the panel */
    const int32_t *init;   /* of the panel */
} bt_operand;

#ifdef LANES

#define ROWS4(X) X(0) X(1) X(2) X(3)
#define ROWS8(X) ROWS4(X) X(4) X(5) X(6) X(7)

#define START(r) const uint8_t *p##r = a[r] + step->run_offset[run];
#define ZERO2(r) bt_vec c##r = left, d##r = right;
#define MAC2(r) { bt_vec x = BROADCAST(p##r + k); c##r = DOT(c##r, x, w0); d##r = DOT(d##r, x, w1); }
#define SAVE2(r) SAVE(t + r * PANEL, c##r); SAVE(t + r * PANEL + LANES, d##r);

/* MR rows x two vectors of channels; `column` is the first of them within the panel. */
#define TILE_TWO(NAME, ROWS)                                                                        \
    static void NAME(bt_operand op, const uint8_t *const *a, int64_t column, int32_t *t)            \
    {                                                                                               \
        const bt_step *step = op.step;                                                              \
        const int8_t *w = op.weights + column * 4;                                                  \
        bt_vec left = LOAD(op.init + column), right = LOAD(op.init + column + LANES);               \
        int64_t bytes = step->quads * 4;                                                            \
        t += column;                                                                                \
        ROWS(ZERO2)                                                                                 \
        for (int64_t run = 0; run < step->runs; run++) {                                            \
            ROWS(START)                                                                             \
            for (int64_t k = 0; k < bytes; k += 4, w += PANEL * 4) {                                \
                bt_vec w0 = LOAD(w), w1 = LOAD(w + LANES * 4);                                      \
                ROWS(MAC2)                                                                          \
            }                                                                                       \
        }                                                                                           \
        ROWS(SAVE2)                                                                                 \
    }

#define ZERO1(r) bt_vec c##r = left;
#define MAC1(r) c##r = DOT(c##r, BROADCAST(p##r + k), w0);
#define SAVE1(r) SAVE(t + r * PANEL, c##r);

#define ZERO_PAIR(r) bt_vec c##r = left, d##r = left;
#define MAC_PAIR(r) c##r = DOT(c##r, BROADCAST(p##r + k), w0); d##r = DOT(d##r, BROADCAST(p##r + l), w0);
#define SAVE_PAIR(r) SAVE(t + 2 * r * PANEL, c##r); SAVE(t + (2 * r + 1) * PANEL, d##r);

/* One vector of channels; a[row] and, in pairs, its right neighbour. */
#define TILE_ONE(NAME, ROWS, FIRST, MAC, LAST)                                                      \
    static void NAME(bt_operand op, const uint8_t *const *a, int64_t column, int32_t *t)            \
    {                                                                                               \
        const bt_step *step = op.step;                                                              \
        const int8_t *w = op.weights + column * 4;                                                  \
        bt_vec left = LOAD(op.init + column);                                                       \
        int64_t bytes = step->quads * 4, neighbour = step->stride[1] * step->a.pixel;               \
        t += column;                                                                                \
        ROWS(FIRST)                                                                                 \
        for (int64_t run = 0; run < step->runs; run++) {                                            \
            ROWS(START)                                                                             \
            for (int64_t k = 0, l = neighbour; k < bytes; k += 4, l += 4, w += PANEL * 4) {         \
                bt_vec w0 = LOAD(w);                                                                \
                ROWS(MAC)                                                                           \
            }                                                                                       \
        }                                                                                           \
        ROWS(LAST)                                                                                  \
    }

TILE_TWO(bt_tile_4x2, ROWS4)
#if LANES == 16
TILE_TWO(bt_tile_8x2, ROWS8)
TILE_ONE(bt_tile_8x1, ROWS8, ZERO1, MAC1, SAVE1)
TILE_ONE(bt_tile_16x1, ROWS8, ZERO_PAIR, MAC_PAIR, SAVE_PAIR)
#endif

#else /* portable: weights packed [run][byte][PANEL]; unsigned arithmetic wraps, as the vector units do */

static void bt_tile_portable(bt_operand op, const uint8_t *const *a, int32_t *t)
{
    const bt_step *step = op.step;
    const int8_t *w = op.weights;
    uint32_t acc[PANEL];
    for (int j = 0; j < PANEL; j++) acc[j] = (uint32_t)op.init[j];
    for (int64_t run = 0; run < step->runs; run++) {
        const uint8_t *p = a[0] + step->run_offset[run];
        for (int64_t k = 0; k < step->quads * 4; k++, w += PANEL)
            for (int j = 0; j < PANEL; j++) acc[j] += (uint32_t)(p[k] * w[j]);
    }
    for (int j = 0; j < PANEL; j++) t[j] = (int32_t)acc[j];
}
#endif

/* How many rows one tile takes for a panel of `count` channels when `rows` are left. */
INLINE int64_t bt_tile_rows(int64_t count, int64_t rows, int64_t pairs)
{
#ifndef LANES
    (void)count; (void)rows; (void)pairs;
    return 1;
#elif LANES == 8
    (void)count; (void)rows; (void)pairs;
    return 4;
#else
    if (count <= LANES) return pairs ? 16 : 8;
    return rows <= 4 ? 4 : 8;
#endif
}

/* Runs the tile that bt_tile_rows chose. */
INLINE void bt_tile(bt_operand op, int64_t tile_rows, int64_t count, const uint8_t *const *a, int32_t *t)
{
#ifndef LANES
    (void)tile_rows; (void)count;
    bt_tile_portable(op, a, t);
#elif LANES == 8
    (void)tile_rows;
    for (int64_t column = 0; column < count; column += 2 * LANES) bt_tile_4x2(op, a, column, t);
#else
    if (tile_rows == 16) {
        const uint8_t *even[8];
        for (int r = 0; r < 8; r++) even[r] = a[2 * r];
        bt_tile_16x1(op, even, 0, t);
    } else if (count <= LANES) bt_tile_8x1(op, a, 0, t);
    else if (tile_rows == 8) bt_tile_8x2(op, a, 0, t);
    else bt_tile_4x2(op, a, 0, t);
#endif
}

#endif
