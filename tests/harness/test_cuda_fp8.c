/* Weights of one byte with scales on the CUDA backend, which keeps their bytes: every byte, every
 * layout of scales, shapes that are no multiple of a block, rows in any order, few rows of a
 * product and many, groups, heads and whole models give the bits of expanded weights. Runs on a
 * device where there is one, and on the shim always. */
#include "weight_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fp8_files.h"
#include "harness/cuda/cuda.h"
#include "harness/cuda/load.h"
#include "subjects.h"
#include "tests/harness/cpu_world.h"
#include "tests/harness/gpu_there.h"

static struct backend *open_with(enum weights_form weights) {
    struct backend_config config = { .dtype = DTYPE_BF16, .gemm = "plain", .weights = weights };
    struct err err = ERR_INIT;
    struct backend *b = backend_cuda_open(&config, 0, &err);
    if (b == NULL)
        fail_msg("%s", err.msg);
    return b;
}

static struct matrix *matrix_of(
    struct backend *b, const struct weight_source *source, uint32_t n, uint32_t k) {
    struct err err = ERR_INIT;
    cuda_of(b)->strip_bytes = HEAD_TOKENS * k * sizeof(uint16_t); /* the smallest */
    struct matrix *m = b->ops->matrix(b, source, n, k, &err);
    if (m == NULL)
        fail_msg("%s", err.msg);
    return m;
}

static uint64_t bytes_of(struct backend *b, const struct matrix *m) {
    return b->ops->matrix_size(b, m).memory;
}

static struct rows window(struct rows x, uint32_t from, uint32_t n) {
    return (struct rows) { .buf = x.buf, .row = x.row + from, .n = n };
}

/* ---- weights ---- */

static const struct fp8_layout layouts[] = { { "one scale", 0, 0, TENSOR_F32 },
    { "a scale a row", 1, 0, TENSOR_F32 }, { "a bf16 scale a row", 1, 0, TENSOR_BF16 },
    { "blocks of 128 x 128", 128, 128, TENSOR_F32 }, { "blocks of 10 x 256", 10, 256, TENSOR_BF16 },
    { "blocks of 128 x 128, powers of 2", 128, 128, TENSOR_F8_E8M0 } };
enum { N_LAYOUTS = sizeof layouts / sizeof *layouts };

/* The weight of a file of these bytes; `w` is to be closed. */
static const struct tensor *weight_open(const char *folder, const struct fp8_layout *layout,
    uint32_t n, uint32_t k, const uint8_t *bytes, struct weights **w) {
    struct err err = ERR_INIT;
    fp8_write(folder, layout, n, k, bytes);
    *w = weights_open(folder, &err);
    if (*w == NULL)
        fail_msg("%s: %s", layout->name, err.msg);
    return weights_find(*w, "l.weight");
}

static const struct tensor *noise_open(const char *folder, const struct fp8_layout *layout,
    uint32_t n, uint32_t k, struct weights **w) {
    uint8_t *bytes = malloc((size_t)n * k);
    assert_non_null(bytes);
    fp8_noise(n + k, (size_t)n * k, bytes);
    const struct tensor *t = weight_open(folder, layout, n, k, bytes, w);
    free(bytes);
    return t;
}

/* ---- products ---- */

static const uint32_t counts[] = { 1, 3, 64, 130 };
enum { N_COUNTS = sizeof counts / sizeof *counts, T = 130, ALL = 1 + 3 + 64 + 130, EACH = 2 };

static size_t used_count(uint32_t n) {
    return (size_t)ALL * n + (size_t)3 * n + (3 + 64) * EACH;
}

static float *logprobs_add(
    struct backend *b, const struct matrix *m, uint32_t n, struct rows x, float *out) {
    struct target targets[64 * EACH];
    for (uint32_t i = 0; i < x.n * EACH; i++)
        targets[i] =
            (struct target) { .row = i / EACH, .token = (int32_t)(i % 2 ? i * 71 % n : n - 1) };
    b->ops->logprobs(b, m, NULL, 0.1F, 0, x, targets, (size_t)x.n * EACH);
    for (uint32_t i = 0; i < x.n * EACH; i++)
        *out++ = (float)targets[i].logprob;
    return out;
}

