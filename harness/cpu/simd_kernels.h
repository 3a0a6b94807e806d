/* The vector kernels, written once over the v_* names of simd_avx512.h, simd_avx2.h or simd_neon.h.
 * A kernels_<isa>.c includes one of those, defines v_dot_bf16, includes this, and is compiled with
 * that instruction set's flags; nothing else may include it. No rounding is left to the compiler:
 * every fused multiply-add is spelled out. */
#ifndef ASSAY_HARNESS_CPU_SIMD_KERNELS_H
#define ASSAY_HARNESS_CPU_SIMD_KERNELS_H

#include <math.h>

#include "harness/cpu/roof.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* ---- exp, erf, tanh ---- */

/* 2^n · p(r), |r| <= ln 2 / 2; Taylor's series to r^7 is good to 5e-9. */
ALWAYS_INLINE vec v_exp(vec x) {
    x = v_min(v_set(89.0F), v_max(v_set(-104.0F), x));
    vec n = v_round(v_mul(x, v_set(1.44269504F)));
    vec r = v_fnma(n, v_set(-2.12194440e-4F), v_fnma(n, v_set(0.693359375F), x));
    vec p = v_fma(r, v_set(1 / 5040.0F), v_set(1 / 720.0F));
    p = v_fma(p, r, v_set(1 / 120.0F));
    p = v_fma(p, r, v_set(1 / 24.0F));
    p = v_fma(p, r, v_set(1 / 6.0F));
    p = v_fma(p, r, v_set(0.5F));
    p = v_fma(v_mul(r, r), p, r);
    return v_ldexp(v_add(p, v_set(1)), n);
}

/* Below 0.95 an odd polynomial, above it 1 - exp(-(t + t R(t))); both fitted to errors below 3e-8.
 * From 4 on it is 1. */
ALWAYS_INLINE vec v_erf(vec x) {
    vec t = v_min(v_set(4), v_abs(x)), s = v_mul(t, t);
    vec p = v_fma(s, v_set(-5.886773579e-4F), v_set(4.973116796e-3F));
    p = v_fma(p, s, v_set(-2.675333433e-2F));
    p = v_fma(p, s, v_set(1.128146648e-1F));
    p = v_fma(p, s, v_set(-3.761246204e-1F));
    p = v_fma(p, s, v_set(1.283791512e-1F));
    vec small = v_fma(p, t, t);
    vec q = v_fma(t, v_set(1.161252203e-5F), v_set(-3.266247804e-4F));
    q = v_fma(q, t, v_set(3.658018075e-3F));
    q = v_fma(q, t, v_set(-2.379502356e-2F));
    q = v_fma(q, t, v_set(1.062752083e-1F));
    q = v_fma(q, t, v_set(6.351280808e-1F));
    q = v_fma(q, t, v_set(1.286542267e-1F));
    vec large = v_sub(v_set(1), v_exp(v_sub(v_set(0), v_fma(q, t, t))));
    return v_sign_of(v_less(t, v_set(0.95F), small, large), x);
}

/* Below 0.625 an odd polynomial (error 4e-9), above it 1 - 2 / (exp(2t) + 1). From 10 on it is 1.
 */
ALWAYS_INLINE vec v_tanh(vec x) {
    vec t = v_min(v_set(10), v_abs(x)), s = v_mul(t, t);
    vec p = v_fma(s, v_set(-5.717036780e-3F), v_set(2.065057866e-2F));
    p = v_fma(p, s, v_set(-5.374349654e-2F));
    p = v_fma(p, s, v_set(1.333149076e-1F));
    p = v_fma(p, s, v_set(-3.333328366e-1F));
    vec small = v_fma(v_mul(p, s), t, t);
    vec large = v_sub(v_set(1), v_div(v_set(2), v_add(v_exp(v_add(t, t)), v_set(1))));
    return v_sign_of(v_less(t, v_set(0.625F), small, large), x);
}

/* ---- matrix products ---- */

/* Two sides of a panel wide, `rows` high; rows is a constant at each call, so the sums live in
 * registers. */
