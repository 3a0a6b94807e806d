/* What lives on the device: weights, brought there from the file's tensors row by row, buffers,
 * caches, and the stage. See cuda.h. */
#include "harness/cuda/cuda.h"

#include <string.h>

#include "base/mem.h"
#include "harness/cpu/kernels.h" /* bf16_from_f32: one rounding on every device */
#include "harness/cpu/source.h"

enum { UPLOAD_FLOATS = 1 << 20, STAGE_ALIGN = 16, STAGE_LEAST = 1 << 16 };

/* ---- memory ---- */

static bool device_failed(struct err *err, cudaError_t e, size_t bytes, const char *what) {
    cudaGetLastError(); /* an allocation that failed shall not fail the next launch */
    return err_set(err, ERR_RESOURCE, "cannot hold %zu bytes of %s on the device: %s", bytes, what,
        cudaGetErrorString(e));
}

void *device_alloc(
    struct cuda *c, size_t n, size_t size, const char *what, void *object, struct err *err) {
    size_t bytes;
    void *device = NULL;
    if (!mem_mul(n, size, &bytes)) {
        err_set(err, ERR_RESOURCE, "cannot hold %s on the device: too large", what);
        free(object);
        return NULL;
    }
    cudaError_t e = cudaMalloc(&device, bytes == 0 ? 1 : bytes);
    if (e != cudaSuccess) {
        device_failed(err, e, bytes, what);
        free(object);
        return NULL;
    }
    struct owned *o = xmalloc(sizeof *o);
    *o = (struct owned) { .next = c->owned, .device = device, .object = object };
    c->owned = o;
    return device;
}

/* ---- the stage ---- */

/* Of a row: an id, position, slot or index (4), or its number and parts of its segment (4 + 20 +
 * 8); of a slot: a span (8), where each position of a sequence is a span of its own. */
static size_t stage_need(size_t n_rows, size_t n_slots) {
    return STAGE_LEAST + 32 * n_rows + 8 * n_slots;
}

bool stage_reserve(struct cuda *c, size_t n_rows, size_t n_slots, struct err *err) {
    struct stage *s = &c->stage;
    size_t rows = n_rows > s->n_rows ? n_rows : s->n_rows;
    size_t slots = n_slots > s->n_slots ? n_slots : s->n_slots;
    size_t bytes = stage_need(rows, slots);
    if (bytes > s->bytes) {
        void *device = NULL;
        cudaError_t e = cudaMalloc(&device, bytes);
        if (e != cudaSuccess)
            return device_failed(err, e, bytes, "lists");
        cuda_must(cudaStreamSynchronize(c->stream), "stage");
        cuda_must(cudaFree(s->device), "stage");
        free(s->host);
        s->device = device;
        s->host = xmalloc(bytes);
        s->bytes = bytes;
    }
    s->n_rows = rows;
    s->n_slots = slots;
    return true;
}

void stage_begin(struct cuda *c) {
    c->stage.used = 0;
}

void *stage_room(struct cuda *c, size_t bytes, const void **device) {
    struct stage *s = &c->stage;
    size_t at = (s->used + STAGE_ALIGN - 1) / STAGE_ALIGN * STAGE_ALIGN;
    BUG_IF(at > s->bytes || bytes > s->bytes - at);
    s->used = at + bytes;
    *device = s->device + at;
    return s->host + at;
}

const void *stage_add(struct cuda *c, const void *data, size_t bytes) {
    const void *device;
    void *host = stage_room(c, bytes, &device);
    if (bytes > 0)
        memcpy(host, data, bytes);
    return device;
}

void stage_send(struct cuda *c) {
    const struct stage *s = &c->stage;
    if (s->used > 0)
        cuda_must(cudaMemcpyAsync(s->device, s->host, s->used, cudaMemcpyHostToDevice, c->stream),
            "stage");
}

/* ---- weights ---- */

/* Rounds in place: element i of the result lies at or before element i of x, whose bits are read
 * first. */
static void round_all(size_t n, float *x) {
    uint8_t *out = (uint8_t *)x;
    for (size_t i = 0; i < n; i++) {
        uint16_t bits = bf16_from_f32(x[i]);
        memcpy(out + i * sizeof bits, &bits, sizeof bits);
    }
}

/* All rows of the source to the device, some at a time; in the stream, as all that reads them. */
static bool upload(
    struct cuda *c, const struct source *s, enum elem elem, uint8_t *device, struct err *err) {
    uint64_t rows = s->k < UPLOAD_FLOATS ? UPLOAD_FLOATS / s->k : 1;
    rows = rows > 256 ? rows / 256 * 256 : rows; /* whole blocks of quantised elements */
    rows = rows < s->n ? rows : s->n;
    float *part = mem_try((size_t)(rows * s->k), sizeof *part, "rows of a weight", err);
    cudaError_t e = cudaSuccess;
    for (uint64_t row = 0; part != NULL && e == cudaSuccess && row < s->n; row += rows) {
        uint64_t n = s->n - row < rows ? s->n - row : rows;
        size_t count = (size_t)(n * s->k), size = elem_bytes(elem);
        source_read(s, row, n, part);
        if (elem == ELEM_BF16)
            round_all(count, part);
        e = cudaMemcpyAsync(device + (size_t)(row * s->k) * size, part, count * size,
            cudaMemcpyHostToDevice, c->stream);
    }
    bool ok = part != NULL;
    free(part);
    return ok && (e == cudaSuccess ||
                     err_set(err, ERR_NODE, "could not copy a weight: %s", cudaGetErrorString(e)));
}

