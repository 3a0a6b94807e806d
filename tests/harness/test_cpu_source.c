/* Weights as the backend takes them from tensors: parts, transposed, heads put back in order, a
 * constant added; and what cannot be read so is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/cpu/kernels.h"
#include "harness/cpu/source.h"
#include "tests/harness/cpu_world.h"

enum { ROWS = 12, COLS = 5 };

/* Element (i, j) of the file is 100 i + j. */
static struct tensor numbered(uint64_t rows, uint64_t cols) {
    float *data = world_alloc((size_t)(rows * cols) * sizeof *data);
    for (uint64_t i = 0; i < rows * cols; i++)
        data[i] = (float)(100 * (i / cols) + i % cols);
    return (struct tensor) { .name = "numbered",
        .type = TENSOR_F32,
        .n_dims = 2,
        .shape = { rows, cols },
        .n_elements = rows * cols,
        .data = (const uint8_t *)data,
        .bytes = (size_t)(rows * cols) * sizeof *data };
}

static struct backend *open_plain(void) {
    struct backend *b = world_open(&(struct setting) { "plain", "plain", DTYPE_F32, 1 });
    assert_non_null(b);
    return b;
}

/* The rows that a table has of a source. */
static const float *read_table(
    struct backend *b, const struct weight_source *s, uint32_t n, uint32_t c) {
    struct err err = ERR_INIT;
    struct table *t = b->ops->table(b, s, n, c, &err);
    if (t == NULL)
        fail_msg("%s", err.msg);
    int32_t *ids = world_alloc(n * sizeof *ids);
    for (uint32_t i = 0; i < n; i++)
        ids[i] = (int32_t)i;
    struct rows x = world_empty(b, n, c, ELEM_F32);
    b->ops->gather(b, t, ids, 1, false, x);
    return world_read(b, x, c);
}

static void a_part_of_the_rows_is_read(void **state) {
    (void)state;
    struct backend *b = open_plain();
    struct tensor t = numbered(ROWS, COLS);
    const float *x =
        read_table(b, &(struct weight_source) { .tensor = &t, .row = 3, .n_rows = 2 }, 2, COLS);
    assert_true(x[0] == 300 && x[COLS] == 400 && x[COLS + 4] == 404);
    world_close(b);
}

/* Heads of q, k and v in turn: runs of 2 rows, of which one begins every 4, from row 1 on. */
static void runs_of_rows_are_gathered(void **state) {
    (void)state;
    struct backend *b = open_plain();
    struct tensor t = numbered(ROWS, COLS);
    struct weight_source s = { .tensor = &t, .row = 1, .run = 2, .every = 4 };
    const float *x = read_table(b, &s, 6, COLS);
    static const int rows[] = { 1, 2, 5, 6, 9, 10 };
    for (int n = 0; n < 6; n++)
        assert_true(x[n * COLS + 3] == (float)(100 * rows[n] + 3));
    world_close(b);
}

static void zeros_fill_runs_and_columns(void **state) {
    (void)state;
    struct backend *b = open_plain();
    struct tensor t = numbered(4, 4);
    struct weight_source s = {
        .tensor = &t, .run = 2, .every = 2, .pad = 1, .run_columns = 2, .pad_columns = 1
    };
    const float *x = read_table(b, &s, 6, 6);
    assert_true(x[0] == 0 && x[1] == 1 && x[2] == 0 && x[3] == 2 && x[4] == 3 && x[5] == 0);
    for (int k = 0; k < 6; k++)
        assert_true(x[2 * 6 + k] == 0 && x[5 * 6 + k] == 0);
    assert_true(x[3 * 6 + 4] == 203);
    world_close(b);
}

/* Every second column of one expert's [in, out]. */
static void a_slice_is_turned_by_its_columns(void **state) {
    (void)state;
    struct backend *b = open_plain();
    struct tensor t = numbered(6, 4);
    t.n_dims = 3, t.shape[0] = 2, t.shape[1] = 3, t.shape[2] = 4;
    struct weight_source s = {
        .tensor = &t, .transpose = true, .slice = 2, .row = 1, .run = 1, .every = 2
    };
    const float *x = read_table(b, &s, 2, 3);
    static const float want[] = { 301, 401, 501, 303, 403, 503 };
    for (int i = 0; i < 6; i++)
        assert_true(x[i] == want[i]);
    world_close(b);
}

