/* The GEMM door: sums = rows · weightᵀ in f32, nothing else. Two libraries stand behind it, ours
 * ("plain") and oneDNN.
 *
 * A weight [N, K] is cut into chunks of at most `chunk` columns of the product, each packed on its
 * own. One call makes one chunk for one block of at most row_block rows. Rows of a call don't
 * influence each other's bits, whatever their place; where `whole_blocks` a call always computes
 * row_block rows and the caller fills what is missing with zeros. */
#ifndef ASSAY_HARNESS_CPU_GEMM_H
#define ASSAY_HARNESS_CPU_GEMM_H

#include "harness/cpu/kernels.h"

struct gemm {
    const struct gemm_ops *ops;
    const char *name; /* "plain", "dnnl 2.6.3" */
    const struct kernels *kernels;
    enum elem elem;     /* of rows and packed weights */
    uint32_t row_block; /* rows of a call */
    uint32_t chunk;     /* columns of a call */
    uint32_t k_step;    /* rows have a multiple of this many elements, zeros at the end */
    uint32_t n_step;    /* sums come in rows of the chunk's columns rounded up to this */
    bool whole_blocks;
};

struct gemm_weight {
    struct gemm *gemm;
    uint32_t n, k;
    uint32_t n_chunks;
};

struct gemm_call {
    const struct gemm_weight *weight;
    uint32_t chunk, n_rows;
    unsigned thread;
    const void *rows;     /* [n_rows, stride] of gemm->elem */
    size_t stride;        /* elements */
    float *sums;          /* [n_rows, gemm_stride(weight, chunk)] */
    const float *factors; /* [n_rows]: of rows in eight bits (int8.h) */
};

/* Finished rows of a call: those of its chunk's columns, the first n_rows of its rows. */
struct gemm_out {
    struct finish how; /* bias: of the chunk's columns */
    uint32_t n_rows;
    void *rows;    /* [n_rows, stride] of how.out */
    size_t stride; /* elements */
};

struct gemm_ops {
    void (*close)(struct gemm *g);
    struct gemm_weight *(*weight)(struct gemm *g, uint32_t n, uint32_t k, struct err *err);
    void (*free_weight)(struct gemm_weight *w);
    /* rows: the chunk's rows of the weight, [columns, K] in f32; may run on any thread of the pool.
     */
    bool (*pack)(struct gemm_weight *w, uint32_t chunk, const float *rows, struct err *err);
    /* The same of rows in the gemm's own elements; NULL: not in this library. */
    void (*pack_own)(struct gemm_weight *w, uint32_t chunk, const void *rows);
    /* A strip: a weight of one chunk, of n columns, that is packed as it is used, on one thread. It
     * lies in the caller's room of strip_bytes bytes, aligned to a line of the cache, and is
     * forgotten with it. Panels of kernels->panel columns are packed a part of K at a time: rows
     * hold elements [from, from + some) of the panel's columns, in the gemm's own elements; those
     * behind K up to a whole k_step are zeros. NULL: not in this library. */
    size_t (*strip_bytes)(const struct gemm *g, uint32_t n, uint32_t k);
    struct gemm_weight *(*strip)(struct gemm *g, uint32_t n, uint32_t k, void *room);
    void (*strip_pack)(struct gemm_weight *strip, uint32_t panel, uint32_t from, uint32_t some,
        const void *const rows[PANEL_MAX]);
    /* The packed form as one run of bytes that depends on the weight and on how this gemm was
     * opened alone; and such a run, 64-byte aligned, in its place, which must outlive w. NULL:
     * there is no such form. */
    const void *(*packed)(const struct gemm_weight *w, size_t *bytes);
    void (*adopt)(struct gemm_weight *w, const void *packed);
    void (*multiply)(const struct gemm_call *call);
    /* The same, finished while sums are in registers or nearly so; NULL: gemm_finish does it behind
     * `multiply`. */
    void (*finish)(const struct gemm_call *call, const struct gemm_out *out);
};

/* Columns of a chunk; the last may be short. */
static inline uint32_t gemm_columns(const struct gemm_weight *w, uint32_t chunk) {
    uint32_t left = w->n - chunk * w->gemm->chunk;
    return left < w->gemm->chunk ? left : w->gemm->chunk;
}

/* Floats from one row of sums to the next. */
static inline uint32_t gemm_stride(const struct gemm_weight *w, uint32_t chunk) {
    uint32_t step = w->gemm->n_step;
    return (gemm_columns(w, chunk) + step - 1) / step * step;
}

/* Multiplies and finishes; call->sums is room, whose content means nothing then. */
void gemm_finish(const struct gemm_call *call, const struct gemm_out *out);

struct gemm_config {
    const char *name; /* "auto", "dnnl" or "plain" */
    const struct kernels *kernels;
    enum elem elem;
    unsigned n_threads;
};
MUST_CHECK struct gemm *gemm_open(const struct gemm_config *config, struct err *err);

/* One opener a library; a library that was not built has none. NULL with *err where it cannot run
 * here. */
typedef struct gemm *gemm_open_fn(const struct gemm_config *config, struct err *err);
gemm_open_fn gemm_open_plain;
gemm_open_fn gemm_open_dnnl;

#endif
