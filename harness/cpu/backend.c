/* backend_cpu_open: the table of ops, and the objects that live until close. */
#include "harness/cpu/cpu.h"
#include "harness/cpu/int8.h"

#include <stdatomic.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "harness/cpu/strips.h"

enum { LINE = 64 }; /* of the cache: rows begin with one */

/* ---- rows and scratch ---- */

void rows_check(struct rows r, uint32_t cols) {
    BUG_IF(r.buf == NULL || r.buf->cols != cols);
    BUG_IF(r.row > r.buf->n_rows || r.n > r.buf->n_rows - r.row);
}

const float *row_f32(const struct cpu *c, struct rows r, uint32_t i, float *space) {
    if (r.buf->elem == ELEM_F32)
        return row_at(r, i);
    c->kernels->from_bf16(r.buf->cols, row_at(r, i), space);
    return space;
}

void row_write(const struct cpu *c, struct rows r, uint32_t i, const float *x) {
    if (r.buf->elem == ELEM_BF16)
        c->kernels->to_bf16(r.buf->cols, x, row_at(r, i));
    else
        memmove(row_at(r, i), x, r.buf->cols * sizeof *x);
}

void scratch_grow(struct scratch *s, size_t bytes) {
    if (bytes <= s->bytes)
        return;
    free(s->data);
    s->bytes = (bytes + 4095) / 4096 * 4096;
    s->data = aligned_alloc(4096, s->bytes);
    BUG_IF(s->data == NULL);
}

void cpu_reserve(struct cpu *c, size_t bytes) {
    for (unsigned t = 0; t < c->caps.threads; t++)
        scratch_grow(&c->scratch[t], bytes);
}

void *cpu_shared(struct cpu *c, size_t bytes) {
    scratch_grow(&c->shared, bytes);
    return c->shared.data;
}

struct batches {
    const struct cpu *cpu;
    rows_fn *fn;
    void *arg;
    uint32_t n, grain;
};

static void run_batch(void *arg, unsigned thread, size_t item) {
    const struct batches *b = arg;
    uint32_t from = (uint32_t)item * b->grain, left = b->n - from;
    b->fn(b->cpu, b->arg, thread, from, from + (left < b->grain ? left : b->grain));
}

void cpu_rows(struct cpu *c, uint32_t n, uint32_t grain, rows_fn *fn, void *arg) {
    struct batches b = { .cpu = c, .fn = fn, .arg = arg, .n = n, .grain = grain };
    pool_run(c->pool, (n + (size_t)grain - 1) / grain, run_batch, &b);
}

/* ---- objects ---- */

static void own(struct cpu *c, void *object, void (*release)(void *)) {
    struct owned *o = xmalloc(sizeof *o);
    *o = (struct owned) { .next = c->owned, .release = release, .object = object };
    c->owned = o;
}

static void buffer_release(void *object) {
    struct buffer *buf = object;
    free(buf->block);
    free(buf);
}

static void vector_release(void *object) {
    struct vector *v = object;
    free(v->data);
    free(v);
}

static void matrix_release(void *object) {
    struct matrix *m = object;
    if (m->source != NULL) {
        strips_free(m);
        return;
    }
    m->weight->gemm->ops->free_weight(m->weight);
    free(m);
}

static void cache_release(void *object) {
    struct kv_cache *kv = object;
    free(kv->keys);
    free(kv->values);
    free(kv->key_rows);
    free(kv->value_rows);
    free(kv);
}

static struct buffer *cpu_buffer(
    struct backend *b, uint32_t n_rows, uint32_t cols, enum elem elem, struct err *err) {
    struct buffer *buf = xcalloc(1, sizeof *buf);
    *buf = (struct buffer) { .elem = elem, .n_rows = n_rows, .cols = cols };
    size_t n, bytes;
    if (mem_mul(n_rows, cols, &n) && mem_mul(n, elem_bytes(elem), &bytes) &&
        mem_add(bytes, LINE, &bytes) && !fault("device_memory"))
        buf->block = calloc(bytes, 1); /* not mem_try: rows that no step uses shall cost nothing */
    if (buf->block == NULL) {
        err_set(err, ERR_RESOURCE, "cannot hold %u rows of %u activations", n_rows, cols);
        free(buf);
        return NULL;
    }
    buf->data = (void *)(((uintptr_t)buf->block + LINE - 1) / LINE * LINE);
    own(cpu_of(b), buf, buffer_release);
    return buf;
}

