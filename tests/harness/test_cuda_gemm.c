/* Products on tensor cores in bf16: every shape of tile against sums in double, the same bits
 * whatever the rows of a product, the head's log-probabilities without logits in memory, and
 * weights that stay in their file's blocks, whose bits are those of expanded ones. Runs on a device
 * where there is one, and on the shim always. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/cpu/kernels.h" /* bf16_from_f32 */
#include "harness/cuda/cuda.h"
#include "harness/cuda/load.h"
#include "tests/harness/cpu_world.h"
#include "tests/harness/gpu_there.h"

struct shape {
    uint32_t rows, cols, k;
};

static struct backend *open_with(enum weights_form weights, uint64_t room) {
    struct backend_config config = {
        .dtype = DTYPE_BF16, .gemm = "plain", .weights = weights, .weight_room = room
    };
    struct err err = ERR_INIT;
    struct backend *b = backend_cuda_open(&config, 0, &err);
    if (b == NULL)
        fail_msg("%s", err.msg);
    return b;
}

static struct backend *open_expanded(void) {
    return open_with(WEIGHTS_EXPANDED, 0);
}

static struct rows window(struct rows x, uint32_t from, uint32_t n) {
    return (struct rows) { .buf = x.buf, .row = x.row + from, .n = n };
}

/* As bf16 has it. */
static float *rounded_noise(uint32_t seed, size_t n, float scale) {
    float *out = noise_new(seed, n, scale);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)bf16_from_f32(out[i]) << 16;
        memcpy(&out[i], &bits, sizeof bits);
    }
    return out;
}

static double dot(uint32_t k, const float *x, const float *w) {
    double sum = 0;
    for (uint32_t i = 0; i < k; i++)
        sum += (double)x[i] * (double)w[i];
    return sum;
}

/* ---- products ---- */

/* Few rows, some, and so many tiles that they are wide; k of one piece, of some, of several steps
 * and a part. Of many rows some are looked at. */
static const struct shape shapes[] = { { 1, 1, 8 }, { 3, 5, 16 }, { 16, 64, 64 }, { 15, 70, 328 },
    { 17, 65, 72 }, { 33, 130, 136 }, { 64, 64, 200 }, { 65, 129, 56 }, { 130, 40, 456 },
    { 1290, 1400, 8 }, { 1281, 1281, 136 } };

static uint32_t next_row(uint32_t row, uint32_t n) {
    if (n <= 200 || row + 1 == n)
        return row + 1;
    return row + 61 < n ? row + 61 : n - 1;
}

static void check_product(struct backend *b, struct shape s) {
    const float *x = rounded_noise(1, (size_t)s.rows * s.k, 1);
    const float *w = rounded_noise(2, (size_t)s.cols * s.k, 1);
    struct rows out = world_empty(b, s.rows, s.cols, ELEM_F32);
    b->ops->matmul(
        b, world_matrix(b, s.cols, s.k, w), world_rows(b, s.rows, s.k, ELEM_BF16, x), out, NULL);
    const float *got = world_read(b, out, s.cols);
    float *want = world_alloc(s.cols * sizeof *want);
    for (uint32_t i = 0; i < s.rows; i = next_row(i, s.rows)) {
        for (uint32_t j = 0; j < s.cols; j++)
            want[j] = (float)dot(s.k, x + (size_t)i * s.k, w + (size_t)j * s.k);
        char what[64];
        snprintf(what, sizeof what, "%u x %u (%u), row %u", s.rows, s.cols, s.k, i);
        /* tensor cores cut sums off where the tests' own round them */
        assert_close(what, s.cols, got + (size_t)i * s.cols, want, 3e-5);
    }
}

static void a_product_is_the_sum_of_its_products(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct backend *b = open_expanded();
        check_product(b, shapes[i]);
        world_close(b);
    }
}

static void a_row_has_the_same_bits_among_any_number_of_rows(void **state) {
    (void)state;
    enum { T = 130, N = 70, K = 72 };
    struct backend *b = open_expanded();
    struct rows x = world_rows(b, T, K, ELEM_BF16, noise_new(1, (size_t)T * K, 1));
    struct rows out = world_empty(b, T, N, ELEM_F32);
    struct matrix *w = world_matrix(b, N, K, noise_new(2, (size_t)N * K, 1));
    float *got = world_alloc((size_t)T * N * sizeof *got);
    b->ops->matmul(b, w, x, out, NULL);
    const float *want = world_read(b, out, N);
    for (uint32_t m = 1; m < T; m += m < 20 || m > 60 ? 1 : 7) {
        uint32_t from = m * 7 % (T - m); /* elsewhere in its tile each time */
        b->ops->matmul(b, w, window(x, from, m), window(out, 0, m), NULL);
        b->ops->download(b, window(out, 0, m), got);
        assert_same_bits("a window", (size_t)m * N, got, want + (size_t)from * N);
    }
    world_close(b);
}

