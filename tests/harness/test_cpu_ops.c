/* Every op of the CPU backend on every instruction set and matrix library against the plain C
 * kernels, on awkward shapes, and the plain kernels against sums in double precision. Tolerances
 * are relative to 1 + |value|. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/cpu/kernels.h"
#include "tests/harness/cpu_world.h"

/* What an op made: n numbers, from the same inputs on every backend. */
struct made {
    float *data;
    size_t n;
};

struct shape {
    uint32_t rows, cols, inner;
};

typedef struct made run_fn(struct backend *b, struct shape s);

static struct made made_rows(struct backend *b, struct rows x, uint32_t cols) {
    return (struct made) { world_read(b, x, cols), (size_t)x.n * cols };
}

/* What several runs made, one after the other. */
static struct made joined(const struct made *parts, size_t n_parts) {
    struct made all = { 0 };
    for (size_t i = 0; i < n_parts; i++)
        all.n += parts[i].n;
    all.data = world_alloc(all.n * sizeof *all.data);
    size_t at = 0;
    for (size_t i = 0; i < n_parts; at += parts[i].n, i++)
        memcpy(all.data + at, parts[i].data, parts[i].n * sizeof *all.data);
    return all;
}

/* ---- the ops ---- */

static struct made run_gather(struct backend *b, struct shape s) {
    int32_t *ids = world_alloc(s.rows * sizeof *ids);
    for (uint32_t i = 0; i < s.rows; i++)
        ids[i] = (int32_t)(i * 7 % 19);
    struct table *t = world_table(b, 19, s.cols, noise_new(1, 19 * (size_t)s.cols, 1));
    struct rows x =
        world_rows(b, s.rows, s.cols, ELEM_F32, noise_new(2, (size_t)s.rows * s.cols, 1));
    struct made first = (b->ops->gather(b, t, ids, 1.5F, true, x), made_rows(b, x, s.cols));
    struct made second = (b->ops->gather(b, t, ids, 0.25F, false, x), made_rows(b, x, s.cols));
    return joined((struct made[]) { first, second }, 2);
}

static struct made run_norm(struct backend *b, struct shape s) {
    struct rows x =
        world_rows(b, s.rows, s.cols, ELEM_F32, noise_new(3, (size_t)s.rows * s.cols, 3));
    struct vector *gain = world_vector(b, s.cols, noise_new(4, s.cols, 1));
    struct vector *bias = world_vector(b, s.cols, noise_new(5, s.cols, 1));
    struct rows act = world_empty(b, s.rows, s.cols, b->ops->caps(b)->act);
    b->ops->norm(b, NORM_LAYER, gain, bias, 1e-12F, x, act);
    struct made layer = made_rows(b, act, s.cols);
    b->ops->norm(b, NORM_RMS, gain, NULL, 1e-5F, x, act);
    struct made rms = made_rows(b, act, s.cols);
    b->ops->norm(b, NORM_LAYER, gain, NULL, 1e-5F, x, x);
    return joined((struct made[]) { layer, rms, made_rows(b, x, s.cols) }, 3);
}

static struct made run_matmul(struct backend *b, struct shape s) {
    enum elem act = b->ops->caps(b)->act;
    uint32_t n = s.cols, k = s.inner;
    struct rows x = world_rows(b, s.rows, k, act, noise_new(6, (size_t)s.rows * k, 1));
    struct matrix *w = world_matrix(b, n, k, noise_new(7, (size_t)n * k, 1 / sqrtf((float)k)));
    struct epilogue gelu = { .bias = world_vector(b, n, noise_new(8, n, 1)),
        .activation = ACT_GELU };
    struct epilogue residual = { .scale = 0.5F, .accumulate = true };
    struct rows f32 = world_rows(b, s.rows, n, ELEM_F32, noise_new(9, (size_t)s.rows * n, 1));
    struct rows rounded = world_empty(b, s.rows, n, act);
    b->ops->matmul(b, w, x, f32, &residual);
    b->ops->matmul(b, w, x, rounded, &gelu);
    struct made parts[] = { made_rows(b, f32, n), made_rows(b, rounded, n) };
    return joined(parts, 2);
}