/* Heads' tables [in, rows of the head], one after the other; a row of zeros follows each head's. */
static void a_stack_is_turned_table_by_table(void **state) {
    (void)state;
    struct backend *b = open_plain();
    struct tensor t = numbered(6, 2);
    t.n_dims = 3, t.shape[0] = 2, t.shape[1] = 3, t.shape[2] = 2;
    struct weight_source s = { .tensor = &t, .transpose = true, .run = 2, .every = 2, .pad = 1 };
    const float *x = read_table(b, &s, 6, 3);
    static const float want[] = { 0, 100, 200, 1, 101, 201, 0, 0, 0, 300, 400, 500, 301, 401, 501,
        0, 0, 0 };
    for (int i = 0; i < 18; i++)
        assert_true(x[i] == want[i]);
    world_close(b);
}

static void a_part_beyond_its_tensor_is_refused(void **state) {
    (void)state;
    struct backend *b = open_plain();
    struct tensor t = numbered(ROWS, COLS);
    const struct weight_source beyond[] = {
        { .tensor = &t, .row = 1, .run = 2, .every = 5 },
        { .tensor = &t, .run = 4, .every = 4 },
        { .tensor = &t, .slice = ROWS + 1 },
        { .tensor = &t, .run_columns = 2, .pad_columns = 1 },
    };
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        struct err err = ERR_INIT;
        assert_null(b->ops->table(b, &beyond[i], 6, COLS, &err));
        assert_int_equal(err.class, ERR_INPUT);
    }
    world_close(b);
}

static void a_transposed_file_is_turned(void **state) {
    (void)state;
    struct backend *b = open_plain();
    struct tensor t = numbered(COLS, ROWS);
    struct weight_source s = { .tensor = &t, .transpose = true, .row = 4, .n_rows = 6 };
    const float *x = read_table(b, &s, 6, COLS);
    for (int n = 0; n < 6; n++) {
        for (int k = 0; k < COLS; k++)
            assert_true(x[n * COLS + k] == (float)(100 * k + 4 + n));
    }
    world_close(b);
}

/* GGUF: row 2i of a head is row i of its first half, row 2i + 1 row i of its second. */
static void rows_of_heads_are_put_back_in_order(void **state) {
    (void)state;
    struct backend *b = open_plain();
    struct tensor t = numbered(ROWS, COLS);
    const float *x =
        read_table(b, &(struct weight_source) { .tensor = &t, .permute_heads = 2 }, ROWS, COLS);
    const float want[ROWS] = { 0, 200, 400, 100, 300, 500, 600, 800, 1000, 700, 900, 1100 };
    for (int i = 0; i < ROWS; i++)
        assert_true(x[i * COLS] == want[i]);
    world_close(b);
}

static void a_constant_is_added(void **state) {
    (void)state;
    struct backend *b = open_plain();
    struct tensor t = numbered(2, COLS);
    const float *x = read_table(b, &(struct weight_source) { .tensor = &t, .add = 1 }, 2, COLS);
    assert_true(x[0] == 1 && x[2 * COLS - 1] == 105);
    world_close(b);
}

/* A matrix goes the same way as a table: its products with unit vectors are its columns. */
static void a_matrix_is_packed_from_its_source(void **state) {
    (void)state;
    const char *const gemms[] = { "plain", "dnnl" };
    for (int g = 0; g < 2; g++) {
        struct backend *b = world_open(&(struct setting) { NULL, gemms[g], DTYPE_F32, 2 });
        if (b == NULL)
            continue;
        struct tensor t = numbered(COLS, 800);
        struct weight_source s = { .tensor = &t, .transpose = true, .row = 100, .n_rows = 700 };
        struct err err = ERR_INIT;
        struct matrix *m = b->ops->matrix(b, &s, 700, COLS, &err);
        assert_non_null(m);
        float unit[COLS * COLS] = { 0 };
        for (int i = 0; i < COLS; i++)
            unit[i * COLS + i] = 1;
        struct rows out = world_empty(b, COLS, 700, ELEM_F32);
        b->ops->matmul(b, m, world_rows(b, COLS, COLS, ELEM_F32, unit), out, NULL);
        const float *x = world_read(b, out, 700);
        for (int k = 0; k < COLS; k++) {
            for (int n = 0; n < 700; n++)
                assert_true(x[k * 700 + n] == (float)(100 * k + 100 + n));
        }
        world_close(b);
    }
}

