/* Products by weights in eight bits: all rows are quantised once, each by what stands in it alone;
 * then come the tiles of matmul.c. */
#include "harness/cpu/int8.h"

#include "harness/cpu/cpu.h"

struct product8 {
    const struct gemm_weight *weight;
    struct rows x, out;
    struct finish finish;
    uint32_t n_blocks;
    size_t stride;  /* numbers from one quantised row to the next */
    uint8_t *rows;  /* [x.n, stride] */
    float *factors; /* [x.n] */
    const struct cpu *cpu;
};

static size_t row_bytes(const struct product8 *p) {
    return p->stride * gemm_int8_kernels(p->weight->gemm)->row_bytes;
}

static void quantise_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    struct product8 *p = arg;
    const struct int8_kernels *k = gemm_int8_kernels(p->weight->gemm);
    (void)c;
    (void)thread;
    for (uint32_t i = from; i < to; i++)
        p->factors[i] = k->quantise(p->weight->k, row_at(p->x, i), p->rows + i * row_bytes(p));
}

static void multiply_tile(void *arg, unsigned thread, size_t item) {
    const struct product8 *p = arg;
    const struct gemm *g = p->weight->gemm;
    uint32_t first = (uint32_t)(item % p->n_blocks) * g->row_block, left = p->x.n - first;
    struct gemm_call call = { .weight = p->weight,
        .chunk = (uint32_t)(item / p->n_blocks),
        .n_rows = left < g->row_block ? left : g->row_block,
        .thread = thread,
        .rows = p->rows + first * row_bytes(p),
        .factors = p->factors + first,
        .stride = p->stride,
        .sums = cpu_scratch(p->cpu, thread) };
    size_t column = (size_t)call.chunk * g->chunk;
    struct gemm_out out = { .how = p->finish, .n_rows = call.n_rows, .stride = p->out.buf->cols };
    if (out.how.bias != NULL)
        out.how.bias += column;
    out.rows = (uint8_t *)row_at(p->out, first) + column * elem_bytes(p->out.buf->elem);
    gemm_finish(&call, &out);
}

void cpu_matmul_int8(struct cpu *c, const struct gemm_weight *w, struct rows x, struct rows out,
    const struct finish *finish) {
    enum { GRAIN = 16 };
    const struct gemm *g = w->gemm;
    rows_check(x, w->k);
    BUG_IF(x.buf->elem != ELEM_BF16);
    struct product8 p = { .weight = w, .x = x, .out = out, .finish = *finish, .cpu = c };
    p.n_blocks = (x.n + g->row_block - 1) / g->row_block;
    p.stride = int8_stride(w);
    p.factors = cpu_shared(c, x.n * (sizeof *p.factors + row_bytes(&p)));
    p.rows = (uint8_t *)(p.factors + x.n);
    cpu_reserve(c, (size_t)g->row_block * g->chunk * sizeof(float));
    cpu_rows(c, x.n, GRAIN, quantise_rows, &p);
    pool_run(c->pool, (size_t)p.n_blocks * w->n_chunks, multiply_tile, &p);
}
