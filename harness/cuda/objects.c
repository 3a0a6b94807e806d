/* What lives on the device: weights, buffers and caches. See cuda.h. */
#include "harness/cuda/cuda.h"

#include <string.h>

#include "base/mem.h"

/* ---- weights ---- */

static enum elem table_elem(const struct weight_source *src) {
    const struct tensor *t = src->tensor;
    return t->type == TENSOR_BF16 && !t->derived && src->add == 0 ? ELEM_BF16
                                                                  : ELEM_F32; /* exact */
}

static struct weight_cost table_cost(const struct weight_source *src, uint32_t n, uint32_t cols) {
    uint64_t bytes = (uint64_t)n * cols * elem_bytes(table_elem(src));
    return (struct weight_cost) { bytes, bytes };
}

/* Products that round what they give read all of their numbers in bf16: a second copy for those. */
static struct weight_cost vector_cost(const struct cuda *c, uint32_t n) {
    uint64_t bytes = (uint64_t)n * (c->caps.act == ELEM_BF16 ? 4 + 2 : 4);
    return (struct weight_cost) { bytes, bytes };
}

/* What cannot be read as it is said fails where it is made. */
void cuda_expect(struct backend *b, enum weight_kind kind, const struct weight_source *src,
    uint32_t n, uint32_t k) {
    struct cuda *c = cuda_of(b);
    struct err err = ERR_INIT;
    struct source s;
    switch (kind) {
    case WEIGHT_MATRIX:
        if (source_open(&s, src, n, k, &err))
            packed_expect(c, &s);
        break;
    case WEIGHT_TABLE:
        budget_expect(&c->budget, table_cost(src, n, k));
        break;
    case WEIGHT_VECTOR:
        budget_expect(&c->budget, vector_cost(c, n));
        break;
    }
}

/* Where nothing is to be expanded, nothing is. */
uint64_t cuda_expected(const struct backend *b) {
    const struct cuda *c = cuda_of(b);
    const struct budget *all = &c->budget;
    return c->weights == WEIGHTS_FILE ? all->all.least + all->spare : budget_least(all);
}

struct matrix *cuda_matrix(
    struct backend *b, const struct weight_source *src, uint32_t n, uint32_t k, struct err *err) {
    struct cuda *c = cuda_enter(b);
    struct source s;
    if (!source_open(&s, src, n, k, err))
        return NULL;
    struct packed_form form = packed_choose(c, &s);
    bool packed = form.blocks != KERNEL_PLAIN;
    if (packed && !packed_reserve(c, &s, err))
        return NULL;
    struct matrix *m = xcalloc(1, sizeof *m);
    uint8_t *data = device_alloc(c, n, form.row_bytes, "weights", m, err);
    if (data == NULL)
        return NULL;
    *m = (struct matrix) {
        .n = n, .k = k, .data = data, .blocks = form.blocks, .row_bytes = form.row_bytes
    };
    bool ok = packed ? packed_upload(c, &s, &form, data, err)
                     : upload_rows(c, &s, c->caps.act, data, err);
    return ok ? m : NULL;
}

struct matrix_size cuda_matrix_size(const struct backend *b, const struct matrix *m) {
    (void)b;
    return (struct matrix_size) { .memory = (uint64_t)m->n * m->row_bytes };
}

struct table *cuda_table(struct backend *b, const struct weight_source *src, uint32_t n,
    uint32_t cols, struct err *err) {
    struct cuda *c = cuda_enter(b);
    struct source s;
    if (!source_open(&s, src, n, cols, err))
        return NULL;
    enum elem elem = table_elem(src);
    struct weight_cost cost = table_cost(src, n, cols);
    budget_take(&c->budget, cost, cost.expanded);
    struct table *t = xcalloc(1, sizeof *t);
    uint8_t *data = device_alloc(c, (size_t)n * cols, elem_bytes(elem), "a table", t, err);
    if (data == NULL || !upload_rows(c, &s, elem, data, err))
        return NULL;
    *t = (struct table) { .n = n, .cols = cols, .elem = elem, .data = data };
    return t;
}

struct matrix_size cuda_table_size(const struct backend *b, const struct table *t) {
    (void)b;
    return (struct matrix_size) { .memory = (uint64_t)t->n * t->cols * elem_bytes(t->elem) };
}

