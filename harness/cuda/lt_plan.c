/* Plans: for each kind of product its descriptors, one algorithm for every number of rows, and the
 * trial that shows whether rows come out alike. See lt.h.
 *
 * The library's matrices are column by column. Ours, row by row, are their transposes there:
 *
 *     out = x · wᵀ  [rows, n]    is    outᵀ = w · xᵀ  [n, rows]
 *     w    [n, k]     there  A [k, n], pitch k, transposed
 *     x    [rows, k]  there  B [k, rows], pitch k
 *     out  [rows, n]  there  C = D [n, rows], pitch `pitch`; a bias has one number a row of D */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/cuda.h"
#include "harness/cuda/lt.h"
#include "harness/cuda/steps.h"

static size_t size_in(const struct lt_kind *k) {
    return k->bf16 ? 2 : 4;
}

static size_t size_out(const struct lt_kind *k) {
    return k->out_bf16 ? 2 : 4;
}

static enum lt_type type_of(bool bf16) {
    return bf16 ? LT_BF16 : LT_F32;
}

/* ---- descriptors ---- */

static void plan_free(struct lt *lt, struct lt_plan *p) {
    const struct lt_api *api = &lt->api;
    if (p->desc != NULL)
        api->desc_destroy(p->desc);
    if (p->weight != NULL)
        api->layout_destroy(p->weight);
    if (p->rows != NULL)
        api->layout_destroy(p->rows);
    if (p->out != NULL)
        api->layout_destroy(p->out);
    free(p);
}

void lt_plans_free(struct lt *lt) {
    for (struct lt_plan *p = lt->plans, *next; p != NULL; p = next) {
        next = p->next;
        plan_free(lt, p);
    }
    lt->plans = NULL;
}

/* Whether the library did it; a want of memory is remembered. */
static bool done(struct lt *lt, int status) {
    lt->starved = lt->starved || status == LT_NO_MEMORY;
    return status == LT_SUCCESS;
}

static bool set_u32(lt_set_fn *set, void *object, int attribute, uint32_t value) {
    return set(object, attribute, &value, sizeof value) == LT_SUCCESS;
}

static bool set_u64(lt_set_fn *set, void *object, int attribute, uint64_t value) {
    return set(object, attribute, &value, sizeof value) == LT_SUCCESS;
}

static bool has_bias(const struct lt_kind *k) {
    return k->epilogue == LT_EPILOGUE_BIAS || k->epilogue == LT_EPILOGUE_GELU_BIAS;
}

/* The library looks at the bias's place as it chooses: all of ours are aligned alike. */
static bool bias_set(struct lt *lt, const struct lt_plan *p, const void *bias) {
    return !has_bias(&p->kind) ||
           lt->api.desc_set(p->desc, LT_DESC_BIAS, &bias, sizeof bias) == LT_SUCCESS;
}

static bool desc_make(struct lt *lt, struct lt_plan *p) {
    const struct lt_api *api = &lt->api;
    return done(lt, api->desc_create(&p->desc, LT_COMPUTE_F32, LT_F32)) &&
           set_u32(api->desc_set, p->desc, LT_DESC_TRANSA, LT_OP_T) &&
           set_u32(api->desc_set, p->desc, LT_DESC_TRANSB, LT_OP_N) &&
           set_u32(api->desc_set, p->desc, LT_DESC_EPILOGUE, p->kind.epilogue) &&
           (!has_bias(&p->kind) || set_u32(api->desc_set, p->desc, LT_DESC_BIAS_TYPE,
                                       (uint32_t)type_of(p->kind.out_bf16)));
}

static bool layouts_make(struct lt *lt, struct lt_plan *p) {
    const struct lt_api *api = &lt->api;
    const struct lt_kind *k = &p->kind;
    int in = type_of(k->bf16), out = type_of(k->out_bf16);
    return done(lt, api->layout_create(&p->weight, in, k->k, k->n, k->k)) &&
           done(lt, api->layout_create(&p->rows, in, k->k, LT_ROWS, k->k)) &&
           done(lt, api->layout_create(&p->out, out, k->n, LT_ROWS, k->pitch));
}

/* ---- the algorithm ---- */

/* Sums are f32. In f32 the numbers that are multiplied are, too, whatever the environment asks the
 * library for; one that doesn't say isn't taken. */
static bool is_exact(const struct lt *lt, const struct lt_kind *k, const struct lt_algo *algo) {
    uint64_t numbers = 0, coarse = LT_NUMBERS_SUM_F16;
    size_t written = 0;
    bool known =
        lt->api.cap_get(algo, LT_CAP_NUMBERS, &numbers, sizeof numbers, &written) == LT_SUCCESS &&
        written == sizeof numbers;
    if (!k->bf16)
        coarse |=
            LT_NUMBERS_TENSOR | LT_NUMBERS_FROM_F16 | LT_NUMBERS_FROM_BF16 | LT_NUMBERS_FROM_TF32;
    return known ? (numbers & coarse) == 0 : k->bf16;
}