static size_t cpu_kv_bytes_per_slot(const struct backend *b, uint32_t n_layers, uint32_t kv_width) {
    return 2 * (size_t)n_layers * kv_width * elem_bytes(cpu_of(b)->caps.act);
}

/* Each layer's slots as rows of a buffer. */
static struct buffer *layer_rows(const struct kv_cache *kv, uint8_t *cells) {
    struct buffer *list = xcalloc(kv->n_layers, sizeof *list);
    size_t bytes = (size_t)kv->n_slots * kv->width * elem_bytes(kv->elem);
    for (uint32_t l = 0; l < kv->n_layers; l++)
        list[l] = (struct buffer) {
            .elem = kv->elem, .n_rows = kv->n_slots, .cols = kv->width, .data = cells + l * bytes
        };
    return list;
}

static struct kv_cache *cpu_kv_cache(
    struct backend *b, uint32_t n_layers, uint32_t n_slots, uint32_t kv_width, struct err *err) {
    struct kv_cache *kv = xcalloc(1, sizeof *kv);
    *kv = (struct kv_cache) {
        .elem = cpu_of(b)->caps.act, .n_layers = n_layers, .n_slots = n_slots, .width = kv_width
    };
    size_t each = cpu_kv_bytes_per_slot(b, n_layers, kv_width) / 2;
    kv->keys =
        calloc(n_slots, each); /* not mem_try: slots that are never used shall cost nothing */
    kv->values = calloc(n_slots, each);
    if (kv->keys == NULL || kv->values == NULL || fault("device_memory")) {
        err_set(err, ERR_RESOURCE, "cannot hold keys and values of %u tokens: %zu bytes each",
            n_slots, 2 * each);
        cache_release(kv);
        return NULL;
    }
    kv->key_rows = layer_rows(kv, kv->keys);
    kv->value_rows = layer_rows(kv, kv->values);
    own(cpu_of(b), kv, cache_release);
    return kv;
}

static void cpu_kv_free(struct backend *b, struct kv_cache *kv) {
    for (struct owned **at = &cpu_of(b)->owned; *at != NULL; at = &(*at)->next) {
        struct owned *o = *at;
        if (o->object != kv)
            continue;
        *at = o->next;
        free(o);
        cache_release(kv);
        return;
    }
    BUG_IF(kv != NULL);
}

static struct weight_cost vector_cost(uint32_t n) {
    return (struct weight_cost) { n * sizeof(float), n * sizeof(float) };
}

static struct vector *cpu_vector(
    struct backend *b, const struct weight_source *src, uint32_t n, struct err *err) {
    struct source s;
    if (!source_open(&s, src, n, 1, err))
        return NULL;
    struct vector *v = xcalloc(1, sizeof *v);
    v->n = n;
    v->data = mem_try(n, sizeof *v->data, "a vector", err);
    if (v->data == NULL) {
        free(v);
        return NULL;
    }
    source_read(&s, 0, n, v->data);
    budget_take(&cpu_of(b)->budget, vector_cost(n), n * sizeof *v->data);
    own(cpu_of(b), v, vector_release);
    return v;
}

static struct table *cpu_table(struct backend *b, const struct weight_source *src, uint32_t n,
    uint32_t cols, struct err *err) {
    struct source s;
    if (!source_open(&s, src, n, cols, err))
        return NULL;
    struct table *t = xcalloc(1, sizeof *t);
    t->source = s;
    own(cpu_of(b), t, free);
    return t;
}

struct packing {
    struct cpu *cpu;
    struct gemm_weight *weight;
    struct source source;
    _Atomic bool failed;
    struct err *errs; /* one a thread */
};

/* Rows that the file has as the product wants them are packed from where they lie. */
static bool pack_view(const struct packing *p, uint32_t chunk) {
    const struct gemm *g = p->weight->gemm;
    const void *rows = g->ops->pack_own != NULL && p->weight->k % g->k_step == 0
                           ? source_view(&p->source, g->elem, (uint64_t)chunk * g->chunk)
                           : NULL;
    if (rows != NULL)
        g->ops->pack_own(p->weight, chunk, rows);
    return rows != NULL;
}

