/* The GEMM door on oneDNN (what differs between its C APIs 2.x and 3.x is in dnnl_api.h).
 *
 * oneDNN picks its kernel by M, so M is fixed: each (columns, K) has one inner-product primitive of
 * ROW_BLOCK rows, and a row's bits don't depend on how many rows there are. Weights are reordered
 * once into the layout that the primitive asks for. Threads are ours: oneDNN runs each call on the
 * calling thread alone (one OpenMP thread), with that thread's own stream, memory handles and
 * scratchpad. */
#include "harness/cpu/gemm.h"

#include <omp.h>
#include <string.h>

#include "base/mem.h"
#include "harness/cpu/dnnl_api.h"

enum { ROW_BLOCK = 64, CHUNK = 512 };

/* What one thread hands to a primitive; data pointers are set call by call. */
struct handles {
    dnnl_memory_t rows, weight, sums, scratchpad;
    void *scratch;
};

struct shape {
    struct shape *next;
    struct dnnl_product product;
    dnnl_primitive_t primitive;
    dnnl_primitive_desc_t desc;
    size_t weight_bytes;
    struct handles *handles; /* one a thread */
};

struct dnnl_gemm {
    struct gemm base;
    char name[32];
    unsigned n_threads;
    dnnl_engine_t engine;
    dnnl_stream_t *streams; /* one a thread */
    struct shape *shapes;
};

struct dnnl_weight {
    struct gemm_weight base;
    struct shape *full, *last; /* shapes of all chunks but the last, and of the last */
    uint8_t **chunks;          /* [n_chunks], in the primitive's own layout */
};

static bool ok(dnnl_status_t status, const char *what, struct err *err) {
    return status == dnnl_success ||
           err_set(err, ERR_RESOURCE, "could not %s: oneDNN status %d", what, (int)status);
}

static struct dnnl_gemm *dnnl_of(struct gemm *g) {
    return (struct dnnl_gemm *)g;
}

static dnnl_data_type_t data_type(enum elem elem) {
    return elem == ELEM_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* ---- shapes ---- */

static void shape_free(struct shape *s, unsigned n_threads) {
    for (unsigned t = 0; s->handles != NULL && t < n_threads; t++) {
        struct handles *h = &s->handles[t];
        dnnl_memory_destroy(h->rows);
        dnnl_memory_destroy(h->weight);
        dnnl_memory_destroy(h->sums);
        dnnl_memory_destroy(h->scratchpad);
        free(h->scratch);
    }
    free(s->handles);
    dnnl_primitive_destroy(s->primitive);
    dnnl_primitive_desc_destroy(s->desc);
    free(s);
}

static bool make_handles(struct dnnl_gemm *g, struct shape *s, struct handles *h, struct err *err) {
    dnnl_layout rows = dnnl_primitive_desc_query_md(s->desc, dnnl_query_src_md, 0);
    dnnl_layout weight = dnnl_primitive_desc_query_md(s->desc, dnnl_query_weights_md, 0);
    dnnl_layout sums = dnnl_primitive_desc_query_md(s->desc, dnnl_query_dst_md, 0);
    dnnl_layout scratchpad = dnnl_primitive_desc_query_md(s->desc, dnnl_query_scratchpad_md, 0);
    size_t bytes = dnnl_memory_desc_get_size(scratchpad);
    s->weight_bytes = dnnl_memory_desc_get_size(weight);
    h->scratch = mem_try(bytes + 1, 1, "a scratchpad", err);
    const char *what = "make memory handles";
    return h->scratch != NULL &&
           ok(dnnl_memory_create(&h->rows, rows, g->engine, DNNL_MEMORY_NONE), what, err) &&
           ok(dnnl_memory_create(&h->weight, weight, g->engine, DNNL_MEMORY_NONE), what, err) &&
           ok(dnnl_memory_create(&h->sums, sums, g->engine, DNNL_MEMORY_NONE), what, err) &&
           ok(dnnl_memory_create(&h->scratchpad, scratchpad, g->engine, h->scratch), what, err);
}

static bool make_shape(struct dnnl_gemm *g, struct shape *s, struct err *err) {
    dnnl_primitive_attr_t attr = NULL;
    bool made = ok(dnnl_primitive_attr_create(&attr), "make attributes", err) &&
                ok(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user),
                    "set attributes", err) &&
                ok(dnnl_describe(&s->product, attr, &s->desc), "describe a product", err) &&
                ok(dnnl_primitive_create(&s->primitive, s->desc), "make a product", err);
    dnnl_primitive_attr_destroy(attr);
    for (unsigned t = 0; made && t < g->n_threads; t++)
        made = make_handles(g, s, &s->handles[t], err);
    return made;
}