/* Q8_0 rows: 32 elements in 34 bytes, an f16 scale and signed bytes. */
/* The product of some rows with a matrix of these bytes, which lie `shift` bytes off. */
static const float *product_of(
    struct backend *b, enum tensor_type type, const void *bytes, size_t size, size_t shift) {
    enum { N = 300, K = 36 };
    struct err err = ERR_INIT;
    uint8_t *data = world_alloc(size + shift);
    memcpy(data + shift, bytes, size);
    struct tensor t = { .name = "a weight",
        .type = type,
        .n_dims = 2,
        .shape = { N, K },
        .n_elements = N * K,
        .data = data + shift,
        .bytes = size };
    struct matrix *m = b->ops->matrix(b, &(struct weight_source) { .tensor = &t }, N, K, &err);
    assert_non_null(m);
    enum elem act = b->ops->caps(b)->act;
    struct rows x = world_rows(b, 7, K, act, noise_new(3, 7 * K, 1)),
                out = world_empty(b, 7, N, ELEM_F32);
    b->ops->matmul(b, m, x, out, NULL);
    return world_read(b, out, N);
}

/* A weight that the file has as the product wants it is packed from where it lies; one that begins
 * between two elements is copied first, as any other is. */
static void a_weight_is_packed_from_its_file_or_from_a_copy(void **state) {
    (void)state;
    enum { N = 300, K = 36 };
    for (size_t i = 0; kernels_name(i / 2); i++) {
        bool bf16 = i % 2;
        struct backend *b = world_open(
            &(struct setting) { kernels_name(i / 2), "plain", bf16 ? DTYPE_BF16 : DTYPE_F32, 2 });
        if (!b)
            continue;
        float *full = noise_new(9, N * K, 1);
        uint16_t *half = world_alloc(N * K * sizeof *half);
        for (size_t j = 0; j < N * K; j++)
            half[j] = bf16_from_f32(full[j]);
        const void *bytes = bf16 ? (const void *)half : full;
        size_t size = N * K * (bf16 ? sizeof *half : sizeof *full);
        enum tensor_type type = bf16 ? TENSOR_BF16 : TENSOR_F32;
        assert_same_bits("packed where it lies", 7 * N, product_of(b, type, bytes, size, 0),
            product_of(b, type, bytes, size, 1));
        world_close(b);
    }
}

/* Of a source that is changed as it is read, or lies elsewhere than in order, there is no view. */
static void only_what_needs_no_change_is_taken_where_it_lies(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct tensor t = numbered(ROWS, COLS), odd = t;
    odd.data++;
    const struct row_scale twice = { .n = ROWS, .factor = 2 };
    const struct weight_source as_it_is = { .tensor = &t, .row = 2 };
    const struct weight_source changed[] = {
        { .tensor = &odd },
        { .tensor = &t, .add = 1 },
        { .tensor = &t, .scales = &twice, .n_scales = 1 },
        { .tensor = &t, .permute_heads = 1 },
        { .tensor = &t, .run = 1, .every = 2 },
    };
    struct source s;
    assert_true(source_open(&s, &as_it_is, 6, COLS, &err));
    assert_ptr_equal(source_view(&s, ELEM_F32, 3), t.data + 5 * COLS * sizeof(float));
    assert_null(source_view(&s, ELEM_BF16, 3));
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        assert_true(source_open(&s, &changed[i], 6, COLS, &err));
        assert_null(source_view(&s, ELEM_F32, 0));
    }
    assert_true(source_open(
        &s, &(struct weight_source) { .tensor = &t, .transpose = true }, COLS, ROWS, &err));
    assert_null(source_view(&s, ELEM_F32, 0));
}

static void quantised_rows_are_gathered_where_they_lie(void **state) {
    (void)state;
    struct backend *b = open_plain();
    uint8_t *data = world_alloc(3 * 34);
    for (int r = 0; r < 3; r++) {
        data[r * 34 + 1] = 0x3c; /* 1.0 */
        for (int i = 0; i < 32; i++)
            data[r * 34 + 2 + i] = (uint8_t)(10 * r + i);
    }
    struct tensor t = { .name = "q",
        .type = TENSOR_Q8_0,
        .n_dims = 2,
        .shape = { 3, 32 },
        .n_elements = 96,
        .data = data,
        .bytes = 3 * 34 };
    const float *x =
        read_table(b, &(struct weight_source) { .tensor = &t, .row = 1, .n_rows = 2 }, 2, 32);
    assert_true(x[0] == 10 && x[31] == 41 && x[32] == 20);
    world_close(b);
}