static void pack_chunk(void *arg, unsigned thread, size_t item) {
    struct packing *p = arg;
    uint32_t chunk = (uint32_t)item, columns = gemm_columns(p->weight, chunk);
    if (pack_view(p, chunk))
        return;
    float *rows = cpu_scratch(p->cpu, thread);
    const struct gemm *g = p->weight->gemm;
    source_read(&p->source, (uint64_t)chunk * g->chunk, columns, rows);
    if (!g->ops->pack(p->weight, chunk, rows, &p->errs[thread]))
        atomic_store(&p->failed, true);
}

static bool pack(struct cpu *c, struct gemm_weight *w, const struct source *s, struct err *err) {
    struct packing p = { .cpu = c, .weight = w, .source = *s };
    p.errs = xcalloc(c->caps.threads, sizeof *p.errs);
    cpu_reserve(c, (size_t)w->gemm->chunk * w->k * sizeof(float));
    pool_run(c->pool, w->n_chunks, pack_chunk, &p);
    for (unsigned t = 0; t < c->caps.threads; t++) {
        if (p.errs[t].class != ERR_NONE && err != NULL)
            *err = p.errs[t];
    }
    free(p.errs);
    return !atomic_load(&p.failed);
}

static uint64_t packed_bytes(const struct gemm *g, uint64_t n, uint64_t k) {
    return n * k * (g->elem == ELEM_INT8 ? 1 : elem_bytes(g->elem));
}

/* What products with it are made by; in eight bits, unless it is not to be. */
static struct gemm *gemm_of(const struct cpu *c, const struct weight_source *src) {
    return c->gemm_int8 != NULL && !src->precise ? c->gemm_int8 : c->gemm;
}

static bool may_stay(const struct cpu *c, const struct source *s) {
    return c->weights != WEIGHTS_EXPANDED && gemm_of(c, &s->from) == c->gemm && strips_can(c, s);
}

/* Pages of the file are the kernel's. */
static struct weight_cost matrix_cost(const struct cpu *c, const struct source *s) {
    uint64_t packed = packed_bytes(gemm_of(c, &s->from), s->n, s->k);
    return (struct weight_cost) { .expanded = packed, .least = may_stay(c, s) ? 0 : packed };
}

static bool stays_in_file(const struct cpu *c, const struct source *s) {
    return may_stay(c, s) &&
           (c->weights == WEIGHTS_FILE || !budget_expands(&c->budget, matrix_cost(c, s)));
}

/* A table is read where it lies in the file. */
static void cpu_expect(struct backend *b, enum weight_kind kind, const struct weight_source *src,
    uint32_t n, uint32_t k) {
    struct cpu *c = cpu_of(b);
    struct err err = ERR_INIT;
    struct source s;
    if (kind == WEIGHT_MATRIX && source_open(&s, src, n, k, &err))
        budget_expect(&c->budget, matrix_cost(c, &s));
    else if (kind == WEIGHT_VECTOR)
        budget_expect(&c->budget, vector_cost(n));
}

static uint64_t cpu_expected(const struct backend *b) {
    return budget_least(&cpu_of(b)->budget);
}

static struct matrix_size cpu_table_size(const struct backend *b, const struct table *t) {
    (void)b;
    return (struct matrix_size) { .file = source_bytes(&t->source) };
}

static struct matrix_size cpu_matrix_size(const struct backend *b, const struct matrix *m) {
    const struct gemm_weight *w = m->weight;
    struct matrix_size size = { .memory = packed_bytes(w->gemm, w->n, w->k) };
    (void)b;
    return m->source == NULL ? size : (struct matrix_size) { .file = source_bytes(m->source) };
}

/* Packed once and kept: what another open of this model has left is taken as it lies. */
static bool fill(struct cpu *c, struct gemm_weight *w, const struct source *s, struct err *err) {
    const struct gemm_ops *ops = w->gemm->ops;
    struct packs *packs = ops->packed != NULL ? c->packs : NULL;
    size_t bytes = 0;
    const void *packed = packs != NULL ? ops->packed(w, &bytes) : NULL;
    const void *kept = packs_find(packs, s, bytes);
    if (kept != NULL) {
        ops->adopt(w, kept);
        c->caps.n_found++;
        return true;
    }
    if (!pack(c, w, s, err))
        return false;
    c->caps.n_packed++;
    packs_add(packs, s, packed, bytes);
    return true;
}