ALWAYS_INLINE void tile_f32(uint32_t rows, uint32_t k, const float *a, size_t lda, const float *b,
    size_t ldb, float *c, size_t ldc, bool add) {
    side left[TILE], right[TILE];
#pragma GCC unroll 12
    for (uint32_t r = 0; r < rows; r++) {
        left[r] = add ? side_load(c + r * ldc) : side_set(0);
        right[r] = add ? side_load(c + r * ldc + SIDE) : side_set(0);
    }
    for (uint32_t i = 0; i < k; i++) {
        side b0 = side_load(b + i * ldb), b1 = side_load(b + i * ldb + SIDE);
#pragma GCC unroll 12
        for (uint32_t r = 0; r < rows; r++) {
            vec x = v_set(a[r * lda + i]);
            left[r] = side_fma(x, b0, left[r]);
            right[r] = side_fma(x, b1, right[r]);
        }
    }
#pragma GCC unroll 12
    for (uint32_t r = 0; r < rows; r++) {
        side_store(c + r * ldc, left[r]);
        side_store(c + r * ldc + SIDE, right[r]);
    }
}

ALWAYS_INLINE side side_load_pairs(const uint16_t *p) {
    return side_load((const float *)(const void *)p);
}

ALWAYS_INLINE void tile_bf16(uint32_t rows, uint32_t k, const uint16_t *a, size_t lda,
    const uint16_t *b, size_t ldb, float *c, size_t ldc, bool add) {
    side left[TILE], right[TILE];
#pragma GCC unroll 12
    for (uint32_t r = 0; r < rows; r++) {
        left[r] = add ? side_load(c + r * ldc) : side_set(0);
        right[r] = add ? side_load(c + r * ldc + SIDE) : side_set(0);
    }
    for (uint32_t i = 0; i < k; i += 2, b += ldb) {
        side b0 = side_load_pairs(b), b1 = side_load_pairs(b + 2 * SIDE);
#pragma GCC unroll 12
        for (uint32_t r = 0; r < rows; r++) {
            vec x = v_pair(a + r * lda + i);
            left[r] = side_dot_bf16(left[r], x, b0);
            right[r] = side_dot_bf16(right[r], x, b1);
        }
    }
#pragma GCC unroll 12
    for (uint32_t r = 0; r < rows; r++) {
        side_store(c + r * ldc, left[r]);
        side_store(c + r * ldc + SIDE, right[r]);
    }
}

/* One height each of tile_f32 and tile_bf16. */
#define TILES(rows)                                                                                \
    static void f32_##rows(uint32_t k, const float *a, size_t lda, const float *b, size_t ldb,     \
        float *c, size_t ldc, bool add) {                                                          \
        if (add)                                                                                   \
            tile_f32(rows, k, a, lda, b, ldb, c, ldc, true);                                       \
        else                                                                                       \
            tile_f32(rows, k, a, lda, b, ldb, c, ldc, false);                                      \
    }                                                                                              \
    static void bf16_##rows(uint32_t k, const uint16_t *a, size_t lda, const uint16_t *b,          \
        size_t ldb, float *c, size_t ldc, bool add) {                                              \
        if (add)                                                                                   \
            tile_bf16(rows, k, a, lda, b, ldb, c, ldc, true);                                      \
        else                                                                                       \
            tile_bf16(rows, k, a, lda, b, ldb, c, ldc, false);                                     \
    }
TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)
#if SIMD_TILE > 6
TILES(7)
TILES(8)
TILES(9)
TILES(10)
TILES(11)
TILES(12)
#endif

typedef void tile_f32_fn(
    uint32_t, const float *, size_t, const float *, size_t, float *, size_t, bool);
typedef void tile_bf16_fn(
    uint32_t, const uint16_t *, size_t, const uint16_t *, size_t, float *, size_t, bool);