/* k is summed in one piece. */
static bool is_whole(const struct lt *lt, const struct lt_algo *algo) {
    int32_t splits = 0;
    uint32_t reduction = 0;
    size_t written = 0;
    return lt->api.config_get(algo, LT_CONFIG_SPLITS, &splits, sizeof splits, &written) ==
               LT_SUCCESS &&
           lt->api.config_get(algo, LT_CONFIG_REDUCTION, &reduction, sizeof reduction, &written) ==
               LT_SUCCESS &&
           splits <= 1 && reduction == 0;
}

static bool preference_fill(const struct lt *lt, void *preference, size_t workspace) {
    lt_set_fn *set = lt->api.preference_set;
    bool ok = set_u64(set, preference, LT_PREF_WORKSPACE, workspace) &&
              set_u32(set, preference, LT_PREF_REDUCTIONS, 0);
    for (int side = LT_PREF_ALIGNMENT_A; side <= LT_PREF_ALIGNMENT_D; side++)
        ok = ok && set_u32(set, preference, side, LT_ALIGN);
    return ok;
}

/* The best algorithm that will do, with so much memory to work in. */
static bool algo_choose(struct lt *lt, struct lt_plan *p, size_t workspace) {
    enum { CANDIDATES = 32 };
    struct lt_found found[CANDIDATES] = { 0 };
    void *preference = NULL;
    int n = 0;
    bool chosen = false;
    if (!done(lt, lt->api.preference_create(&preference)))
        return false;
    bool ok = preference_fill(lt, preference, workspace) &&
              done(lt, lt->api.find(lt->handle, p->desc, p->weight, p->rows, p->out, p->out,
                           preference, CANDIDATES, found, &n));
    for (int i = 0; ok && i < n && i < CANDIDATES && !chosen; i++) {
        chosen = found[i].state == LT_SUCCESS && found[i].workspace <= workspace &&
                 is_whole(lt, &found[i].algo) && is_exact(lt, &p->kind, &found[i].algo);
        p->algo = found[i].algo;
        p->workspace = found[i].workspace;
    }
    lt->api.preference_destroy(preference);
    return chosen;
}

/* ---- running ---- */

/* All rows at once. */
static bool run_whole(struct lt *lt, const struct lt_plan *p, const struct lt_product *a) {
    const struct lt_api *api = &lt->api;
    const float beta = p->kind.accumulate ? 1 : 0;
    return set_u64(api->layout_set, p->rows, LT_LAYOUT_COLS, a->n_rows) &&
           set_u64(api->layout_set, p->out, LT_LAYOUT_COLS, a->n_rows) &&
           bias_set(lt, p, a->bias) &&
           done(lt, api->matmul(lt->handle, p->desc, &a->scale, a->weight, p->weight, a->x, p->rows,
                        &beta, a->out, p->out, a->out, p->out, &p->algo, lt->workspace,
                        p->workspace, lt->cuda->stream));
}

static void copy(struct lt *lt, void *to, const void *from, size_t bytes) {
    cuda_must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, lt->cuda->stream),
        "rows of a block");
}

static size_t block_in(const struct lt_kind *k) {
    return (LT_BLOCK * k->k * size_in(k) + 255) / 256 * 256;
}

/* Fewer rows than a block, with zeros behind them. */
static bool run_rest(struct lt *lt, const struct lt_plan *p, const struct lt_product *a) {
    const struct lt_kind *k = &p->kind;
    size_t in = block_in(k), row_out = k->pitch * size_out(k), out_bytes = a->n_rows * row_out;
    struct lt_product whole = *a;
    whole.x = lt->block;
    whole.out = lt->block + in;
    whole.n_rows = LT_BLOCK;
    cuda_must(cudaMemsetAsync(lt->block, 0, in + LT_BLOCK * row_out, lt->cuda->stream), "block");
    copy(lt, lt->block, a->x, a->n_rows * k->k * size_in(k));
    if (k->accumulate)
        copy(lt, whole.out, a->out, out_bytes);
    if (!run_whole(lt, p, &whole))
        return false;
    copy(lt, a->out, whole.out, out_bytes);
    return true;
}

