/* Eight lanes: AVX2 and FMA under the names that simd_kernels.h is written in. */
#ifndef ASSAY_HARNESS_CPU_SIMD_AVX2_H
#define ASSAY_HARNESS_CPU_SIMD_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "harness/cpu/kernels.h"

#define SIMD_TILE 6
enum { W = 8, TILE = SIMD_TILE, PANEL = 16 };
typedef __m256 vec;

#include "harness/cpu/simd_x86.h"

static inline __m256i v_mask(size_t n) {
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= W ? W : (int)n), lane);
}
static inline vec v_set(float x) {
    return _mm256_set1_ps(x);
}
static inline vec v_load(const float *p) {
    return _mm256_loadu_ps(p);
}
static inline void v_store(float *p, vec x) {
    _mm256_storeu_ps(p, x);
}
/* The first n lanes; the others are zero, or left alone in memory. */
static inline vec v_load_n(const float *p, size_t n) {
    return n >= W ? v_load(p) : _mm256_maskload_ps(p, v_mask(n));
}
static inline void v_store_n(float *p, vec x, size_t n) {
    if (n >= W)
        v_store(p, x);
    else
        _mm256_maskstore_ps(p, v_mask(n), x);
}
/* x in the first n lanes, y in the others. */
static inline vec v_first(vec x, vec y, size_t n) {
    return _mm256_blendv_ps(y, x, _mm256_castsi256_ps(v_mask(n)));
}
static inline vec v_load_bf16(const uint16_t *p, size_t n) {
    uint16_t part[W] = { 0 };
    if (n < W) {
        memcpy(part, p, n * sizeof *p);
        p = part;
    }
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}
static inline void v_store_bf16(uint16_t *p, vec x, size_t n) {
    __m256i u = _mm256_castps_si256(x), top = _mm256_srli_epi32(u, 16);
    __m256i odd = _mm256_and_si256(top, _mm256_set1_epi32(1));
    __m256i up = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i quiet = _mm256_or_si256(top, _mm256_set1_epi32(0x40));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    __m256i rounded = _mm256_blendv_epi8(_mm256_srli_epi32(up, 16), quiet, nan);
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(rounded, rounded), 0xd8);
    uint16_t part[W];
    _mm_storeu_si128((__m128i *)(void *)part, _mm256_castsi256_si128(packed));
    memcpy(p, part, (n < W ? n : W) * sizeof *p);
}
static inline vec v_add(vec a, vec b) {
    return _mm256_add_ps(a, b);
}
static inline vec v_sub(vec a, vec b) {
    return _mm256_sub_ps(a, b);
}
static inline vec v_mul(vec a, vec b) {
    return _mm256_mul_ps(a, b);
}
static inline vec v_div(vec a, vec b) {
    return _mm256_div_ps(a, b);
}
static inline vec v_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}
static inline vec v_fnma(vec a, vec b, vec c) { /* c - a * b */
    return _mm256_fnmadd_ps(a, b, c);
}
/* The second operand where either is NaN. */
static inline vec v_max(vec a, vec b) {
    return _mm256_max_ps(a, b);
}
static inline vec v_min(vec a, vec b) {
    return _mm256_min_ps(a, b);
}
static inline vec v_abs(vec x) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), x);
}
static inline vec v_sign_of(vec magnitude, vec sign) {
    return _mm256_or_ps(magnitude, _mm256_and_ps(sign, _mm256_set1_ps(-0.0F)));
}
static inline vec v_round(vec x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vec v_power2(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
static inline vec v_ldexp(
    vec x, vec n) { /* n whole, -252 to 254: in two steps, so that neither factor overflows */
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    return v_mul(v_mul(x, v_power2(half)), v_power2(_mm256_sub_epi32(whole, half)));
}
/* a < b ? x : y */
static inline vec v_less(vec a, vec b, vec x, vec y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
static inline vec v_nan_or(vec a, vec x) { /* a where a is NaN, else x */
    return _mm256_blendv_ps(x, a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
static inline unsigned v_equal(vec a, vec b) { /* a bit a lane */
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}
static inline float v_sum(vec x) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
static inline float v_lane_0(vec x) {
    return _mm_cvtss_f32(_mm256_castps256_ps128(x));
}
static inline float v_top(vec x) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
static inline double v_sum_f64(vec x) {
    __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(x));
    __m256d four = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)));
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}
/* Two bf16 numbers at p in all lanes; b holds a pair a lane. */
static inline vec v_pair(const uint16_t *p) {
    uint32_t u;
    memcpy(&u, p, sizeof u);
    return _mm256_castsi256_ps(_mm256_set1_epi32((int)u));
}
static inline vec v_low(vec pairs) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs), 16));
}
static inline vec v_high(vec pairs) {
    return _mm256_castsi256_ps(
        _mm256_and_si256(_mm256_castps_si256(pairs), _mm256_set1_epi32((int)0xffff0000)));
}

#endif