/* Products of few rows and of many, with all that can come behind; logits; log-probabilities. */
static void use_matrix(
    struct backend *b, const struct matrix *m, uint32_t n, uint32_t k, float *out) {
    struct rows x = world_rows(b, T, k, ELEM_BF16, noise_new(1, (size_t)T * k, 1));
    struct epilogue e = {
        .bias = world_vector(b, n, noise_new(2, n, 1)), .scale = 0.5F, .accumulate = true
    };
    for (int i = 0; i < N_COUNTS; i++) {
        struct rows y =
            world_rows(b, counts[i], n, ELEM_F32, noise_new(3, (size_t)counts[i] * n, 1));
        b->ops->matmul(b, m, window(x, 0, counts[i]), y, &e);
        b->ops->download(b, y, out);
        out += (size_t)counts[i] * n;
    }
    b->ops->logits(b, m, NULL, 1, 0, window(x, 5, 3), out);
    out += (size_t)3 * n;
    out = logprobs_add(b, m, n, window(x, 0, 3), out);
    logprobs_add(b, m, n, window(x, 0, 64), out);
}

static float *used_with(enum weights_form form, const struct weight_source *source, uint32_t n,
    uint32_t k, uint64_t want_bytes) {
    struct backend *b = open_with(form);
    float *out = malloc(used_count(n) * sizeof *out);
    assert_non_null(out);
    struct matrix *m = matrix_of(b, source, n, k);
    assert_int_equal(bytes_of(b, m), want_bytes);
    use_matrix(b, m, n, k, out);
    world_close(b);
    return out;
}

static void check_same(
    const char *what, const struct weight_source *source, uint32_t n, uint32_t k) {
    float *want = used_with(WEIGHTS_EXPANDED, source, n, k, (uint64_t)n * k * 2);
    float *got = used_with(WEIGHTS_FILE, source, n, k, n * (uint64_t)e4m3_row_bytes(k));
    for (size_t i = 0; i < used_count(n); i++)
        assert_true(isfinite(want[i]));
    assert_same_bits(what, used_count(n), got, want);
    free(want);
    free(got);
}

/* Neither a block, a tile nor a step along k comes out even. */
static void every_layout_of_scales_gives_the_bits_of_expanded_weights(void **state) {
    static const struct {
        uint32_t n, k;
    } shapes[] = { { 1, 8 }, { 290, 328 }, { 129, 136 }, { 64, 256 } };
    for (int l = 0; l < N_LAYOUTS; l++) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            uint32_t n = shapes[i].n, k = shapes[i].k;
            struct weights *w;
            struct weight_source source = { .tensor = noise_open(*state, &layouts[l], n, k, &w) };
            check_same(layouts[l].name, &source, n, k);
            weights_close(w);
        }
    }
}

/* Bytes without a scale at all. */
static void bytes_alone_are_numbers(void **state) {
    (void)state;
    enum { N = 70, K = 72 };
    uint8_t bytes[N * K];
    fp8_noise(3, sizeof bytes, bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] &= 0xbf; /* below 2 */
    struct tensor t = { .name = "bytes",
        .type = TENSOR_F8_E4M3,
        .n_dims = 2,
        .shape = { N, K },
        .n_elements = N * K,
        .data = bytes,
        .bytes = sizeof bytes };
    check_same("bytes alone", &(struct weight_source) { .tensor = &t }, N, K);
}

/* ---- every byte ---- */

enum { BYTES = 256, WIDE = 16 };

/* Row r is byte r and zeros: a product with ones is its number. */
static float *numbers_of(
    enum weights_form form, const struct weight_source *source, uint32_t rows) {
    struct backend *b = open_with(form);
    struct matrix *m = matrix_of(b, source, BYTES, WIDE);
    size_t row = form == WEIGHTS_FILE ? e4m3_row_bytes(WIDE) : WIDE * sizeof(uint16_t);
    assert_int_equal(bytes_of(b, m), BYTES * row);
    float *ones = world_alloc((size_t)rows * WIDE * sizeof *ones);
    for (uint32_t i = 0; i < rows * WIDE; i++)
        ones[i] = 1;
    struct rows y = world_empty(b, rows, BYTES, ELEM_F32);
    b->ops->matmul(b, m, world_rows(b, rows, WIDE, ELEM_BF16, ones), y, NULL);
    float *out = malloc((size_t)rows * BYTES * sizeof *out);
    assert_non_null(out);
    b->ops->download(b, y, out);
    world_close(b);
    return out;
}

static void check_bytes(const struct weight_source *source, uint32_t rows) {
    float exact[BYTES];
    float *want = numbers_of(WEIGHTS_EXPANDED, source, rows),
          *got = numbers_of(WEIGHTS_FILE, source, rows);
    for (uint32_t byte = 0; byte < BYTES; byte++)
        tensor_read_f32(source->tensor, (size_t)byte * WIDE, 1, &exact[byte]);
    for (uint32_t i = 0; i < rows * BYTES; i++) {
        uint32_t byte = i % BYTES;
        bool number = (byte & 127) != 127;
        assert_true(
            number ? memcmp(&got[i], &want[i], sizeof *got) == 0 : isnan(got[i]) && isnan(want[i]));
        assert_true(!number || fabsf(got[i] - exact[byte]) <= 0.004F * fabsf(exact[byte]));
    }
    free(want);
    free(got);
}

