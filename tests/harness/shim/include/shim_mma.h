/* What mma.cuh has in assembly, for the host: products and matrices by the maps of fragments that
 * mma.cuh declares (the test compares those with the tables of the PTX manual), sums in f32 along
 * k from 0 up, copies that arrive when they are waited for. Included by mma.cuh alone. */
#ifndef ASSAY_SHIM_MMA_H
#define ASSAY_SHIM_MMA_H

#include <shim_block.h>

enum { SHIM_ALL_LANES = -1 };

static inline float shim_bf16_low(uint32_t pair) {
    return __uint_as_float(pair << 16);
}
static inline float shim_bf16_high(uint32_t pair) {
    return __uint_as_float(pair & 0xffff0000U);
}

struct shim_product {
    float *d;
    const uint32_t *a, *b;
};

static inline void shim_product_perform(void *const parts[SHIM_WARP], uint32_t) {
    float a[MMA_ROWS][MMA_K], b[MMA_K][MMA_COLS];
    for (int lane = 0; lane < SHIM_WARP; lane++) {
        const struct shim_product *p = (const struct shim_product *)parts[lane];
        for (int i = 0; i < 4; i++) {
            a[mma_a_row(lane, i)][mma_a_k(lane, i)] = shim_bf16_low(p->a[i]);
            a[mma_a_row(lane, i)][mma_a_k(lane, i) + 1] = shim_bf16_high(p->a[i]);
        }
        for (int i = 0; i < 2; i++) {
            b[mma_b_k(lane, i)][mma_b_col(lane)] = shim_bf16_low(p->b[i]);
            b[mma_b_k(lane, i) + 1][mma_b_col(lane)] = shim_bf16_high(p->b[i]);
        }
    }
    for (int lane = 0; lane < SHIM_WARP; lane++) {
        for (int i = 0; i < 4; i++) {
            float *d = &((const struct shim_product *)parts[lane])->d[i];
            for (int k = 0; k < MMA_K; k++)
                *d += a[mma_d_row(lane, i)][k] * b[k][mma_d_col(lane, i)];
        }
    }
}

static inline void mma_bf16(
    float d[4], const uint32_t a[4], const uint32_t b[2], struct shim_site site = SHIM_HERE) {
    struct shim_product p = { d, a, b };
    shim_warp("mma_bf16", site, (uint32_t)SHIM_ALL_LANES, &p, shim_product_perform);
}

struct shim_matrices {
    uint32_t *r;
    const void *row;
    bool turned;
};

static inline void shim_matrices_perform(void *const parts[SHIM_WARP], uint32_t) {
    for (int m = 0; m < 4; m++) {
        uint16_t matrix[8][8];
        for (int row = 0; row < 8; row++)
            memcpy(matrix[row], ((const struct shim_matrices *)parts[m * 8 + row])->row,
                sizeof matrix[row]);
        for (int lane = 0; lane < SHIM_WARP; lane++) {
            const struct shim_matrices *p = (const struct shim_matrices *)parts[lane];
            int n = lane / 4, pair = lane % 4 * 2;
            uint16_t low = p->turned ? matrix[pair][n] : matrix[n][pair];
            uint16_t high = p->turned ? matrix[pair + 1][n] : matrix[n][pair + 1];
            p->r[m] = (uint32_t)high << 16 | low;
        }
    }
}

static inline void shim_matrices_load(
    const char *what, uint32_t r[4], const void *row, bool turned, struct shim_site site) {
    struct shim_matrices p = { r, row, turned };
    if ((uintptr_t)row % 16 != 0)
        shim_report("%s of %p, %s:%d: not aligned to 16", what, row, site.file, site.line);
    shim_warp(what, site, (uint32_t)SHIM_ALL_LANES, &p, shim_matrices_perform);
}
static inline void ldmatrix_x4(
    uint32_t r[4], const void *shared_row, struct shim_site site = SHIM_HERE) {
    shim_matrices_load("ldmatrix_x4", r, shared_row, false, site);
}
static inline void ldmatrix_x4_trans(
    uint32_t r[4], const void *shared_row, struct shim_site site = SHIM_HERE) {
    shim_matrices_load("ldmatrix_x4_trans", r, shared_row, true, site);
}

static inline void copy_async16(void *shared_to, const void *from, bool there) {
    shim_copy_begin(shared_to, from, there);
}
static inline void copy_async_commit(void) {
    shim_copy_commit();
}
template <int N> static inline void copy_async_wait(void) {
    shim_copy_wait(N);
}

static inline void prefetch(const void *) {
}

static inline uint32_t shim_bf16(float x) {
    return x != x ? 0x7fffU : bf16_round(x);
}
static inline uint32_t bf16_pair(float low, float high) {
    return shim_bf16(high) << 16 | shim_bf16(low);
}

#endif
