/* Matrix products by cuBLASLt, where the library is there (lt.c, lt_plan.c, lt_load.c).
 *
 * The same bits. What a row becomes must not depend on how many rows there are, so an algorithm is
 * chosen once for each kind of product, as for LT_ROWS rows, and used for every number of rows from
 * then on, one included. Algorithms that cut k into parts are not taken: neither those that say so
 * nor, where there are others, those that want memory for partial sums. Whether rows really come
 * out alike is tried before an algorithm is first used (lt_plan.c), on products of some rows
 * together and of a few of them at other places; where they don't, rows go in blocks of LT_BLOCK,
 * the last one filled and counted; where even these differ, our own kernel does it.
 *
 * Memory that is short at the moment says nothing about an algorithm, and changes no choice: a
 * trial that finds none for weights of its own borrows the product's (they wait on the host for as
 * long as it lasts), and what cannot do without more ends the process, with what would help.
 *
 * Whether a product goes through the library follows from its widths and types alone: never from
 * where its rows stand or how many there are.
 *
 * Passes over memory. A product that the library can finish as our kernels would (a factor, a bias,
 * the tanh form of GELU where the result is rounded to bf16, an addition to the residual stream) is
 * written once. A result that is rounded to bf16 has a bias that was: the library takes no other
 * there. All other products are made some rows at a time, in f32, in memory that the second-level
 * cache holds, and finished from there by one kernel (finish.cu): the result is written once too.
 * ReLU is among these: the library's may lose a NaN.
 *
 * This has been compiled and run against a stand-in for the library, not yet on a device. */
#ifndef ASSAY_HARNESS_CUDA_LT_H
#define ASSAY_HARNESS_CUDA_LT_H

#include "base/err.h"
#include "harness/cuda/kernels.h"
#include "harness/cuda/lt_api.h"

#ifndef LT_SUMS /* the tests' are small */
#define LT_SUMS (16 << 20)
#define LT_WORKSPACE (32 << 20)
#endif

enum {
    LT_ROWS = 4096,          /* an algorithm is chosen as for so many rows */
    LT_BLOCK = 128,          /* rows of every product, where its algorithm goes by their number */
    LT_ALIGN = 16,           /* bytes: each row of each side begins at a multiple */
    LT_SUMS_BYTES = LT_SUMS, /* of sums that wait to be finished: they fit the cache */
    LT_WORKSPACE_BYTES = LT_WORKSPACE
};

/* What an algorithm is chosen for. */
struct lt_kind {
    uint32_t n, k,
        pitch; /* columns of the result, of rows; elements from one row of it to the next */
    bool bf16, out_bf16, accumulate;
    enum lt_epilogue epilogue;
};

struct lt_plan {
    struct lt_plan *next;
    struct lt_kind kind;
    bool usable;
    uint32_t block; /* 0: any number of rows at once */
    void *desc, *weight, *rows, *out;
    struct lt_algo algo;
    size_t workspace; /* bytes that the algorithm works in, mostly none */
};

struct cuda;
struct lt {
    struct cuda *cuda;
    struct lt_api api;
    void *library, *handle;
    char name[32];
    uint8_t *sums, *workspace; /* LT_SUMS_BYTES, and LT_WORKSPACE_BYTES behind them */
    uint8_t *block;            /* rows of a block that has to be filled, and what they become */
    size_t block_bytes;
    struct lt_plan *plans;
    bool starved; /* the library has said that it found no memory */
};

/* A product as the library does it: out = x · wᵀ under the plan's epilogue, rows of out `pitch`
 * apart. */
struct lt_product {
    const uint8_t *x;
    uint32_t n_rows;
    const void *weight, *bias;
    float scale;
    uint8_t *out;
};

/* lt_load.c: the library that ASSAY_CUBLASLT names (empty: none), or the first of those that the
 * dynamic linker finds. */
MUST_CHECK bool lt_load(struct lt *lt, struct err *err);

/* ERR_UNSUPPORTED: there is none, or it doesn't work; ERR_RESOURCE. */
MUST_CHECK struct lt *lt_open(struct cuda *c, struct err *err);
void lt_close(struct lt *lt); /* its memory on the device is the backend's */

/* The product of launch_matmul; false: it isn't one for the library, and nothing has been done. */
bool lt_matmul(struct lt *lt, const struct matmul_args *a);

/* lt_plan.c: the plan of this kind, made and tried where there is none yet. One that isn't usable
 * stays so. `weight`: the product's, which is as it was afterwards. */
const struct lt_plan *lt_plan_find(struct lt *lt, const struct lt_kind *kind, const void *weight);
void lt_plans_free(struct lt *lt);

/* lt_say.c: what became of a plan, where ASSAY_CUBLASLT_SAY asks. */
void lt_say(const struct lt *lt, const struct lt_plan *p);

/* False where the library refuses. */
MUST_CHECK bool lt_run(struct lt *lt, const struct lt_plan *plan, const struct lt_product *p);

#endif