static void every_byte_is_its_number(void **state) {
    uint8_t bytes[BYTES * WIDE] = { 0 };
    for (int i = 0; i < BYTES; i++)
        bytes[i * WIDE] = (uint8_t)i;
    struct weights *w;
    struct weight_source source = { .tensor =
                                        weight_open(*state, &layouts[1], BYTES, WIDE, bytes, &w) };
    check_bytes(&source, 1);
    check_bytes(&source, 20);
    weights_close(w);
}

/* ---- rows in any order ---- */

/* A part of the rows that begins inside of a block, heads in GGUF's order, runs, rows of zeros. */
static void rows_take_their_scales_along(void **state) {
    enum { N = 300, K = 264 };
    struct weights *w;
    const struct tensor *t = noise_open(*state, &layouts[3], N, K, &w);
    check_same("a part", &(struct weight_source) { .tensor = t, .row = 101, .n_rows = 70 }, 70, K);
    check_same(
        "heads", &(struct weight_source) { .tensor = t, .permute_heads = 6, .n_rows = N }, N, K);
    check_same(
        "runs", &(struct weight_source) { .tensor = t, .run = 10, .every = 30, .row = 10 }, 100, K);
    check_same(
        "zeros", &(struct weight_source) { .tensor = t, .run = 6, .every = 6, .pad = 2 }, 400, K);
    weights_close(w);
}

/* What one of several devices has: columns from a border of blocks on, or from any where a row has
 * one scale. */
static void columns_take_their_scales_along(void **state) {
    enum { N = 140, K = 392 };
    for (int l = 0; l < N_LAYOUTS; l++) {
        struct weights *w;
        const struct tensor *t = noise_open(*state, &layouts[l], N, K, &w);
        uint32_t from = layouts[l].block_cols == 0 ? 40 : 128, n_rows = N - 30;
        struct weight_source right = { .tensor = t, .part = { 30, N, from, K } }, left = right;
        left.part.column = 0;
        check_same(layouts[l].name, &right, n_rows, K - from);
        check_same(layouts[l].name, &left, n_rows, from);
        weights_close(w);
    }
}

static uint64_t kept_bytes(
    struct backend *b, const struct weight_source *source, uint32_t n, uint32_t k) {
    return bytes_of(b, matrix_of(b, source, n, k));
}

/* Scales that eight bytes don't share, factors beside the scales, odd rows, columns for rows,
 * columns from the middle of a block on; and in f32 all. */
static void what_kernels_cannot_read_is_expanded(void **state) {
    enum { N = 64, K = 264 };
    const struct fp8_layout narrow = { "narrow", 8, 24, TENSOR_F32 };
    const struct row_scale half = { N, 0.5F };
    struct weights *w, *odd;
    struct backend *b = open_with(WEIGHTS_FILE);
    const struct tensor *t = noise_open(*state, &narrow, N, K, &w);
    assert_int_equal(kept_bytes(b, &(struct weight_source) { .tensor = t }, N, K), N * K * 2);
    weights_close(w);
    t = noise_open(*state, &layouts[3], N, K, &w);
    assert_int_equal(
        kept_bytes(
            b, &(struct weight_source) { .tensor = t, .scales = &half, .n_scales = 1 }, N, K),
        N * K * 2);
    assert_int_equal(
        kept_bytes(b, &(struct weight_source) { .tensor = t, .transpose = true }, K, N), N * K * 2);
    assert_int_equal(
        kept_bytes(b, &(struct weight_source) { .tensor = t, .part = { 0, N, 64, K } }, N, 200),
        N * 200 * 2);
    assert_int_equal(
        kept_bytes(b, &(struct weight_source) { .tensor = t }, N, K), N * e4m3_row_bytes(K));
    weights_close(w);
    t = noise_open(*state, &layouts[1], N, 12, &odd);
    assert_int_equal(kept_bytes(b, &(struct weight_source) { .tensor = t }, N, 12), N * 12 * 2);
    weights_close(odd);
    world_close(b);
}

/* ---- many matrices ---- */

enum { GROUPS = 4, GROUP_N = 70, GROUP_K = 136 };

