/* Kernels: the inner loops of the CPU backend, one const table an instruction set.
 *
 * Each kernel works on one row or one small tile, so a row's numbers cannot depend on its
 * neighbours. Reductions run in one fixed order of lanes, which may differ between tables: the
 * table's name is part of a result's identity. NaN and infinity go through: nothing here hides
 * them. kernels_plain.c is the oracle for the others. */
#ifndef ASSAY_HARNESS_CPU_KERNELS_H
#define ASSAY_HARNESS_CPU_KERNELS_H

#include "harness/backend.h"
#include "harness/cpu/unpack.h"

enum {
    KEY_BLOCK = 128, /* positions of one softmax step, counted from position 0 */
    LANES = 16,      /* partial sums of a softmax denominator */
    TILE_MAX = 12,   /* most rows of a micro-kernel, over all tables */
    PANEL_MAX = 32,  /* most columns */
};

/* How rows of sums become rows of output: see struct epilogue. */
struct finish {
    const float *bias; /* [n] or NULL */
    enum activation activation;
    float scale;
    bool accumulate; /* f32 out only */
    enum elem out;
};

struct kernels {
    const char *name;
    uint32_t tile;  /* rows of a micro-kernel, at most */
    uint32_t panel; /* columns of a micro-kernel and of a packed weight panel */

    /* c[rows, panel] = a[rows, k] · b[k, panel], or += where `add`. Each element is one chain over
     * k, in order. */
    void (*multiply_f32)(uint32_t rows, uint32_t k, const float *a, size_t lda, const float *b,
        size_t ldb, float *c, size_t ldc, bool add);
    /* The same on bf16, k even: b is [k / 2, ldb] of pairs, element (i, j) at b[i / 2 * ldb + 2 * j
     * + i % 2]. */
    void (*multiply_bf16)(uint32_t rows, uint32_t k, const uint16_t *a, size_t lda,
        const uint16_t *b, size_t ldb, float *c, size_t ldc, bool add);

    void (*to_bf16)(
        size_t n, const float *x, uint16_t *out); /* to nearest, ties to even; NaN stays NaN */
    void (*from_bf16)(size_t n, const uint16_t *x, float *out);

    void (*norm)(enum norm_kind kind, size_t n, const float *x, const float *gain,
        const float *bias, float eps, float *out);
    void (*activate)(enum activation a, size_t n, const float *x, float *out); /* out may be x */
    /* out[rows, n] from sums[rows, n]; strides in elements. Uses up `sums`. */
    void (*finish)(const struct finish *f, uint32_t rows, size_t n, float *sums, size_t stride,
        void *out, size_t out_stride);
    void (*add)(size_t n, const float *x, float *sum);          /* sum += x */
    void (*multiply)(size_t n, const float *x, float *product); /* product *= x */
    void (*scale)(size_t n, float factor, float *x);
    void (*scale_add)(
        size_t n, float factor, const float *x, float *sum); /* sum += factor * x, rounded twice */
    void (*maximum)(size_t n, const float *x, float *max);   /* NaN wins */
    float (*sum_squares)(size_t n, const float *x);

    /* Pairs (a[i], b[i]) turned by angles: a' = a cos - b sin, b' = b cos + a sin. */
    void (*turn)(size_t n, const float *cos, const float *sin, float *a, float *b);

    /* out[d * panel + j] = rows[j][d], for the panel's keys j; missing rows (NULL) give zeros. */
    void (*transpose)(uint32_t n_dims, const float *const *rows, float *out);

    /* out[2 * i] = a[i], out[2 * i + 1] = b[i]; zeros for a row that is missing (NULL). */
    void (*interleave)(size_t n, const uint16_t *a, const uint16_t *b, uint16_t *out);

    /* One block of an online softmax over scores s[from, to): s becomes exp(s' - max) with s' =
     * cap(scale * s), *max and sums[LANES] are brought up to date. Returns the factor for what was
     * summed under the old maximum. */
    float (*soften)(
        float *s, uint32_t from, uint32_t to, float scale, float softcap, float *max, float *sums);
    /* The same, its weights rounded to bf16 in `weights` (which may be written up to the ends of
     * whole LANES, with zeros); s is used up. */
    float (*soften_bf16)(float *s, uint32_t from, uint32_t to, float scale, float softcap,
        float *max, float *sums, uint16_t *weights);
    float (*lane_sum)(const float *sums); /* of LANES numbers, in one fixed order */

    void (*cap)(
        size_t n, float scale, float softcap, float *x); /* x = cap(scale * x); softcap 0: none */
    float (*find_max)(
        size_t n, const float *x, size_t *first); /* NaN passed over; all NaN: -inf at 0 */
    double (*exp_sum)(size_t n, const float *x, float max); /* of exp(x - max) */

    const struct unpack *unpack; /* NULL: of no type */

    /* What the processor gives (roof.h): so many steps of roof_flops operations each, and a pass
     * over memory. The results mean nothing. */
    struct roof {
        float (*f32)(uint64_t steps);
        float (*bf16)(uint64_t steps);
        float (*stream)(size_t n, const float *x);
        uint32_t f32_flops, bf16_flops;
    } roof;
};

extern const struct kernels kernels_plain;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512;
extern const struct kernels kernels_avx512bf16;
#elif defined(__aarch64__)
extern const struct kernels kernels_neon;
extern const struct kernels kernels_neonbf16;
#endif

/* The best table for this processor, or the one that ASSAY_ISA names. */
MUST_CHECK const struct kernels *kernels_choose(struct err *err);

/* Names of the tables for this kind of processor, the best first, whether or not this one can run
 * them; NULL behind the last. */
const char *kernels_name(size_t i);

/* Whether the processor has bf16 matrix tiles, which none of these tables use. */
bool kernels_see_amx(void);

static inline float bf16_to_f32(uint16_t x) {
    union {
        uint32_t u;
        float f;
    } v = { .u = (uint32_t)x << 16 };
    return v.f;
}

static inline uint16_t bf16_from_f32(float x) {
    union {
        float f;
        uint32_t u;
    } v = { .f = x };
    if (x != x)
        return (uint16_t)(v.u >> 16 | 0x40); /* quiet */
    return (uint16_t)((v.u + 0x7fff + (v.u >> 16 & 1)) >> 16);
}

#endif