static tile_f32_fn *const tiles_f32[] = { f32_1, f32_2, f32_3, f32_4, f32_5, f32_6,
#if SIMD_TILE > 6
    f32_7, f32_8, f32_9, f32_10, f32_11, f32_12
#endif
};
static tile_bf16_fn *const tiles_bf16[] = { bf16_1, bf16_2, bf16_3, bf16_4, bf16_5, bf16_6,
#if SIMD_TILE > 6
    bf16_7, bf16_8, bf16_9, bf16_10, bf16_11, bf16_12
#endif
};

static void multiply_f32(uint32_t rows, uint32_t k, const float *a, size_t lda, const float *b,
    size_t ldb, float *c, size_t ldc, bool add) {
    tiles_f32[rows - 1](k, a, lda, b, ldb, c, ldc, add);
}

static void multiply_bf16(uint32_t rows, uint32_t k, const uint16_t *a, size_t lda,
    const uint16_t *b, size_t ldb, float *c, size_t ldc, bool add) {
    tiles_bf16[rows - 1](k, a, lda, b, ldb, c, ldc, add);
}

/* ---- rows ---- */

static void to_bf16(size_t n, const float *x, uint16_t *out) {
    for (size_t i = 0; i < n; i += W)
        v_store_bf16(out + i, v_load_n(x + i, n - i), n - i);
}

static void from_bf16(size_t n, const uint16_t *x, float *out) {
    for (size_t i = 0; i < n; i += W)
        v_store_n(out + i, v_load_bf16(x + i, n - i), n - i);
}

static float sum(size_t n, const float *x) {
    vec lanes = v_set(0);
    for (size_t i = 0; i < n; i += W)
        lanes = v_add(lanes, v_load_n(x + i, n - i));
    return v_sum(lanes);
}

static float sum_squares(size_t n, const float *x) {
    vec lanes = v_set(0);
    for (size_t i = 0; i < n; i += W) {
        vec y = v_load_n(x + i, n - i);
        lanes = v_fma(y, y, lanes);
    }
    return v_sum(lanes);
}

static float sum_squares_about(size_t n, const float *x, float mean) {
    vec lanes = v_set(0);
    for (size_t i = 0; i < n; i += W) {
        vec y = v_first(v_sub(v_load_n(x + i, n - i), v_set(mean)), v_set(0), n - i);
        lanes = v_fma(y, y, lanes);
    }
    return v_sum(lanes);
}

static void norm(enum norm_kind kind, size_t n, const float *x, const float *gain,
    const float *bias, float eps, float *out) {
    float mean = kind == NORM_LAYER ? sum(n, x) / (float)n : 0;
    float var = (kind == NORM_LAYER ? sum_squares_about(n, x, mean) : sum_squares(n, x)) / (float)n;
    vec inverse = v_set(1 / sqrtf(var + eps)), centre = v_set(mean);
    for (size_t i = 0; i < n; i += W) {
        vec y = v_mul(v_sub(v_load_n(x + i, n - i), centre), inverse);
        if (gain != NULL)
            y = v_mul(y, v_load_n(gain + i, n - i));
        if (bias != NULL)
            y = v_add(y, v_load_n(bias + i, n - i));
        v_store_n(out + i, y, n - i);
    }
}

/* GELU for results that are rounded to bf16: the normal distribution less a half as x times a
 * polynomial of x², cut to ± 1/2. Within 4e-5 of it, a sixth of what that rounding takes of numbers
 * near 0.1; a third of the work of the other. */
ALWAYS_INLINE vec v_gelu_bf16(vec x) {
    vec s = v_min(v_set(4.3F * 4.3F), v_mul(x, x));
    vec p = v_fma(s, v_set(4.197445863e-11F), v_set(-4.249000263e-09F));
    p = v_fma(p, s, v_set(1.902241422e-07F));
    p = v_fma(p, s, v_set(-5.006173069e-06F));
    p = v_fma(p, s, v_set(8.711771807e-05F));
    p = v_fma(p, s, v_set(-1.071386738e-03F));
    p = v_fma(p, s, v_set(9.695149958e-03F));
    p = v_fma(p, s, v_set(-6.615559757e-02F));
    p = v_fma(p, s, v_set(3.988020718e-01F));
    vec half = v_set(0.5F), t = v_max(v_set(-0.5F), v_mul(x, p));
    return v_fma(x, v_min(half, t), v_mul(half, x));
}