static struct made run_gate(struct backend *b, struct shape s) {
    struct made parts[ACT_RELU_SQUARED + 1];
    struct rows gate =
        world_rows(b, s.rows, s.cols, ELEM_F32, noise_new(10, (size_t)s.rows * s.cols, 12));
    struct rows up = world_rows(
        b, s.rows, s.cols, b->ops->caps(b)->act, noise_new(11, (size_t)s.rows * s.cols, 1));
    struct rows out = world_empty(b, s.rows, s.cols, b->ops->caps(b)->act);
    for (int a = ACT_NONE; a <= ACT_RELU_SQUARED; a++) {
        b->ops->gate(b, &(struct gating) { .activation = (enum activation)a }, gate, up, out);
        parts[a] = made_rows(b, out, s.cols);
    }
    return joined(parts, ACT_RELU_SQUARED + 1);
}

static struct made run_convert(struct backend *b, struct shape s) {
    struct rows x =
        world_rows(b, s.rows, s.cols, ELEM_F32, noise_new(12, (size_t)s.rows * s.cols, 1e3F));
    struct rows half = world_empty(b, s.rows, s.cols, ELEM_BF16),
                back = world_empty(b, s.rows, s.cols, ELEM_F32);
    b->ops->convert(b, x, half);
    b->ops->convert(b, half, back);
    return made_rows(b, back, s.cols);
}

static struct made run_pick_and_normalize(struct backend *b, struct shape s) {
    struct rows x =
        world_rows(b, s.rows, s.cols, ELEM_F32, noise_new(13, (size_t)s.rows * s.cols, 1));
    struct rows out = world_empty(b, s.rows + 2, s.cols, ELEM_F32);
    uint32_t *index = world_alloc((s.rows + 2) * sizeof *index);
    for (uint32_t i = 0; i < s.rows + 2; i++)
        index[i] = i * 5 % s.rows;
    b->ops->pick(b, x, index, out);
    b->ops->normalize(b, out);
    return made_rows(b, out, s.cols);
}

static struct made run_rotate(struct backend *b, struct shape s) {
    uint32_t heads = 3, dim = s.cols % 2 ? s.cols + 1 : s.cols,
             part = dim > 4 ? dim - dim / 8 * 2 : dim;
    float *inv_freq = world_alloc(part * sizeof *inv_freq);
    uint32_t *positions = world_alloc(s.rows * sizeof *positions);
    for (uint32_t i = 0; i < part / 2; i++)
        inv_freq[i] = powf(10000, -2 * (float)i / (float)part);
    for (uint32_t i = 0; i < s.rows; i++)
        positions[i] = i * 37 % 1500;
    positions[0] = 70000; /* beyond the table */
    struct rotary r = { .rotary_dim = part, .inv_freq = inv_freq, .scale = 1.25F };
    struct rows x = world_rows(
        b, s.rows, heads * dim, ELEM_F32, noise_new(14, (size_t)s.rows * heads * dim, 1));
    b->ops->rotate(b, &r, positions, heads, dim, x);
    struct made split = made_rows(b, x, heads * dim);
    r.interleaved = true;
    b->ops->rotate(b, &r, positions, heads, dim, x);
    return joined((struct made[]) { split, made_rows(b, x, heads * dim) }, 2);
}