/* Wide tiles give what small ones and those for few rows do. */
static void the_tile_does_not_show(void **state) {
    (void)state;
    enum { T = 1281, N = 1290, FEWER = 70, K = 136 };
    struct backend *b = open_expanded();
    const float *data = noise_new(2, (size_t)N * K, 1);
    struct rows x = world_rows(b, T, K, ELEM_BF16, noise_new(1, (size_t)T * K, 1));
    struct rows out = world_empty(b, T, N, ELEM_F32), fewer = world_empty(b, T, FEWER, ELEM_F32);
    b->ops->matmul(b, world_matrix(b, N, K, data), x, out, NULL);
    struct matrix *w = world_matrix(b, FEWER, K, data);
    const float *wide = world_read(b, out, N);
    b->ops->matmul(b, w, x, fewer, NULL);
    const float *small = world_read(b, fewer, FEWER);
    b->ops->matmul(b, w, window(x, 1200, 9), window(fewer, 1200, 9), NULL);
    const float *few = world_read(b, window(fewer, 1200, 9), FEWER);
    for (uint32_t i = 0; i < T; i++)
        assert_same_bits("wide", FEWER, wide + (size_t)i * N, small + (size_t)i * FEWER);
    assert_same_bits("few", 9 * FEWER, few, small + (size_t)1200 * FEWER);
    world_close(b);
}

/* What stands around the window stays; out is added to, scaled. */
static void a_window_is_added_to_and_nothing_else_is_written(void **state) {
    (void)state;
    enum { T = 40, FROM = 5, M = 19, N = 67, K = 88 };
    struct backend *b = open_expanded();
    struct rows x = world_rows(b, T, K, ELEM_BF16, noise_new(1, T * K, 1));
    struct rows out = world_rows(b, T, N, ELEM_F32, noise_new(3, T * N, 1));
    struct rows sums = world_empty(b, T, N, ELEM_F32);
    struct matrix *w = world_matrix(b, N, K, noise_new(2, N * K, 1));
    struct epilogue e = { .bias = world_vector(b, N, noise_new(4, N, 1)),
        .activation = ACT_RELU,
        .scale = 0.5F,
        .accumulate = true };
    const float *before = world_read(b, out, N), *bias = noise_new(4, N, 1);
    b->ops->matmul(b, w, x, sums, NULL);
    const float *sum = world_read(b, sums, N);
    b->ops->matmul(b, w, window(x, FROM, M), window(out, FROM, M), &e);
    const float *got = world_read(b, out, N);
    float *want = world_alloc(T * N * sizeof *want);
    for (uint32_t i = 0; i < T * N; i++) {
        float y = sum[i] + bias[i % N];
        bool in = i / N >= FROM && i / N < FROM + M;
        want[i] = in ? before[i] + (y < 0 ? 0 : y) * 0.5F : before[i];
    }
    assert_same_bits("accumulate", T * N, got, want);
    struct rows half = world_empty(b, T, N, ELEM_BF16);
    b->ops->matmul(b, w, x, half, NULL);
    const float *rounded = world_read(b, half, N);
    for (uint32_t i = 0; i < T * N; i++)
        assert_int_equal(bf16_from_f32(sum[i]), bf16_from_f32(rounded[i]));
    world_close(b);
}

/* ---- many matrices ---- */

enum { GROUPS = 5, GROUP_N = 70, GROUP_K = 72 };

static struct rows grouped(struct backend *b, struct matrix *const w[GROUPS],
    const struct vector *bias, const uint32_t counts[GROUPS], struct rows x) {
    struct matmul_group groups[GROUPS];
    uint32_t row = 0;
    for (int g = 0; g < GROUPS; row += counts[g++])
        groups[g] = (struct matmul_group) {
            .w = w[g], .bias = g % 2 ? bias : NULL, .row = row, .n = counts[g]
        };
    struct rows out = world_empty(b, row, GROUP_N, ELEM_F32);
    b->ops->matmul_groups(b, groups, GROUPS, ACT_SILU, window(x, 0, row), out);
    return out;
}

