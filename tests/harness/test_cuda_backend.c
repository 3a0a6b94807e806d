/* Products and the head of the CUDA backend against the CPU backend's plain C kernels, on awkward
 * shapes, and the same bits whatever the number of rows or the grouping of targets; what it says of
 * itself. Skips, saying why, where there is no device. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/cuda_world.h"
#include "tests/harness/gpu_there.h"

/* Rows in the middle of their buffers, with what lies around them. */
static void run_matmul(struct backend *b, struct shape s, struct made *out) {
    enum elem act = b->ops->caps(b)->act;
    uint32_t n = s.cols, k = s.inner;
    struct rows x = noise_rows(b, 6, s.rows + 3, k, act, 1);
    struct matrix *w = world_matrix(b, n, k, noise_new(7, (size_t)n * k, 1 / sqrtf((float)k)));
    struct vector *bias = world_vector(b, n, noise_new(8, n, 1));
    struct epilogue residual = { .scale = 0.5F, .accumulate = true };
    struct rows f32 = noise_rows(b, 9, s.rows + 3, n, ELEM_F32, 1);
    struct rows rounded = world_empty(b, s.rows, n, act);
    b->ops->matmul(b, w, window(x, 1, s.rows), window(f32, 2, s.rows), &residual);
    made_add(out, b, f32, n);
    for (int a = ACT_NONE; a <= ACT_RELU_SQUARED; a++) {
        struct epilogue e = { .bias = bias, .activation = (enum activation)a };
        b->ops->matmul(b, w, window(x, 1, s.rows), rounded, &e);
        made_add(out, b, rounded, n);
    }
}

/* ---- the head ---- */

enum { TARGETS_A_ROW = 3 };

static void run_logprobs(struct backend *b, struct shape s, struct made *out) {
    uint32_t vocab = s.cols, k = s.inner, n = s.rows * TARGETS_A_ROW;
    struct rows x = noise_rows(b, 19, s.rows + 1, k, b->ops->caps(b)->act, 2);
    struct matrix *head = world_matrix(b, vocab, k, noise_new(20, (size_t)vocab * k, 1));
    struct vector *bias = world_vector(b, vocab, noise_new(21, vocab, 1));
    struct target *targets = world_alloc(n * sizeof *targets);
    for (uint32_t i = 0; i < n; i++)
        targets[i] =
            (struct target) { .row = i / TARGETS_A_ROW, .token = (int32_t)(i * 7919U % vocab) };
    b->ops->logprobs(b, head, bias, 0.5F, 3, window(x, 1, s.rows), targets, n);
    float *to = made_room(out, 2 * (size_t)n);
    for (uint32_t i = 0; i < n; i++) {
        to[i] = (float)targets[i].logprob;
        to[n + i] = targets[i].best;
    }
}

static void run_logits(struct backend *b, struct shape s, struct made *out) {
    uint32_t vocab = s.cols, k = s.inner;
    struct rows x = noise_rows(b, 19, s.rows, k, b->ops->caps(b)->act, 2);
    struct matrix *head = world_matrix(b, vocab, k, noise_new(20, (size_t)vocab * k, 1));
    b->ops->logits(b, head, NULL, 1, 3, x, made_room(out, (size_t)s.rows * vocab));
    b->ops->logits(b, head, NULL, 2, 0, x, made_room(out, (size_t)s.rows * vocab));
    struct vector *bias = world_vector(b, vocab, noise_new(21, vocab, 1));
    b->ops->logits(b, head, bias, 0.5F, 0, x, made_room(out, (size_t)s.rows * vocab));
    b->ops->logits(b, head, bias, 2, 5, x, made_room(out, (size_t)s.rows * vocab));
}

/* ---- against the plain kernels ---- */

static const struct op ops[] = {
    { "matmul", run_matmul, 1e-5, 1e-2,
        { { 1, 1, 1 }, { 13, 17, 33 }, { 97, 300, 63 }, { 31, 576, 384 }, { 200, 40, 129 } } },
    { "logprobs", run_logprobs, 1e-5, 2e-5,
        { { 1, 3, 1 }, { 3, 257, 8 }, { 40, 9000, 33 }, { 300, 4097, 16 }, { 700, 50, 5 } } },
    { "logits", run_logits, 1e-5, 2e-5,
        { { 1, 3, 1 }, { 3, 257, 8 }, { 40, 9000, 33 }, { 258, 70, 9 } } },
};

static void f32_agrees_with_plain_c(void **state) {
    (void)state;
    ops_check(ops, sizeof ops / sizeof *ops, DTYPE_F32);
}

static void bf16_agrees_with_plain_c(void **state) {
    (void)state;
    ops_check(ops, sizeof ops / sizeof *ops, DTYPE_BF16);
}

/* ---- the same bits ---- */