static struct made run_pool(struct backend *b, struct shape s) {
    struct rows x = world_rows(
        b, s.rows + 1, s.cols, ELEM_F32, noise_new(15, (size_t)(s.rows + 1) * s.cols, 1));
    struct segment segments[2] = { { .row = 0, .n = s.rows }, { .row = s.rows, .n = 1 } };
    struct rows out = world_empty(b, 2, s.cols, ELEM_F32);
    struct made parts[POOL_WEIGHTED_MEAN + 1];
    for (int p = POOL_AUTO; p <= POOL_WEIGHTED_MEAN; p++) {
        b->ops->pool(b, (enum pooling)p, x, segments, 2, out);
        parts[p] = made_rows(b, out, s.cols);
    }
    return joined(parts, POOL_WEIGHTED_MEAN + 1);
}

/* One sequence of s.rows + 70 positions: all but the last s.rows in the cache as two ancestors. */
static struct made attend_with(struct backend *b, struct shape s, struct attention a) {
    uint32_t kv = a.n_kv_heads * a.head_dim, n_before = a.causal ? 70 : 0, n = s.rows + n_before;
    struct err err = ERR_INIT;
    struct kv_cache *cache = b->ops->kv_cache(b, 2, 300 + n, kv, &err);
    assert_non_null(cache);
    uint32_t *slots = world_alloc(n * sizeof *slots);
    for (uint32_t i = 0; i < n; i++) /* [0, 33) at 211, [33, 70) at 5, the rest at 100 */
        slots[i] = i >= n_before ? 100 + i - n_before : i < 33 ? 211 + s.rows + i : 5 + i - 33;
    struct rows k = world_rows(b, n, kv, ELEM_F32, noise_new(16, (size_t)n * kv, 1));
    struct rows v = world_rows(b, n, kv, ELEM_F32, noise_new(17, (size_t)n * kv, 1));
    b->ops->kv_store(b, cache, 1, slots, k, v);
    struct kv_span before[] = { { 211 + s.rows, 33 }, { 5, 37 } };
    struct segment segment = { .row = 0,
        .n = s.rows,
        .position = n_before,
        .slot = 100,
        .ancestors = before,
        .n_ancestors = a.causal ? 2 : 0 };
    uint32_t width = a.n_heads * a.head_dim;
    struct rows q =
        world_rows(b, s.rows, width, ELEM_F32, noise_new(18, (size_t)s.rows * width, 1));
    struct rows out = world_empty(b, s.rows, width, b->ops->caps(b)->act);
    b->ops->attend(b, &a, cache, 1, &segment, 1, q, out);
    return made_rows(b, out, width);
}

static struct made run_attend(struct backend *b, struct shape s) {
    struct attention a = {
        .n_heads = 6, .n_kv_heads = 2, .head_dim = s.cols, .scale = 1 / sqrtf((float)s.cols)
    };
    struct made parts[5];
    parts[0] = attend_with(b, s, a);
    a.window = 20;
    parts[1] = attend_with(b, s, a);
    a.causal = true;
    parts[2] = attend_with(b, s, a);
    a.window = 0;
    a.softcap = 2;
    parts[3] = attend_with(b, s, a);
    a.n_kv_heads = 6;
    a.softcap = 0;
    a.scale *= 8;
    parts[4] = attend_with(b, s, a);
    return joined(parts, 5);
}

enum { TARGETS_A_ROW = 3 };

static struct made run_logprobs(struct backend *b, struct shape s) {
    uint32_t vocab = s.cols, k = s.inner, n = s.rows * TARGETS_A_ROW;
    struct rows x =
        world_rows(b, s.rows, k, b->ops->caps(b)->act, noise_new(19, (size_t)s.rows * k, 2));
    struct matrix *head = world_matrix(b, vocab, k, noise_new(20, (size_t)vocab * k, 1));
    struct vector *bias = world_vector(b, vocab, noise_new(21, vocab, 1));
    struct target *targets = world_alloc(n * sizeof *targets);
    for (uint32_t i = 0; i < n; i++)
        targets[i] =
            (struct target) { .row = i / TARGETS_A_ROW, .token = (int32_t)(i * 7919U % vocab) };
    b->ops->logprobs(b, head, bias, 0.5F, 0, x, targets, n);
    struct made out = { world_alloc(2 * n * sizeof(float)), 2 * (size_t)n };
    for (uint32_t i = 0; i < n; i++) {
        out.data[i] = (float)targets[i].logprob;
        out.data[n + i] = targets[i].best;
    }
    return out;
}