/* Few rows each, some, many; an empty group among them; odd rows. */
static void a_group_has_the_bits_of_a_product_of_its_own(void **state) {
    (void)state;
    static const uint32_t counts[][GROUPS] = { { 1, 3, 0, 17, 2 }, { 70, 1, 64, 40, 0 },
        { 130, 0, 300, 1, 129 } };
    struct backend *b = open_expanded();
    struct rows x = world_rows(b, 560, GROUP_K, ELEM_BF16, noise_new(1, 560 * GROUP_K, 1));
    struct vector *bias = world_vector(b, GROUP_N, noise_new(3, GROUP_N, 1));
    struct matrix *w[GROUPS];
    for (uint32_t g = 0; g < GROUPS; g++)
        w[g] = world_matrix(b, GROUP_N, GROUP_K, noise_new(10 + g, GROUP_N * GROUP_K, 1));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const float *got = world_read(b, grouped(b, w, bias, counts[i], x), GROUP_N);
        for (uint32_t g = 0, row = 0; g < GROUPS; row += counts[i][g++]) {
            if (counts[i][g] == 0)
                continue;
            struct epilogue e = { .bias = g % 2 ? bias : NULL, .activation = ACT_SILU };
            struct rows one = world_empty(b, counts[i][g], GROUP_N, ELEM_F32);
            b->ops->matmul(b, w[g], window(x, row, counts[i][g]), one, &e);
            assert_same_bits("a group", (size_t)counts[i][g] * GROUP_N, got + (size_t)row * GROUP_N,
                world_read(b, one, GROUP_N));
        }
    }
    world_close(b);
}

static void outputs_are_added_in_their_order(void **state) {
    (void)state;
    enum { T = 9, C = 37, K = 3 };
    struct backend *b = open_expanded();
    const float *data = noise_new(1, T * K * C, 1), *before = noise_new(2, T * C, 1),
                *weights = noise_new(3, T * K, 1);
    struct rows x = world_rows(b, T * K, C, ELEM_F32, data),
                out = world_rows(b, T, C, ELEM_F32, before);
    uint32_t places[T * K];
    for (uint32_t i = 0; i < T * K; i++)
        places[i] = i * 7 % (T * K);
    b->ops->gather_add(b, places, weights, K, x, out);
    float want[T * C];
    for (uint32_t i = 0; i < T * C; i++) {
        want[i] = before[i];
        for (uint32_t e = 0; e < K; e++)
            want[i] += weights[i / C * K + e] * data[places[i / C * K + e] * C + i % C];
    }
    assert_same_bits("gather_add", T * C, world_read(b, out, C), want);
    world_close(b);
}

/* ---- the head ---- */

struct head_case {
    struct shape s; /* rows, vocabulary, k */
    float scale, softcap;
    const float *bias; /* or NULL */
};

static double *logits_of(
    const struct head_case *h, const float *x, const float *w, uint32_t row, double *out) {
    for (uint32_t v = 0; v < h->s.cols; v++) {
        double y = dot(h->s.k, x + (size_t)row * h->s.k, w + (size_t)v * h->s.k);
        y = (y + (h->bias ? (double)h->bias[v] : 0)) * (double)h->scale;
        out[v] = h->softcap > 0 ? (double)h->softcap * tanh(y / (double)h->softcap) : y;
    }
    return out;
}

static double log_sum(const double *logits, uint32_t n, uint32_t *best) {
    double sum = 0;
    *best = 0;
    for (uint32_t v = 0; v < n; v++)
        *best = logits[v] > logits[*best] ? v : *best;
    for (uint32_t v = 0; v < n; v++)
        sum += exp(logits[v] - logits[*best]);
    return logits[*best] + log(sum);
}

enum { EACH = 5 }; /* targets a row */

static struct target *targets_new(uint32_t rows, uint32_t vocabulary) {
    struct target *targets = world_alloc((size_t)rows * EACH * sizeof *targets);
    for (uint32_t i = 0; i < rows * EACH; i++)
        targets[i] = (struct target) { .row = i / EACH,
            .token = (int32_t)(i % EACH == 0 ? vocabulary - 1 : i * 7919 % vocabulary) };
    return targets;
}