static void check_refused(struct backend *b, struct weight_source s, uint32_t n, uint32_t k) {
    struct err err = ERR_INIT;
    assert_null(b->ops->table(b, &s, n, k, &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_non_null(strstr(err.msg, "numbered"));
    assert_null(b->ops->matrix(b, &s, n, k, &err));
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    struct backend *b = open_plain();
    struct tensor t = numbered(ROWS, COLS);
    check_refused(b, (struct weight_source) { .tensor = &t }, ROWS + 1, COLS);
    check_refused(b, (struct weight_source) { .tensor = &t, .row = ROWS, .n_rows = 1 }, 1, COLS);
    check_refused(
        b, (struct weight_source) { .tensor = &t, .row = UINT64_MAX, .n_rows = 2 }, 2, COLS);
    check_refused(b, (struct weight_source) { .tensor = &t, .n_rows = 2 }, 3, COLS);
    check_refused(b, (struct weight_source) { .tensor = &t }, ROWS, COLS + 2);
    check_refused(b, (struct weight_source) { .tensor = &t, .transpose = true }, ROWS, COLS);
    check_refused(b, (struct weight_source) { .tensor = &t, .permute_heads = 4 }, ROWS, COLS);
    world_close(b);
}

static void unknown_settings_are_refused(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    setenv("ASSAY_ISA", "altivec", 1);
    assert_null(backend_cpu_open(&(struct backend_config) { .dtype = DTYPE_F32 }, &err));
    assert_int_equal(err.class, ERR_USAGE);
    unsetenv("ASSAY_ISA");
    assert_null(
        backend_cpu_open(&(struct backend_config) { .dtype = DTYPE_F32, .gemm = "mkl" }, &err));
    assert_int_equal(err.class, ERR_USAGE);
    assert_null(backend_cpu_open(&(struct backend_config) { .dtype = DTYPE_F16 }, &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
}

/* ---- parts ---- */

/* Any part of a source holds what the whole has there. */
static void check_parts(const struct weight_source *from, uint32_t n, uint32_t k,
    uint32_t rows_step, uint32_t columns_step) {
    struct err err = ERR_INIT;
    struct source all, part;
    float *want = world_alloc((size_t)n * k * sizeof *want), *got = world_alloc((size_t)n * k * 4);
    assert_true(source_open(&all, from, n, k, &err));
    source_read(&all, 0, n, want);
    for (uint32_t row = 0; row < n; row += rows_step)
        for (uint32_t column = 0; column < k; column += columns_step) {
            struct weight_source of = *from;
            uint32_t some = n - row < 2 * rows_step ? n - row : 2 * rows_step,
                     wide = k - column < 2 * columns_step ? k - column : 2 * columns_step;
            of.part = (struct weight_part) { row, n, column, k };
            if (!source_open(&part, &of, some, wide, &err))
                fail_msg("%s", err.msg);
            source_read(&part, 0, some, got);
            for (uint32_t i = 0; i < some; i++)
                for (uint32_t j = 0; j < wide; j++)
                    assert_true(got[i * wide + j] == want[(row + i) * k + column + j]);
            for (uint32_t i = 0; i < some; i++) {
                const void *there = source_row(&part, ELEM_F32, i);
                assert_true(!there || memcmp(there, got + i * wide, wide * sizeof *got) == 0);
            }
        }
}

static void parts_hold_what_the_whole_has_there(void **state) {
    (void)state;
    struct tensor t = numbered(12, 6), stack = numbered(6, 2), slices = numbered(6, 4);
    stack.n_dims = 3, stack.shape[0] = 2, stack.shape[1] = 3, stack.shape[2] = 2;
    slices.n_dims = 3, slices.shape[0] = 2, slices.shape[1] = 3, slices.shape[2] = 4;
    const struct row_scale scales[] = { { 3, 2 }, { 4, 0.5F } };
    check_parts(&(struct weight_source) { .tensor = &t }, 12, 6, 1, 1);
    check_parts(&(struct weight_source) { .tensor = &t, .row = 2, .add = 1 }, 9, 6, 4, 3);
    check_parts(&(struct weight_source) { .tensor = &t, .permute_heads = 3 }, 12, 6, 4, 2);
    check_parts(
        &(struct weight_source) { .tensor = &t, .scales = scales, .n_scales = 2 }, 12, 6, 5, 6);
    check_parts(
        &(struct weight_source) { .tensor = &t, .row = 1, .run = 2, .every = 4 }, 6, 6, 1, 5);
    check_parts(
        &(struct weight_source) {
            .tensor = &t, .run = 2, .every = 2, .pad = 1, .run_columns = 2, .pad_columns = 1 },
        18, 9, 3, 3);
    check_parts(&(struct weight_source) { .tensor = &t, .transpose = true }, 6, 12, 2, 5);
    check_parts(
        &(struct weight_source) {
            .tensor = &slices, .transpose = true, .slice = 2, .row = 1, .run = 1, .every = 2 },
        2, 3, 1, 1);
    check_parts(
        &(struct weight_source) {
            .tensor = &stack, .transpose = true, .run = 2, .every = 2, .pad = 1 },
        6, 3, 1, 1);
    check_parts(&(struct weight_source) { .tensor = &slices, .slice = 2 }, 3, 4, 1, 3);
    struct source part;
    struct err err = ERR_INIT;
    const struct weight_source columns = { .tensor = &t, .part = { 0, 0, 2, 6 } };
    assert_true(source_open(&part, &columns, 12, 3, &err));
    assert_ptr_equal(
        source_row(&part, ELEM_F32, 4), (const float *)(const void *)t.data + 4 * 6 + 2);
}

/* Columns may begin and end within a block: then the row is read whole. */
static void parts_of_quantised_rows_may_begin_within_a_block(void **state) {
    (void)state;
    enum { N = 6, K = 128, BLOCK = 32, BLOCK_BYTES = 34 };
    uint8_t *data = world_alloc((size_t)N * K / BLOCK * BLOCK_BYTES);
    for (size_t i = 0; i < (size_t)N * K / BLOCK * BLOCK_BYTES; i++)
        data[i] = i % BLOCK_BYTES == 1 ? 0x3c : (uint8_t)(i * 7 % 61);
    struct tensor t = { .name = "blocks",
        .type = TENSOR_Q8_0,
        .n_dims = 2,
        .shape = { N, K },
        .n_elements = (uint64_t)N * K,
        .data = data,
        .bytes = (size_t)N * K / BLOCK * BLOCK_BYTES };
    struct weight_source from = { .tensor = &t };
    check_parts(&from, N, K, 2, BLOCK);
    check_parts(&from, N, K, 1, 24);
    struct err err = ERR_INIT;
    struct source s;
    from.part = (struct weight_part) { 0, N, BLOCK, K };
    assert_true(source_open(&s, &from, N, 2 * BLOCK, &err) && source_has_rows(&s));
    assert_ptr_equal(source_blocks(&s, 1, 0), data + (K / BLOCK + 1) * BLOCK_BYTES);
    from.part.column = 24;
    assert_true(source_open(&s, &from, N, 2 * BLOCK, &err) && !source_has_rows(&s));
}

static void a_part_outside_its_matrix_is_refused(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct source s;
    struct tensor t = numbered(12, 6);
    struct weight_source from = { .tensor = &t, .part = { 8, 12, 0, 0 } };
    assert_true(source_open(&s, &from, 4, 6, &err));
    assert_false(source_open(&s, &from, 5, 6, &err));
    from.part = (struct weight_part) { 0, 0, 4, 6 };
    assert_true(source_open(&s, &from, 12, 2, &err));
    assert_false(source_open(&s, &from, 12, 3, &err));
    from.part = (struct weight_part) { 0, 13, 0, 0 };
    assert_false(source_open(&s, &from, 2, 6, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_of_the_rows_is_read),
        cmocka_unit_test(runs_of_rows_are_gathered),
        cmocka_unit_test(zeros_fill_runs_and_columns),
        cmocka_unit_test(a_slice_is_turned_by_its_columns),
        cmocka_unit_test(a_stack_is_turned_table_by_table),
        cmocka_unit_test(a_part_beyond_its_tensor_is_refused),
        cmocka_unit_test(a_transposed_file_is_turned),
        cmocka_unit_test(rows_of_heads_are_put_back_in_order),
        cmocka_unit_test(a_constant_is_added),
        cmocka_unit_test(a_matrix_is_packed_from_its_source),
        cmocka_unit_test(a_weight_is_packed_from_its_file_or_from_a_copy),
        cmocka_unit_test(only_what_needs_no_change_is_taken_where_it_lies),
        cmocka_unit_test(quantised_rows_are_gathered_where_they_lie),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(unknown_settings_are_refused),
        cmocka_unit_test(parts_hold_what_the_whole_has_there),
        cmocka_unit_test(parts_of_quantised_rows_may_begin_within_a_block),
        cmocka_unit_test(a_part_outside_its_matrix_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
