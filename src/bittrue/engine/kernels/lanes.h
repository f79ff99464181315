/* The vector unit: one name per instruction that the kernels need, for each instruction set.
 *
 * DOT(acc, x, w): acc[i] += sum of x[4i+b] * w[4i+b], b = 0..3, x unsigned, w signed, modulo 2**32, never saturating. */
#ifndef BITTRUE_LANES_H
#define BITTRUE_LANES_H

#include "engine.h"

#if defined(BT_AVX512VNNI)
#include <immintrin.h>
#define LANES 16
typedef __m512i bt_vec;
#define LOAD(p) _mm512_loadu_si512(p)
#define SAVE(p, v) _mm512_storeu_si512(p, v)
#define DOT(acc, x, w) _mm512_dpbusd_epi32(acc, x, w)
INLINE bt_vec BROADCAST(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}

#elif defined(BT_AVXVNNI) || defined(BT_AVX2)
#include <immintrin.h>
#define LANES 8
typedef __m256i bt_vec;
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define SAVE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
INLINE bt_vec BROADCAST(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}
#if defined(BT_AVXVNNI)
#define DOT(acc, x, w) _mm256_dpbusd_avx_epi32(acc, x, w)
#else
/* vpmaddubsw would saturate at 16 bits (255 * 127 * 2 > 32767), so the bytes are widened first: two exact vpmaddwd. */
INLINE bt_vec DOT(bt_vec acc, bt_vec x, bt_vec w)
{
    bt_vec x_even = _mm256_and_si256(x, _mm256_set1_epi16(0xff)), x_odd = _mm256_srli_epi16(x, 8);
    bt_vec w_even = _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), w_odd = _mm256_srai_epi16(w, 8);
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(x_even, w_even));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(x_odd, w_odd));
}
#endif
#endif

#endif