static bool vector_round(
    struct cuda *c, struct vector *v, const struct source *s, struct err *err) {
    v->bf16 = device_alloc(c, v->n, sizeof(uint16_t), "a vector", NULL, err);
    return v->bf16 != NULL && upload_rows(c, s, ELEM_BF16, v->bf16, err);
}

struct vector *cuda_vector(
    struct backend *b, const struct weight_source *src, uint32_t n, struct err *err) {
    struct cuda *c = cuda_enter(b);
    struct source s;
    if (!source_open(&s, src, n, 1, err))
        return NULL;
    struct weight_cost cost = vector_cost(c, n);
    budget_take(&c->budget, cost, cost.expanded);
    struct vector *v = xcalloc(1, sizeof *v);
    float *data = device_alloc(c, n, sizeof *data, "a vector", v, err);
    if (data == NULL || !upload_rows(c, &s, ELEM_F32, (uint8_t *)data, err))
        return NULL;
    *v = (struct vector) { .n = n, .data = data };
    return c->caps.act != ELEM_BF16 || vector_round(c, v, &s, err) ? v : NULL;
}

/* ---- buffers and caches ---- */

struct buffer *cuda_buffer(
    struct backend *b, uint32_t n_rows, uint32_t cols, enum elem elem, struct err *err) {
    struct cuda *c = cuda_enter(b);
    if (!stage_reserve(c, n_rows, 0, err))
        return NULL;
    size_t bytes = (size_t)n_rows * cols * elem_bytes(elem);
    struct buffer *buf = xcalloc(1, sizeof *buf);
    uint8_t *data = room_take(c, bytes, buf);
    if (data == NULL)
        data = device_alloc(c, bytes, 1, "activations", buf, err);
    if (data == NULL)
        return NULL;
    cuda_must(cudaMemsetAsync(data, 0, bytes, c->stream), "buffer");
    *buf = (struct buffer) { .elem = elem, .n_rows = n_rows, .cols = cols, .data = data };
    return buf;
}

size_t cuda_kv_bytes_per_slot(const struct backend *b, uint32_t n_layers, uint32_t kv_width) {
    return 2 * (size_t)n_layers * kv_width * elem_bytes(cuda_of(b)->caps.act);
}

/* Each layer's slots as rows of a buffer. */
static void list_layers(
    const struct cuda *c, const struct kv_cache *kv, uint8_t *cache, struct buffer *list) {
    for (uint32_t l = 0; l < kv->n_layers; l++)
        list[l] = (struct buffer) { .elem = c->caps.act,
            .n_rows = kv->n_slots,
            .cols = kv->width,
            .data = cache_layer(c, kv, cache, l) };
}

struct kv_cache *cuda_kv_cache(
    struct backend *b, uint32_t n_layers, uint32_t n_slots, uint32_t kv_width, struct err *err) {
    struct cuda *c = cuda_enter(b);
    if (!stage_reserve(c, 0, n_slots, err) || !attend_reserve(c, n_slots, kv_width, err))
        return NULL;
    size_t slot = cuda_kv_bytes_per_slot(b, n_layers, kv_width);
    struct kv_cache *kv = xcalloc(1, sizeof *kv + 2 * (size_t)n_layers * sizeof *kv->key_rows);
    uint8_t *data = device_alloc(c, n_slots, slot, "keys and values", kv, err);
    if (data == NULL)
        return NULL;
    cuda_must(cudaMemsetAsync(data, 0, n_slots * slot, c->stream), "kv_cache");
    *kv = (struct kv_cache) {
        .n_layers = n_layers, .n_slots = n_slots, .width = kv_width, .keys = data
    };
    kv->values = data + n_slots * slot / 2;
    kv->key_rows = (struct buffer *)(kv + 1);
    kv->value_rows = kv->key_rows + n_layers;
    list_layers(c, kv, kv->keys, kv->key_rows);
    list_layers(c, kv, kv->values, kv->value_rows);
    return kv;
}

void cuda_kv_free(struct backend *b, struct kv_cache *kv) {
    BUG_IF(kv != NULL && !device_release(cuda_enter(b), kv));
}

void cuda_keep(struct backend *b) {
    upload_free(cuda_enter(b));
}
