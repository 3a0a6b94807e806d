/* Four lanes: NEON of AArch64 under the names that simd_kernels.h is written in. A panel is four
 * vectors wide: sums of a tile are 24 of the 32 registers, and six loads of a number feed them. */
#ifndef ASSAY_HARNESS_CPU_SIMD_NEON_H
#define ASSAY_HARNESS_CPU_SIMD_NEON_H

#include <arm_neon.h>
#include <string.h>

#include "harness/cpu/kernels.h"

#define SIMD_TILE 6
enum { W = 4, TILE = SIMD_TILE, PANEL = 16 };
typedef float32x4_t vec;

/* Large cores have four multipliers: sixteen chains. */
enum { ROOF_CHAINS = 16 };
#define ROOF_EACH(X)                                                                               \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static inline uint32x4_t v_mask(size_t n) {
    const uint32x4_t lane = { 0, 1, 2, 3 };
    return vcgtq_u32(vdupq_n_u32(n >= W ? W : (uint32_t)n), lane);
}
static inline vec v_set(float x) {
    return vdupq_n_f32(x);
}
static inline vec v_load(const float *p) {
    return vld1q_f32(p);
}
static inline void v_store(float *p, vec x) {
    vst1q_f32(p, x);
}
/* The first n lanes; the others are zero, or left alone in memory. There are no loads by mask. */
static inline vec v_load_n(const float *p, size_t n) {
    vec x = v_set(0);
    switch (n) {
    case 0:
        return x;
    case 1:
        return vld1q_lane_f32(p, x, 0);
    case 2:
        return vcombine_f32(vld1_f32(p), vdup_n_f32(0));
    case 3:
        return vld1q_lane_f32(p + 2, vcombine_f32(vld1_f32(p), vdup_n_f32(0)), 2);
    default:
        return v_load(p);
    }
}
static inline void v_store_n(float *p, vec x, size_t n) {
    if (n >= W) {
        v_store(p, x);
        return;
    }
    if (n >= 2)
        vst1_f32(p, vget_low_f32(x));
    if (n == 3)
        vst1q_lane_f32(p + 2, x, 2);
    if (n == 1)
        vst1q_lane_f32(p, x, 0);
}
/* x in the first n lanes, y in the others. */
static inline vec v_first(vec x, vec y, size_t n) {
    return vbslq_f32(v_mask(n), x, y);
}
static inline vec v_load_bf16(const uint16_t *p, size_t n) {
    uint16_t part[W] = { 0 };
    if (n < W) {
        memcpy(part, p, n * sizeof *p);
        p = part;
    }
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}
/* To nearest, ties to even, by whole numbers. */
static inline uint16x4_t v_round_bf16(vec x) {
    uint32x4_t u = vreinterpretq_u32_f32(x), top = vshrq_n_u32(u, 16);
    uint32x4_t odd = vandq_u32(top, vdupq_n_u32(1));
    uint32x4_t up = vaddq_u32(u, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    uint32x4_t quiet = vorrq_u32(top, vdupq_n_u32(0x40));
    return vmovn_u32(vbslq_u32(vceqq_f32(x, x), vshrq_n_u32(up, 16), quiet));
}
static inline void v_store_quarter(uint16_t *p, uint16x4_t quarter, size_t n) {
    uint16_t part[W];
    if (n >= W) {
        vst1_u16(p, quarter);
        return;
    }
    vst1_u16(part, quarter);
    memcpy(p, part, n * sizeof *p);
}
static inline vec v_add(vec a, vec b) {
    return vaddq_f32(a, b);
}
static inline vec v_sub(vec a, vec b) {
    return vsubq_f32(a, b);
}
static inline vec v_mul(vec a, vec b) {
    return vmulq_f32(a, b);
}
static inline vec v_div(vec a, vec b) {
    return vdivq_f32(a, b);
}
static inline vec v_fma(vec a, vec b, vec c) {
    return vfmaq_f32(c, a, b);
}
/* A step of the roof adds to its sum, as the instruction does; as a factor it would be moved
 * about. */
static inline vec v_step(vec sum, vec a, vec b) {
    return v_fma(a, b, sum);
}
static inline vec v_fnma(vec a, vec b, vec c) { /* c - a * b */
    return vfmsq_f32(c, a, b);
}
/* The second operand where either is NaN; the instructions for it have rules of their own. */
static inline vec v_max(vec a, vec b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
static inline vec v_min(vec a, vec b) {
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
static inline vec v_abs(vec x) {
    return vabsq_f32(x);
}
static inline vec v_sign_of(vec magnitude, vec sign) {
    return vbslq_f32(vdupq_n_u32(0x80000000U), sign, magnitude);
}
static inline vec v_round(vec x) {
    return vrndnq_f32(x);
}
static inline vec v_power2(int32x4_t n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}
static inline vec v_ldexp(
    vec x, vec n) { /* n whole, -252 to 254: in two steps, so that neither factor overflows */
    int32x4_t whole = vcvtq_s32_f32(n), half = vshrq_n_s32(whole, 1);
    return v_mul(v_mul(x, v_power2(half)), v_power2(vsubq_s32(whole, half)));
}
/* a < b ? x : y */
static inline vec v_less(vec a, vec b, vec x, vec y) {
    return vbslq_f32(vcltq_f32(a, b), x, y);
}
static inline vec v_nan_or(vec a, vec x) { /* a where a is NaN, else x */
    return vbslq_f32(vceqq_f32(a, a), x, a);
}
static inline unsigned v_equal(vec a, vec b) { /* a bit a lane */
    const uint32x4_t bit = { 1, 2, 4, 8 };
    return vaddvq_u32(vandq_u32(vceqq_f32(a, b), bit));
}
static inline float v_sum(vec x) { /* neighbours first: (0 + 1) + (2 + 3) */
    return vaddvq_f32(x);
}
static inline float v_lane_0(vec x) {
    return vgetq_lane_f32(x, 0);
}
static inline float v_top(vec x) { /* of numbers: NaN is passed over before */
    return vmaxvq_f32(x);
}
static inline double v_sum_f64(vec x) {
    return vaddvq_f64(vaddq_f64(vcvt_f64_f32(vget_low_f32(x)), vcvt_high_f64_f32(x)));
}
/* Two bf16 numbers at p in all lanes; b holds a pair a lane. */
static inline vec v_pair(const uint16_t *p) {
    float both;
    memcpy(&both, p, sizeof both);
    return v_set(both);
}
static inline vec v_low(vec pairs) {
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(pairs), 16));
}
static inline vec v_high(vec pairs) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(pairs), vdupq_n_u32(0xffff0000U)));
}

