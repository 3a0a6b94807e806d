/* The door of harness/product.h over the GEMM door: rows × packed columns, a tile at a time. */
#include "harness/product.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/strbuf.h"
#include "harness/cpu/gemm.h"

struct product_unit {
    struct pool *pool;
    struct gemm *gemm;
    struct strbuf name;
    unsigned n_threads;
    float **scratch;      /* one a thread: a tile of sums, then a block of rows */
    size_t scratch_bytes; /* of each */
};

struct product_columns {
    struct product_unit *unit;
    struct gemm_weight *weight;
    uint32_t k_padded;
};

static size_t tile_floats(const struct gemm *g) {
    return (size_t)g->row_block * g->chunk;
}

/* Scratch for a block of rows or, while packing, for a chunk of columns, of k elements each. */
static bool reserve(struct product_unit *u, uint32_t k, struct err *err) {
    size_t lines = u->gemm->row_block > u->gemm->chunk ? u->gemm->row_block : u->gemm->chunk;
    size_t bytes = (tile_floats(u->gemm) + lines * k) * sizeof(float);
    if (bytes <= u->scratch_bytes)
        return true;
    bytes = (bytes + 63) / 64 * 64;
    for (unsigned t = 0; t < u->n_threads; t++) {
        free(u->scratch[t]);
        u->scratch[t] = aligned_alloc(64, bytes);
        if (u->scratch[t] == NULL) {
            u->scratch_bytes = 0;
            return err_set(err, ERR_RESOURCE, "cannot hold a tile of a product: %zu bytes", bytes);
        }
    }
    u->scratch_bytes = bytes;
    return true;
}

/* ---- packing ---- */

struct packing {
    const struct product_columns *columns;
    const float *m;
    bool transposed;
    _Atomic bool failed;
    struct err *errs; /* one a thread */
};

/* The chunk's columns as rows of their own, out of a matrix that has them side by side. */
static void turn_chunk(
    const struct gemm_weight *w, const float *m, uint32_t from, uint32_t columns, float *out) {
    for (uint32_t i = 0; i < w->k; i++) {
        const float *row = m + (size_t)i * w->n + from;
        for (uint32_t j = 0; j < columns; j++)
            out[(size_t)j * w->k + i] = row[j];
    }
}

static void pack_chunk(void *arg, unsigned thread, size_t item) {
    struct packing *p = arg;
    struct product_unit *u = p->columns->unit;
    struct gemm_weight *w = p->columns->weight;
    uint32_t chunk = (uint32_t)item, from = chunk * u->gemm->chunk;
    const float *rows = p->m + (size_t)from * w->k;
    if (p->transposed) {
        turn_chunk(w, p->m, from, gemm_columns(w, chunk), u->scratch[thread]);
        rows = u->scratch[thread];
    }
    if (!u->gemm->ops->pack(w, chunk, rows, &p->errs[thread]))
        atomic_store(&p->failed, true);
}

static bool pack(
    const struct product_columns *c, const float *m, bool transposed, struct err *err) {
    struct packing p = { .columns = c, .m = m, .transposed = transposed };
    p.errs = xcalloc(c->unit->n_threads, sizeof *p.errs);
    pool_run(c->unit->pool, c->weight->n_chunks, pack_chunk, &p);
    for (unsigned t = 0; t < c->unit->n_threads; t++)
        if (p.errs[t].class != ERR_NONE && err != NULL)
            *err = p.errs[t];
    free(p.errs);
    return !atomic_load(&p.failed);
}

static uint32_t round_up(uint32_t n, uint32_t step) {
    return (n + step - 1) / step * step;
}

struct product_columns *product_columns_new(
    struct product_unit *u, const float *m, size_t n, size_t k, bool transposed, struct err *err) {
    BUG_IF(k == 0 || k > UINT32_MAX / 2);
    if (n > UINT32_MAX / 2) {
        err_set(err, ERR_RESOURCE, "cannot pack %zu columns of a product", n);
        return NULL;
    }
    struct product_columns *c = xcalloc(1, sizeof *c);
    *c = (struct product_columns) { .unit = u, .k_padded = round_up((uint32_t)k, u->gemm->k_step) };
    bool ok = reserve(u, c->k_padded, err) &&
              (c->weight = u->gemm->ops->weight(u->gemm, (uint32_t)n, (uint32_t)k, err)) != NULL &&
              pack(c, m, transposed, err);
    if (!ok) {
        product_columns_free(c);
        return NULL;
    }
    return c;
}