ALWAYS_INLINE vec v_activate(enum activation a, vec x) {
    vec half = v_mul(v_set(0.5F), x), one = v_set(1), zero = v_set(0);
    switch (a) {
    case ACT_NONE:
        break;
    case ACT_GELU:
        return v_mul(half, v_add(one, v_erf(v_mul(x, v_set(0.70710678F)))));
    case ACT_GELU_TANH: {
        vec inner = v_fma(v_mul(v_mul(x, x), x), v_set(0.044715F), x);
        return v_mul(half, v_add(one, v_tanh(v_mul(inner, v_set(0.79788456F)))));
    }
    case ACT_SILU:
        return v_div(x, v_add(one, v_exp(v_sub(zero, x))));
    case ACT_RELU:
        return v_less(x, zero, zero, x);
    case ACT_QUICK_GELU:
        return v_div(x, v_add(one, v_exp(v_mul(v_set(-1.702F), x))));
    case ACT_TANH:
        return v_tanh(x);
    case ACT_RELU_SQUARED:
        return v_less(x, zero, zero, v_mul(x, x));
    }
    return x;
}

ALWAYS_INLINE void activate_by(enum activation a, size_t n, const float *x, float *out) {
    for (size_t i = 0; i < n; i += W)
        v_store_n(out + i, v_activate(a, v_load_n(x + i, n - i)), n - i);
}

static void activate(enum activation a, size_t n, const float *x, float *out) {
    switch (a) { /* one loop an activation */
    case ACT_NONE:
        activate_by(ACT_NONE, n, x, out);
        break;
    case ACT_GELU:
        activate_by(ACT_GELU, n, x, out);
        break;
    case ACT_GELU_TANH:
        activate_by(ACT_GELU_TANH, n, x, out);
        break;
    case ACT_SILU:
        activate_by(ACT_SILU, n, x, out);
        break;
    case ACT_RELU:
        activate_by(ACT_RELU, n, x, out);
        break;
    case ACT_QUICK_GELU:
        activate_by(ACT_QUICK_GELU, n, x, out);
        break;
    case ACT_TANH:
        activate_by(ACT_TANH, n, x, out);
        break;
    case ACT_RELU_SQUARED:
        activate_by(ACT_RELU_SQUARED, n, x, out);
        break;
    }
}

static void add(size_t n, const float *x, float *sums) {
    for (size_t i = 0; i < n; i += W)
        v_store_n(sums + i, v_add(v_load_n(sums + i, n - i), v_load_n(x + i, n - i)), n - i);
}

static void multiply(size_t n, const float *x, float *product) {
    for (size_t i = 0; i < n; i += W)
        v_store_n(product + i, v_mul(v_load_n(product + i, n - i), v_load_n(x + i, n - i)), n - i);
}

static void scale(size_t n, float factor, float *x) {
    for (size_t i = 0; i < n; i += W)
        v_store_n(x + i, v_mul(v_load_n(x + i, n - i), v_set(factor)), n - i);
}

static void scale_add(size_t n, float factor, const float *x, float *sums) {
    for (size_t i = 0; i < n; i += W) {
        vec y = v_mul(v_load_n(x + i, n - i), v_set(factor));
        v_store_n(sums + i, v_add(v_load_n(sums + i, n - i), y), n - i);
    }
}

static void maximum(size_t n, const float *x, float *max) {
    for (size_t i = 0; i < n; i += W) {
        vec a = v_load_n(max + i, n - i), b = v_load_n(x + i, n - i);
        v_store_n(max + i, v_nan_or(a, v_max(a, b)), n - i);
    }
}

/* Where finished rows go: which kind of elements, and whether they are added to what is there. */
enum landing { LAND_BF16, LAND_F32, LAND_ADDED };

