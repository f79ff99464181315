/* How a tile of accumulators leaves: as it is, by the definition, or by a vector form proved equal to it. */
#ifndef BITTRUE_FORMS_H
#define BITTRUE_FORMS_H

#include "lanes.h"
#include "requant.h"

/* A tile: `rows` rows of PANEL accumulators (memory for TILE_ROWS) of which the first `count` channels go to out[row] +
 * offset bytes. `slot` is where the panel's channels begin in the arrays of `rq`. */
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

#ifndef BT_AVX512VNNI

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

#else

/* The parameters of 16 channels, whatever they mean to the form. */
typedef struct {
    __m512i p[6];
} bt_lanes;

INLINE bt_lanes bt_load_lanes(int64_t form, const bt_requant *rq, int64_t slot)
{
    bt_lanes lanes;
    if (form == OUT_INT64)
        for (int i = 0; i < 6; i++) lanes.p[i] = LOAD(rq->wide_lanes + slot / 16 * 48 + 8 * i);
    else if (form == OUT_FLOAT) {
        lanes.p[0] = LOAD(rq->factor + slot);
        lanes.p[1] = LOAD(rq->addend + slot);
    } else {
        __m512i one = _mm512_set1_epi32(1), shift = LOAD(rq->short_shift + slot);
        lanes.p[0] = shift;
        lanes.p[1] = _mm512_min_epi32(shift, one); /* 0 where nothing is shifted out, so nothing is rounded */
        lanes.p[2] = _mm512_sub_epi32(_mm512_srli_epi32(_mm512_sllv_epi32(one, shift), 1), lanes.p[1]);
    }
    return lanes;
}

/* 16 accumulators to 16 results that still want clamping. */
INLINE __m512i bt_form16(int64_t form, __m512i acc, const bt_lanes *lanes)
{
    const __m512i *p = lanes->p;
    if (form == OUT_SHIFT) return _mm512_srav_epi32(acc, p[0]);
    if (form == OUT_SHIFT_EVEN) {
        __m512i odd = _mm512_and_si512(_mm512_srav_epi32(acc, p[0]), p[1]);
        return _mm512_srav_epi32(_mm512_add_epi32(acc, _mm512_add_epi32(p[2], odd)), p[0]);
    }
    if (form == OUT_FLOAT) { /* one fused multiply-add, one rounding: each is monotone in the accumulator */
        __m512 y = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc), _mm512_castsi512_ps(p[0]), _mm512_castsi512_ps(p[1]));
        return _mm512_cvt_roundps_epi32(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    /* acc * mul + off in 64 bits, even and odd lanes apart. The odd results are shifted by 32 bits less, so that they
     * land in the upper half of their lane, and a blend joins the two. */
    __m512i even = _mm512_add_epi64(_mm512_mul_epi32(acc, p[0]), p[1]);
    __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(acc, 32), p[3]), p[4]);
    return _mm512_mask_blend_epi32(0xAAAA, _mm512_srav_epi64(even, p[2]), _mm512_srav_epi64(odd, p[5]));
}

/* 4 x 16 results to 64 bytes in order: packed with saturation to 0..255, then clamped further. */
INLINE __m512i bt_pack64(__m512i a, __m512i b, __m512i c, __m512i d, __m512i lo, __m512i hi)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
    return _mm512_permutexvar_epi32(order, _mm512_min_epu8(_mm512_max_epu8(bytes, lo), hi));
}

/* Two rows of a full panel at once. */
INLINE void bt_out_pairs(int64_t form, bt_tile_out t, const bt_requant *rq, __m512i lo, __m512i hi)
{
    bt_lanes left = bt_load_lanes(form, rq, t.slot), right = bt_load_lanes(form, rq, t.slot + 16);
    for (int64_t r = 0; r < t.rows; r += 2) {
        const int32_t *acc = t.acc + r * PANEL; /* a last odd row brings along a row that is not stored */
        __m512i bytes = bt_pack64(bt_form16(form, LOAD(acc), &left), bt_form16(form, LOAD(acc + 16), &right),
                                  bt_form16(form, LOAD(acc + 32), &left), bt_form16(form, LOAD(acc + 48), &right), lo, hi);
        _mm256_storeu_si256((__m256i *)(t.out[r] + t.offset), _mm512_castsi512_si256(bytes));
        if (r + 1 < t.rows)
            _mm256_storeu_si256((__m256i *)(t.out[r + 1] + t.offset), _mm512_extracti64x4_epi64(bytes, 1));
    }
}

INLINE void bt_store16(uint8_t *to, int64_t count, __m128i bytes)
{
    if (count >= 16) _mm_storeu_si128((__m128i *)to, bytes);
    else _mm_mask_storeu_epi8(to, (__mmask16)((1u << count) - 1), bytes);
}

/* Four rows of 16 channels (or fewer) at once, from `column` of the panel on. */
INLINE void bt_out_fours(int64_t form, bt_tile_out t, const bt_requant *rq, int64_t column, __m512i lo, __m512i hi)
{
    bt_lanes lanes = bt_load_lanes(form, rq, t.slot + column);
    int64_t count = t.count - column;
    for (int64_t r = 0; r < t.rows; r += 4) {
        const int32_t *acc = t.acc + r * PANEL + column; /* rows beyond the last are computed but not stored */
        __m512i bytes = bt_pack64(bt_form16(form, LOAD(acc), &lanes), bt_form16(form, LOAD(acc + PANEL), &lanes),
                                  bt_form16(form, LOAD(acc + 2 * PANEL), &lanes),
                                  bt_form16(form, LOAD(acc + 3 * PANEL), &lanes), lo, hi);
        bt_store16(t.out[r] + t.offset + column, count, _mm512_castsi512_si128(bytes));
        if (r + 1 < t.rows) bt_store16(t.out[r + 1] + t.offset + column, count, _mm512_extracti32x4_epi32(bytes, 1));
        if (r + 2 < t.rows) bt_store16(t.out[r + 2] + t.offset + column, count, _mm512_extracti32x4_epi32(bytes, 2));
        if (r + 3 < t.rows) bt_store16(t.out[r + 3] + t.offset + column, count, _mm512_extracti32x4_epi32(bytes, 3));
    }
}

INLINE void bt_out_form(int64_t form, bt_tile_out t, const bt_requant *rq)
{
    int64_t least = rq->lo + rq->zero, most = rq->hi + rq->zero; /* beyond a byte where the range never gets there */
    __m512i lo = _mm512_set1_epi8((char)(least < 0 ? 0 : least)), hi = _mm512_set1_epi8((char)(most > 255 ? 255 : most));
    if (t.count == PANEL) bt_out_pairs(form, t, rq, lo, hi);
    else
        for (int64_t column = 0; column < t.count; column += 16) bt_out_fours(form, t, rq, column, lo, hi);
}

static void bt_out_shift(bt_tile_out t, const bt_requant *rq) { bt_out_form(OUT_SHIFT, t, rq); }
static void bt_out_shift_even(bt_tile_out t, const bt_requant *rq) { bt_out_form(OUT_SHIFT_EVEN, t, rq); }
static void bt_out_int64(bt_tile_out t, const bt_requant *rq) { bt_out_form(OUT_INT64, t, rq); }
static void bt_out_float(bt_tile_out t, const bt_requant *rq) { bt_out_form(OUT_FLOAT, t, rq); }
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