static void check_head(struct backend *b, const struct head_case *h) {
    struct shape s = h->s;
    const float *x = rounded_noise(1, (size_t)s.rows * s.k, 1);
    const float *w = rounded_noise(2, (size_t)s.cols * s.k, 1);
    struct target *targets = targets_new(s.rows, s.cols);
    double *logits = world_alloc(s.cols * sizeof *logits), sum = 0;
    uint32_t best = 0;
    b->ops->logprobs(b, world_matrix(b, s.cols, s.k, w),
        h->bias ? world_vector(b, s.cols, h->bias) : NULL, h->scale, h->softcap,
        world_rows(b, s.rows, s.k, ELEM_BF16, x), targets, (size_t)s.rows * EACH);
    for (uint32_t i = 0; i < s.rows * EACH; i++) {
        if (i % EACH == 0)
            sum = log_sum(logits_of(h, x, w, i / EACH, logits), s.cols, &best);
        double want = logits[targets[i].token] - sum, got = targets[i].logprob;
        if (!(fabs(got - want) <= 3e-6 * (1 + fabs(want))) && got != want)
            fail_msg("%u x %u (%u): row %u token %d is %.9g, should be %.9g", s.rows, s.cols, s.k,
                targets[i].row, targets[i].token, got, want);
        assert_int_equal(targets[i].best, (uint32_t)targets[i].token == best);
    }
}

static const struct shape heads[] = { { 1, 1, 8 }, { 1, 128, 8 }, { 3, 129, 72 }, { 16, 300, 64 },
    { 17, 257, 16 }, { 65, 500, 24 }, { 130, 999, 8 } };

static void log_probabilities_are_those_of_all_logits(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct backend *b = open_expanded();
        struct head_case h = { .s = heads[i], .scale = 1 };
        check_head(b, &h);
        h.bias = noise_new(3, heads[i].cols, 1);
        h.scale = 0.5F;
        h.softcap = 2;
        check_head(b, &h);
        world_close(b);
    }
}

/* A whole span, the first token and the last. */
static void tokens_that_cannot_be_have_no_mass(void **state) {
    (void)state;
    enum { V = 400 };
    float bias[V] = { 0 };
    struct backend *b = open_expanded();
    for (uint32_t v = 0; v < V; v++)
        bias[v] = v == 0 || v == V - 1 || (v >= 128 && v < 256) ? -INFINITY : 0;
    struct head_case h = { .s = { 20, V, 16 }, .scale = 1, .bias = bias };
    check_head(b, &h);
    struct target one = { .row = 0, .token = 0 };
    b->ops->logprobs(b, world_matrix(b, V, 16, noise_new(1, V * 16, 1)), world_vector(b, V, bias),
        1, 0, world_rows(b, 1, 16, ELEM_BF16, noise_new(2, 16, 1)), &one, 1);
    assert_true(isinf(one.logprob) && one.logprob < 0 && !one.best);
    world_close(b);
}

/* Equal logits in one lane, in another, in another span: the first is best. */
static void of_equal_logits_the_first_is_best(void **state) {
    (void)state;
    enum { V = 700, K = 16, T = 3 };
    static const uint32_t first[] = { 3, 35, 130, 257, 640 };
    struct backend *b = open_expanded();
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        float *w = noise_new(1, V * K, 0.5F), *x = world_alloc(T * K * sizeof *x);
        for (uint32_t j = 0; j < T * K; j++)
            x[j] = 1;
        for (size_t e = i; e < sizeof first / sizeof *first; e++)
            for (uint32_t j = 0; j < K; j++)
                w[first[e] * K + j] = 1;
        struct target targets[T * V];
        for (uint32_t j = 0; j < T * V; j++)
            targets[j] = (struct target) { .row = j / V, .token = (int32_t)(j % V) };
        b->ops->logprobs(b, world_matrix(b, V, K, w), NULL, 1, 0, world_rows(b, T, K, ELEM_BF16, x),
            targets, T * V);
        for (uint32_t j = 0; j < T * V; j++)
            assert_int_equal(targets[j].best, j % V == first[i]);
    }
    world_close(b);
}

