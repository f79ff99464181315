/* Tiles of a matrix product: a few output pixels times a block of output channels, accumulators in registers.
 *
 * A window is read where it lies: `runs` stretches of contiguous bytes of the channels-last input (for a 3x3 kernel
 * three stretches of 3 * channels bytes), so no im2col copy exists. Weights are packed in the order of use. */
#ifndef BITTRUE_GEMM_H
#define BITTRUE_GEMM_H

#include "lanes.h"

/* A tile adds up: t[row][0..PANEL) = init + window(row) . weights, for the windows that begin at a[row]. */
typedef struct {
    int64_t runs, bytes;         /* stretches of a window, bytes of each */
    const int64_t *run_offset;   /* from the window's beginning, in bytes */
    int64_t in_offset;           /* added to all of them */
    const int8_t *weights;       /* of the panel's first stretch */
    int64_t weights_pitch;       /* from stretch to stretch */
    const int32_t *init;         /* of the panel */
    int64_t neighbour;           /* bytes from a window to the one of the right neighbour */
} bt_product;

#ifdef LANES

#define ROWS4(X) X(0) X(1) X(2) X(3)
#define ROWS8(X) ROWS4(X) X(4) X(5) X(6) X(7)

#define START(r) const uint8_t *p##r = a[r] + offset;
#define START_EVEN(r) const uint8_t *p##r = a[2 * r] + offset;
#define ZERO2(r) bt_vec c##r = left, d##r = right;
#define MAC2(r) { bt_vec x = BROADCAST(p##r + k); c##r = DOT(c##r, x, w0); d##r = DOT(d##r, x, w1); }
#define SAVE2(r) SAVE(t + r * PANEL, c##r); SAVE(t + r * PANEL + LANES, d##r);

/* A few rows x two vectors of channels; `column` is the first of them within the panel. */
#define TILE_TWO(NAME, ROWS)                                                                        \
    static void NAME(bt_product op, const uint8_t *const *a, int64_t column, int32_t *t)            \
    {                                                                                               \
        bt_vec left = LOAD(op.init + column), right = LOAD(op.init + column + LANES);               \
        t += column;                                                                                \
        ROWS(ZERO2)                                                                                 \
        for (int64_t run = 0; run < op.runs; run++) {                                               \
            const int8_t *w = op.weights + run * op.weights_pitch + column * 4;                     \
            int64_t offset = op.run_offset[run] + op.in_offset;                                     \
            ROWS(START)                                                                             \
            for (int64_t k = 0; k < op.bytes; k += 4, w += PANEL * 4) {                             \
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

/* A few rows x one vector of channels; in pairs, only even rows are looked up: the odd ones are their neighbours. */
#define TILE_ONE(NAME, ROWS, BEGIN, FIRST, MAC, LAST)                                               \
    static void NAME(bt_product op, const uint8_t *const *a, int32_t *t)                            \
    {                                                                                               \
        bt_vec left = LOAD(op.init);                                                                \
        ROWS(FIRST)                                                                                 \
        for (int64_t run = 0; run < op.runs; run++) {                                               \
            const int8_t *w = op.weights + run * op.weights_pitch;                                  \
            int64_t offset = op.run_offset[run] + op.in_offset;                                     \
            ROWS(BEGIN)                                                                             \
            for (int64_t k = 0, l = op.neighbour; k < op.bytes; k += 4, l += 4, w += PANEL * 4) {   \
                bt_vec w0 = LOAD(w);                                                                \
                ROWS(MAC)                                                                           \
            }                                                                                       \
        }                                                                                           \
        ROWS(LAST)                                                                                  \
    }

TILE_TWO(bt_tile_4x2, ROWS4)
#if LANES == 16
TILE_TWO(bt_tile_8x2, ROWS8)
TILE_ONE(bt_tile_8x1, ROWS8, START, ZERO1, MAC1, SAVE1)
TILE_ONE(bt_tile_16x1, ROWS8, START_EVEN, ZERO_PAIR, MAC_PAIR, SAVE_PAIR)
#endif

#else /* portable: weights packed [run][byte][PANEL]; unsigned arithmetic wraps, as the vector units do */

static void bt_tile_portable(bt_product op, const uint8_t *const *a, int32_t *t)
{
    uint32_t acc[PANEL];
    for (int j = 0; j < PANEL; j++) acc[j] = (uint32_t)op.init[j];
    for (int64_t run = 0; run < op.runs; run++) {
        const int8_t *w = op.weights + run * op.weights_pitch;
        const uint8_t *p = a[0] + op.run_offset[run] + op.in_offset;
        for (int64_t k = 0; k < op.bytes; k++, w += PANEL)
            for (int j = 0; j < PANEL; j++) acc[j] += (uint32_t)(p[k] * w[j]);
    }
    for (int j = 0; j < PANEL; j++) t[j] = (int32_t)acc[j];
}
#endif

/* Computes one tile of a panel of `count` channels; `rows` are left, at least TILE_ROWS pointers are readable.
 * Returns how many rows it took. */
INLINE int64_t bt_tile(bt_product op, int64_t rows, int64_t count, int64_t pairs, const uint8_t *const *a, int32_t *t)
{
#ifndef LANES
    (void)rows, (void)count, (void)pairs;
    bt_tile_portable(op, a, t);
    return 1;
#elif LANES == 8
    (void)rows, (void)pairs;
    for (int64_t column = 0; column < count; column += 2 * LANES) bt_tile_4x2(op, a, column, t);
    return 4;
#else
    if (count <= LANES && pairs) return bt_tile_16x1(op, a, t), 16;
    if (count <= LANES) return bt_tile_8x1(op, a, t), 8;
    if (rows > 4) return bt_tile_8x2(op, a, 0, t), 8;
    return bt_tile_4x2(op, a, 0, t), 4;
#endif
}

#endif
