/* Same bits: a row's numbers depend on nothing but the row (and the keys it may see). Each op is
 * run on its rows together and again alone, in odd batches, shuffled, on other numbers of threads,
 * and with ancestors cut differently; the results are compared bit for bit, on every instruction
 * set, with both matrix libraries, in f32, bf16 and int8. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/cpu_world.h"

enum { ROWS = 150, WIDTH = 96, INNER = 79, WIDE = 530 };

/* ---- ops on rows ---- */

/* Runs an op on x and returns f32 rows of `cols` numbers; x has WIDTH columns, f32. */
struct row_op {
    const char *name;
    uint32_t cols;
    struct rows (*run)(struct backend *b, struct rows x);
};

static struct rows to_act(struct backend *b, struct rows x, uint32_t cols) {
    struct rows act = world_empty(b, x.n, cols, b->ops->caps(b)->act);
    b->ops->convert(b, x, act);
    return act;
}

static struct rows run_matmul(struct backend *b, struct rows x) {
    struct matrix *w = world_matrix(b, WIDE, WIDTH, noise_new(1, WIDE * WIDTH, 0.3F));
    struct epilogue e = { .bias = world_vector(b, WIDE, noise_new(2, WIDE, 1)),
        .activation = ACT_GELU };
    struct rows out = world_empty(b, x.n, WIDE, ELEM_F32);
    b->ops->matmul(b, w, to_act(b, x, WIDTH), out, &e);
    e = (struct epilogue) { .activation = ACT_SILU, .accumulate = true };
    b->ops->matmul(b, w, to_act(b, x, WIDTH), out, &e);
    return out;
}

/* An odd number of columns goes in: bf16 rows have to be padded. */
static struct rows run_odd_matmul(struct backend *b, struct rows x) {
    struct matrix *up = world_matrix(b, INNER, WIDTH, noise_new(3, INNER * WIDTH, 0.3F));
    struct matrix *down = world_matrix(b, WIDTH, INNER, noise_new(4, WIDTH * INNER, 0.3F));
    struct rows inner = world_empty(b, x.n, INNER, b->ops->caps(b)->act);
    struct rows out = world_empty(b, x.n, WIDTH, ELEM_F32);
    b->ops->matmul(
        b, up, to_act(b, x, WIDTH), inner, &(struct epilogue) { .activation = ACT_GELU_TANH });
    b->ops->matmul(b, down, inner, out, NULL);
    return out;
}

static struct rows run_norm(struct backend *b, struct rows x) {
    struct rows out = world_empty(b, x.n, WIDTH, ELEM_F32);
    b->ops->norm(
        b, NORM_LAYER, world_vector(b, WIDTH, noise_new(5, WIDTH, 1)), NULL, 1e-5F, x, out);
    return out;
}

static struct rows run_gate(struct backend *b, struct rows x) {
    struct rows out = world_empty(b, x.n, WIDTH, ELEM_F32);
    b->ops->gate(b, &(struct gating) { .activation = ACT_GELU }, x, x, out);
    b->ops->gate(b, &(struct gating) { .activation = ACT_SILU }, out, x, out);
    return out;
}

static struct rows run_normalize(struct backend *b, struct rows x) {
    struct rows out = world_empty(b, x.n, WIDTH, ELEM_F32);
    b->ops->convert(b, x, out);
    b->ops->normalize(b, out);
    return out;
}

static const struct row_op row_ops[] = {
    { "matmul", WIDE, run_matmul },
    { "odd matmul", WIDTH, run_odd_matmul },
    { "norm", WIDTH, run_norm },
    { "gate", WIDTH, run_gate },
    { "normalize", WIDTH, run_normalize },
};

static struct rows some_rows(
    struct backend *b, const float *all, uint32_t n, const uint32_t *index) {
    float *data = world_alloc((size_t)n * WIDTH * sizeof *data);
    for (uint32_t i = 0; i < n; i++)
        memcpy(data + (size_t)i * WIDTH, all + (size_t)index[i] * WIDTH, WIDTH * sizeof *data);
    return world_rows(b, n, WIDTH, ELEM_F32, data);
}

/* Rows index[0 .. n) give what they gave in `want`. */
static void check_subset(struct backend *b, const struct row_op *op, const float *all, uint32_t n,
    const uint32_t *index, const float *want) {
    const float *got = world_read(b, op->run(b, some_rows(b, all, n, index)), op->cols);
    for (uint32_t i = 0; i < n; i++)
        assert_same_bits(
            op->name, op->cols, got + (size_t)i * op->cols, want + (size_t)index[i] * op->cols);
}

