/* See cuda_world.h. */
#include "tests/harness/cuda_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/cuda/load.h"

struct backend *cuda_open(enum dtype dtype) {
    struct backend_config config = { .dtype = dtype, .threads = 2, .gemm = "auto" };
    struct err err = ERR_INIT;
    struct backend *b = backend_cuda_open(&config, 0, &err);
    if (b == NULL)
        fail_msg("%s", err.msg);
    return b;
}

static struct backend *plain_open(enum dtype dtype) {
    return world_open(&(struct setting) { "plain", "plain", dtype, 2 });
}

float *made_room(struct made *m, size_t n) {
    m->data = realloc(m->data, (m->n + n) * sizeof *m->data);
    assert_non_null(m->data);
    m->n += n;
    return m->data + (m->n - n);
}

void made_add(struct made *m, struct backend *b, struct rows x, uint32_t cols) {
    b->ops->download(b, x, made_room(m, (size_t)x.n * cols));
}

struct rows noise_rows(
    struct backend *b, uint32_t seed, uint32_t n, uint32_t cols, enum elem elem, float scale) {
    return world_rows(b, n, cols, elem, noise_new(seed, (size_t)n * cols, scale));
}

struct rows window(struct rows x, uint32_t from, uint32_t n) {
    return (struct rows) { .buf = x.buf, .row = x.row + from, .n = n };
}

struct rows noise_window(struct backend *b, uint32_t seed, uint32_t n, uint32_t cols,
    enum elem elem, float scale, struct rows *whole) {
    *whole = noise_rows(b, seed, n + 3, cols, elem, scale);
    return window(*whole, 1, n);
}

static void check_shape(const struct op *op, struct shape s, enum dtype dtype) {
    struct made got = { 0 }, want = { 0 };
    struct backend *cuda = cuda_open(dtype);
    op->run(cuda, s, &got);
    world_close(cuda);
    struct backend *plain = plain_open(dtype);
    op->run(plain, s, &want);
    world_close(plain);
    char what[128];
    snprintf(what, sizeof what, "%s %u x %u (%u) in %s", op->name, s.rows, s.cols, s.inner,
        dtype_name(dtype));
    assert_int_equal(got.n, want.n);
    assert_close(what, got.n, got.data, want.data, dtype == DTYPE_BF16 ? op->bf16 : op->f32);
    free(got.data);
    free(want.data);
}

void ops_check(const struct op *ops, size_t n, enum dtype dtype) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < SHAPES_MAX && ops[i].shapes[j].rows != 0; j++)
            check_shape(&ops[i], ops[i].shapes[j], dtype);
}