/* One pass: sums + bias, activation, scale, and out. Both choices are constants at each call. */
ALWAYS_INLINE void finish_column(enum activation a, enum landing land, const struct finish *f,
    uint32_t rows, size_t n, const float *sums, size_t stride, void *out, size_t out_stride) {
    vec bias = f->bias != NULL ? v_load_n(f->bias, n) : v_set(0), factor = v_set(f->scale);
    for (uint32_t r = 0; r < rows; r++, sums += stride) {
        vec y = v_add(v_load_n(sums, n), bias);
        y = a == ACT_GELU && land == LAND_BF16 ? v_gelu_bf16(y) : v_activate(a, y);
        vec x = v_mul(y, factor);
        if (land == LAND_BF16) {
            v_store_bf16((uint16_t *)out + r * out_stride, x, n);
            continue;
        }
        float *to = (float *)out + r * out_stride;
        v_store_n(to, land == LAND_ADDED ? v_add(v_load_n(to, n), x) : x, n);
    }
}

ALWAYS_INLINE void finish_tile(enum activation a, enum landing land, const struct finish *f,
    uint32_t rows, size_t n, const float *sums, size_t stride, void *out, size_t out_stride) {
    struct finish at = *f;
    size_t bytes = land == LAND_BF16 ? sizeof(uint16_t) : sizeof(float);
    for (size_t i = 0; i < n; i += W) {
        at.bias = f->bias != NULL ? f->bias + i : NULL;
        void *to = (uint8_t *)out + i * bytes;
        if (n - i >= W)
            finish_column(a, land, &at, rows, W, sums + i, stride, to, out_stride);
        else
            finish_column(a, land, &at, rows, n - i, sums + i, stride, to, out_stride);
    }
}

ALWAYS_INLINE void finish_by(enum activation a, const struct finish *f, uint32_t rows, size_t n,
    const float *sums, size_t stride, void *out, size_t out_stride) {
    if (f->out == ELEM_BF16)
        finish_tile(a, LAND_BF16, f, rows, n, sums, stride, out, out_stride);
    else if (f->accumulate)
        finish_tile(a, LAND_ADDED, f, rows, n, sums, stride, out, out_stride);
    else
        finish_tile(a, LAND_F32, f, rows, n, sums, stride, out, out_stride);
}

static void finish(const struct finish *f, uint32_t rows, size_t n, float *sums, size_t stride,
    void *out, size_t out_stride) {
    switch (f->activation) {
    case ACT_NONE:
        finish_by(ACT_NONE, f, rows, n, sums, stride, out, out_stride);
        break;
    case ACT_GELU:
        finish_by(ACT_GELU, f, rows, n, sums, stride, out, out_stride);
        break;
    case ACT_SILU:
        finish_by(ACT_SILU, f, rows, n, sums, stride, out, out_stride);
        break;
    case ACT_GELU_TANH:
    case ACT_RELU:
    case ACT_QUICK_GELU:
    case ACT_TANH:
    case ACT_RELU_SQUARED:
        for (uint32_t r = 0; r < rows; r++) {
            if (f->bias != NULL)
                add(n, f->bias, sums + r * stride);
            activate(f->activation, n, sums + r * stride, sums + r * stride);
        }
        struct finish rest = { .scale = f->scale, .accumulate = f->accumulate, .out = f->out };
        finish_by(ACT_NONE, &rest, rows, n, sums, stride, out, out_stride);
        break;
    }
}

static void turn(size_t n, const float *cos, const float *sin, float *a, float *b) {
    for (size_t i = 0; i < n; i += W) {
        vec x = v_load_n(a + i, n - i), y = v_load_n(b + i, n - i);
        vec c = v_load_n(cos + i, n - i), s = v_load_n(sin + i, n - i);
        v_store_n(a + i, v_sub(v_mul(x, c), v_mul(y, s)), n - i);
        v_store_n(b + i, v_add(v_mul(y, c), v_mul(x, s)), n - i);
    }
}

/* ---- attention ---- */

