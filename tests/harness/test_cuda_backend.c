/* Every op of the CUDA backend against the CPU backend's plain C kernels, on awkward shapes, and
 * the same bits whatever the number of rows, the cut into segments and spans, or the grouping of
 * targets. Skips, saying why, where there is no device. Any number that is not finite fails. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/cpu_world.h"
#include "tests/harness/gpu_there.h"

struct shape {
    uint32_t rows, cols, inner;
};

/* What an op made, as one list of numbers, from the same inputs on every backend. */
struct made {
    float *data;
    size_t n;
};

typedef void run_fn(struct backend *b, struct shape s, struct made *out);

static struct backend *cuda_open(enum dtype dtype) {
    struct backend_config config = { .dtype = dtype, .gemm = "auto" };
    struct err err = ERR_INIT;
    struct backend *b = backend_cuda_open(&config, 0, &err);
    if (b == NULL)
        fail_msg("%s", err.msg);
    return b;
}

static struct backend *plain_open(enum dtype dtype) {
    return world_open(&(struct setting) { "plain", "plain", dtype, 2 });
}

static float *made_room(struct made *m, size_t n) {
    m->data = realloc(m->data, (m->n + n) * sizeof *m->data);
    assert_non_null(m->data);
    m->n += n;
    return m->data + (m->n - n);
}

static void made_add(struct made *m, struct backend *b, struct rows x, uint32_t cols) {
    b->ops->download(b, x, made_room(m, (size_t)x.n * cols));
}

static struct rows noise_rows(
    struct backend *b, uint32_t seed, uint32_t n, uint32_t cols, enum elem elem, float scale) {
    return world_rows(b, n, cols, elem, noise_new(seed, (size_t)n * cols, scale));
}

static struct rows window(struct rows x, uint32_t from, uint32_t n) {
    return (struct rows) { .buf = x.buf, .row = x.row + from, .n = n };
}

/* ---- the ops ---- */

static void run_gather(struct backend *b, struct shape s, struct made *out) {
    int32_t *ids = world_alloc(s.rows * sizeof *ids);
    for (uint32_t i = 0; i < s.rows; i++)
        ids[i] = (int32_t)(i * 7 % 19);
    struct table *t = world_table(b, 19, s.cols, noise_new(1, 19 * (size_t)s.cols, 1));
    struct rows x = noise_rows(b, 2, s.rows, s.cols, ELEM_F32, 1);
    b->ops->gather(b, t, ids, 1.5F, true, x);
    made_add(out, b, x, s.cols);
    b->ops->gather(b, t, ids, 0.25F, false, x);
    made_add(out, b, x, s.cols);
}

/* Tables of other types: q8_0 rows, and bf16 as it is. */
static void run_gather_types(struct backend *b, struct shape s, struct made *out) {
    const struct {
        enum tensor_type type;
        uint32_t bytes, elements;
    } types[] = { { TENSOR_BF16, 2, 1 }, { TENSOR_Q8_0, 34, 32 }, { TENSOR_F16, 2, 1 } };
    int32_t ids[] = { 2, 0, 1, 2 };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t bytes = (size_t)3 * s.cols / types[i].elements * types[i].bytes;
        uint8_t *data = world_alloc(bytes);
        for (size_t j = 0; j < bytes;
             j++) /* small numbers of every sign, none that is not finite */
            data[j] = (uint8_t)(j % types[i].bytes == 1 ? 0x30 + j % 5 : j * 37);
        struct tensor t = { .name = "made",
            .type = types[i].type,
            .n_dims = 2,
            .shape = { 3, s.cols },
            .n_elements = 3 * (uint64_t)s.cols,
            .data = data,
            .bytes = bytes };
        struct weight_source source = { .tensor = &t };
        struct err err = ERR_INIT;
        struct table *table = b->ops->table(b, &source, 3, s.cols, &err);
        if (table == NULL)
            fail_msg("%s", err.msg);
        struct rows x = world_empty(b, 4, s.cols, ELEM_F32);
        b->ops->gather(b, table, ids, 1, false, x);
        made_add(out, b, x, s.cols);
    }
}