static void what_is_not_a_number_shows(void **state) {
    (void)state;
    enum { V = 300, K = 8, T = 2 };
    struct backend *b = open_expanded();
    float *w = noise_new(1, V * K, 1);
    w[200 * K] = NAN;
    struct target targets[T] = { { .row = 0, .token = 1 }, { .row = 1, .token = 299 } };
    b->ops->logprobs(b, world_matrix(b, V, K, w), NULL, 1, 0,
        world_rows(b, T, K, ELEM_BF16, noise_new(2, T * K, 1)), targets, T);
    for (uint32_t i = 0; i < T; i++)
        assert_true(isnan(targets[i].logprob));
    world_close(b);
}

/* More rows and targets than go together; then some alone, among few and among some. */
static void grouping_changes_no_log_probability(void **state) {
    (void)state;
    enum { T = HEAD_ROWS + 52, V = 300, K = 8 };
    struct backend *b = open_expanded();
    struct rows x = world_rows(b, T, K, ELEM_BF16, noise_new(1, (size_t)T * K, 1));
    struct matrix *head = world_matrix(b, V, K, noise_new(2, V * K, 1));
    struct target *all = targets_new(T, V);
    _Static_assert(T * EACH > HEAD_TARGETS, "more than go together");
    b->ops->logprobs(b, head, NULL, 1, 0, x, all, (size_t)T * EACH);
    static const uint32_t some[] = { 1, 2, 16, 17, 64, 65, 130 };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        uint32_t from = (uint32_t)i * 301, n = some[i];
        struct target *part = world_alloc(n * sizeof *part);
        for (uint32_t j = 0; j < n; j++)
            part[j] = (struct target) { .row = j, .token = all[(from + j) * EACH + 3].token };
        b->ops->logprobs(b, head, NULL, 1, 0, window(x, from, n), part, n);
        for (uint32_t j = 0; j < n; j++) {
            const struct target *want = &all[(from + j) * EACH + 3];
            assert_memory_equal(&part[j].logprob, &want->logprob, sizeof want->logprob);
            assert_int_equal(part[j].best, want->best);
        }
    }
    world_close(b);
}

/* So many spans that the order in which they are added shows. */
static void a_row_alone_adds_its_spans_in_the_same_order(void **state) {
    (void)state;
    enum { T = 70, V = 5117, K = 8 };
    struct backend *b = open_expanded();
    struct rows x = world_rows(b, T, K, ELEM_BF16, noise_new(1, (size_t)T * K, 1));
    struct matrix *head = world_matrix(b, V, K, noise_new(2, (size_t)V * K, 1));
    struct target all[T];
    for (uint32_t i = 0; i < T; i++)
        all[i] = (struct target) { .row = i, .token = (int32_t)(i * 31) };
    b->ops->logprobs(b, head, NULL, 1, 0, x, all, T);
    for (uint32_t i = 0; i < T; i++) {
        struct target alone = { .token = all[i].token };
        b->ops->logprobs(b, head, NULL, 1, 0, window(x, i, 1), &alone, 1);
        assert_memory_equal(&alone.logprob, &all[i].logprob, sizeof alone.logprob);
    }
    world_close(b);
}

/* ---- blocks ---- */

/* Where a block's f16 numbers stand; -1: there is no other. */
static const struct packed_type {
    enum tensor_type type;
    int halves[2];
} packed_types[] = { { TENSOR_Q4_0, { 0, -1 } }, { TENSOR_Q4_1, { 0, 2 } },
    { TENSOR_Q5_0, { 0, -1 } }, { TENSOR_Q5_1, { 0, 2 } }, { TENSOR_Q8_0, { 0, -1 } },
    { TENSOR_Q2_K, { 80, 82 } }, { TENSOR_Q3_K, { 108, -1 } }, { TENSOR_Q4_K, { 0, 2 } },
    { TENSOR_Q5_K, { 0, 2 } }, { TENSOR_Q6_K, { 208, -1 } }, { TENSOR_IQ4_NL, { 0, -1 } },
    { TENSOR_IQ4_XS, { 0, -1 } }, { TENSOR_MXFP4, { -1, -1 } } };

/* Any bits, but for scales: those are below 2. */
static void blocks_fill(const struct packed_type *p, uint8_t *data, size_t bytes) {
    uint32_t size = tensor_type_info(p->type)->block_bytes;
    uint64_t state = (uint64_t)p->type * 77 + 5;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        data[i] = (uint8_t)(state >> 56);
        for (int h = 0; h < 2; h++)
            if (p->halves[h] >= 0 && i % size == (size_t)p->halves[h] + 1)
                data[i] &= 0xbf;
        if (p->type == TENSOR_MXFP4 && i % size == 0)
            data[i] = (uint8_t)(i / size % 9 < 2 ? i / size % 9 : 100U + data[i] % 40U);
    }
}

