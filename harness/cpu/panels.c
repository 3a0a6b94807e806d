/* Products for callers outside of the forward pass (product.h), through the same GEMM door: always
 * our own library, which keeps no state between calls and reads the rows where they lie, so that
 * one packed matrix serves every thread. */
#include <string.h>

#include "base/mem.h"
#include "harness/cpu/gemm.h"
#include "harness/product.h"

struct panels {
    struct gemm *gemm;
    struct gemm_weight *weight;
};

static bool pack(struct panels *p, const float *b, struct err *err) {
    const struct gemm *g = p->gemm;
    for (uint32_t chunk = 0; chunk < p->weight->n_chunks; chunk++) {
        const float *rows = b + (size_t)chunk * g->chunk * p->weight->k;
        if (!g->ops->pack(p->weight, chunk, rows, err)) {
            return false;
        }
    }
    return true;
}

struct panels *panels_new(const float *b, uint32_t n, uint32_t k, struct err *err) {
    struct gemm_config config = { .name = "plain", .elem = ELEM_F32, .n_threads = 1 };
    config.kernels = kernels_choose(err);
    if (!config.kernels) {
        return NULL;
    }
    struct panels *p = xcalloc(1, sizeof *p);
    p->gemm = gemm_open(&config, err);
    p->weight = p->gemm ? p->gemm->ops->weight(p->gemm, n, k, err) : NULL;
    if (!p->weight || !pack(p, b, err)) {
        panels_free(p);
        return NULL;
    }
    return p;
}

void panels_free(struct panels *p) {
    if (!p) {
        return;
    }
    if (p->weight) {
        p->gemm->ops->free_weight(p->weight);
    }
    if (p->gemm) {
        p->gemm->ops->close(p->gemm);
    }
    free(p);
}

/* One block of rows by one chunk of columns; `sums` is room for it. */
static void multiply_tile(const struct panels *p, uint32_t chunk, const float *a, uint32_t n_rows,
    float *sums, float *out) {
    const struct gemm_weight *w = p->weight;
    struct gemm_call call = {
        .weight = w, .chunk = chunk, .n_rows = n_rows, .rows = a, .stride = w->k, .sums = sums
    };
    p->gemm->ops->multiply(&call);
    uint32_t stride = gemm_stride(w, chunk), columns = gemm_columns(w, chunk);
    for (uint32_t i = 0; i < n_rows; i++) {
        memcpy(out + (size_t)i * w->n + (size_t)chunk * p->gemm->chunk, sums + (size_t)i * stride,
            columns * sizeof *out);
    }
}

void panels_multiply(const struct panels *p, const float *a, size_t n_rows, float *out) {
    const struct gemm *g = p->gemm;
    float *sums = xmalloc((size_t)g->row_block * g->chunk * sizeof *sums);
    for (size_t from = 0; from < n_rows; from += g->row_block) {
        uint32_t n = n_rows - from < g->row_block ? (uint32_t)(n_rows - from) : g->row_block;
        for (uint32_t chunk = 0; chunk < p->weight->n_chunks; chunk++) {
            multiply_tile(p, chunk, a + from * p->weight->k, n, sums, out + from * p->weight->n);
        }
    }
    free(sums);
}