static void shuffle(uint32_t seed, uint32_t n, uint32_t *index) {
    for (uint32_t i = 0; i < n; i++)
        index[i] = i;
    for (uint32_t i = n - 1; i > 0; i--) {
        seed = seed * 1664525 + 1013904223;
        uint32_t j = (seed >> 8) % (i + 1), was = index[i];
        index[i] = index[j];
        index[j] = was;
    }
}

static void check_row_op(struct backend *b, const struct row_op *op, float *const *first) {
    float *all = noise_new(9, ROWS * WIDTH, 2);
    uint32_t index[ROWS];
    shuffle(1, ROWS, index);
    check_subset(b, op, all, ROWS, index, *first);
    for (uint32_t n = 1; n <= 7; n += 2)
        check_subset(b, op, all, n, index + 10 * n, *first);
    check_subset(b, op, all, 64, index, *first);
    check_subset(b, op, all, 97, index + 50, *first);
}

/* ---- attention ---- */

/* Heads of a width that panels fill up, and the same columns as heads of one that they don't. */
enum { HEADS = 12, KV_HEADS = 4, DIM = 40, POSITIONS = 210, SLOTS = 700 };

/* A cut of one sequence: [0, before) are ancestors in spans of these lengths, the rest comes in
 * segments. */
struct cut {
    const char *name;
    uint32_t spans[8];    /* lengths; 0 ends */
    uint32_t segments[8]; /* lengths of what is computed, each seeing those before it as one more
                             ancestor; 0 ends */
};

static const struct cut cuts[] = {
    { "whole", { 0 }, { POSITIONS } },
    { "two spans", { 64, 36 }, { 110 } },
    { "odd spans", { 1, 62, 3, 34 }, { 7, 103 } },
    { "one by one", { 33, 67, 100 }, { 1, 1, 1, 7 } },
    { "behind one preamble", { 131 }, { 1, 7, 71 } },
    { "behind two blocks", { 128, 1 }, { 20, 3, 58 } },
};

/* The sequence's tokens lie in the cache at odd places: each piece of a cut starts at the next
 * multiple of 37. */
static uint32_t place(uint32_t *next, uint32_t n) {
    uint32_t slot = *next;
    *next = (slot + n + 36) / 37 * 37 + 5;
    assert_true(slot + n <= SLOTS);
    return slot;
}

struct sequence {
    struct rows q, k, v;
};

/* Attends to the computed part of a cut; returns [POSITIONS, HEADS * DIM] with those rows filled.
 */
static float *attend_cut(
    struct backend *b, const struct attention *a, const struct cut *cut, struct sequence s) {
    struct err err = ERR_INIT;
    struct kv_cache *kv = b->ops->kv_cache(b, 1, SLOTS, KV_HEADS * DIM, &err);
    assert_non_null(kv);
    struct kv_span spans[16];
    struct segment segments[8];
    uint32_t slots[POSITIONS], n_spans = 0, n_segments = 0, position = 0, next = 11;
    for (; cut->spans[n_spans] != 0; n_spans++) {
        spans[n_spans] =
            (struct kv_span) { place(&next, cut->spans[n_spans]), cut->spans[n_spans] };
        for (uint32_t i = 0; i < spans[n_spans].n; i++)
            slots[position++] = spans[n_spans].slot + i;
    }
    uint32_t first = position;
    for (; n_segments < 8 && cut->segments[n_segments] != 0; n_segments++) {
        uint32_t n = cut->segments[n_segments], slot = place(&next, n);
        segments[n_segments] = (struct segment) { .row = position,
            .n = n,
            .position = position,
            .slot = slot,
            .ancestors = spans,
            .n_ancestors = n_spans };
        spans[n_spans++] = (struct kv_span) { slot, n };
        for (uint32_t i = 0; i < n; i++)
            slots[position++] = slot + i;
    }
    struct rows k = s.k, v = s.v, out = world_empty(b, POSITIONS, HEADS * DIM, ELEM_F32);
    k.n = v.n = position;
    b->ops->kv_store(b, kv, 0, slots, k, v);
    b->ops->attend(b, a, kv, 0, segments, n_segments, s.q, out);
    float *all = world_read(b, out, HEADS * DIM);
    memset(all, 0, (size_t)first * HEADS * DIM * sizeof *all);
    return all;
}