static struct tensor *blocks_new(const struct packed_type *p, uint32_t n, uint32_t k) {
    const struct tensor_type_info *info = tensor_type_info(p->type);
    size_t bytes = (size_t)n * (k / info->block_n) * info->block_bytes;
    uint8_t *data = world_alloc(bytes);
    blocks_fill(p, data, bytes);
    struct tensor *t = world_alloc(sizeof *t);
    *t = (struct tensor) { .name = "made",
        .type = p->type,
        .n_dims = 2,
        .shape = { n, k },
        .n_elements = (uint64_t)n * k,
        .data = data,
        .bytes = bytes };
    return t;
}

static struct matrix *matrix_of(
    struct backend *b, const struct weight_source *source, uint32_t n, uint32_t k) {
    struct err err = ERR_INIT;
    struct matrix *m = b->ops->matrix(b, source, n, k, &err);
    if (m == NULL)
        fail_msg("%s", err.msg);
    return m;
}

/* What the ops make of a matrix, for few rows and for more, as one list. */
enum { FEW = 3, MORE = 20 };
static size_t used_count(uint32_t n) {
    return (size_t)(FEW + MORE) * (2 * (size_t)n + EACH);
}

static void use_matrix(struct backend *b, const struct matrix *m, uint32_t n, uint32_t k,
    const struct epilogue *e, float *out) {
    struct rows x = world_rows(b, MORE, k, ELEM_BF16, noise_new(1, (size_t)MORE * k, 1));
    static const uint32_t counts[] = { FEW, MORE };
    for (int i = 0; i < 2; i++) {
        uint32_t rows = counts[i];
        struct rows y = world_rows(b, rows, n, ELEM_F32, noise_new(3, (size_t)rows * n, 1));
        struct target *targets = targets_new(rows, n);
        b->ops->matmul(b, m, window(x, 0, rows), y, e);
        b->ops->download(b, y, out);
        b->ops->logits(b, m, e->bias, 1, 3, window(x, 0, rows), out + (size_t)rows * n);
        out += 2 * (size_t)rows * n;
        b->ops->logprobs(b, m, e->bias, 0.01F, 0, window(x, 0, rows), targets, (size_t)rows * EACH);
        for (uint32_t t = 0; t < rows * EACH; t++)
            *out++ = (float)targets[t].logprob;
    }
}

static float *used_with(enum weights_form form, const struct weight_source *source, uint32_t n,
    uint32_t k, uint64_t want_bytes) {
    struct backend *b = open_with(form, 0);
    float *out = malloc(used_count(n) * sizeof *out);
    assert_non_null(out);
    cuda_of(b)->strip_bytes = HEAD_TOKENS * k * sizeof(uint16_t); /* the smallest */
    struct matrix *m = matrix_of(b, source, n, k);
    assert_int_equal(b->ops->matrix_size(b, m).memory, want_bytes);
    struct epilogue e = {
        .bias = world_vector(b, n, noise_new(2, n, 1)), .scale = 0.5F, .accumulate = true
    };
    use_matrix(b, m, n, k, &e, out);
    b->ops->close(b); /* the tensor goes with the world */
    return out;
}

static void check_blocks(const struct weight_source *source, uint32_t n, uint32_t k) {
    const struct tensor_type_info *info = tensor_type_info(source->tensor->type);
    uint64_t packed = (uint64_t)n * (k / info->block_n) * info->block_bytes;
    float *want = used_with(WEIGHTS_EXPANDED, source, n, k, (uint64_t)n * k * 2);
    float *got = used_with(WEIGHTS_FILE, source, n, k, packed);
    for (size_t i = 0; i < used_count(n); i++)
        assert_true(isfinite(want[i]));
    assert_same_bits(info->name, used_count(n), got, want);
    free(want);
    free(got);
}

static void weights_in_blocks_give_the_bits_of_expanded_ones(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof packed_types / sizeof *packed_types; i++) {
        bool large = tensor_type_info(packed_types[i].type)->block_n == 256;
        uint32_t n = 290, k = large ? 256 : 96;
        struct weight_source source = { .tensor = blocks_new(&packed_types[i], n, k) };
        check_blocks(&source, n, k);
        world_close(NULL);
    }
}