static bool run_blocks(struct lt *lt, const struct lt_plan *p, const struct lt_product *a) {
    const struct lt_kind *k = &p->kind;
    struct lt_product block = *a;
    for (uint32_t row = 0; row < a->n_rows; row += LT_BLOCK) {
        uint32_t left = a->n_rows - row;
        block.n_rows = left < LT_BLOCK ? left : LT_BLOCK;
        block.x = a->x + (size_t)row * k->k * size_in(k);
        block.out = a->out + (size_t)row * k->pitch * size_out(k);
        if (!(left < LT_BLOCK ? run_rest : run_whole)(lt, p, &block))
            return false;
    }
    return true;
}

bool lt_run(struct lt *lt, const struct lt_plan *p, const struct lt_product *a) {
    return (p->block != 0 ? run_blocks : run_whole)(lt, p, a);
}

/* ---- the trial ---- */

static size_t weight_bytes(const struct lt_kind *k) {
    return (size_t)k->n * k->k * size_in(k);
}

enum { TRIED_MOST = 640, TRIED_LEAST = 8 };

/* Rows [from, from + n), of those that are tried. */
static const struct {
    uint32_t from, n;
} tried_parts[] = { { 0, 1 }, { 7, 1 }, { 1, 2 }, { 2, 6 }, { 3, 17 }, { 1, 64 }, { 5, 65 },
    { 64, 128 }, { 63, 129 }, { 20, 300 }, { 127, 513 } };

/* Rows and weights whose products cancel: the second half of k takes back what the first brought,
 * so what is left is the rounding of each addition, and a sum in any other order is another number,
 * in bf16 too.
 *
 * Where a trial keeps its rows: in the memory for sums, and in what the algorithm doesn't want. */
struct trial {
    uint32_t n_rows;
    const uint8_t *weight;
    uint8_t *bias, *x, *all, *part; /* bias: zeros */
    size_t bias_bytes;
    uint32_t *differs;
    size_t row_in, row_out;
};

static struct trial trial_place(const struct lt *lt, const struct lt_plan *p) {
    const struct lt_kind *k = &p->kind;
    size_t bytes = LT_SUMS_BYTES + (p->workspace == 0 ? LT_WORKSPACE_BYTES : 0);
    struct trial t = { .row_in = k->k * size_in(k),
        .row_out = k->pitch * size_out(k),
        .bias_bytes = (k->n * sizeof(float) + 255) / 256 * 256 };
    size_t head = 256 + t.bias_bytes,
           most = head < bytes ? (bytes - head) / (t.row_in + 2 * t.row_out) : 0;
    t.n_rows = most < TRIED_MOST ? (uint32_t)most : TRIED_MOST;
    t.differs = (uint32_t *)(void *)lt->sums;
    t.bias = lt->sums + 256;
    t.x = t.bias + t.bias_bytes;
    t.all = t.x + t.n_rows * t.row_in; /* rows are multiples of LT_ALIGN */
    t.part = t.all + t.n_rows * t.row_out;
    return t;
}

static bool run_part(struct lt *lt, const struct lt_plan *p, const struct trial *t, uint32_t from,
    uint32_t n, uint8_t *out) {
    struct lt_product a = { .x = t->x + from * t->row_in,
        .n_rows = n,
        .weight = t->weight,
        .bias = t->bias,
        .scale = 1,
        .out = out };
    cuda_must(cudaMemsetAsync(out, 0, n * t->row_out, lt->cuda->stream), "trial");
    return lt_run(lt, p, &a);
}

/* Whether rows become the same together and in parts. */
static bool rows_agree(struct lt *lt, const struct lt_plan *p, const uint8_t *weight) {
    struct trial t = trial_place(lt, p);
    t.weight = weight;
    cudaStream_t stream = lt->cuda->stream;
    uint32_t differs = 1;
    if (t.n_rows < TRIED_LEAST)
        return false;
    struct device_rows x = { .data = t.x, .n = t.n_rows, .cols = p->kind.k, .bf16 = p->kind.bf16 };
    cuda_must(launch_noise(x, false, stream), "trial");
    cuda_must(cudaMemsetAsync(t.bias, 0, t.bias_bytes, stream), "trial");
    cuda_must(cudaMemsetAsync(t.differs, 0, sizeof *t.differs, stream), "trial");
    bool ok = run_part(lt, p, &t, 0, t.n_rows, t.all);
    for (size_t i = 0; ok && i < sizeof tried_parts / sizeof *tried_parts; i++) {
        uint32_t from = tried_parts[i].from, n = tried_parts[i].n;
        if (from + n > t.n_rows)
            continue;
        ok = run_part(lt, p, &t, from, n, t.part);
        cuda_must(launch_differ(t.all + from * t.row_out, t.part, n * t.row_out, t.differs, stream),
            "trial");
    }
    cuda_must(cudaMemcpyAsync(&differs, t.differs, sizeof differs, cudaMemcpyDeviceToHost, stream),
        "trial");
    cuda_must(cudaStreamSynchronize(stream), "trial");
    return ok && differs == 0;
}