static struct made run_logits(struct backend *b, struct shape s) {
    uint32_t vocab = s.cols, k = s.inner;
    struct rows x =
        world_rows(b, s.rows, k, b->ops->caps(b)->act, noise_new(19, (size_t)s.rows * k, 2));
    struct matrix *head = world_matrix(b, vocab, k, noise_new(20, (size_t)vocab * k, 1));
    struct made out = { world_alloc((size_t)s.rows * vocab * sizeof(float)),
        (size_t)s.rows * vocab };
    b->ops->logits(b, head, NULL, 1, 3, x, out.data);
    return out;
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
    { "norm", run_norm, 2e-6, 8e-3,
        { { 1, 3, 0 }, { 33, 7, 0 }, { 5, 384, 0 }, { 18, 100, 0 }, { 2, 1025, 0 } } },
    { "matmul", run_matmul, 4e-6, 8e-3,
        { { 1, 1, 1 }, { 13, 17, 33 }, { 97, 300, 63 }, { 31, 576, 384 }, { 200, 40, 129 } } },
    { "gate", run_gate, 3e-6, 8e-3, { { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 }, { 18, 100, 0 } } },
    { "convert", run_convert, 0, 0, { { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 } } },
    { "pick and normalize", run_pick_and_normalize, 1e-6, 1e-6,
        { { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 } } },
    { "rotate", run_rotate, 1e-6, 1e-6,
        { { 1, 2, 0 }, { 33, 7, 0 }, { 5, 64, 0 }, { 18, 80, 0 } } },
    { "pool", run_pool, 2e-6, 2e-6, { { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 }, { 18, 100, 0 } } },
    { "attend", run_attend, 4e-6, 8e-3,
        { { 1, 8, 0 }, { 5, 33, 0 }, { 70, 32, 0 }, { 18, 64, 0 }, { 131, 80, 0 } } },
    { "logprobs", run_logprobs, 4e-6, 1e-5,
        { { 1, 3, 1 }, { 3, 257, 8 }, { 40, 5000, 33 }, { 98, 4097, 16 } } },
    { "logits", run_logits, 4e-6, 1e-5, { { 1, 3, 1 }, { 3, 257, 8 }, { 40, 5000, 33 } } },
};

static struct made run_on(const struct setting *setting, run_fn *run, struct shape shape) {
    struct backend *b = world_open(setting);
    if (b == NULL)
        return (struct made) { 0 };
    struct made in_world = run(b, shape), out = { malloc(in_world.n * sizeof(float)), in_world.n };
    memcpy(out.data, in_world.data, out.n * sizeof *out.data);
    world_close(b);
    return out;
}

static void check_op(const struct op *op, const struct setting *setting) {
    struct setting plain = { "plain", "plain", setting->dtype, 1 };
    for (size_t i = 0; i < 5 && op->shapes[i].rows != 0; i++) {
        struct shape s = op->shapes[i];
        struct made got = run_on(setting, op->run, s);
        if (got.data == NULL)
            return;
        struct made want = run_on(&plain, op->run, s);
        char what[128];
        snprintf(what, sizeof what, "%s %u x %u (%u) on %s, %s", op->name, s.rows, s.cols, s.inner,
            setting->isa, setting->gemm);
        assert_int_equal(got.n, want.n);
        assert_close(
            what, got.n, got.data, want.data, setting->dtype == DTYPE_BF16 ? op->bf16 : op->f32);
        free(got.data);
        free(want.data);
    }
}

static void check_all(const char *isa, const char *gemm) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        check_op(&ops[i], &(struct setting) { isa, gemm, DTYPE_F32, 2 });
        check_op(&ops[i], &(struct setting) { isa, gemm, DTYPE_BF16, 2 });
    }
}