/* Rows that lie elsewhere in the file: of heads, in runs, of one expert of several. */
static void blocks_are_brought_row_by_row_where_rows_are_moved(void **state) {
    (void)state;
    enum { N = 64, K = 96 };
    struct tensor *t = blocks_new(&packed_types[0], 2 * N, K);
    struct weight_source permuted = { .tensor = t, .permute_heads = 4, .row = 3, .n_rows = N };
    struct weight_source runs = { .tensor = t, .run = 8, .every = 16 };
    check_blocks(&permuted, N, K);
    check_blocks(&runs, N, K);
    struct tensor stacked = *t;
    stacked.n_dims = 3;
    stacked.shape[0] = 2, stacked.shape[1] = N, stacked.shape[2] = K;
    struct weight_source expert = { .tensor = &stacked, .slice = 2 };
    check_blocks(&expert, N, K);
    world_close(NULL);
}

static uint64_t memory_of(
    struct backend *b, const struct weight_source *source, uint32_t n, uint32_t k) {
    return b->ops->matrix_size(b, matrix_of(b, source, n, k)).memory;
}

static void what_cannot_be_read_from_blocks_is_expanded(void **state) {
    (void)state;
    enum { N = 64, K = 96 };
    struct backend *b = open_with(WEIGHTS_FILE, 0);
    struct tensor *t = blocks_new(&packed_types[0], N, K);
    const struct row_scale half = { N, 0.5F };
    struct weight_source scaled = { .tensor = t, .scales = &half, .n_scales = 1 };
    struct weight_source padded = { .tensor = t, .run = 8, .every = 8, .pad = 8 };
    struct weight_source turned = { .tensor = t, .transpose = true };
    assert_int_equal(memory_of(b, &scaled, N, K), N * K * 2);
    assert_int_equal(memory_of(b, &padded, 2 * N, K), 2 * N * K * 2);
    assert_int_equal(memory_of(b, &turned, K, N), N * K * 2);
    struct packed_type q8_1 = { TENSOR_Q8_1, { 0, 2 } };
    struct weight_source other = { .tensor = blocks_new(&q8_1, N, K) };
    assert_int_equal(memory_of(b, &other, N, K), N * K * 2);
    world_close(b);
}

static void matrices_are_expanded_while_there_is_room(void **state) {
    (void)state;
    enum { N = 64, K = 96, EXPANDED = N * K * 2, PACKED = N * K / 32 * 18 };
    struct backend *b = open_with(WEIGHTS_AUTO, 2 * EXPANDED + 1);
    struct weight_source source = { .tensor = blocks_new(&packed_types[0], N, K) };
    assert_int_equal(memory_of(b, &source, N, K), EXPANDED);
    assert_int_equal(memory_of(b, &source, N, K), EXPANDED);
    assert_int_equal(memory_of(b, &source, N, K), PACKED);
    assert_true(b->ops->caps(b)->can & CAN_STAY_IN_FILE);
    world_close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_is_the_sum_of_its_products),
        cmocka_unit_test(a_row_has_the_same_bits_among_any_number_of_rows),
        cmocka_unit_test(the_tile_does_not_show),
        cmocka_unit_test(a_window_is_added_to_and_nothing_else_is_written),
        cmocka_unit_test(a_group_has_the_bits_of_a_product_of_its_own),
        cmocka_unit_test(outputs_are_added_in_their_order),
        cmocka_unit_test(log_probabilities_are_those_of_all_logits),
        cmocka_unit_test(tokens_that_cannot_be_have_no_mass),
        cmocka_unit_test(of_equal_logits_the_first_is_best),
        cmocka_unit_test(what_is_not_a_number_shows),
        cmocka_unit_test(grouping_changes_no_log_probability),
        cmocka_unit_test(a_row_alone_adds_its_spans_in_the_same_order),
        cmocka_unit_test(weights_in_blocks_give_the_bits_of_expanded_ones),
        cmocka_unit_test(blocks_are_brought_row_by_row_where_rows_are_moved),
        cmocka_unit_test(what_cannot_be_read_from_blocks_is_expanded),
        cmocka_unit_test(matrices_are_expanded_while_there_is_room),
    };
    return gpu_there() ? cmocka_run_group_tests(tests, NULL, NULL) : gpu_skip();
}