static void run_norm(struct backend *b, struct shape s, struct made *out) {
    struct rows x = noise_rows(b, 3, s.rows, s.cols, ELEM_F32, 3);
    struct vector *gain = world_vector(b, s.cols, noise_new(4, s.cols, 1));
    struct vector *bias = world_vector(b, s.cols, noise_new(5, s.cols, 1));
    struct rows act = world_empty(b, s.rows, s.cols, b->ops->caps(b)->act);
    b->ops->norm(b, NORM_LAYER, gain, bias, 1e-5F, x, act);
    made_add(out, b, act, s.cols);
    b->ops->norm(b, NORM_RMS, gain, NULL, 1e-5F, x, act);
    made_add(out, b, act, s.cols);
    b->ops->norm(b, NORM_LAYER, gain, NULL, 1e-5F, x, x);
    made_add(out, b, x, s.cols);
}

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

static void run_gate(struct backend *b, struct shape s, struct made *out) {
    struct rows gate = noise_rows(b, 10, s.rows, s.cols, ELEM_F32, 12);
    struct rows up = noise_rows(b, 11, s.rows, s.cols, b->ops->caps(b)->act, 1);
    struct rows product = world_empty(b, s.rows, s.cols, b->ops->caps(b)->act);
    for (int a = ACT_NONE; a <= ACT_RELU_SQUARED; a++) {
        b->ops->gate(b, &(struct gating) { .activation = (enum activation)a }, gate, up, product);
        made_add(out, b, product, s.cols);
    }
}

static void run_convert(struct backend *b, struct shape s, struct made *out) {
    struct rows x = noise_rows(b, 12, s.rows, s.cols, ELEM_F32, 1e3F);
    struct rows half = world_empty(b, s.rows, s.cols, ELEM_BF16);
    struct rows back = world_empty(b, s.rows, s.cols, ELEM_F32);
    b->ops->convert(b, x, half);
    b->ops->convert(b, half, back);
    made_add(out, b, half, s.cols);
    made_add(out, b, back, s.cols);
}

static void run_pick_and_normalize(struct backend *b, struct shape s, struct made *out) {
    struct rows x = noise_rows(b, 13, s.rows, s.cols, ELEM_F32, 1);
    struct rows picked = world_empty(b, s.rows + 2, s.cols, ELEM_F32);
    struct rows half = noise_rows(b, 13, s.rows, s.cols, ELEM_BF16, 1);
    struct rows half_picked = world_empty(b, s.rows + 2, s.cols, ELEM_BF16);
    uint32_t *index = world_alloc((s.rows + 2) * sizeof *index);
    for (uint32_t i = 0; i < s.rows + 2; i++)
        index[i] = i * 5 % s.rows;
    b->ops->pick(b, half, index, half_picked);
    made_add(out, b, half_picked, s.cols);
    b->ops->pick(b, x, index, picked);
    b->ops->normalize(b, picked);
    made_add(out, b, picked, s.cols);
}

static void run_rotate(struct backend *b, struct shape s, struct made *out) {
    uint32_t heads = 3, dim = s.cols % 2 ? s.cols + 1 : s.cols;
    uint32_t part = dim > 4 ? dim - dim / 8 * 2 : dim;
    float *inv_freq = world_alloc(part * sizeof *inv_freq);
    uint32_t *positions = world_alloc(s.rows * sizeof *positions);
    for (uint32_t i = 0; i < part / 2; i++)
        inv_freq[i] = powf(10000, -2 * (float)i / (float)part);
    for (uint32_t i = 0; i < s.rows; i++)
        positions[i] = i * 37 % 1500;
    positions[0] = 70000;
    struct rotary r = { .rotary_dim = part, .inv_freq = inv_freq, .scale = 1.25F };
    struct rows x = noise_rows(b, 14, s.rows, heads * dim, ELEM_F32, 1);
    b->ops->rotate(b, &r, positions, heads, dim, x);
    made_add(out, b, x, heads * dim);
    r.interleaved = true;
    b->ops->rotate(b, &r, positions, heads, dim, x);
    made_add(out, b, x, heads * dim);
}