static void check_attention(struct backend *b, const struct attention *a, float *const *first) {
    struct sequence s = {
        world_rows(b, POSITIONS, HEADS * DIM, ELEM_F32, noise_new(31, POSITIONS * HEADS * DIM, 1)),
        world_rows(
            b, POSITIONS, KV_HEADS * DIM, ELEM_F32, noise_new(32, POSITIONS * KV_HEADS * DIM, 1)),
        world_rows(
            b, POSITIONS, KV_HEADS * DIM, ELEM_F32, noise_new(33, POSITIONS * KV_HEADS * DIM, 1)),
    };
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        const float *got = attend_cut(b, a, &cuts[c], s);
        uint32_t from = 0, to;
        for (const uint32_t *n = cuts[c].spans; *n != 0; n++)
            from += *n;
        to = from;
        for (const uint32_t *n = cuts[c].segments; *n != 0; n++)
            to += *n;
        size_t at = (size_t)from * HEADS * DIM;
        assert_same_bits(cuts[c].name, (size_t)(to - from) * HEADS * DIM, got + at, *first + at);
    }
}

/* ---- log-probabilities ---- */

enum { VOCAB = 4700 };

static void check_logprobs(struct backend *b, const double *want, double *out) {
    float *all = noise_new(9, ROWS * WIDTH, 2);
    uint32_t index[ROWS];
    struct matrix *head = world_precise(b, VOCAB, WIDTH, noise_new(41, VOCAB * WIDTH, 1));
    const uint32_t counts[] = { ROWS, 1, 3, 65 };
    shuffle(7, ROWS, index);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct rows x = to_act(b, some_rows(b, all, counts[c], index), WIDTH);
        struct target targets[ROWS];
        for (uint32_t i = 0; i < counts[c]; i++)
            targets[i] = (struct target) { .row = i, .token = (int32_t)(index[i] * 31) };
        b->ops->logprobs(b, head, NULL, 1, 30, x, targets, counts[c]);
        for (uint32_t i = 0; i < counts[c]; i++) {
            assert_true(isfinite(targets[i].logprob));
            if (want != NULL && memcmp(&targets[i].logprob, &want[index[i]], sizeof *want) != 0)
                fail_msg("logprob of row %u in %u rows: %.17g, was %.17g", index[i], counts[c],
                    targets[i].logprob, want[index[i]]);
            if (want == NULL)
                out[index[i]] = targets[i].logprob;
        }
        if (want == NULL)
            return;
    }
}

/* ---- all of it ---- */

/* What one thread made of everything, to hold the other runs against. */
struct record {
    float *rows[sizeof row_ops / sizeof *row_ops];
    float *attention[4];
    double logprobs[ROWS];
};

static const struct attention attentions[] = {
    { .n_heads = HEADS, .n_kv_heads = KV_HEADS, .head_dim = DIM, .scale = 0.2F, .causal = true },
    { .n_heads = HEADS,
        .n_kv_heads = KV_HEADS,
        .head_dim = DIM,
        .scale = 0.7F,
        .causal = true,
        .window = 75 },
    { .n_heads = HEADS,
        .n_kv_heads = KV_HEADS,
        .head_dim = DIM,
        .scale = 0.2F,
        .causal = true,
        .softcap = 3 },
    { .n_heads = HEADS * DIM / 32,
        .n_kv_heads = KV_HEADS * DIM / 32,
        .head_dim = 32,
        .scale = 0.2F,
        .causal = true },
};

static float *keep(const float *data, size_t n) {
    float *copy = malloc(n * sizeof *copy);
    memcpy(copy, data, n * sizeof *copy);
    return copy;
}