static void avx2_agrees_with_plain_c(void **state) {
    (void)state;
    check_all("avx2", "plain");
}

static void avx512_agrees_with_plain_c(void **state) {
    (void)state;
    check_all("avx512", "plain");
}

static void avx512bf16_agrees_with_plain_c(void **state) {
    (void)state;
    check_all("avx512bf16", "plain");
}

static void neon_agrees_with_plain_c(void **state) {
    (void)state;
    check_all("neon", "plain");
}

static void neonbf16_agrees_with_plain_c(void **state) {
    (void)state;
    check_all("neonbf16", "plain");
}

static void onednn_agrees_with_plain_c(void **state) {
    (void)state;
    check_all(NULL, "dnnl");
}

/* ---- plain kernels against double precision ---- */

static void plain_matmul_is_the_sum_of_products(void **state) {
    (void)state;
    enum { T = 7, N = 19, K = 45 };
    struct backend *b = world_open(&(struct setting) { "plain", "plain", DTYPE_F32, 1 });
    const float *x = noise_new(1, T * K, 1), *w = noise_new(2, N * K, 1);
    float *want = world_alloc(T * N * sizeof *want);
    for (int t = 0; t < T; t++) {
        for (int n = 0; n < N; n++) {
            double sum = 0;
            for (int k = 0; k < K; k++)
                sum += (double)x[t * K + k] * (double)w[n * K + k];
            want[t * N + n] = (float)sum;
        }
    }
    struct rows out = world_empty(b, T, N, ELEM_F32);
    b->ops->matmul(b, world_matrix(b, N, K, w), world_rows(b, T, K, ELEM_F32, x), out, NULL);
    assert_close("matmul", T * N, world_read(b, out, N), want, 1e-6);
    world_close(b);
}

static bool sees(const struct attention *a, int row, int key) {
    if (a->causal && key > row)
        return false;
    return a->window == 0 || (row - key < (int)a->window && key - row < (int)a->window);
}

/* One head of one row, by the definition. */
static void attend_naively(const struct attention *a, int row, int n, const float *q,
    const float *k, const float *v, int stride, float *out) {
    double sum = 0, values[64] = { 0 };
    for (int j = 0; j < n; j++) {
        if (!sees(a, row, j))
            continue;
        double score = 0;
        for (uint32_t d = 0; d < a->head_dim; d++)
            score += (double)q[d] * (double)k[j * stride + (int)d];
        score *= (double)a->scale;
        if (a->softcap > 0)
            score = (double)a->softcap * tanh(score / (double)a->softcap);
        sum += exp(score);
        for (uint32_t d = 0; d < a->head_dim; d++)
            values[d] += exp(score) * (double)v[j * stride + (int)d];
    }
    for (uint32_t d = 0; d < a->head_dim; d++)
        out[d] = (float)(values[d] / sum);
}

static void check_attention(struct attention a) {
    enum { T = 150 };
    struct backend *b = world_open(&(struct setting) { "plain", "plain", DTYPE_F32, 1 });
    uint32_t kv = a.n_kv_heads * a.head_dim, width = a.n_heads * a.head_dim;
    const float *q = noise_new(1, T * (size_t)width, 1), *k = noise_new(2, T * (size_t)kv, 1);
    const float *v = noise_new(3, T * (size_t)kv, 1);
    float *want = world_alloc(T * width * sizeof *want);
    uint32_t slots[T];
    for (uint32_t t = 0; t < T; t++) {
        slots[t] = t;
        for (uint32_t h = 0; h < a.n_heads; h++) {
            uint32_t g = h / (a.n_heads / a.n_kv_heads) * a.head_dim,
                     at = t * width + h * a.head_dim;
            attend_naively(&a, (int)t, T, q + at, k + g, v + g, (int)kv, want + at);
        }
    }
    struct err err = ERR_INIT;
    struct kv_cache *cache = b->ops->kv_cache(b, 1, T, kv, &err);
    b->ops->kv_store(
        b, cache, 0, slots, world_rows(b, T, kv, ELEM_F32, k), world_rows(b, T, kv, ELEM_F32, v));
    struct segment segment = { .n = T };
    struct rows out = world_empty(b, T, width, ELEM_F32);
    b->ops->attend(b, &a, cache, 0, &segment, 1, world_rows(b, T, width, ELEM_F32, q), out);
    assert_close("attend", T * (size_t)width, world_read(b, out, width), want, 2e-6);
    world_close(b);
}

