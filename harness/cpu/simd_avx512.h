/* Sixteen lanes: AVX-512 F, BW, DQ and VL under the names that simd_kernels.h is written in. */
#ifndef ASSAY_HARNESS_CPU_SIMD_AVX512_H
#define ASSAY_HARNESS_CPU_SIMD_AVX512_H

#include <immintrin.h>

#include "harness/cpu/kernels.h"

#define SIMD_TILE 12
enum { W = 16, TILE = SIMD_TILE, PANEL = 32 };
typedef __m512 vec;

#include "harness/cpu/simd_x86.h"

static inline __mmask16 v_mask(size_t n) {
    return (__mmask16)(n >= W ? 0xffff : (1U << n) - 1);
}
static inline vec v_set(float x) {
    return _mm512_set1_ps(x);
}
static inline vec v_load(const float *p) {
    return _mm512_loadu_ps(p);
}
static inline void v_store(float *p, vec x) {
    _mm512_storeu_ps(p, x);
}
/* The first n lanes; the others are zero, or left alone in memory. */
static inline vec v_load_n(const float *p, size_t n) {
    return n >= W ? v_load(p) : _mm512_maskz_loadu_ps(v_mask(n), p);
}
static inline void v_store_n(float *p, vec x, size_t n) {
    if (n >= W)
        v_store(p, x);
    else
        _mm512_mask_storeu_ps(p, v_mask(n), x);
}
/* x in the first n lanes, y in the others. */
static inline vec v_first(vec x, vec y, size_t n) {
    return _mm512_mask_blend_ps(v_mask(n), y, x);
}
static inline vec v_load_bf16(const uint16_t *p, size_t n) {
    __m256i half = _mm256_maskz_loadu_epi16(v_mask(n), p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
/* To nearest, ties to even, by whole numbers. */
static inline __m256i v_round_bf16(vec x) {
    __m512i u = _mm512_castps_si512(x), top = _mm512_srli_epi32(u, 16);
    __m512i odd = _mm512_and_si512(top, _mm512_set1_epi32(1));
    __m512i up = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __m512i rounded = _mm512_srli_epi32(up, 16);
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    rounded = _mm512_mask_or_epi32(rounded, nan, top, _mm512_set1_epi32(0x40));
    return _mm512_cvtepi32_epi16(rounded);
}
static inline void v_store_half(uint16_t *p, __m256i half, size_t n) {
    if (n >= W)
        _mm256_storeu_si256((__m256i *)(void *)p, half);
    else
        _mm256_mask_storeu_epi16(p, v_mask(n), half);
}
static inline vec v_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}
static inline vec v_sub(vec a, vec b) {
    return _mm512_sub_ps(a, b);
}
static inline vec v_mul(vec a, vec b) {
    return _mm512_mul_ps(a, b);
}
static inline vec v_div(vec a, vec b) {
    return _mm512_div_ps(a, b);
}
static inline vec v_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}
static inline vec v_fnma(vec a, vec b, vec c) { /* c - a * b */
    return _mm512_fnmadd_ps(a, b, c);
}
/* The second operand where either is NaN. */
static inline vec v_max(vec a, vec b) {
    return _mm512_max_ps(a, b);
}
static inline vec v_min(vec a, vec b) {
    return _mm512_min_ps(a, b);
}
static inline vec v_abs(vec x) {
    return _mm512_abs_ps(x);
}
static inline vec v_sign_of(vec magnitude, vec sign) {
    return _mm512_or_ps(magnitude, _mm512_and_ps(sign, _mm512_set1_ps(-0.0F)));
}
static inline vec v_round(vec x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vec v_ldexp(vec x, vec n) { /* n whole */
    return _mm512_scalef_ps(x, n);
}
/* a < b ? x : y */
static inline vec v_less(vec a, vec b, vec x, vec y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
static inline vec v_nan_or(vec a, vec x) { /* a where a is NaN, else x */
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), x, a);
}
static inline unsigned v_equal(vec a, vec b) { /* a bit a lane */
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
static inline float v_sum(vec x) {
    return _mm512_reduce_add_ps(x);
}
static inline float v_lane_0(vec x) {
    return _mm_cvtss_f32(_mm512_castps512_ps128(x));
}
static inline float v_top(vec x) {
    return _mm512_reduce_max_ps(x);
}
static inline double v_sum_f64(vec x) {
    __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(x));
    __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
    return _mm512_reduce_add_pd(_mm512_add_pd(low, high));
}
/* Two bf16 numbers at p in all lanes; b holds a pair a lane. */
static inline vec v_pair(const uint16_t *p) {
    uint32_t u;
    __builtin_memcpy(&u, p, sizeof u);
    return _mm512_castsi512_ps(_mm512_set1_epi32((int)u));
}
static inline vec v_low(vec pairs) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs), 16));
}
static inline vec v_high(vec pairs) {
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_castps_si512(pairs), _mm512_set1_epi32((int)0xffff0000)));
}

#endif
