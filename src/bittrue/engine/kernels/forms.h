/* How a tile of accumulators leaves: as it is, by the definition, or by a vector form proved equal to it. */
#ifndef BITTRUE_FORMS_H
#define BITTRUE_FORMS_H

#include "lanes.h"
#include "requant.h"

/* A tile: `rows` rows of PANEL accumulators of which the first `count` channels go to out[row] + offset bytes. `slot` is
 * where the panel's channels begin in the arrays of `rq`. */
typedef struct {
    const int32_t *acc;
    int64_t rows, count, slot, offset;
    uint8_t *const *out;
} bt_tile_out;

static void bt_out_acc(bt_tile_out t)
{
    for (int64_t r = 0; r < t.rows; r++) memcpy(t.out[r] + t.offset, t.acc + r * PANEL, (size_t)t.count * 4);
}

static void bt_out_exact(bt_tile_out t, const bt_requant *rq)
{
    for (int64_t r = 0; r < t.rows; r++)
        bt_requant_exact(rq, t.acc + r * PANEL, t.slot, t.count, t.out[r] + t.offset, NULL);
}

/* The definition, for outputs that a byte cannot hold. */
static void bt_out_wide(bt_tile_out t, const bt_requant *rq)
{
    for (int64_t r = 0; r < t.rows; r++)
        bt_requant_exact(rq, t.acc + r * PANEL, t.slot, t.count, NULL, (int32_t *)(t.out[r] + t.offset));
}

/* The accumulator (offset inside) shifted right; `even` adds the half that sends ties to even, else it is inside. */
INLINE void bt_out_shifted(bt_tile_out t, const bt_requant *rq, int even)
{
    int32_t lo = (int32_t)(rq->lo + rq->zero), hi = (int32_t)(rq->hi + rq->zero);
    const int32_t *shift = rq->short_shift + t.slot;
    for (int64_t r = 0; r < t.rows; r++) {
        const int32_t *acc = t.acc + r * PANEL;
        uint8_t *out = t.out[r] + t.offset;
        for (int64_t i = 0; i < t.count; i++) {
            int32_t y = acc[i] >> shift[i];
            if (even && shift[i]) {
                uint32_t half = (1u << (shift[i] - 1)) - 1u + (uint32_t)(y & 1);
                y = (int32_t)((uint32_t)acc[i] + half) >> shift[i];
            }
            y = y < lo ? lo : y;
            out[i] = (uint8_t)(y > hi ? hi : y);
        }
    }
}

static void bt_out_shift(bt_tile_out t, const bt_requant *rq) { bt_out_shifted(t, rq, 0); }
static void bt_out_shift_even(bt_tile_out t, const bt_requant *rq) { bt_out_shifted(t, rq, 1); }

#ifdef BT_AVX512VNNI

/* Clamp 16 results and store the first `count` as bytes. */
INLINE void bt_put16(uint8_t *out, int64_t count, __m512i y, __m512i lo, __m512i hi)
{
    __m128i bytes = _mm512_cvtepi32_epi8(_mm512_min_epi32(_mm512_max_epi32(y, lo), hi));
    if (count >= 16) _mm_storeu_si128((__m128i *)out, bytes);
    else _mm_mask_storeu_epi8(out, (__mmask16)((1u << count) - 1), bytes);
}

/* acc * mul + off in 64 bits, the upper and lower half of each pair of lanes separately. The odd results are shifted
 * by 32 bits less, so that they land in the upper half, and a blend joins the two. */
static void bt_out_int64(bt_tile_out t, const bt_requant *rq)
{
    __m512i lo = _mm512_set1_epi32((int)(rq->lo + rq->zero)), hi = _mm512_set1_epi32((int)(rq->hi + rq->zero));
    for (int64_t c = 0; c < t.count; c += 16) {
        const int64_t *p = rq->wide_lanes + (t.slot + c) / 16 * 48;
        __m512i mul_even = LOAD(p), off_even = LOAD(p + 8), shift_even = LOAD(p + 16);
        __m512i mul_odd = LOAD(p + 24), off_odd = LOAD(p + 32), shift_odd = LOAD(p + 40);
        for (int64_t r = 0; r < t.rows; r++) {
            __m512i acc = LOAD(t.acc + r * PANEL + c);
            __m512i even = _mm512_add_epi64(_mm512_mul_epi32(acc, mul_even), off_even);
            __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(acc, 32), mul_odd), off_odd);
            even = _mm512_srav_epi64(even, shift_even);
            odd = _mm512_srav_epi64(odd, shift_odd);
            bt_put16(t.out[r] + t.offset + c, t.count - c, _mm512_mask_blend_epi32(0xAAAA, even, odd), lo, hi);
        }
    }
}

/* One fused multiply-add and one rounding in float32: each step is monotone in the accumulator. */
static void bt_out_float(bt_tile_out t, const bt_requant *rq)
{
    __m512i lo = _mm512_set1_epi32((int)(rq->lo + rq->zero)), hi = _mm512_set1_epi32((int)(rq->hi + rq->zero));
    for (int64_t c = 0; c < t.count; c += 16) {
        __m512 factor = _mm512_loadu_ps(rq->factor + t.slot + c), addend = _mm512_loadu_ps(rq->addend + t.slot + c);
        for (int64_t r = 0; r < t.rows; r++) {
            __m512 x = _mm512_cvtepi32_ps(LOAD(t.acc + r * PANEL + c));
            __m512i y = _mm512_cvt_roundps_epi32(_mm512_fmadd_ps(x, factor, addend),
                                                 _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
            bt_put16(t.out[r] + t.offset + c, t.count - c, y, lo, hi);
        }
    }
}
#endif

static void bt_out(int64_t form, bt_tile_out t, const bt_requant *rq)
{
    switch (form) {
        case OUT_ACC: bt_out_acc(t); break;
        case OUT_WIDE: bt_out_wide(t, rq); break;
        case OUT_SHIFT: bt_out_shift(t, rq); break;
        case OUT_SHIFT_EVEN: bt_out_shift_even(t, rq); break;
#ifdef BT_AVX512VNNI
        case OUT_INT64: bt_out_int64(t, rq); break;
        case OUT_FLOAT: bt_out_float(t, rq); break;
#endif
        default: bt_out_exact(t, rq);
    }
}

#endif