static void plain_attention_follows_its_definition(void **state) {
    (void)state;
    check_attention(
        (struct attention) { .n_heads = 4, .n_kv_heads = 4, .head_dim = 10, .scale = 0.7F });
    check_attention((struct attention) {
        .n_heads = 4, .n_kv_heads = 2, .head_dim = 16, .scale = 1, .causal = true });
    check_attention((struct attention) {
        .n_heads = 2, .n_kv_heads = 1, .head_dim = 8, .scale = 1, .window = 9 });
    check_attention((struct attention) { .n_heads = 2,
        .n_kv_heads = 1,
        .head_dim = 8,
        .scale = 2,
        .window = 70,
        .softcap = 1.5F,
        .causal = true });
}

static void logprobs_are_log_softmax_in_double(void **state) {
    (void)state;
    enum { T = 5, V = 9001, K = 24 };
    struct backend *b = world_open(&(struct setting) { NULL, "plain", DTYPE_F32, 2 });
    const float *x = noise_new(1, T * K, 2), *w = noise_new(2, V * K, 1);
    struct target targets[T];
    float *got = world_alloc(T * sizeof *got), *want = world_alloc(T * sizeof *want);
    int best[T];
    for (int t = 0; t < T; t++) {
        double sum = 0, chosen = 0, top = -1e300;
        targets[t] = (struct target) { .row = (uint32_t)t, .token = t * 2000 + 1 };
        for (int n = 0; n < V; n++) {
            double z = 0;
            for (int k = 0; k < K; k++)
                z += (double)x[t * K + k] * (double)w[n * K + k];
            sum += exp(z);
            if (n == targets[t].token)
                chosen = z;
            if (z > top) {
                top = z;
                best[t] = n;
            }
        }
        want[t] = (float)(chosen - log(sum));
    }
    targets[3].token = best[3];
    struct rows rows = world_rows(b, T, K, ELEM_F32, x);
    b->ops->logprobs(b, world_matrix(b, V, K, w), NULL, 1, 0, rows, targets, T);
    for (int t = 0; t < T; t++) {
        assert_true(targets[t].best == (targets[t].token == best[t]));
        got[t] = t == 3 ? want[t] : (float)targets[t].logprob;
    }
    assert_close("logprobs", T, got, want, 1e-6);
    world_close(b);
}

static void the_first_of_equal_logits_is_best(void **state) {
    (void)state;
    enum { V = 700, K = 4 };
    struct backend *b = world_open(&(struct setting) { NULL, "plain", DTYPE_F32, 1 });
    float *w = world_alloc(V * K * sizeof *w), x[K] = { 1, 1, 1, 1 };
    w[300 * K] = w[301 * K] = w[650 * K] = 2;
    struct target targets[] = { { .token = 300 }, { .token = 301 }, { .token = 650 } };
    b->ops->logprobs(
        b, world_matrix(b, V, K, w), NULL, 1, 0, world_rows(b, 1, K, ELEM_F32, x), targets, 3);
    assert_true(targets[0].best);
    assert_false(targets[1].best);
    assert_false(targets[2].best);
    assert_true(targets[0].logprob == targets[2].logprob);
    world_close(b);
}

/* ---- activations against double precision ---- */

