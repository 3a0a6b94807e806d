/* See cpu_world.h. Weights are tensors in memory, as weights_open would give them. */
#include "tests/harness/cpu_world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *allocated[4096];
static size_t n_allocated;

void *world_alloc(size_t bytes) {
    void *p = calloc(1, bytes);
    assert_non_null(p);
    assert_true(n_allocated < sizeof allocated / sizeof *allocated);
    allocated[n_allocated++] = p;
    return p;
}

struct backend *world_open(const struct setting *setting) {
    if (setting->isa != NULL)
        setenv("ASSAY_ISA", setting->isa, 1);
    else
        unsetenv("ASSAY_ISA");
    struct backend_config config = {
        .dtype = setting->dtype, .threads = setting->threads, .gemm = setting->gemm
    };
    struct err err = ERR_INIT;
    struct backend *b = backend_cpu_open(&config, &err);
    if (b == NULL)
        print_message("not run with isa %s, gemm %s: %s\n", setting->isa, setting->gemm, err.msg);
    return b;
}

void world_close(struct backend *b) {
    if (b != NULL)
        b->ops->close(b);
    while (n_allocated > 0)
        free(allocated[--n_allocated]);
}

void noise(uint32_t seed, size_t n, float scale, float *out) {
    uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        out[i] = scale * ((float)(state >> 40) / (float)(1 << 23) - 1);
    }
}

float *noise_new(uint32_t seed, size_t n, float scale) {
    float *out = world_alloc(n * sizeof *out);
    noise(seed, n, scale, out);
    return out;
}

static struct weight_source source_of(uint32_t n, uint32_t k, const float *data) {
    struct tensor *t = world_alloc(sizeof *t);
    *t = (struct tensor) { .name = "made",
        .type = TENSOR_F32,
        .n_dims = 2,
        .shape = { n, k },
        .n_elements = (uint64_t)n * k,
        .data = (const uint8_t *)data,
        .bytes = (size_t)n * k * sizeof *data };
    return (struct weight_source) { .tensor = t };
}

static struct matrix *matrix_new(
    struct backend *b, uint32_t n, uint32_t k, const float *data, bool precise) {
    struct err err = ERR_INIT;
    struct weight_source source = source_of(n, k, data);
    source.precise = precise;
    struct matrix *m = b->ops->matrix(b, &source, n, k, &err);
    if (m == NULL)
        fail_msg("%s", err.msg);
    return m;
}

struct matrix *world_matrix(struct backend *b, uint32_t n, uint32_t k, const float *data) {
    return matrix_new(b, n, k, data, false);
}

struct matrix *world_precise(struct backend *b, uint32_t n, uint32_t k, const float *data) {
    return matrix_new(b, n, k, data, true);
}

struct vector *world_vector(struct backend *b, uint32_t n, const float *data) {
    struct err err = ERR_INIT;
    struct weight_source source = source_of(1, n, data);
    struct vector *v = b->ops->vector(b, &source, n, &err);
    if (v == NULL)
        fail_msg("%s", err.msg);
    return v;
}

struct table *world_table(struct backend *b, uint32_t n, uint32_t c, const float *data) {
    struct err err = ERR_INIT;
    struct weight_source source = source_of(n, c, data);
    struct table *t = b->ops->table(b, &source, n, c, &err);
    if (t == NULL)
        fail_msg("%s", err.msg);
    return t;
}

struct rows world_empty(struct backend *b, uint32_t n, uint32_t cols, enum elem elem) {
    struct err err = ERR_INIT;
    struct buffer *buf = b->ops->buffer(b, n, cols, elem, &err);
    if (buf == NULL)
        fail_msg("%s", err.msg);
    return (struct rows) { .buf = buf, .n = n };
}

/* The door has no upload: rows are gathered from a table that holds them. */
struct rows world_rows(
    struct backend *b, uint32_t n, uint32_t cols, enum elem elem, const float *data) {
    int32_t *ids = world_alloc(n * sizeof *ids);
    for (uint32_t i = 0; i < n; i++)
        ids[i] = (int32_t)i;
    struct rows x = world_empty(b, n, cols, ELEM_F32);
    b->ops->gather(b, world_table(b, n, cols, data), ids, 1, false, x);
    if (elem == ELEM_F32)
        return x;
    struct rows converted = world_empty(b, n, cols, elem);
    b->ops->convert(b, x, converted);
    return converted;
}

float *world_read(struct backend *b, struct rows x, uint32_t cols) {
    float *out = world_alloc((size_t)x.n * cols * sizeof *out);
    b->ops->download(b, x, out);
    return out;
}

void assert_close(
    const char *what, size_t n, const float *got, const float *want, double tolerance) {
    for (size_t i = 0; i < n; i++) {
        double error = fabs((double)got[i] - (double)want[i]);
        if (!isfinite(got[i]) || !isfinite(want[i]) ||
            !(error <= tolerance * (1 + fabs((double)want[i]))))
            fail_msg("%s: element %zu of %zu is %.9g, should be %.9g (error %.3g)", what, i, n,
                (double)got[i], (double)want[i], error);
    }
}

void assert_same_bits(const char *what, size_t n, const float *got, const float *want) {
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s: element %zu of %zu is %.9g, was %.9g", what, i, n, (double)got[i],
                (double)want[i]);
    }
}