static void a_row_has_the_same_product_alone_and_among_others(void **state) {
    (void)state;
    enum { T = 150, N = 70, K = 83 };
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        struct backend *b = cuda_open((enum dtype)dtype);
        struct rows x = noise_rows(b, 1, T, K, b->ops->caps(b)->act, 1);
        struct matrix *w = world_matrix(b, N, K, noise_new(2, N * K, 1));
        struct rows all = world_empty(b, T, N, ELEM_F32), one = world_empty(b, 1, N, ELEM_F32);
        b->ops->matmul(b, w, x, all, NULL);
        const float *want = world_read(b, all, N);
        for (uint32_t t = 0; t < T; t += 29) {
            b->ops->matmul(b, w, window(x, t, 1), one, NULL);
            assert_same_bits("matmul", N, world_read(b, one, N), want + (size_t)t * N);
        }
        world_close(b);
    }
}

static void a_logprob_is_the_same_alone_and_among_others(void **state) {
    (void)state;
    enum { T = 300, V = 8300, K = 12 };
    struct backend *b = cuda_open(DTYPE_F32);
    struct rows x = noise_rows(b, 1, T, K, ELEM_F32, 1);
    struct matrix *head = world_matrix(b, V, K, noise_new(2, (size_t)V * K, 1));
    struct target targets[T];
    for (uint32_t t = 0; t < T; t++)
        targets[t] = (struct target) { .row = t, .token = (int32_t)(t * 977 % V) };
    b->ops->logprobs(b, head, NULL, 1, 0, x, targets, T);
    for (uint32_t t = 0; t < T; t += 97) {
        struct target one = { .row = 0, .token = targets[t].token };
        b->ops->logprobs(b, head, NULL, 1, 0, window(x, t, 1), &one, 1);
        assert_memory_equal(&one.logprob, &targets[t].logprob, sizeof one.logprob);
        assert_int_equal(one.best, targets[t].best);
    }
    world_close(b);
}

static void rows_that_fill_a_tile_are_counted(void **state) {
    (void)state;
    struct backend *b = cuda_open(DTYPE_F32);
    uint32_t block = b->ops->caps(b)->row_block;
    struct rows x = noise_rows(b, 1, block + 1, 3, ELEM_F32, 1);
    struct rows out = world_empty(b, block + 1, 2, ELEM_F32);
    struct matrix *w = world_matrix(b, 2, 3, noise_new(2, 6, 1));
    b->ops->matmul(b, w, window(x, 0, block), window(out, 0, block), NULL);
    assert_int_equal(b->ops->rows_filled(b), 0);
    b->ops->matmul(b, w, x, out, NULL);
    assert_int_equal(b->ops->rows_filled(b), block - 1);
    world_close(b);
}

/* ---- what it says of itself ---- */

static void it_can_all_that_the_processor_can_but_leave_weights_in_the_file(void **state) {
    (void)state;
    struct backend *b = cuda_open(DTYPE_F32);
    struct backend *cpu = world_open(&(struct setting) { "plain", "plain", DTYPE_F32, 1 });
    unsigned all = cpu->ops->caps(cpu)->can & ~(unsigned)CAN_STAY_IN_FILE;
    assert_int_equal(b->ops->caps(b)->can & all, all);
    cpu->ops->close(cpu);
    world_close(b);
}

static void its_roof_and_its_stream_are_speeds(void **state) {
    (void)state;
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        struct backend *b = cuda_open((enum dtype)dtype);
        double roof = b->ops->roof(b, 0.01), stream = b->ops->stream(b, 0.01);
        assert_true(isfinite(roof) && roof > 0);
        assert_true(isfinite(stream) && stream > 0);
        world_close(b);
    }
}

static void count_item(void *arg, unsigned thread, size_t item) {
    unsigned char *seen = arg;
    (void)thread;
    seen[item]++;
}

static void host_work_is_shared_item_by_item(void **state) {
    (void)state;
    enum { ITEMS = 1000 };
    unsigned char seen[ITEMS] = { 0 };
    struct backend *b = cuda_open(DTYPE_F32);
    assert_int_equal(b->ops->caps(b)->threads, 2);
    b->ops->share(b, ITEMS, count_item, seen);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(seen[i], 1);
    world_close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_agrees_with_plain_c),
        cmocka_unit_test(bf16_agrees_with_plain_c),
        cmocka_unit_test(a_row_has_the_same_product_alone_and_among_others),
        cmocka_unit_test(a_logprob_is_the_same_alone_and_among_others),
        cmocka_unit_test(rows_that_fill_a_tile_are_counted),
        cmocka_unit_test(it_can_all_that_the_processor_can_but_leave_weights_in_the_file),
        cmocka_unit_test(its_roof_and_its_stream_are_speeds),
        cmocka_unit_test(host_work_is_shared_item_by_item),
    };
    return gpu_there() ? cmocka_run_group_tests(tests, NULL, NULL) : gpu_skip();
}