static void make_record(struct backend *b, struct record *r) {
    const float *all = noise_new(9, ROWS * WIDTH, 2);
    uint32_t index[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        index[i] = i;
    for (size_t i = 0; i < sizeof row_ops / sizeof *row_ops; i++) {
        struct rows out = row_ops[i].run(b, some_rows(b, all, ROWS, index));
        r->rows[i] = keep(world_read(b, out, row_ops[i].cols), (size_t)ROWS * row_ops[i].cols);
    }
    struct sequence s = {
        world_rows(b, POSITIONS, HEADS * DIM, ELEM_F32, noise_new(31, POSITIONS * HEADS * DIM, 1)),
        world_rows(
            b, POSITIONS, KV_HEADS * DIM, ELEM_F32, noise_new(32, POSITIONS * KV_HEADS * DIM, 1)),
        world_rows(
            b, POSITIONS, KV_HEADS * DIM, ELEM_F32, noise_new(33, POSITIONS * KV_HEADS * DIM, 1)),
    };
    for (size_t i = 0; i < 4; i++)
        r->attention[i] = keep(attend_cut(b, &attentions[i], &cuts[0], s), POSITIONS * HEADS * DIM);
    check_logprobs(b, NULL, r->logprobs);
}

static void hold_against(struct backend *b, const struct record *r) {
    for (size_t i = 0; i < sizeof row_ops / sizeof *row_ops; i++)
        check_row_op(b, &row_ops[i], &r->rows[i]);
    for (size_t i = 0; i < 4; i++)
        check_attention(b, &attentions[i], &r->attention[i]);
    check_logprobs(b, r->logprobs, NULL);
}

static void free_record(struct record *r) {
    for (size_t i = 0; i < sizeof row_ops / sizeof *row_ops; i++)
        free(r->rows[i]);
    for (size_t i = 0; i < 4; i++)
        free(r->attention[i]);
}

static void check_isa(const char *isa, const char *gemm, enum dtype dtype) {
    struct record r = { 0 };
    const unsigned threads[] = { 1, 2, 3 };
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        struct backend *b = world_open(&(struct setting) { isa, gemm, dtype, threads[i] });
        if (b == NULL)
            return;
        if (i == 0)
            make_record(b, &r);
        hold_against(b, &r);
        world_close(b);
    }
    free_record(&r);
}

static void plain_c_gives_the_same_bits(void **state) {
    (void)state;
    check_isa("plain", "plain", DTYPE_F32);
    check_isa("plain", "plain", DTYPE_BF16);
    check_isa("plain", "plain", DTYPE_INT8);
}

static void avx2_gives_the_same_bits(void **state) {
    (void)state;
    check_isa("avx2", "plain", DTYPE_F32);
    check_isa("avx2", "plain", DTYPE_BF16);
    check_isa("avx2", "plain", DTYPE_INT8);
}

static void avx512_gives_the_same_bits(void **state) {
    (void)state;
    check_isa("avx512", "plain", DTYPE_F32);
    check_isa("avx512", "plain", DTYPE_BF16);
    check_isa("avx512", "plain", DTYPE_INT8);
}

static void avx512bf16_gives_the_same_bits(void **state) {
    (void)state;
    check_isa("avx512bf16", "plain", DTYPE_F32);
    check_isa("avx512bf16", "plain", DTYPE_BF16);
    check_isa("avx512bf16", "plain", DTYPE_INT8);
}

static void neon_gives_the_same_bits(void **state) {
    (void)state;
    check_isa("neon", "plain", DTYPE_F32);
    check_isa("neon", "plain", DTYPE_BF16);
}

static void neonbf16_gives_the_same_bits(void **state) {
    (void)state;
    check_isa("neonbf16", "plain", DTYPE_F32);
    check_isa("neonbf16", "plain", DTYPE_BF16);
}

static void onednn_gives_the_same_bits(void **state) {
    (void)state;
    check_isa(NULL, "dnnl", DTYPE_F32);
    check_isa(NULL, "dnnl", DTYPE_BF16);
}

static void filled_rows_are_counted(void **state) {
    (void)state;
    struct backend *b = world_open(&(struct setting) { NULL, "dnnl", DTYPE_F32, 1 });
    if (b == NULL)
        skip();
    uint32_t block = b->ops->caps(b)->row_block;
    struct rows x = world_rows(b, block + 1, WIDTH, ELEM_F32, noise_new(1, (block + 1) * WIDTH, 1));
    struct rows out = world_empty(b, block + 1, WIDTH, ELEM_F32);
    struct matrix *w = world_matrix(b, WIDTH, WIDTH, noise_new(1, WIDTH * WIDTH, 1));
    b->ops->matmul(b, w, x, out, NULL);
    assert_int_equal(b->ops->rows_filled(b), block - 1);
    x.n = out.n = block;
    b->ops->matmul(b, w, x, out, NULL);
    assert_int_equal(b->ops->rows_filled(b), block - 1);
    world_close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_c_gives_the_same_bits),
        cmocka_unit_test(avx2_gives_the_same_bits),
        cmocka_unit_test(avx512_gives_the_same_bits),
        cmocka_unit_test(avx512bf16_gives_the_same_bits),
        cmocka_unit_test(neon_gives_the_same_bits),
        cmocka_unit_test(neonbf16_gives_the_same_bits),
        cmocka_unit_test(onednn_gives_the_same_bits),
        cmocka_unit_test(filled_rows_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