struct curve {
    enum activation activation;
    double (*exact)(double x);
    double by_x, by_y; /* error allowed: by_x * |x| + by_y * |y|; a unit in the last place is 6e-8
                          to 1.2e-7 */
};

static double gelu(double x) {
    return 0.5 * x * erfc(-x * sqrt(0.5));
}

static double gelu_tanh(double x) {
    return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

static double silu(double x) {
    return x / (1 + exp(-x));
}

static double quick_gelu(double x) {
    return x / (1 + exp(-(double)1.702F * x));
}

/* The gelus are x times a number that is 1 + erf or 1 + tanh in f32, as the references have it. */
static double relu_squared(double x) {
    return x < 0 ? 0 : x * x;
}

static const struct curve curves[] = {
    { ACT_GELU, gelu, 1.0e-7, 2e-7 },
    { ACT_GELU_TANH, gelu_tanh, 1.5e-7, 4e-7 },
    { ACT_SILU, silu, 0, 4e-7 },
    { ACT_QUICK_GELU, quick_gelu, 0, 2.5e-6 },
    { ACT_TANH, tanh, 0, 2.5e-7 },
    { ACT_RELU_SQUARED, relu_squared, 0, 1e-7 },
};

static void check_curve(struct backend *b, const struct curve *curve) {
    enum { N = 20011 };
    float *x = world_alloc(N * sizeof *x), *ones = world_alloc(N * sizeof *ones);
    for (int i = 0; i < N; i++) {
        x[i] = i < N / 2 ? -20 + 40 * (float)i / (N / 2)
                         : powf(10, -8 + 9 * (float)(i - N / 2) / (N / 2));
        ones[i] = 1;
    }
    struct rows out = world_empty(b, 1, N, ELEM_F32);
    b->ops->gate(b, &(struct gating) { .activation = curve->activation },
        world_rows(b, 1, N, ELEM_F32, x), world_rows(b, 1, N, ELEM_F32, ones), out);
    const float *got = world_read(b, out, N);
    for (int i = 0; i < N; i++) {
        double want = curve->exact((double)x[i]), error = fabs((double)got[i] - want);
        if (!(error <= curve->by_x * fabs((double)x[i]) + curve->by_y * fabs(want)))
            fail_msg("activation %d of %.9g is %.9g, should be %.9g", (int)curve->activation,
                (double)x[i], (double)got[i], want);
    }
}

static void activations_are_good_to_the_last_places(void **state) {
    (void)state;
    for (size_t i = 0; kernels_name(i) != NULL; i++) {
        struct backend *b =
            world_open(&(struct setting) { kernels_name(i), "plain", DTYPE_F32, 1 });
        if (b == NULL)
            continue;
        for (size_t c = 0; c < sizeof curves / sizeof *curves; c++)
            check_curve(b, &curves[c]);
        world_close(b);
    }
}

/* ---- what is not a number stays visible ---- */

static void check_nan_passes(struct backend *b) {
    enum { N = 40 };
    float x[2 * N];
    noise(1, 2 * N, 1, x);
    x[17] = NAN;
    struct rows rows = world_rows(b, 2, N, ELEM_F32, x),
                out = world_empty(b, 2, N, b->ops->caps(b)->act);
    b->ops->norm(b, NORM_RMS, NULL, NULL, 1e-5F, rows, out);
    float *normed = world_read(b, out, N);
    assert_true(isnan(normed[0]) && isnan(normed[39]) && isfinite(normed[40]));
    for (int a = ACT_NONE; a <= ACT_RELU_SQUARED; a++) {
        b->ops->gate(b, &(struct gating) { .activation = (enum activation)a }, rows, rows, out);
        float *gated = world_read(b, out, N);
        assert_true(isnan(gated[17]) && isfinite(gated[16]));
    }
    struct segment segment = { .n = 2 };
    struct rows pooled = world_empty(b, 1, N, ELEM_F32);
    b->ops->pool(b, POOL_MAX, rows, &segment, 1, pooled);
    assert_true(isnan(world_read(b, pooled, N)[17]));
    struct rows act = world_empty(b, 2, N, b->ops->caps(b)->act);
    b->ops->convert(b, rows, act);
    struct target targets[] = { { .row = 0, .token = 3 }, { .row = 1, .token = 3 } };
    b->ops->logprobs(
        b, world_matrix(b, 50, N, noise_new(2, 50 * N, 1)), NULL, 1, 0, act, targets, 2);
    assert_true(isnan(targets[0].logprob) && isfinite(targets[1].logprob));
}

static void check_nan_passes_attention(struct backend *b) {
    enum { N = 16 };
    float x[3 * N];
    uint32_t slots[] = { 0, 1, 2 };
    noise(1, 3 * N, 1, x);
    struct rows clean = world_rows(b, 3, N, ELEM_F32, x);
    x[N + 3] = NAN; /* row 1 */
    struct rows rows = world_rows(b, 3, N, ELEM_F32, x),
                out = world_empty(b, 3, N, b->ops->caps(b)->act);
    struct attention a = {
        .n_heads = 1, .n_kv_heads = 1, .head_dim = N, .scale = 1, .causal = true
    };
    struct segment segment = { .n = 3 };
    struct err err = ERR_INIT;
    struct kv_cache *kv = b->ops->kv_cache(b, 1, 3, N, &err);
    for (int which = 0; which < 2; which++) {
        b->ops->kv_store(b, kv, 0, slots, which ? rows : clean, which ? clean : rows);
        b->ops->attend(b, &a, kv, 0, &segment, 1, clean, out);
        float *got = world_read(b, out, N);
        assert_true(isfinite(got[3]) && isnan(got[N + 3]) && isnan(got[2 * N + 3]));
    }
}

static void nan_is_not_swallowed(void **state) {
    (void)state;
    for (size_t i = 0; kernels_name(i) != NULL; i++) {
        for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
            struct backend *b =
                world_open(&(struct setting) { kernels_name(i), "plain", (enum dtype)dtype, 1 });
            if (b == NULL)
                continue;
            check_nan_passes(b);
            check_nan_passes_attention(b);
            world_close(b);
        }
    }
}