static struct shape *shape_find(
    struct dnnl_gemm *g, uint32_t columns, uint32_t k, struct err *err) {
    for (struct shape *s = g->shapes; s != NULL; s = s->next) {
        if (s->product.columns == columns && s->product.k == k)
            return s;
    }
    omp_set_num_threads(1); /* before the primitive is made: it plans for that many */
    struct shape *s = xcalloc(1, sizeof *s);
    s->product = (struct dnnl_product) { .engine = g->engine,
        .rows = ROW_BLOCK,
        .columns = columns,
        .k = k,
        .type = data_type(g->base.elem) };
    s->handles = xcalloc(g->n_threads, sizeof *s->handles);
    if (!make_shape(g, s, err)) {
        shape_free(s, g->n_threads);
        return NULL;
    }
    s->next = g->shapes;
    return g->shapes = s;
}

/* ---- weights ---- */

static const struct shape *chunk_shape(const struct dnnl_weight *w, uint32_t chunk) {
    return chunk + 1 == w->base.n_chunks ? w->last : w->full;
}

static void dnnl_free_weight(struct gemm_weight *base) {
    struct dnnl_weight *w = (struct dnnl_weight *)base;
    for (uint32_t i = 0; i < base->n_chunks; i++)
        free(w->chunks[i]);
    free(w->chunks);
    free(w);
}

static struct gemm_weight *dnnl_weight(struct gemm *base, uint32_t n, uint32_t k, struct err *err) {
    struct dnnl_gemm *g = dnnl_of(base);
    uint32_t n_chunks = (n + CHUNK - 1) / CHUNK;
    struct shape *full = n_chunks > 1 ? shape_find(g, CHUNK, k, err) : NULL;
    struct shape *last =
        n_chunks > 1 && full == NULL ? NULL : shape_find(g, n - (n_chunks - 1) * CHUNK, k, err);
    if (last == NULL)
        return NULL;
    struct dnnl_weight *w = xcalloc(1, sizeof *w);
    *w = (struct dnnl_weight) {
        .base = { .gemm = base, .n = n, .k = k, .n_chunks = n_chunks }, .full = full, .last = last
    };
    w->chunks = xcalloc(n_chunks, sizeof *w->chunks);
    for (uint32_t i = 0; i < n_chunks; i++) {
        w->chunks[i] = mem_try(chunk_shape(w, i)->weight_bytes, 1, "packed weights", err);
        if (w->chunks[i] == NULL) {
            dnnl_free_weight(&w->base);
            return NULL;
        }
    }
    return &w->base;
}

/* From plain rows to the primitive's layout, on this thread. */
static bool reorder(
    struct dnnl_gemm *g, const struct shape *s, void *plain, void *packed, struct err *err) {
    dnnl_memory_t from = NULL, to = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    const char *what = "pack weights";
    dnnl_layout wanted = dnnl_primitive_desc_query_md(s->desc, dnnl_query_weights_md, 0);
    bool done = ok(dnnl_plain_weight(&s->product, plain, &from), what, err) &&
                ok(dnnl_memory_create(&to, wanted, g->engine, packed), what, err) &&
                ok(dnnl_stream_create(&stream, g->engine, dnnl_stream_default_flags), what, err);
    if (done) {
        dnnl_layout have;
        done =
            ok(dnnl_memory_get_memory_desc(from, &have), what, err) &&
            ok(dnnl_reorder_primitive_desc_create(&desc, have, g->engine, wanted, g->engine, NULL),
                what, err) &&
            ok(dnnl_primitive_create(&primitive, desc), what, err);
    }
    if (done) {
        const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from }, { DNNL_ARG_TO, to } };
        done = ok(dnnl_primitive_execute(primitive, stream, 2, args), what, err) &&
               ok(dnnl_stream_wait(stream), what, err);
    }
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(desc);
    dnnl_stream_destroy(stream);
    dnnl_memory_destroy(from);
    dnnl_memory_destroy(to);
    return done;
}