static void run_pool(struct backend *b, struct shape s, struct made *out) {
    struct rows x = noise_rows(b, 15, s.rows + 1, s.cols, ELEM_F32, 1);
    struct segment segments[2] = { { .row = 0, .n = s.rows }, { .row = s.rows, .n = 1 } };
    struct rows pooled = world_empty(b, 2, s.cols, ELEM_F32);
    for (int p = POOL_AUTO; p <= POOL_WEIGHTED_MEAN; p++) {
        b->ops->pool(b, (enum pooling)p, x, segments, 2, pooled);
        made_add(out, b, pooled, s.cols);
    }
}

/* ---- attention ---- */

enum { BEFORE = 170, CUTS = 3 };

/* A sequence of BEFORE + s.rows positions (decoders; encoders have s.rows), its first part in
 * `n_spans` spans of slots that lie apart, its last s.rows cut into n_segments of the step. */
struct cut {
    uint32_t n_spans, n_segments;
};
static const struct cut cuts[CUTS] = { { 1, 1 }, { 2, 1 }, { 37, 5 } };

static uint32_t before_slot(const struct cut *cut, uint32_t position) {
    uint32_t each = (BEFORE + cut->n_spans - 1) / cut->n_spans;
    uint32_t span = position / each;
    return (cut->n_spans - 1 - span) * (each + 1) + position % each; /* last span first, gaps */
}

static uint32_t span_list(const struct cut *cut, struct kv_span *out) {
    uint32_t each = (BEFORE + cut->n_spans - 1) / cut->n_spans, n = 0;
    for (uint32_t at = 0; at < BEFORE; at += each, n++)
        out[n] = (struct kv_span) { before_slot(cut, at), BEFORE - at < each ? BEFORE - at : each };
    return n;
}

static void attend_cut(struct backend *b, struct shape s, const struct attention *a,
    const struct cut *cut, struct made *out) {
    uint32_t before = a->causal ? BEFORE : 0, first = 400, n = before + s.rows;
    uint32_t kv = a->n_kv_heads * a->head_dim, width = a->n_heads * a->head_dim;
    uint32_t n_segments = a->causal && cut->n_segments < s.rows ? cut->n_segments : 1;
    struct err err = ERR_INIT;
    struct kv_cache *cache = b->ops->kv_cache(b, 2, first + s.rows, kv, &err);
    assert_non_null(cache);
    uint32_t *slots = world_alloc(n * sizeof *slots);
    for (uint32_t i = 0; i < n; i++)
        slots[i] = i < before ? before_slot(cut, i) : first + i - before;
    b->ops->kv_store(b, cache, 1, slots, noise_rows(b, 16, n, kv, ELEM_F32, 1),
        noise_rows(b, 17, n, kv, ELEM_F32, 1));
    struct segment *segments = world_alloc(n_segments * sizeof *segments);
    for (uint32_t i = 0, row = 0; i < n_segments; i++) {
        struct kv_span *spans = world_alloc((cut->n_spans + 1) * sizeof *spans);
        uint32_t n_spans = a->causal ? span_list(cut, spans) : 0;
        if (row > 0)
            spans[n_spans++] = (struct kv_span) { first, row };
        uint32_t len = i + 1 == n_segments ? s.rows - row : s.rows / n_segments;
        segments[i] = (struct segment) { .row = row,
            .n = len,
            .position = before + row,
            .slot = first + row,
            .ancestors = spans,
            .n_ancestors = n_spans };
        row += len;
    }
    struct rows q = noise_rows(b, 18, s.rows, width, ELEM_F32, 1);
    struct rows seen = world_empty(b, s.rows, width, b->ops->caps(b)->act);
    b->ops->attend(b, a, cache, 1, segments, n_segments, q, seen);
    made_add(out, b, seen, width);
    b->ops->kv_free(b, cache);
}

/* One of each kind: encoder, window both ways, decoder, window back, softcap, a key head a head. */
static const struct attention kinds[] = {
    { .n_heads = 6, .n_kv_heads = 2, .scale = 1 },
    { .n_heads = 6, .n_kv_heads = 2, .scale = 1, .window = 20 },
    { .n_heads = 6, .n_kv_heads = 2, .scale = 1, .causal = true },
    { .n_heads = 6, .n_kv_heads = 2, .scale = 1, .causal = true, .window = 141 },
    { .n_heads = 3, .n_kv_heads = 1, .scale = 1, .causal = true, .softcap = 2 },
    { .n_heads = 2, .n_kv_heads = 2, .scale = 8, .causal = true },
};