static void transpose(uint32_t n_dims, const float *const *rows, float *out) {
    uint32_t whole = n_dims / 8 * 8;
    for (uint32_t j = 0; j < PANEL; j += 8) {
        for (uint32_t d = 0; d < whole; d += 8)
            v_transpose_8(rows + j, d, out + (size_t)d * PANEL + j);
    }
    for (uint32_t d = whole; d < n_dims; d++) {
        for (uint32_t j = 0; j < PANEL; j++)
            out[(size_t)d * PANEL + j] = rows[j] == NULL ? 0 : rows[j][d];
    }
}

static void interleave(size_t n, const uint16_t *a, const uint16_t *b, uint16_t *out) {
    size_t whole = n / 16 * 16;
    for (size_t i = 0; i < whole; i += 16)
        v_interleave_16(a, b, i, out + 2 * i);
    for (size_t i = whole; i < n; i++) {
        out[2 * i] = a == NULL ? 0 : a[i];
        out[2 * i + 1] = b == NULL ? 0 : b[i];
    }
}

ALWAYS_INLINE vec v_cap(vec x, float scale_by, float softcap) {
    x = v_mul(x, v_set(scale_by));
    return softcap > 0 ? v_mul(v_tanh(v_div(x, v_set(softcap))), v_set(softcap)) : x;
}

/* x in lanes [from, to) counted from lane 0 of the vector, `other` elsewhere. */
ALWAYS_INLINE vec v_between(vec x, vec other, uint32_t at, uint32_t from, uint32_t to) {
    x = v_first(x, other, to - at);
    return from > at ? v_first(other, x, from - at) : x;
}

/* What was summed under the old maximum, brought under the new one; the factor of that. */
ALWAYS_INLINE float raise_max(float new, float *max, float *sums) {
    float old = *max;
    if (!(new > old))
        return 1;
    *max = new;
    float factor = v_lane_0(v_exp(v_set(old - new)));
    scale(LANES, factor, sums);
    return factor;
}

static float soften(
    float *s, uint32_t from, uint32_t to, float scale_by, float softcap, float *max, float *sums) {
    uint32_t first = from / W * W;
    vec none = v_set(-INFINITY), top = none;
    for (uint32_t i = first; i < to; i += W) {
        vec x = v_cap(v_load(s + i), scale_by, softcap);
        v_store(s + i, x);
        top = v_max(v_between(x, none, i, from, to), top);
    }
    float factor = raise_max(v_top(top), max, sums);
    for (uint32_t i = first; i < to; i += W) {
        vec p = v_exp(v_sub(v_load(s + i), v_set(*max)));
        p = v_between(p, v_set(0), i, from, to);
        v_store(s + i, p);
        v_store(sums + i % LANES, v_add(v_load(sums + i % LANES), p));
    }
    return factor;
}

/* exp(x) for x <= 0 that is rounded to bf16: within 3e-6 of it. */
ALWAYS_INLINE vec v_exp_bf16(vec x) {
    x = v_max(v_set(-104.0F), x);
    vec n = v_round(v_mul(x, v_set(1.44269504F)));
    vec r = v_fnma(n, v_set(0.69314718F), x);
    vec p = v_fma(r, v_set(4.151384896e-2F), v_set(1.678747399e-1F));
    p = v_fma(p, r, v_set(5.000301366e-1F));
    p = v_fma(p, r, v_set(9.999668362e-1F));
    p = v_fma(p, r, v_set(1.0F));
    return v_ldexp(p, n);
}

static float soften_bf16(float *s, uint32_t from, uint32_t to, float scale_by, float softcap,
    float *max, float *sums, uint16_t *weights) {
    vec none = v_set(-INFINITY), top = none, factor = v_set(scale_by);
    for (uint32_t i = from / W * W; i < to; i += W) {
        vec x = v_load(s + i);
        if (softcap > 0)
            v_store(s + i, x = v_cap(x, scale_by, softcap));
        else
            x = v_mul(x, factor);
        top = v_max(v_between(x, none, i, from, to), top);
    }
    float raised = raise_max(v_top(top), max, sums);
    vec less = v_set(-*max), lanes[LANES / W];
    factor = softcap > 0 ? v_set(1) : factor;
    for (uint32_t j = 0; j < LANES / W; j++)
        lanes[j] = v_load(sums + j * W);
    for (uint32_t i = from / LANES * LANES; i < to; i += LANES) {
#pragma GCC unroll 4
        for (uint32_t j = 0; j < LANES / W; j++) {
            uint32_t at = i + j * W;
            if (at >= to)
                break;
            vec p = v_exp_bf16(v_fma(v_load(s + at), factor, less));
            p = v_between(p, v_set(0), at, from, to);
            v_store_bf16(weights + at, p, W);
            lanes[j] = v_add(lanes[j], p);
        }
    }
    for (uint32_t j = 0; j < LANES / W; j++)
        v_store(sums + j * W, lanes[j]);
    return raised;
}

