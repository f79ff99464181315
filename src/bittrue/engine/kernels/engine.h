/* The data that Python hands to the kernels: views of tensors, requantizations and steps.
 *
 * Every field is eight bytes wide, so that the ctypes mirror (native.py) has no padding to get wrong. */
#ifndef BITTRUE_ENGINE_H
#define BITTRUE_ENGINE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PANEL 32      /* output channels per packed block of weights */
#define MAX_ROWS 256  /* output pixels per unit of work, at most */
#define TILE_ROWS 16  /* output pixels per tile, at most */

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
#define INLINE static inline __attribute__((always_inline))

/* A tensor, channels last. Element = stored - zero; stored is uint8 (narrow) or int32 (wide).
 * `base` is pixel (0, 0) of image 0; a halo of stored `zero`s may surround each image. Pitches are in bytes. */
typedef struct {
    uint8_t *base;
    int64_t image, row, pixel, zero, wide;
} bt_view;

enum { ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_HALF_AWAY, ROUND_FLOOR, ROUND_TOWARD_ZERO };

/* y = clamp(round(slope(acc * mul[c] + off[c]) / 2**shift[c]), lo, hi), stored as y + zero.
 * The parameters of the definition, and what the vector forms need. */
typedef struct {
    int64_t mode, slope_multiplier, slope_shift, lo, hi, zero;
    const int64_t *mul, *off, *shift; /* per output channel */
    const int64_t *wide_lanes;        /* per 16 channels: mul, off, shift of the 8 even, then of the 8 odd ones */
    const float *factor, *addend;     /* per channel */
    const int32_t *short_shift;       /* per channel */
} bt_requant;

enum { STEP_CONV, STEP_MAP, STEP_LOAD, STEP_STORE, STEP_MAXPOOL, STEP_AVGPOOL, STEP_TABLE, STEP_FLATTEN, STEP_COPY,
       STEP_BITWISE, STEP_COUNT };

enum { BITS_OR, BITS_XOR };

/* How a panel of a convolution leaves the accumulators; the vector forms are used where Python proved them exact. */
enum { OUT_ACC, OUT_EXACT, OUT_SHIFT, OUT_SHIFT_EVEN, OUT_INT64, OUT_FLOAT, OUT_WIDE };

/* A block of output channels: where its inputs begin within a pixel (groups), its first channel, how many, its form. */
typedef struct {
    int64_t in_offset, out_channel, count, form;
} bt_panel;

/* A rectangle of output pixels whose windows see the same taps; the taps that lie in the padding are left out. Of the
 * step's stretches they see `runs` from `run` on, of each `quads` quads from `quad` on. Output pixels 2j and 2j + 1 are
 * neighbours in one row if `pairs`. */
typedef struct {
    int64_t y, x, height, width, run, runs, quad, quads, pairs, rows_per_unit, panels_per_unit;
} bt_region;

typedef struct {
    int64_t kind, batch;
    bt_view a, b, out;
    int64_t height, width, channels;       /* of the output */
    int64_t in_height, in_width;
    int64_t kernel[2], stride[2], pad[2], dilation[2];
    int64_t runs, quads;                   /* a window is `runs` stretches of 4 * quads bytes of the input */
    const int64_t *run_offset;             /* bytes from the window's first element */
    int64_t panels;
    const bt_panel *panel;
    const int8_t *weights;                 /* [panel][run][quad][PANEL][4] */
    int64_t regions;
    const bt_region *region;
    int64_t units;
    const int64_t *unit;                   /* (region, first pixel, first panel) of each unit of work */
    const int32_t *init;                   /* [region][panel][PANEL]: bias and the correction for `zero` */
    int64_t rows_per_unit;                 /* image rows, of the other steps */
    const bt_requant *requant;
    int64_t sign;                          /* of `b` in a map of two tensors; 0: there is no `b` */
    int64_t divisor, mode;                 /* of an average pool: divisor and rounding; `mode` of bits: OR or XOR */
    const int32_t *table;                  /* 256 elements of the output by stored byte of the input */
    void *external;                        /* dense (batch, channels, height, width) */
    int64_t external_type;
} bt_step;

#endif