static void run_attend(struct backend *b, struct shape s, struct made *out) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct attention a = kinds[i];
        a.head_dim = s.cols;
        a.scale /= sqrtf((float)s.cols);
        attend_cut(b, s, &a, &cuts[1], out);
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
}

/* ---- against the plain kernels ---- */

struct op {
    const char *name;
    run_fn *run;
    double f32, bf16; /* tolerances; a rounded output may fall on the other side: 2^-8 */
    struct shape shapes[5];
};

static const struct op ops[] = {
    { "gather", run_gather, 1e-6, 1e-6,
        { { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 }, { 18, 100, 0 } } },
    { "gather of types", run_gather_types, 0, 0, { { 4, 32, 0 }, { 4, 320, 0 } } },
    { "norm", run_norm, 4e-6, 8e-3,
        { { 1, 3, 0 }, { 33, 7, 0 }, { 5, 384, 0 }, { 18, 100, 0 }, { 2, 1025, 0 } } },
    { "matmul", run_matmul, 1e-5, 1e-2,
        { { 1, 1, 1 }, { 13, 17, 33 }, { 97, 300, 63 }, { 31, 576, 384 }, { 200, 40, 129 } } },
    { "gate", run_gate, 5e-6, 8e-3, { { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 }, { 18, 100, 0 } } },
    { "convert", run_convert, 0, 0, { { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 } } },
    { "pick and normalize", run_pick_and_normalize, 2e-6, 2e-6,
        { { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 } } },
    { "rotate", run_rotate, 2e-6, 2e-6,
        { { 1, 2, 0 }, { 33, 7, 0 }, { 5, 64, 0 }, { 18, 180, 0 } } },
    { "pool", run_pool, 2e-6, 2e-6, { { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 }, { 18, 100, 0 } } },
    { "attend", run_attend, 5e-6, 1.6e-2,
        { { 1, 8, 0 }, { 5, 33, 0 }, { 70, 32, 0 }, { 18, 64, 0 }, { 131, 160, 0 } } },
    { "logprobs", run_logprobs, 1e-5, 2e-5,
        { { 1, 3, 1 }, { 3, 257, 8 }, { 40, 9000, 33 }, { 300, 4097, 16 }, { 700, 50, 5 } } },
    { "logits", run_logits, 1e-5, 2e-5,
        { { 1, 3, 1 }, { 3, 257, 8 }, { 40, 9000, 33 }, { 258, 70, 9 } } },
};

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

static void check_all(enum dtype dtype) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        for (size_t j = 0; j < 5 && ops[i].shapes[j].rows != 0; j++)
            check_shape(&ops[i], ops[i].shapes[j], dtype);
    }
}

static void f32_agrees_with_plain_c(void **state) {
    (void)state;
    check_all(DTYPE_F32);
}

static void bf16_agrees_with_plain_c(void **state) {
    (void)state;
    check_all(DTYPE_BF16);
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

static void attention_does_not_see_how_a_sequence_is_cut(void **state) {
    (void)state;
    struct attention a = {
        .n_heads = 4, .n_kv_heads = 2, .head_dim = 40, .scale = 0.2F, .causal = true
    };
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        struct made made[CUTS] = { { 0 } };
        for (int i = 0; i < CUTS; i++) {
            struct backend *b = cuda_open((enum dtype)dtype);
            attend_cut(b, (struct shape) { .rows = 60 }, &a, &cuts[i], &made[i]);
            world_close(b);
            assert_same_bits("attend", made[0].n, made[i].data, made[0].data);
        }
        for (int i = 0; i < CUTS; i++)
            free(made[i].data);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_agrees_with_plain_c),
        cmocka_unit_test(bf16_agrees_with_plain_c),
        cmocka_unit_test(a_row_has_the_same_product_alone_and_among_others),
        cmocka_unit_test(attention_does_not_see_how_a_sequence_is_cut),
        cmocka_unit_test(a_logprob_is_the_same_alone_and_among_others),
        cmocka_unit_test(rows_that_fill_a_tile_are_counted),
    };
    return gpu_there() ? cmocka_run_group_tests(tests, NULL, NULL) : gpu_skip();
}