void product_columns_free(struct product_columns *c) {
    if (c == NULL)
        return;
    if (c->weight != NULL)
        c->weight->gemm->ops->free_weight(c->weight);
    free(c);
}

/* ---- multiplying ---- */

struct run {
    const struct product_columns *columns;
    const float *rows;
    size_t n_rows, n_blocks;
    product_tile_fn *fn;
    void *arg;
};

/* The rows where they lie, or in `space` where the library wants more of them, or longer ones. */
static void place_rows(const struct run *r, size_t first, float *space, struct gemm_call *call) {
    const struct gemm *g = r->columns->unit->gemm;
    uint32_t k = r->columns->weight->k, stride = r->columns->k_padded;
    size_t left = r->n_rows - first;
    uint32_t n = left < g->row_block ? (uint32_t)left : g->row_block;
    call->n_rows = g->whole_blocks ? g->row_block : n;
    call->stride = stride;
    call->rows = r->rows + first * k;
    if (call->n_rows == n && stride == k)
        return;
    memset(space, 0, (size_t)call->n_rows * stride * sizeof *space);
    for (uint32_t i = 0; i < n; i++)
        memcpy(space + (size_t)i * stride, r->rows + (first + i) * k, k * sizeof *space);
    call->rows = space;
}

/* Tiles that share their columns come one after the other. */
static void multiply_tile(void *arg, unsigned thread, size_t item) {
    const struct run *r = arg;
    const struct product_unit *u = r->columns->unit;
    const struct gemm_weight *w = r->columns->weight;
    uint32_t chunk = (uint32_t)(item / r->n_blocks);
    size_t first = item % r->n_blocks * u->gemm->row_block, left = r->n_rows - first;
    float *sums = u->scratch[thread];
    struct gemm_call call = { .weight = w, .chunk = chunk, .thread = thread, .sums = sums };
    place_rows(r, first, sums + tile_floats(u->gemm), &call);
    u->gemm->ops->multiply(&call);
    struct product_tile tile = {
        .row = first,
        .column = (size_t)chunk * u->gemm->chunk,
        .n_rows = left < call.n_rows ? left : call.n_rows,
        .n_columns = gemm_columns(w, chunk),
        .sums = sums,
        .stride = gemm_stride(w, chunk),
    };
    r->fn(r->arg, thread, &tile);
}

void product_tiles(const struct product_columns *c, const float *rows, size_t n_rows,
    product_tile_fn *fn, void *arg) {
    size_t height = c->unit->gemm->row_block;
    struct run r = { c, rows, n_rows, (n_rows + height - 1) / height, fn, arg };
    pool_run(c->unit->pool, r.n_blocks * c->weight->n_chunks, multiply_tile, &r);
}

struct whole {
    float *out;
    size_t stride;
};

static void copy_tile(void *arg, unsigned thread, const struct product_tile *tile) {
    const struct whole *t = arg;
    (void)thread;
    for (size_t i = 0; i < tile->n_rows; i++)
        memcpy(t->out + (tile->row + i) * t->stride + tile->column, tile->sums + i * tile->stride,
            tile->n_columns * sizeof *t->out);
}

void product_multiply(
    const struct product_columns *c, const float *rows, size_t n_rows, float *out, size_t stride) {
    struct whole t = { out, stride };
    product_tiles(c, rows, n_rows, copy_tile, &t);
}

/* ---- the unit ---- */

struct product_unit *product_unit_open(struct pool *pool, const char *library, struct err *err) {
    const struct kernels *kernels = kernels_choose(err);
    if (kernels == NULL)
        return NULL;
    unsigned n = pool_n_threads(pool);
    struct gemm_config config = { .name = library != NULL ? library : "plain",
        .kernels = kernels,
        .elem = ELEM_F32,
        .n_threads = n };
    struct gemm *gemm = gemm_open(&config, err);
    if (gemm == NULL)
        return NULL;
    struct product_unit *u = xcalloc(1, sizeof *u);
    *u = (struct product_unit) { .pool = pool, .gemm = gemm, .n_threads = n };
    u->scratch = xcalloc(n, sizeof *u->scratch);
    strbuf_addf(&u->name, "%s %s", kernels->name, gemm->name);
    return u;
}

void product_unit_close(struct product_unit *u) {
    if (u == NULL)
        return;
    for (unsigned t = 0; t < u->n_threads; t++)
        free(u->scratch[t]);
    free(u->scratch);
    strbuf_release(&u->name);
    u->gemm->ops->close(u->gemm);
    free(u);
}

const char *product_unit_name(const struct product_unit *u) {
    return strbuf_str(&u->name);
}