static void groups_of_bytes_have_the_bits_of_products_of_their_own(void **state) {
    static const uint32_t sizes[GROUPS] = { 1, 40, 0, 17 };
    struct weights *w;
    const struct tensor *t = noise_open(*state, &layouts[3], GROUPS * GROUP_N, GROUP_K, &w);
    struct backend *b = open_with(WEIGHTS_FILE);
    struct matmul_group groups[GROUPS];
    uint32_t row = 0;
    for (uint32_t g = 0; g < GROUPS; row += sizes[g++]) {
        struct weight_source source = { .tensor = t, .row = g * GROUP_N, .n_rows = GROUP_N };
        groups[g] = (struct matmul_group) {
            .w = matrix_of(b, &source, GROUP_N, GROUP_K), .row = row, .n = sizes[g]
        };
    }
    struct rows x = world_rows(b, row, GROUP_K, ELEM_BF16, noise_new(1, (size_t)row * GROUP_K, 1));
    struct rows all = world_empty(b, row, GROUP_N, ELEM_F32);
    b->ops->matmul_groups(b, groups, GROUPS, ACT_SILU, x, all);
    const float *got = world_read(b, all, GROUP_N);
    for (uint32_t g = 0; g < GROUPS; g++) {
        if (sizes[g] == 0)
            continue;
        struct rows one = world_empty(b, sizes[g], GROUP_N, ELEM_F32);
        b->ops->matmul(b, groups[g].w, window(x, groups[g].row, sizes[g]), one,
            &(struct epilogue) { .activation = ACT_SILU });
        assert_same_bits("a group", (size_t)sizes[g] * GROUP_N,
            got + (size_t)groups[g].row * GROUP_N, world_read(b, one, GROUP_N));
    }
    world_close(b);
    weights_close(w);
}

/* ---- a model ---- */

static const uint32_t which[] = { 24, 30, 33, 17 };
enum { ASKED = sizeof which / sizeof *which };

static void ask_model(
    const char *folder, const struct model_options *o, struct answer answers[ASKED]) {
    struct err err = ERR_INIT;
    struct model *m = model_open(folder, o, &err);
    if (m == NULL)
        fail_msg("%s: %s", o->device, err.msg);
    const struct run_options run = { 0 };
    if (!subject_scores.ask(m, which, ASKED, &run, answers, &err))
        fail_msg("%s: %s", o->device, err.msg);
    model_close(m);
}

static void release(struct answer answers[ASKED]) {
    for (size_t i = 0; i < ASKED; i++)
        answer_release(&answers[i]);
}

/* The largest difference, of numbers about 1 in size; 0: the same bits. */
static double difference(const struct answer a[ASKED], const struct answer b[ASKED]) {
    double most = 0;
    for (size_t i = 0; i < ASKED; i++) {
        assert_int_equal(a[i].n, b[i].n);
        for (size_t j = 0; j < a[i].n; j++) {
            double off = fabs(a[i].numbers[j] - b[i].numbers[j]) / (1 + fabs(b[i].numbers[j]));
            assert_true(isfinite(off));
            most = off > most ? off : most;
        }
    }
    return most;
}

/* Whatever keeps the weights: the same bits on a device; there and on the processor, the same
 * numbers to within rounding. */
static void a_model_gives_the_same_numbers_in_every_form(void **state) {
    struct tiny t = tiny_shape(TINY_LLAMA);
    t.width = 136, t.head_dim = 32, t.ffn = 264, t.max_length = 1100;
    tiny_fill(&t, 7);
    fp8_write_tiny(&t, *state);
    tiny_release(&t);
    for (enum dtype dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        struct answer host[ASKED] = { { 0 } }, expanded[ASKED] = { { 0 } }, held[ASKED] = { { 0 } };
        struct model_options o = { .dtype = dtype, .device = "cpu", .gemm = "plain", .threads = 2 };
        ask_model(*state, &o, host);
        o.device = "cuda", o.weights = WEIGHTS_EXPANDED;
        ask_model(*state, &o, expanded);
        o.weights = WEIGHTS_FILE;
        ask_model(*state, &o, held);
        assert_true(difference(held, expanded) == 0);
        double off = difference(held, host);
        if (!(off <= (dtype == DTYPE_F32 ? 2e-4 : 2e-2)))
            fail_msg("in %s: %.3g from the processor", dtype_name(dtype), off);
        release(host);
        release(expanded);
        release(held);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(every_byte_is_its_number),
        WITH_SCRATCH(every_layout_of_scales_gives_the_bits_of_expanded_weights),
        cmocka_unit_test(bytes_alone_are_numbers),
        WITH_SCRATCH(rows_take_their_scales_along),
        WITH_SCRATCH(columns_take_their_scales_along),
        WITH_SCRATCH(what_kernels_cannot_read_is_expanded),
        WITH_SCRATCH(groups_of_bytes_have_the_bits_of_products_of_their_own),
        WITH_SCRATCH(a_model_gives_the_same_numbers_in_every_form),
    };
    return gpu_there() ? cmocka_run_group_tests(tests, NULL, NULL) : gpu_skip();
}