/* An algorithm that is given up because memory is short at the moment would be another one than
 * the same model has elsewhere, and the bits others: so none is. The door's ops have no error to
 * give: the process ends, and says what would help. */
_Noreturn static void starve(size_t bytes, const char *what) {
    struct err err = ERR_INIT;
    char message[sizeof err.msg + 128];
    device_failed(&err, cudaErrorMemoryAllocation, bytes, what);
    snprintf(
        message, sizeof message, "%s; close what else runs there, or use --gemm plain", err.msg);
    err_bug(__FILE__, __LINE__, message);
}

/* Room for one block of the kind. */
static void block_reserve(struct lt *lt, const struct lt_kind *k) {
    size_t bytes = block_in(k) + LT_BLOCK * k->pitch * size_out(k);
    if (bytes <= lt->block_bytes)
        return;
    void *room = device_alloc(lt->cuda, bytes, 1, "a block of rows", NULL, NULL);
    if (room == NULL)
        starve(bytes, "a block of rows");
    lt->block = room;
    lt->block_bytes = bytes;
}

static bool agrees_in_blocks(struct lt *lt, struct lt_plan *p, const uint8_t *weight) {
    p->block = LT_BLOCK;
    block_reserve(lt, &p->kind);
    return rows_agree(lt, p, weight);
}

/* With noise where `room` is. */
static bool try_in(struct lt *lt, struct lt_plan *p, void *room) {
    struct device_rows w = {
        .data = room, .n = p->kind.n, .cols = p->kind.k, .bf16 = p->kind.bf16
    };
    cuda_must(launch_noise(w, true, lt->cuda->stream), "trial");
    return rows_agree(lt, p, room) || agrees_in_blocks(lt, p, room);
}

static void move(struct lt *lt, void *to, const void *from, size_t n, enum cudaMemcpyKind kind) {
    cuda_must(cudaMemcpyAsync(to, from, n, kind, lt->cuda->stream), "trial");
    cuda_must(cudaStreamSynchronize(lt->cuda->stream), "trial");
}

/* The same trial in the place of the product's own weights, which wait on the host. */
static bool try_in_place(struct lt *lt, struct lt_plan *p, const void *weight) {
    size_t bytes = weight_bytes(&p->kind);
    union {
        const void *in;
        void *out;
    } place = { .in = weight };
    void *kept = malloc(bytes);
    if (kept == NULL)
        starve(bytes, "the weights of a trial");
    move(lt, kept, weight, bytes, cudaMemcpyDeviceToHost);
    bool ok = try_in(lt, p, place.out);
    move(lt, place.out, kept, bytes, cudaMemcpyHostToDevice);
    free(kept);
    return ok;
}

/* With weights of its own for as long as it lasts, where there is memory for them. */
static bool plan_try(struct lt *lt, struct lt_plan *p, const void *weight) {
    void *room = NULL;
    if (cudaMalloc(&room, weight_bytes(&p->kind)) != cudaSuccess) {
        cudaGetLastError();
        return try_in_place(lt, p, weight);
    }
    bool ok = try_in(lt, p, room);
    cuda_must(cudaFree(room), "trial");
    return ok;
}

/* ---- plans ---- */

static bool plan_make(struct lt *lt, struct lt_plan *p, const void *weight) {
    return desc_make(lt, p) && bias_set(lt, p, lt->sums) && layouts_make(lt, p) &&
           (algo_choose(lt, p, 0) || algo_choose(lt, p, LT_WORKSPACE_BYTES)) &&
           plan_try(lt, p, weight);
}

static bool kinds_equal(const struct lt_kind *a, const struct lt_kind *b) {
    return a->n == b->n && a->k == b->k && a->pitch == b->pitch && a->bf16 == b->bf16 &&
           a->out_bf16 == b->out_bf16 && a->accumulate == b->accumulate &&
           a->epilogue == b->epilogue;
}

const struct lt_plan *lt_plan_find(struct lt *lt, const struct lt_kind *kind, const void *weight) {
    for (struct lt_plan *p = lt->plans; p != NULL; p = p->next)
        if (kinds_equal(&p->kind, kind))
            return p;
    step_leave(lt->cuda, STEP_ONCE);
    struct lt_plan *p = xcalloc(1, sizeof *p);
    p->kind = *kind;
    p->next = lt->plans;
    lt->plans = p;
    lt->starved = false;
    p->usable = plan_make(lt, p, weight);
    lt_say(lt, p);
    if (!p->usable && lt->starved)
        starve(0, "what cuBLASLt works in");
    return p;
}
