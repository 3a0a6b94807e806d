/* Matrix products with their epilogue, and all logits of some rows. A product is cut into row
 * blocks × column chunks; a work item makes one such tile of sums through the GEMM door and
 * finishes it while it is in the cache. Of a matrix that stays in its file (strips.h) an item is a
 * strip of columns for all rows. */
#include "harness/cpu/strips.h"

#include <string.h>

struct product;
struct tile {
    struct gemm_call call;
    uint32_t row, n_rows; /* that are wanted */
    uint32_t column;
};
typedef void tile_fn(const struct product *p, const struct tile *t);

struct product {
    struct cpu *cpu;
    const struct matrix *matrix;
    const struct gemm_weight *weight; /* the matrix's */
    struct rows x, out;
    struct finish finish;
    uint32_t n_blocks;
    tile_fn *tile;        /* does with each tile what is to be done */
    uint32_t strip_width; /* of a matrix that stays in its file */
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

size_t block_room(const struct cpu *c, const struct gemm_weight *w) {
    return (size_t)c->gemm->row_block * c->gemm->chunk * sizeof(float) + block_bytes(c, w);
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

static void matmul_tile(const struct product *p, const struct tile *t) {
    struct gemm_out out = { .how = p->finish, .n_rows = t->n_rows, .stride = p->out.buf->cols };
    if (out.how.bias != NULL)
        out.how.bias += t->column;
    out.rows = element_at(p->out, t->row, t->column);
    gemm_finish(&t->call, &out);
}

static void logits_tile(const struct product *p, const struct tile *t) {
    const struct cpu *c = p->cpu;
    const struct gemm_call *call = &t->call;
    c->gemm->ops->multiply(call);
    uint32_t columns = gemm_columns(call->weight, call->chunk),
             stride = gemm_stride(call->weight, call->chunk);
    for (uint32_t i = 0; i < t->n_rows; i++) {
        float *row = call->sums + (size_t)i * stride;
        if (p->finish.bias != NULL)
            c->kernels->add(columns, p->finish.bias + t->column, row);
        c->kernels->cap(columns, p->scale, p->softcap, row);
        memcpy(p->logits + (size_t)(t->row + i) * p->weight->n + t->column, row,
            columns * sizeof *row);
    }
}

/* A block of rows by a chunk of this weight, which begins at the product's column. */
static void run_tile(const struct product *p, const struct gemm_weight *w, uint32_t chunk,
    uint32_t column, uint32_t block, unsigned thread) {
    const struct gemm *g = p->cpu->gemm;
    float *sums = cpu_scratch(p->cpu, thread);
    struct tile t = { .row = block * g->row_block, .column = column };
    t.call = (struct gemm_call) { .weight = w, .chunk = chunk, .thread = thread, .sums = sums };
    block_call(p->cpu, p->x, block, sums + (size_t)g->row_block * g->chunk, &t.call);
    t.n_rows = p->x.n - t.row < t.call.n_rows ? p->x.n - t.row : t.call.n_rows;
    p->tile(p, &t);
}

static void run_item(void *arg, unsigned thread, size_t item) {
    const struct product *p = arg;
    uint32_t chunk = (uint32_t)(item / p->n_blocks), block = (uint32_t)(item % p->n_blocks);
    run_tile(p, p->weight, chunk, chunk * p->cpu->gemm->chunk, block, thread);
}

/* All rows by a strip, which is made for them. */
static void run_strip(void *arg, unsigned thread, size_t item) {
    const struct product *p = arg;
    uint32_t column = (uint32_t)item * p->strip_width, left = p->weight->n - column;
    void *room = (uint8_t *)cpu_scratch(p->cpu, thread) + block_room(p->cpu, p->weight);
    const struct gemm_weight *strip =
        strip_make(p->cpu, p->matrix, column, left < p->strip_width ? left : p->strip_width, room);
    for (uint32_t block = 0; block < p->n_blocks; block++)
        run_tile(p, strip, 0, column, block, thread);
}

static void run_strips(struct product *p) {
    struct cpu *c = p->cpu;
    p->strip_width = strips_width(c, p->matrix);
    cpu_reserve(c, block_room(p->cpu, p->weight) + strips_room(c, p->matrix, p->strip_width));
    size_t n = p->x.n > 0 ? (p->weight->n + p->strip_width - 1) / p->strip_width : 0;
    pool_run(c->pool, n, run_strip, p);
}

static void run_tiles(struct product *p) {
    struct cpu *c = p->cpu;
    rows_check(p->x, p->weight->k);
    BUG_IF(p->weight->gemm != c->gemm || p->x.buf->elem != c->gemm->elem);
    p->n_blocks = block_count(c, p->x.n);
    block_count_filled(c, p->x.n);
    if (p->matrix->source != NULL) {
        run_strips(p);
        return;
    }
    cpu_reserve(c, block_room(p->cpu, p->weight));
    pool_run(c->pool, (size_t)p->n_blocks * p->weight->n_chunks, run_item, p);
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
        .cpu = cpu_of(b),
        .matrix = w,
        .weight = w->weight,
        .tile = matmul_tile,
        .x = x,
        .out = out,
        .finish = finish,
    };
    run_tiles(&p);
}

void cpu_logits(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, float *out) {
    struct product p = {
        .cpu = cpu_of(b),
        .matrix = head,
        .weight = head->weight,
        .tile = logits_tile,
        .x = x,
        .finish = { .bias = bias ? bias->data : NULL },
        .scale = scale,
        .softcap = softcap,
        .logits = out,
    };
    run_tiles(&p);
}
