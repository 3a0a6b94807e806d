/* Matrix products with their epilogue, and all logits of some rows. A product is cut into row
 * blocks × column chunks; a work item makes one such tile of sums through the GEMM door and
 * finishes it while it is in the cache. */
#include "harness/cpu/cpu.h"

#include <string.h>

struct product {
    struct cpu *cpu;
    const struct gemm_weight *weight;
    struct rows x, out;
    struct finish finish;
    uint32_t n_blocks;
    /* logits only */
    float scale, softcap;
    float *logits;
};

static uint32_t padded_k(const struct gemm_weight *w) {
    uint32_t step = w->gemm->k_step;
    return (w->k + step - 1) / step * step;
}

uint32_t block_count(const struct cpu *c, uint32_t n_rows) {
    return (n_rows + c->gemm->row_block - 1) / c->gemm->row_block;
}

size_t block_bytes(const struct cpu *c, const struct gemm_weight *w) {
    return (size_t)c->gemm->row_block * padded_k(w) * elem_bytes(c->gemm->elem);
}

void block_count_filled(struct cpu *c, uint32_t n_rows) {
    if (c->gemm->whole_blocks)
        c->n_rows_filled += (uint64_t)block_count(c, n_rows) * c->gemm->row_block - n_rows;
}

void block_call(
    const struct cpu *c, struct rows x, uint32_t block, void *space, struct gemm_call *call) {
    uint32_t height = c->gemm->row_block, first = block * height;
    uint32_t n = x.n - first < height ? x.n - first : height;
    uint32_t stride = padded_k(call->weight);
    call->n_rows = c->gemm->whole_blocks ? height : n;
    call->stride = stride;
    call->rows = row_at(x, first);
    if (n == call->n_rows && stride == x.buf->cols)
        return;
    size_t bytes = elem_bytes(x.buf->elem), used = x.buf->cols * bytes;
    memset(space, 0, block_bytes(c, call->weight));
    for (uint32_t i = 0; i < n; i++)
        memcpy((uint8_t *)space + i * stride * bytes, row_at(x, first + i), used);
    call->rows = space;
}

static uint8_t *element_at(struct rows r, uint32_t i, size_t column) {
    return (uint8_t *)row_at(r, i) + column * elem_bytes(r.buf->elem);
}

/* The call that makes one tile; returns how many of its rows are wanted. */
static uint32_t tile_call(
    const struct product *p, unsigned thread, size_t item, struct gemm_call *call) {
    const struct cpu *c = p->cpu;
    uint32_t block = (uint32_t)(item % p->n_blocks);
    float *sums = cpu_scratch(c, thread);
    *call = (struct gemm_call) {
        .weight = p->weight, .chunk = (uint32_t)(item / p->n_blocks), .thread = thread, .sums = sums
    };
    block_call(c, p->x, block, sums + (size_t)c->gemm->row_block * c->gemm->chunk, call);
    uint32_t first = block * c->gemm->row_block, left = p->x.n - first;
    return left < call->n_rows ? left : call->n_rows;
}

static void matmul_tile(void *arg, unsigned thread, size_t item) {
    const struct product *p = arg;
    const struct cpu *c = p->cpu;
    struct gemm_call call;
    struct gemm_out out = { .how = p->finish, .stride = p->out.buf->cols };
    out.n_rows = tile_call(p, thread, item, &call);
    size_t column = (size_t)call.chunk * c->gemm->chunk;
    uint32_t first = (uint32_t)(item % p->n_blocks) * c->gemm->row_block;
    if (out.how.bias != NULL)
        out.how.bias += column;
    out.rows = element_at(p->out, first, column);
    gemm_finish(&call, &out);
}

static void logits_tile(void *arg, unsigned thread, size_t item) {
    const struct product *p = arg;
    const struct cpu *c = p->cpu;
    struct gemm_call call;
    uint32_t n = tile_call(p, thread, item, &call);
    c->gemm->ops->multiply(&call);
    uint32_t first = (uint32_t)(item % p->n_blocks) * c->gemm->row_block;
    uint32_t columns = gemm_columns(p->weight, call.chunk),
             stride = gemm_stride(p->weight, call.chunk);
    size_t column = (size_t)call.chunk * c->gemm->chunk;
    for (uint32_t i = 0; i < n; i++) {
        float *row = call.sums + (size_t)i * stride;
        if (p->finish.bias != NULL)
            c->kernels->add(columns, p->finish.bias + column, row);
        c->kernels->cap(columns, p->scale, p->softcap, row);
        memcpy(p->logits + (size_t)(first + i) * p->weight->n + column, row, columns * sizeof *row);
    }
}

static void run_tiles(struct product *p, pool_fn *fn) {
    struct cpu *c = p->cpu;
    const struct gemm *g = c->gemm;
    rows_check(p->x, p->weight->k);
    BUG_IF(p->weight->gemm != g || p->x.buf->elem != g->elem);
    p->n_blocks = block_count(c, p->x.n);
    block_count_filled(c, p->x.n);
    cpu_reserve(c, (size_t)g->row_block * g->chunk * sizeof(float) + block_bytes(c, p->weight));
    pool_run(c->pool, (size_t)p->n_blocks * p->weight->n_chunks, fn, p);
}

void cpu_matmul(struct backend *b, const struct matrix *w, struct rows x, struct rows out,
    const struct epilogue *epilogue) {
    static const struct epilogue none;
    const struct epilogue *e = epilogue == NULL ? &none : epilogue;
    rows_check(out, w->weight->n);
    BUG_IF(out.n != x.n || (e->accumulate && out.buf->elem != ELEM_F32));
    BUG_IF(e->bias != NULL && e->bias->n != w->weight->n);
    struct finish finish = {
        .bias = e->bias ? e->bias->data : NULL,
        .activation = e->activation,
        .scale = e->scale != 0 ? e->scale : 1,
        .accumulate = e->accumulate,
        .out = out.buf->elem,
    };
    if (w->weight->gemm->elem == ELEM_INT8) {
        cpu_matmul_int8(cpu_of(b), w->weight, x, out, &finish);
        return;
    }
    struct product p = {
        .cpu = cpu_of(b), .weight = w->weight, .x = x, .out = out, .finish = finish
    };
    run_tiles(&p, matmul_tile);
}

void cpu_logits(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, float *out) {
    struct product p = {
        .cpu = cpu_of(b),
        .weight = head->weight,
        .x = x,
        .finish = { .bias = bias ? bias->data : NULL },
        .scale = scale,
        .softcap = softcap,
        .logits = out,
    };
    run_tiles(&p, logits_tile);
}