static bool dnnl_pack(
    struct gemm_weight *base, uint32_t chunk, const float *rows, struct err *err) {
    struct dnnl_weight *w = (struct dnnl_weight *)base;
    struct dnnl_gemm *g = dnnl_of(base->gemm);
    const struct shape *s = chunk_shape(w, chunk);
    size_t n = (size_t)s->product.columns * s->product.k;
    omp_set_num_threads(1);
    uint8_t *plain = mem_try(n, g->base.elem == ELEM_BF16 ? 2 : 4, "weights to pack", err);
    if (plain == NULL)
        return false;
    if (g->base.elem == ELEM_BF16)
        g->base.kernels->to_bf16(n, rows, (uint16_t *)(void *)plain);
    else
        memcpy(plain, rows, n * sizeof *rows);
    bool done = reorder(g, s, plain, w->chunks[chunk], err);
    free(plain);
    return done;
}

/* ---- products ---- */

static void dnnl_multiply(const struct gemm_call *call) {
    const struct dnnl_weight *w = (const struct dnnl_weight *)call->weight;
    const struct shape *s = chunk_shape(w, call->chunk);
    const struct handles *h = &s->handles[call->thread];
    dnnl_stream_t stream = dnnl_of(call->weight->gemm)->streams[call->thread];
    union {
        const void *in;
        void *out;
    } rows = { .in = call->rows };
    BUG_IF(call->n_rows != ROW_BLOCK || call->stride != s->product.k);
    omp_set_num_threads(1);
    dnnl_memory_set_data_handle(h->rows, rows.out);
    dnnl_memory_set_data_handle(h->weight, w->chunks[call->chunk]);
    dnnl_memory_set_data_handle(h->sums, call->sums);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, h->rows }, { DNNL_ARG_WEIGHTS, h->weight },
        { DNNL_ARG_DST, h->sums }, { DNNL_ARG_SCRATCHPAD, h->scratchpad } };
    BUG_IF(dnnl_primitive_execute(s->primitive, stream, 4, args) != dnnl_success);
    BUG_IF(dnnl_stream_wait(stream) != dnnl_success);
}

static void dnnl_close(struct gemm *base) {
    struct dnnl_gemm *g = dnnl_of(base);
    for (struct shape *s = g->shapes, *next; s != NULL; s = next) {
        next = s->next;
        shape_free(s, g->n_threads);
    }
    for (unsigned t = 0; t < g->n_threads; t++)
        dnnl_stream_destroy(g->streams[t]);
    free(g->streams);
    dnnl_engine_destroy(g->engine);
    free(g);
}

static const struct gemm_ops dnnl_ops = {
    .close = dnnl_close,
    .weight = dnnl_weight,
    .free_weight = dnnl_free_weight,
    .pack = dnnl_pack,
    .multiply = dnnl_multiply,
};

static bool make_streams(struct dnnl_gemm *g, struct err *err) {
    if (!ok(dnnl_engine_create(&g->engine, dnnl_cpu, 0), "make an engine", err))
        return false;
    for (unsigned t = 0; t < g->n_threads; t++) {
        if (!ok(dnnl_stream_create(&g->streams[t], g->engine, dnnl_stream_default_flags),
                "make a stream", err))
            return false;
    }
    return true;
}

struct gemm *gemm_open_dnnl(const struct gemm_config *config, struct err *err) {
    struct dnnl_gemm *g = xcalloc(1, sizeof *g);
    const dnnl_version_t *v = dnnl_version();
    snprintf(g->name, sizeof g->name, "dnnl %d.%d.%d", v->major, v->minor, v->patch);
    g->n_threads = config->n_threads;
    g->streams = xcalloc(g->n_threads, sizeof(dnnl_stream_t));
    g->base = (struct gemm) { .ops = &dnnl_ops,
        .name = g->name,
        .kernels = config->kernels,
        .elem = config->elem,
        .row_block = ROW_BLOCK,
        .chunk = CHUNK,
        .k_step = 1,
        .n_step = 1,
        .whole_blocks = true };
    if (!make_streams(g, err)) {
        dnnl_close(&g->base);
        return NULL;
    }
    return &g->base;
}