struct matrix *cuda_matrix(
    struct backend *b, const struct weight_source *src, uint32_t n, uint32_t k, struct err *err) {
    struct cuda *c = cuda_enter(b);
    struct source s;
    if (!source_open(&s, src, n, k, err))
        return NULL;
    struct matrix *m = xcalloc(1, sizeof *m);
    uint8_t *data = device_alloc(c, (size_t)n * k, elem_bytes(c->caps.act), "weights", m, err);
    if (data == NULL || !upload(c, &s, c->caps.act, data, err))
        return NULL;
    *m = (struct matrix) { .n = n, .k = k, .data = data };
    return m;
}

struct table *cuda_table(struct backend *b, const struct weight_source *src, uint32_t n,
    uint32_t cols, struct err *err) {
    struct cuda *c = cuda_enter(b);
    struct source s;
    if (!source_open(&s, src, n, cols, err))
        return NULL;
    enum elem elem = src->tensor->type == TENSOR_BF16 && !src->tensor->derived && src->add == 0
                         ? ELEM_BF16
                         : ELEM_F32; /* exact */
    struct table *t = xcalloc(1, sizeof *t);
    uint8_t *data = device_alloc(c, (size_t)n * cols, elem_bytes(elem), "a table", t, err);
    if (data == NULL || !upload(c, &s, elem, data, err))
        return NULL;
    *t = (struct table) { .n = n, .cols = cols, .elem = elem, .data = data };
    return t;
}

struct vector *cuda_vector(
    struct backend *b, const struct weight_source *src, uint32_t n, struct err *err) {
    struct cuda *c = cuda_enter(b);
    struct source s;
    if (!source_open(&s, src, n, 1, err))
        return NULL;
    struct vector *v = xcalloc(1, sizeof *v);
    float *data = device_alloc(c, n, sizeof *data, "a vector", v, err);
    if (data == NULL || !upload(c, &s, ELEM_F32, (uint8_t *)data, err))
        return NULL;
    *v = (struct vector) { .n = n, .data = data };
    return v;
}

/* ---- buffers and caches ---- */

struct buffer *cuda_buffer(
    struct backend *b, uint32_t n_rows, uint32_t cols, enum elem elem, struct err *err) {
    struct cuda *c = cuda_enter(b);
    if (!stage_reserve(c, n_rows, 0, err))
        return NULL;
    struct buffer *buf = xcalloc(1, sizeof *buf);
    uint8_t *data =
        device_alloc(c, (size_t)n_rows * cols, elem_bytes(elem), "activations", buf, err);
    if (data == NULL)
        return NULL;
    cuda_must(
        cudaMemsetAsync(data, 0, (size_t)n_rows * cols * elem_bytes(elem), c->stream), "buffer");
    *buf = (struct buffer) { .elem = elem, .n_rows = n_rows, .cols = cols, .data = data };
    return buf;
}

size_t cuda_kv_bytes_per_slot(const struct backend *b, uint32_t n_layers, uint32_t kv_width) {
    return 2 * (size_t)n_layers * kv_width * elem_bytes(cuda_of(b)->caps.act);
}

struct kv_cache *cuda_kv_cache(
    struct backend *b, uint32_t n_layers, uint32_t n_slots, uint32_t kv_width, struct err *err) {
    struct cuda *c = cuda_enter(b);
    if (!stage_reserve(c, 0, n_slots, err) || !attend_reserve(c, n_slots, kv_width, err))
        return NULL;
    size_t slot = cuda_kv_bytes_per_slot(b, n_layers, kv_width);
    struct kv_cache *kv = xcalloc(1, sizeof *kv);
    uint8_t *data = device_alloc(c, n_slots, slot, "keys and values", kv, err);
    if (data == NULL)
        return NULL;
    cuda_must(cudaMemsetAsync(data, 0, n_slots * slot, c->stream), "kv_cache");
    *kv = (struct kv_cache) {
        .n_layers = n_layers, .n_slots = n_slots, .width = kv_width, .keys = data
    };
    kv->values = data + n_slots * slot / 2;
    return kv;
}

void cuda_kv_free(struct backend *b, struct kv_cache *kv) {
    struct cuda *c = cuda_enter(b);
    for (struct owned **at = &c->owned; *at != NULL; at = &(*at)->next) {
        struct owned *o = *at;
        if (o->object != kv)
            continue;
        *at = o->next;
        cuda_must(cudaStreamSynchronize(c->stream), "kv_free");
        cuda_must(cudaFree(o->device), "kv_free");
        free(o);
        free(kv);
        return;
    }
    BUG_IF(kv != NULL);
}