static void conversion_rounds_to_nearest_even(void **state) {
    (void)state;
    float x[] = { 1, 1.00390625F, 1.01171875F, 1.00390637F, -1.00390625F, 3.39e38F, INFINITY, 0,
        -0.0F };
    float want[] = { 1, 1, 1.015625F, 1.0078125F, -1, 3.38953139e38F, INFINITY, 0, -0.0F };
    enum { N = sizeof x / sizeof *x };
    for (size_t i = 0; kernels_name(i) != NULL; i++) {
        struct backend *b =
            world_open(&(struct setting) { kernels_name(i), "plain", DTYPE_BF16, 1 });
        if (b == NULL)
            continue;
        assert_same_bits(
            kernels_name(i), N, world_read(b, world_rows(b, 1, N, ELEM_BF16, x), N), want);
        world_close(b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_matmul_is_the_sum_of_products),
        cmocka_unit_test(plain_attention_follows_its_definition),
        cmocka_unit_test(logprobs_are_log_softmax_in_double),
        cmocka_unit_test(the_first_of_equal_logits_is_best),
        cmocka_unit_test(activations_are_good_to_the_last_places),
        cmocka_unit_test(nan_is_not_swallowed),
        cmocka_unit_test(conversion_rounds_to_nearest_even),
        cmocka_unit_test(avx2_agrees_with_plain_c),
        cmocka_unit_test(avx512_agrees_with_plain_c),
        cmocka_unit_test(avx512bf16_agrees_with_plain_c),
        cmocka_unit_test(neon_agrees_with_plain_c),
        cmocka_unit_test(neonbf16_agrees_with_plain_c),
        cmocka_unit_test(onednn_agrees_with_plain_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
