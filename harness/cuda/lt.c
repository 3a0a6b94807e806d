/* Which products go through cuBLASLt, and how: finished by the library, or some rows at a time and
 * finished by ours. See lt.h. */
#include "harness/cuda/lt.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/steps.h"

static void refused(void) {
    err_bug(__FILE__, __LINE__, "cuBLASLt refused a product of a kind that it has done before");
}

static uint32_t filled(const struct lt_plan *p, uint32_t n_rows) {
    return p->block != 0 ? (p->block - n_rows % p->block) % p->block : 0;
}

struct asked {
    struct lt *lt;
    const struct lt_plan *plan;
    struct lt_product product;
};

static cudaError_t asked_do(struct cuda *c, const void *asked) {
    const struct asked *a = asked;
    (void)c;
    return lt_run(a->lt, a->plan, &a->product) ? cudaSuccess : cudaErrorNotSupported;
}

static void run(struct lt *lt, const struct lt_plan *p, const struct lt_product *a) {
    struct asked asked;
    memset(&asked, 0, sizeof asked); /* bytes between members too: a record is compared */
    asked.lt = lt;
    asked.plan = p;
    asked.product.x = a->x;
    asked.product.n_rows = a->n_rows;
    asked.product.weight = a->weight;
    asked.product.bias = a->bias;
    asked.product.scale = a->scale;
    asked.product.out = a->out;
    if (step_ask(lt->cuda, asked_do, &asked, sizeof asked) != cudaSuccess)
        refused();
    lt->cuda->n_rows_filled += filled(p, a->n_rows);
}

/* ---- finished by the library ---- */

static bool is_aligned(uint32_t n, bool bf16) {
    return n * (bf16 ? 2U : 4U) % LT_ALIGN == 0;
}

/* The bias as the library takes it, in the elements of the result; NULL where it can't be had. */
static const void *bias_of(const struct matmul_args *a) {
    return a->out.bf16 ? a->bias_bf16 : a->bias;
}

/* The library's epilogue that is the same function as ours, or 0. */
static enum lt_epilogue epilogue_of(const struct matmul_args *a) {
    bool gelu = a->activation == KERNEL_GELU_TANH;
    if (a->bias == NULL && a->activation == KERNEL_NONE)
        return LT_EPILOGUE_NONE;
    if (a->scale != 1 || (a->bias != NULL && bias_of(a) == NULL))
        return 0;
    if (a->activation == KERNEL_NONE)
        return LT_EPILOGUE_BIAS;
    if (!gelu || !a->out.bf16 || a->accumulate)
        return 0;
    return a->bias != NULL ? LT_EPILOGUE_GELU_BIAS : LT_EPILOGUE_GELU;
}

static struct lt_kind kind_of(const struct matmul_args *a) {
    return (struct lt_kind) { .n = a->out.cols,
        .k = a->x.cols,
        .pitch = a->out.cols,
        .bf16 = a->x.bf16,
        .out_bf16 = a->out.bf16,
        .accumulate = a->accumulate,
        .epilogue = epilogue_of(a) };
}

static bool run_finished(struct lt *lt, const struct matmul_args *a) {
    const struct lt_kind kind = kind_of(a);
    struct lt_product p = { .x = a->x.data,
        .n_rows = a->x.n,
        .weight = a->weight,
        .bias = bias_of(a),
        .scale = a->scale,
        .out = a->out.data };
    if (kind.epilogue == 0 || !is_aligned(kind.n, kind.out_bf16))
        return false;
    const struct lt_plan *plan = lt_plan_find(lt, &kind, a->weight);
    if (plan->usable)
        run(lt, plan, &p);
    return plan->usable;
}

/* ---- finished by ours ---- */

/* Sums in f32, their rows as far apart as alignment wants. */
static struct lt_kind sums_of(const struct matmul_args *a) {
    struct lt_kind kind = kind_of(a);
    uint32_t step = LT_ALIGN / sizeof(float);
    kind.pitch = (kind.n + step - 1) / step * step;
    kind.out_bf16 = kind.accumulate = false;
    kind.epilogue = LT_EPILOGUE_NONE;
    return kind;
}

/* Rows whose sums fit, in whole blocks where there are so many. */
static uint32_t rows_at_once(const struct lt_kind *kind) {
    uint32_t rows = (uint32_t)(LT_SUMS_BYTES / sizeof(float)) / kind->pitch;
    return rows > LT_BLOCK ? rows / LT_BLOCK * LT_BLOCK : rows;
}

static void finish(struct lt *lt, const struct matmul_args *a, struct device_rows out,
    const struct lt_kind *kind) {
    const struct finish_args f = { .sums = (const float *)(const void *)lt->sums,
        .pitch = kind->pitch,
        .out = out,
        .bias = a->bias,
        .activation = a->activation,
        .scale = a->scale,
        .accumulate = a->accumulate };
    cuda_must(launch_finish(&f, lt->cuda->stream), "matmul");
}

static bool run_sums(struct lt *lt, const struct matmul_args *a) {
    const struct lt_kind kind = sums_of(a);
    uint32_t most = rows_at_once(&kind);
    struct lt_product p = { .weight = a->weight, .scale = 1, .out = lt->sums };
    const struct lt_plan *plan = most > 0 ? lt_plan_find(lt, &kind, a->weight) : NULL;
    if (plan == NULL || !plan->usable)
        return false;
    for (uint32_t row = 0; row < a->x.n; row += p.n_rows) {
        p.n_rows = a->x.n - row < most ? a->x.n - row : most;
        p.x = rows_part(a->x, row, p.n_rows).data;
        run(lt, plan, &p);
        finish(lt, a, rows_part(a->out, row, p.n_rows), &kind);
    }
    return true;
}

bool lt_matmul(struct lt *lt, const struct matmul_args *a) {
    if (a->x.n == 0 || a->out.cols == 0 || !is_aligned(a->x.cols, a->x.bf16))
        return false;
    if (a->blocks != KERNEL_PLAIN || a->pitch != 0)
        return false;
    return run_finished(lt, a) || run_sums(lt, a);
}

/* ---- opening ---- */

static bool rooms_make(struct lt *lt, struct err *err) {
    lt->sums = device_alloc(
        lt->cuda, LT_SUMS_BYTES + LT_WORKSPACE_BYTES, 1, "sums of products", NULL, err);
    lt->workspace = lt->sums != NULL ? lt->sums + LT_SUMS_BYTES : NULL;
    return lt->sums != NULL;
}

static bool handle_make(struct lt *lt, struct err *err) {
    int status = lt->api.create(&lt->handle);
    return status == LT_SUCCESS ||
           err_set(err, ERR_UNSUPPORTED, "no cuBLASLt: it gives status %d", status);
}

struct lt *lt_open(struct cuda *c, struct err *err) {
    struct lt *lt = xcalloc(1, sizeof *lt);
    lt->cuda = c;
    if (lt_load(lt, err) && handle_make(lt, err) && rooms_make(lt, err))
        return lt;
    lt_close(lt);
    return NULL;
}

/* The library stays open, as the module does: it may have threads and exit handlers of its own. */
void lt_close(struct lt *lt) {
    if (lt == NULL)
        return;
    lt_plans_free(lt);
    if (lt->handle != NULL)
        lt->api.destroy(lt->handle);
    free(lt);
}