static void cpu_keep(struct backend *b) {
    packs_keep(cpu_of(b)->packs);
}

static struct matrix *cpu_matrix(
    struct backend *b, const struct weight_source *src, uint32_t n, uint32_t k, struct err *err) {
    struct cpu *c = cpu_of(b);
    struct source s;
    if (!source_open(&s, src, n, k, err))
        return NULL;
    struct weight_cost cost = matrix_cost(c, &s);
    if (stays_in_file(c, &s)) {
        struct matrix *held = strips_matrix(c, &s);
        budget_take(&c->budget, cost, 0);
        own(c, held, matrix_release);
        return held;
    }
    struct gemm *g = gemm_of(c, src);
    struct gemm_weight *w = g->ops->weight(g, n, k, err);
    if (w == NULL)
        return NULL;
    if (!fill(c, w, &s, err)) {
        g->ops->free_weight(w);
        return NULL;
    }
    struct matrix *m = xcalloc(1, sizeof *m);
    m->weight = w;
    budget_take(&c->budget, cost, cost.expanded);
    own(c, m, matrix_release);
    return m;
}

/* ---- the backend ---- */

static const struct backend_caps *cpu_caps(const struct backend *b) {
    return &cpu_of(b)->caps;
}

static uint64_t cpu_rows_filled(const struct backend *b) {
    return cpu_of(b)->n_rows_filled;
}

static void cpu_share(struct backend *b, size_t n, pool_fn *fn, void *arg) {
    pool_run(cpu_of(b)->pool, n, fn, arg);
}

static void cpu_close(struct backend *b) {
    if (b == NULL)
        return;
    struct cpu *c = cpu_of(b);
    cpu_leave(c);
    for (struct owned *o = c->owned, *next; o != NULL; o = next) {
        next = o->next;
        o->release(o->object);
        free(o);
    }
    packs_free(c->packs);
    pool_free(c->pool); /* before the library: its threads hold some of the library's state */
    if (c->gemm != NULL)
        c->gemm->ops->close(c->gemm);
    if (c->gemm_int8 != NULL)
        c->gemm_int8->ops->close(c->gemm_int8);
    for (int i = 0; i < ROTARY_TABLES; i++) {
        free((float *)c->rotary[i].of.inv_freq);
        free(c->rotary[i].angles);
    }
    for (unsigned t = 0; c->scratch != NULL && t < c->caps.threads; t++)
        free(c->scratch[t].data);
    free(c->scratch);
    free(c->shared.data);
    free(c);
}

static const struct backend_ops cpu_ops = {
    .close = cpu_close,
    .caps = cpu_caps,
    .expect = cpu_expect,
    .expected = cpu_expected,
    .matrix = cpu_matrix,
    .matrix_size = cpu_matrix_size,
    .table_size = cpu_table_size,
    .keep = cpu_keep,
    .table = cpu_table,
    .vector = cpu_vector,
    .buffer = cpu_buffer,
    .kv_cache = cpu_kv_cache,
    .kv_bytes_per_slot = cpu_kv_bytes_per_slot,
    .kv_free = cpu_kv_free,
    .gather = cpu_gather,
    .norm = cpu_norm,
    .renorm = cpu_renorm,
    .matmul = cpu_matmul,
    .gate = cpu_gate,
    .curve = cpu_curve,
    .unfold = cpu_unfold,
    .norm_heads = cpu_norm_heads,
    .add = cpu_add,
    .clip = cpu_clip,
    .spread = cpu_spread,
    .scatter = cpu_scatter,
    .convert = cpu_convert,
    .rotate = cpu_rotate,
    .kv_store = cpu_kv_store,
    .kv_keys = cpu_kv_keys,
    .kv_values = cpu_kv_values,
    .attend = cpu_attend,
    .convolve = cpu_convolve,
    .recur = cpu_recur,
    .pick = cpu_pick,
    .pool = cpu_pool,
    .normalize = cpu_normalize,
    .logprobs = cpu_logprobs,
    .logits = cpu_logits,
    .share = cpu_share,
    .roof = cpu_roof,
    .stream = cpu_stream,
    .join = cpu_join,
    .all_reduce = cpu_all_reduce,
    .download = cpu_download,
    .rows_filled = cpu_rows_filled,
};