static float lane_sum(const float *sums) {
    return sum(LANES, sums);
}

/* ---- logits ---- */

static void cap(size_t n, float scale_by, float softcap, float *x) {
    for (size_t i = 0; i < n; i += W)
        v_store_n(x + i, v_cap(v_load_n(x + i, n - i), scale_by, softcap), n - i);
}

static float find_max(size_t n, const float *x, size_t *first) {
    vec none = v_set(-INFINITY), top = none;
    for (size_t i = 0; i < n; i += W)
        top = v_max(v_first(v_load_n(x + i, n - i), none, n - i), top);
    float max = v_top(top);
    *first = 0;
    for (size_t i = 0; i < n; i += W) {
        unsigned bits = v_equal(v_first(v_load_n(x + i, n - i), v_set(NAN), n - i), v_set(max));
        if (bits != 0) {
            *first = i + (unsigned)__builtin_ctz(bits);
            break;
        }
    }
    return max;
}

/* Lanes are summed in f32 over at most 16 vectors, those sums in f64. */
static double exp_sum(size_t n, const float *x, float max) {
    double total = 0;
    for (size_t from = 0; from < n; from += (size_t)16 * W) {
        size_t to = n - from > (size_t)16 * W ? from + (size_t)16 * W : n;
        vec lanes = v_set(0);
        for (size_t i = from; i < to; i += W) {
            vec p = v_exp(v_sub(v_load_n(x + i, to - i), v_set(max)));
            lanes = v_add(lanes, v_first(p, v_set(0), to - i));
        }
        total += v_sum_f64(lanes);
    }
    return total;
}

/* ---- what the processor gives ---- */

#define ROOF_SET v_set
#define ROOF_PLUS v_add
#define ROOF_LOAD v_load
#define ROOF_SUM v_sum
#define ROOF_LANES W
#define ROOF_MULTIPLY_ADD(sum, a, b) v_step(sum, a, b)
ROOF_MULTIPLY(roof_f32, vec)
ROOF_STREAM(roof_stream, vec)
#undef ROOF_MULTIPLY_ADD

/* Of each instruction set: how many bf16 products a lane its dot product makes at a time, by the
 * roof that it has for them. */
#define SIMD_ROOF(bf16_roof, products)                                                             \
    {                                                                                              \
        .f32 = roof_f32, .bf16 = bf16_roof, .stream = roof_stream,                                 \
        .f32_flops = 2 * ROOF_CHAINS * W, .bf16_flops = 2 * ROOF_CHAINS * W * (products)           \
    }

#define SIMD_KERNELS(isa, roof_of, unpack_of)                                                      \
    {                                                                                              \
        .name = isa, .tile = TILE, .panel = PANEL, .multiply_f32 = multiply_f32,                   \
        .multiply_bf16 = multiply_bf16, .to_bf16 = to_bf16, .from_bf16 = from_bf16, .norm = norm,  \
        .activate = activate, .finish = finish, .add = add, .multiply = multiply, .scale = scale,  \
        .scale_add = scale_add, .maximum = maximum, .sum_squares = sum_squares, .turn = turn,      \
        .transpose = transpose, .interleave = interleave, .soften = soften,                        \
        .soften_bf16 = soften_bf16, .lane_sum = lane_sum, .cap = cap, .find_max = find_max,        \
        .exp_sum = exp_sum, .roof = roof_of, .unpack = unpack_of                                   \
    }

#endif