/* ---- a side of a panel, left or right: two vectors ---- */

enum { SIDE = PANEL / 2 };
typedef float32x4x2_t side;

static inline side side_set(float x) {
    return (side) { { v_set(x), v_set(x) } };
}
static inline side side_load(const float *p) {
    return (side) { { v_load(p), v_load(p + W) } };
}
static inline void side_store(float *p, side x) {
    v_store(p, x.val[0]);
    v_store(p + W, x.val[1]);
}
static inline side side_fma(vec a, side b, side c) {
    return (side) { { v_fma(a, b.val[0], c.val[0]), v_fma(a, b.val[1], c.val[1]) } };
}
static inline vec v_dot_bf16(vec sum, vec a, vec b);
static inline side side_dot_bf16(side sum, vec a, side b) {
    return (side) { { v_dot_bf16(sum.val[0], a, b.val[0]), v_dot_bf16(sum.val[1], a, b.val[1]) } };
}

/* ---- numbers that only change places ---- */

/* out[i * PANEL + j] = rows[j][d + i], 4 × 4; missing rows (NULL) give zeros. */
static inline void v_transpose_4(const float *const *rows, uint32_t d, float *out) {
    vec r[4], even[2], odd[2];
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++)
        r[j] = rows[j] == NULL ? v_set(0) : v_load(rows[j] + d);
    even[0] = vzip1q_f32(r[0], r[2]);
    even[1] = vzip2q_f32(r[0], r[2]);
    odd[0] = vzip1q_f32(r[1], r[3]);
    odd[1] = vzip2q_f32(r[1], r[3]);
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
        v_store(out + 2 * j * PANEL, vzip1q_f32(even[j], odd[j]));
        v_store(out + (2 * j + 1) * PANEL, vzip2q_f32(even[j], odd[j]));
    }
}
/* The same, 8 × 8. */
static inline void v_transpose_8(const float *const *rows, uint32_t d, float *out) {
    for (uint32_t i = 0; i < 8; i += 4) {
        v_transpose_4(rows, d + i, out + i * PANEL);
        v_transpose_4(rows + 4, d + i, out + i * PANEL + 4);
    }
}
/* out[2 * i] = a[from + i], out[2 * i + 1] = b[from + i], 16 of each; NULL gives zeros. */
static inline void v_interleave_16(
    const uint16_t *a, const uint16_t *b, size_t from, uint16_t *out) {
    for (size_t i = from; i < from + 16; i += 8, out += 16) {
        uint16x8x2_t pairs = { { vdupq_n_u16(0), vdupq_n_u16(0) } };
        if (a != NULL)
            pairs.val[0] = vld1q_u16(a + i);
        if (b != NULL)
            pairs.val[1] = vld1q_u16(b + i);
        vst2q_u16(out, pairs);
    }
}

#endif