static bool open_parts(struct cpu *c, const struct backend_config *config, struct err *err) {
    bool int8 = config->dtype == DTYPE_INT8;
    if (config->dtype != DTYPE_F32 && config->dtype != DTYPE_BF16 && !int8)
        return err_set(err, ERR_UNSUPPORTED,
            "cannot run in this dtype on the processor: f32, bf16 and int8 are supported");
    if (int8 && config->weights == WEIGHTS_FILE) {
        err_set(err, ERR_USAGE, "weights cannot stay in the file in int8: they have to be rounded");
        return err_hint(err, "leave --weights out, or take --dtype bf16");
    }
    c->kernels = kernels_choose(err);
    if (c->kernels == NULL)
        return false;
    unsigned n = config->threads != 0 ? config->threads : pool_default_threads();
    c->pool = pool_new(n, err);
    if (c->pool == NULL)
        return false;
    c->scratch = xcalloc(n, sizeof *c->scratch);
    c->caps.threads = n;
    c->caps.act = config->dtype == DTYPE_F32 ? ELEM_F32 : ELEM_BF16;
    c->caps.packed = int8 ? ELEM_INT8 : c->caps.act;
    c->weights = config->weights;
    c->budget.room = config->weight_room ? config->weight_room : UINT64_MAX;
    struct gemm_config gemm = {
        .name = config->gemm,
        .kernels = c->kernels,
        .elem = c->caps.act,
        .n_threads = n,
    };
    bool any = gemm.name == NULL || strcmp(gemm.name, "auto") == 0;
    if (config->weights == WEIGHTS_FILE && any)
        gemm.name = "plain"; /* the one that can */
    c->gemm = gemm_open(&gemm, err);
    if (c->gemm != NULL && config->weights == WEIGHTS_FILE && c->gemm->ops->strip == NULL) {
        err_set(err, ERR_USAGE, "weights cannot stay in the file with the matrix library '%s'",
            c->gemm->name);
        return err_hint(err, "leave --weights or --gemm out");
    }
    c->gemm_int8 = int8 ? gemm_open_int8(c->kernels) : NULL;
    return c->gemm != NULL;
}

/* What a packed form depends on besides the weights. */
static struct packs *open_packs(struct cpu *c, const struct packs_config *config) {
    const struct gemm *g = c->gemm;
    char form[160];
    if (config == NULL || g->ops->packed == NULL || c->gemm_int8 != NULL ||
        config->n_elements < config->least_bytes / elem_bytes(g->elem))
        return NULL;
    snprintf(form, sizeof form, "%s %s %s panel %u chunk %u steps %u %u", c->name, g->name,
        g->elem == ELEM_BF16 ? "bf16" : "f32", g->kernels->panel, g->chunk, g->k_step, g->n_step);
    return packs_new(config, form, config->n_elements * elem_bytes(g->elem), c->pool);
}

struct backend *backend_cpu_open(const struct backend_config *config, struct err *err) {
    struct cpu *c = xcalloc(1, sizeof *c);
    c->base.ops = &cpu_ops;
    if (!open_parts(c, config, err)) {
        cpu_close(&c->base);
        return NULL;
    }
    snprintf(c->name, sizeof c->name, "cpu/%s", c->kernels->name);
    c->caps.name = c->name;
    c->caps.gemm = c->gemm_int8 != NULL ? c->gemm_int8->name : c->gemm->name;
    c->packs = open_packs(c, config->packs);
    c->caps.can = CAN_HEAD_NORMS | CAN_BIAS | CAN_SINKS | CAN_GATING | CAN_ADD | CAN_EXPERTS |
                  CAN_ROTARY_INNER | CAN_CROSS | CAN_RECUR | CAN_UNFOLD | CAN_CURVE |
                  CAN_ACT_QUERIES;
    if (c->gemm->ops->strip != NULL && c->gemm_int8 == NULL)
        c->caps.can |= CAN_STAY_IN_FILE;
    c->caps.row_block = c->gemm->whole_blocks ? c->gemm->row_block : c->kernels->tile;
    return &c->base;
}
