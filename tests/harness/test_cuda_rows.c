/* Ops of the CUDA backend that look at rows or elements, against the CPU backend's plain C kernels,
 * on awkward shapes; rows lie in windows whose surroundings must stay as they were. Skips, saying
 * why, where there is no device. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/cuda_world.h"
#include "tests/harness/gpu_there.h"

/* ---- rows that move ---- */

static void run_gather(struct backend *b, struct shape s, struct made *out) {
    int32_t *ids = world_alloc(s.rows * sizeof *ids);
    for (uint32_t i = 0; i < s.rows; i++)
        ids[i] = (int32_t)(i * 7 % 19);
    struct table *t = world_table(b, 19, s.cols, noise_new(1, 19 * (size_t)s.cols, 1));
    struct rows all, x = noise_window(b, 2, s.rows, s.cols, ELEM_F32, 1, &all);
    b->ops->gather(b, t, ids, 1.5F, true, x);
    made_add(out, b, all, s.cols);
    b->ops->gather(b, t, ids, 0.25F, false, x);
    made_add(out, b, all, s.cols);
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

static void run_convert(struct backend *b, struct shape s, struct made *out) {
    static const enum elem elems[] = { ELEM_F32, ELEM_BF16 };
    for (int i = 0; i < 4; i++) {
        struct rows from, to;
        struct rows x = noise_window(b, 12, s.rows, s.cols, elems[i / 2], 1e3F, &from);
        struct rows y = noise_window(b, 13, s.rows, s.cols, elems[i % 2], 1, &to);
        b->ops->convert(b, x, y);
        made_add(out, b, to, s.cols);
    }
}

static void run_pick(struct backend *b, struct shape s, struct made *out) {
    static const enum elem elems[] = { ELEM_F32, ELEM_BF16 };
    uint32_t *index = world_alloc((s.rows + 2) * sizeof *index);
    for (uint32_t i = 0; i < s.rows + 2; i++)
        index[i] = i * 5 % s.rows;
    for (int i = 0; i < 2; i++) {
        struct rows from, to;
        struct rows x = noise_window(b, 13, s.rows, s.cols, elems[i], 1, &from);
        struct rows y = noise_window(b, 14, s.rows + 2, s.cols, elems[i], 1, &to);
        b->ops->pick(b, x, index, y);
        made_add(out, b, to, s.cols);
    }
}

/* Rows go back to every second one, from the last to the first. */
static void run_scatter(struct backend *b, struct shape s, struct made *out) {
    uint32_t *index = world_alloc(s.rows * sizeof *index);
    for (uint32_t i = 0; i < s.rows; i++)
        index[i] = 2 * (s.rows - 1 - i);
    struct rows from, to;
    struct rows x = noise_window(b, 30, s.rows, s.cols, ELEM_F32, 1, &from);
    struct rows sums = noise_window(b, 31, 2 * s.rows, s.cols, ELEM_F32, 1, &to);
    b->ops->scatter(b, index, noise_new(32, s.rows, 2), x, sums);
    made_add(out, b, to, s.cols);
}

/* Into all heads, at a place that a piece begins with and at one that it doesn't. */
static void run_spread(struct backend *b, struct shape s, struct made *out) {
    const uint32_t heads = 3, dim = s.cols + 5;
    for (uint32_t first = 0; first <= 5; first += 4) {
        struct rows from, to;
        struct rows x = noise_window(b, 33, s.rows, s.cols, ELEM_F32, 1, &from);
        struct rows y = noise_window(b, 34, s.rows, heads * dim, ELEM_F32, 1, &to);
        b->ops->spread(b, heads, first, x, y);
        made_add(out, b, to, heads * dim);
    }
    struct rows from, to;
    struct rows x = noise_window(b, 33, s.rows, s.cols, ELEM_F32, 1, &from);
    struct rows y = noise_window(b, 34, s.rows, s.cols, ELEM_F32, 1, &to);
    b->ops->spread(b, 1, 0, x, y);
    made_add(out, b, to, s.cols);
}

/* ---- elements ---- */

static void run_gate(struct backend *b, struct shape s, struct made *out) {
    static const struct gating kinds[] = { { .sigmoid = true }, { .alpha = 1.7, .limit = 7 },
        { .alpha = 1.7 }, { .limit = 2, .activation = ACT_SILU } };
    enum elem act = b->ops->caps(b)->act;
    struct rows g, u, p, gate = noise_window(b, 10, s.rows, s.cols, ELEM_F32, 12, &g);
    struct rows up = noise_window(b, 11, s.rows, s.cols, act, 9, &u);
    struct rows product = noise_window(b, 12, s.rows, s.cols, act, 1, &p);
    for (int a = ACT_NONE; a <= ACT_RELU_SQUARED; a++) {
        b->ops->gate(b, &(struct gating) { .activation = (enum activation)a }, gate, up, product);
        made_add(out, b, p, s.cols);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        b->ops->gate(b, &kinds[i], gate, up, product);
        made_add(out, b, p, s.cols);
    }
    b->ops->gate(b, &kinds[0], gate, up, up); /* in place, as attention's own gate is */
    made_add(out, b, u, s.cols);
}

static void run_curve(struct backend *b, struct shape s, struct made *out) {
    const struct learned_curve curve = {
        .above = 0.8F, .below = 1.3F, .linear = 0.5F, .edge = -1e-6F
    };
    struct rows from, to, x = noise_window(b, 35, s.rows, s.cols, ELEM_F32, 6, &from);
    struct rows y = noise_window(b, 36, s.rows, s.cols, b->ops->caps(b)->act, 1, &to);
    b->ops->curve(b, &curve, x, y);
    made_add(out, b, to, s.cols);
}

static void run_add_and_clip(struct backend *b, struct shape s, struct made *out) {
    struct rows from, to, x = noise_window(b, 37, s.rows, s.cols, ELEM_F32, 1, &from);
    struct rows sum = noise_window(b, 38, s.rows, s.cols, ELEM_F32, 1, &to);
    b->ops->add(b, 0.3F, x, sum);
    made_add(out, b, to, s.cols);
    b->ops->clip(b, 0.75F, sum);
    made_add(out, b, to, s.cols);
}

/* ---- norms ---- */

static void run_norm(struct backend *b, struct shape s, struct made *out) {
    struct rows all, to, x = noise_window(b, 3, s.rows, s.cols, ELEM_F32, 3, &all);
    struct rows act = noise_window(b, 4, s.rows, s.cols, b->ops->caps(b)->act, 1, &to);
    struct vector *gain = world_vector(b, s.cols, noise_new(4, s.cols, 1));
    struct vector *bias = world_vector(b, s.cols, noise_new(5, s.cols, 1));
    b->ops->norm(b, NORM_LAYER, gain, bias, 1e-5F, x, act);
    made_add(out, b, to, s.cols);
    b->ops->norm(b, NORM_RMS, gain, NULL, 1e-5F, x, act);
    made_add(out, b, to, s.cols);
    b->ops->norm(b, NORM_RMS, NULL, NULL, 1e-5F, x, act);
    made_add(out, b, to, s.cols);
    b->ops->norm(b, NORM_LAYER, gain, NULL, 1e-5F, x, x);
    made_add(out, b, all, s.cols);
    b->ops->renorm(b, NORM_LAYER, gain, bias, 1e-5F, x, act);
    made_add(out, b, all, s.cols);
    made_add(out, b, to, s.cols);
    b->ops->normalize(b, x);
    made_add(out, b, all, s.cols);
}

static void run_norm_heads(struct backend *b, struct shape s, struct made *out) {
    uint32_t heads = s.inner, n = heads * s.cols;
    const struct {
        uint32_t gain;
        bool bias;
        enum norm_kind kind;
    } kinds[] = { { s.cols, false, NORM_RMS }, { n, true, NORM_LAYER }, { 0, false, NORM_RMS } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint32_t gains = kinds[i].gain;
        struct vector *gain = gains > 0 ? world_vector(b, gains, noise_new(6, gains, 1)) : NULL;
        struct vector *bias = kinds[i].bias ? world_vector(b, gains, noise_new(7, gains, 1)) : NULL;
        struct rows all, x = noise_window(b, 8, s.rows, n, ELEM_F32, 3, &all);
        b->ops->norm_heads(b, kinds[i].kind, gain, bias, 1e-5F, heads, x);
        made_add(out, b, all, n);
    }
}

/* ---- rotations ---- */

static void run_rotate(struct backend *b, struct shape s, struct made *out) {
    uint32_t heads = s.inner, dim = s.cols % 2 ? s.cols + 1 : s.cols;
    uint32_t part = dim > 4 ? dim - dim / 8 * 2 : dim;
    float *inv_freq = world_alloc(part * sizeof *inv_freq);
    uint32_t *positions = world_alloc(s.rows * sizeof *positions);
    for (uint32_t i = 0; i < part / 2; i++)
        inv_freq[i] = powf(10000, -2 * (float)i / (float)part);
    for (uint32_t i = 0; i < s.rows; i++)
        positions[i] = i * 37 % 1500;
    positions[0] = 70000;
    struct rows all, x = noise_window(b, 14, s.rows, heads * dim, ELEM_F32, 1, &all);
    for (int interleaved = 0; interleaved < 2; interleaved++)
        for (uint32_t first = 0; first <= dim - part; first += dim - part > 0 ? dim - part : 1) {
            struct rotary r = { .rotary_dim = part,
                .first = first,
                .inv_freq = inv_freq,
                .scale = 1.25F,
                .interleaved = interleaved };
            b->ops->rotate(b, &r, positions, heads, dim, x);
            made_add(out, b, all, heads * dim);
        }
}

/* ---- against the plain kernels ---- */

#define ROWS_SHAPES                                                                                \
    {                                                                                              \
        { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 }, { 18, 100, 0 }, { 2, 1026, 0 }, {                \
            65537, 3, 0                                                                            \
        }                                                                                          \
    }

static const struct op ops[] = {
    { "gather", run_gather, 1e-6, 1e-6, ROWS_SHAPES },
    { "gather of types", run_gather_types, 0, 0, { { 4, 32, 0 }, { 4, 320, 0 } } },
    { "convert", run_convert, 0, 0, ROWS_SHAPES },
    { "pick", run_pick, 0, 0, ROWS_SHAPES },
    { "scatter", run_scatter, 1e-6, 1e-6, ROWS_SHAPES },
    { "spread", run_spread, 0, 0, ROWS_SHAPES },
    { "gate", run_gate, 5e-6, 8e-3, ROWS_SHAPES },
    { "curve", run_curve, 5e-6, 8e-3, ROWS_SHAPES },
    { "add and clip", run_add_and_clip, 1e-6, 1e-6, ROWS_SHAPES },
    { "norm", run_norm, 8e-6, 8e-3,
        { { 1, 3, 0 }, { 33, 7, 0 }, { 5, 384, 0 }, { 18, 100, 0 }, { 2, 1025, 0 }, { 3, 5124, 0 },
            { 2, 9001, 0 } } },
    { "norm of many rows", run_norm, 8e-6, 8e-3, { { 65537, 16, 0 } } },
    { "norm of other widths", run_norm, 8e-6, 8e-3,
        { { 9, 200, 0 }, { 10, 700, 0 }, { 2, 3000, 0 }, { 1, 2, 0 } } },
    { "norm of heads", run_norm_heads, 8e-6, 8e-3,
        { { 1, 3, 1 }, { 33, 7, 5 }, { 5, 64, 6 }, { 18, 100, 3 }, { 2, 1030, 2 } } },
    { "rotate", run_rotate, 3e-6, 3e-6,
        { { 1, 2, 3 }, { 33, 7, 3 }, { 5, 64, 9 }, { 18, 180, 3 }, { 3, 24, 130 },
            { 65537, 4, 1 } } },
};

static void f32_agrees_with_plain_c(void **state) {
    (void)state;
    ops_check(ops, sizeof ops / sizeof *ops, DTYPE_F32);
}

static void bf16_agrees_with_plain_c(void **state) {
    (void)state;
    ops_check(ops, sizeof ops / sizeof *ops, DTYPE_BF16);
}

/* ---- no rows, and rows by themselves ---- */

static void no_rows_are_no_work(void **state) {
    (void)state;
    enum { N = 5, COLS = 12 };
    struct backend *b = cuda_open(DTYPE_BF16);
    struct rows x = noise_rows(b, 1, N, COLS, ELEM_F32, 1),
                y = noise_rows(b, 2, N, COLS, ELEM_F32, 1);
    struct rows act = noise_rows(b, 3, N, COLS, ELEM_BF16, 1), none = window(x, 2, 0);
    struct rows no_act = window(act, N, 0), no_y = window(y, N, 0);
    const float *was_x = world_read(b, x, COLS), *was_act = world_read(b, act, COLS);
    struct vector *gain = world_vector(b, COLS, noise_new(4, COLS, 1));
    const float freq[2] = { 1, 0.5F };
    const struct rotary r = { .rotary_dim = 4, .inv_freq = freq, .scale = 1 };
    const struct learned_curve curve = { .above = 1 };
    b->ops->gather(b, world_table(b, 3, COLS, noise_new(5, 3 * COLS, 1)), NULL, 1, false, none);
    b->ops->convert(b, none, no_act);
    b->ops->pick(b, y, NULL, none);
    b->ops->scatter(b, NULL, NULL, no_y, x);
    b->ops->spread(b, 1, 0, no_y, none);
    b->ops->gate(b, &(struct gating) { 0 }, none, no_y, no_act);
    b->ops->curve(b, &curve, none, no_act);
    b->ops->add(b, 1, no_y, none);
    b->ops->clip(b, 0, none);
    b->ops->norm(b, NORM_RMS, gain, NULL, 1, none, no_act);
    b->ops->renorm(b, NORM_RMS, gain, NULL, 1, none, no_act);
    b->ops->norm_heads(b, NORM_RMS, NULL, NULL, 1, 3, none);
    b->ops->normalize(b, none);
    b->ops->rotate(b, &r, NULL, 3, 4, none);
    assert_same_bits("rows", N * COLS, world_read(b, x, COLS), was_x);
    assert_same_bits("rows", N * COLS, world_read(b, act, COLS), was_act);
    world_close(b);
}

/* A window of one row begins anywhere, so pieces come by one load or by four. */
static void a_row_is_normed_the_same_wherever_it_lies(void **state) {
    (void)state;
    static const uint32_t widths[] = { 3, 64, 101, 600, 1027, 2050, 9001 };
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        enum { T = 9 };
        uint32_t n = widths[i];
        struct backend *b = cuda_open(DTYPE_F32);
        struct rows x = noise_rows(b, 1, T, n, ELEM_F32, 1), all = world_empty(b, T, n, ELEM_F32);
        struct rows one = world_empty(b, 1, n, ELEM_F32);
        b->ops->norm(b, NORM_LAYER, NULL, NULL, 1e-5F, x, all);
        const float *want = world_read(b, all, n);
        for (uint32_t t = 0; t < T; t++) {
            b->ops->norm(b, NORM_LAYER, NULL, NULL, 1e-5F, window(x, t, 1), one);
            assert_same_bits("norm", n, world_read(b, one, n), want + (size_t)t * n);
        }
        world_close(b);
    }
}

/* NaN and infinity are not hidden: they would fail above, so they are looked at here. */
static void what_is_not_finite_goes_through(void **state) {
    (void)state;
    const float given[] = { NAN, INFINITY, -INFINITY, 1 };
    struct backend *b = cuda_open(DTYPE_BF16);
    struct rows x = world_rows(b, 1, 4, ELEM_F32, given), act = world_empty(b, 1, 4, ELEM_BF16);
    b->ops->convert(b, x, act);
    const float *rounded = world_read(b, act, 4);
    assert_true(isnan(rounded[0]) && isinf(rounded[1]) && isinf(rounded[2]));
    b->ops->clip(b, 3, x);
    const float *cut = world_read(b, x, 4);
    assert_true(isnan(cut[0]) && cut[1] == 3 && cut[2] == -3 && cut[3] == 1);
    world_close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_agrees_with_plain_c),
        cmocka_unit_test(bf16_agrees_with_plain_c),
        cmocka_unit_test(no_rows_are_no_work),
        cmocka_unit_test(a_row_is_normed_the_same_wherever_it_lies),
        cmocka_unit_test(what_is_not_finite_goes_through),
    };
    return gpu_there() ? cmocka_run_group_tests(tests, NULL, NULL) : gpu_skip();
}
