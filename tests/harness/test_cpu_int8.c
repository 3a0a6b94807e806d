/* Products in eight bits on every instruction set, against what int8.h says of them, computed here
 * in other ways: quantised in double precision, summed in 64 bits. All tables must give those bits,
 * not only numbers close to them; and nothing that isn't finite may be hidden. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/cpu/int8.h"
#include "tests/harness/cpu_world.h"

static const char *const isas[] = { "plain", "avx2", "avx512", "avx512bf16" };
enum { N_ISAS = sizeof isas / sizeof *isas };

/* ---- the definition ---- */

/* Whole numbers and their factor, of n numbers. */
static float defined_row(size_t n, const float *x, double *out) {
    double top = 0;
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite = finite && isfinite(x[i]);
        top = fabs((double)x[i]) > top ? fabs((double)x[i]) : top;
    }
    bool zeros = !finite || top < 0x1p-100;
    for (size_t i = 0; i < n; i++)
        out[i] = zeros ? 0 : rint((double)(x[i] * (127 / (float)top)));
    return !finite ? NAN : zeros ? 0 : (float)top / 127;
}

/* out[rows, n] = a[rows, k] · w[n, k] in eight bits. */
static void defined(
    uint32_t rows, uint32_t n, uint32_t k, const float *a, const float *w, float *out) {
    double *x = world_alloc(k * sizeof *x), *y = world_alloc((size_t)n * k * sizeof *y);
    float *factors = world_alloc(n * sizeof *factors);
    for (uint32_t j = 0; j < n; j++)
        factors[j] = defined_row(k, w + (size_t)j * k, y + (size_t)j * k);
    for (uint32_t r = 0; r < rows; r++) {
        float factor = defined_row(k, a + (size_t)r * k, x);
        for (uint32_t j = 0; j < n; j++) {
            int64_t sum = 0;
            for (uint32_t i = 0; i < k; i++)
                sum += (int64_t)x[i] * (int64_t)y[(size_t)j * k + i];
            out[(size_t)r * n + j] = (float)sum * (factor * factors[j]);
        }
    }
}

/* ---- the door ---- */

/* NaN is NaN, whatever its bits; everything else is the same to the bit. */
static void assert_same(const char *what, size_t n, const float *got, const float *want) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0 && !(isnan(got[i]) && isnan(want[i])))
            fail_msg("%s: element %zu of %zu is %.9g, should be %.9g", what, i, n, (double)got[i],
                (double)want[i]);
}

static float *rounded(size_t n, const float *x) {
    float *out = world_alloc(n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = bf16_to_f32(bf16_from_f32(x[i]));
    return out;
}

/* NULL where this processor lacks the instruction set. */
static struct backend *int8_open(const char *isa, unsigned threads) {
    return world_open(&(struct setting) { isa, "plain", DTYPE_INT8, threads });
}

/* x is exact in bf16. */
static const float *multiplied(
    struct backend *b, uint32_t rows, uint32_t n, uint32_t k, const float *x, const float *w) {
    struct rows out = world_empty(b, rows, n, ELEM_F32);
    b->ops->matmul(b, world_matrix(b, n, k, w), world_rows(b, rows, k, ELEM_BF16, x), out, NULL);
    return world_read(b, out, n);
}

static void check_product(uint32_t rows, uint32_t n, uint32_t k, const float *x, const float *w) {
    float *want = world_alloc((size_t)rows * n * sizeof *want);
    defined(rows, n, k, x, w, want);
    for (int i = 0; i < N_ISAS; i++) {
        struct backend *b = int8_open(isas[i], 2);
        if (b == NULL)
            continue;
        char what[64];
        snprintf(what, sizeof what, "%s, %u x %u x %u", isas[i], rows, n, k);
        assert_same(what, (size_t)rows * n, multiplied(b, rows, n, k, x, w), want);
        b->ops->close(b);
    }
}

/* ---- tests ---- */

/* K that is no multiple of four, of two, or of a vector; N that is none of a panel or a chunk; rows
 * that fill no micro-kernel, and more than a block. */
static void every_table_gives_the_bits_of_the_definition(void **state) {
    (void)state;
    static const uint32_t shapes[][3] = { { 1, 1, 1 }, { 2, 3, 2 }, { 3, 5, 3 }, { 4, 17, 4 },
        { 5, 31, 5 }, { 6, 32, 7 }, { 7, 33, 31 }, { 11, 47, 33 }, { 12, 48, 63 }, { 13, 64, 64 },
        { 25, 255, 129 }, { 48, 257, 130 }, { 49, 300, 131 }, { 97, 530, 385 } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        uint32_t rows = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
        const float *x = rounded((size_t)rows * k, noise_new(1, (size_t)rows * k, 3));
        check_product(rows, n, k, x, noise_new(2, (size_t)n * k, 0.2F));
        world_close(NULL);
    }
}

/* -127 times 127 as often as 32 bits can hold the sum: what a cutting instruction would cut. */
static void the_largest_sums_are_exact(void **state) {
    (void)state;
    enum { K = INT8_K_MAX };
    float *x = world_alloc(2 * (size_t)K * sizeof *x), *w = world_alloc(2 * (size_t)K * sizeof *w);
    for (size_t i = 0; i < K; i++) {
        x[i] = w[i] = 1;
        x[K + i] = w[K + i] = i % 2 == 0 ? -1 : 1;
    }
    for (size_t i = 0; i < K; i++)
        w[K + i] = -1;
    check_product(2, 2, K, x, w);
    world_close(NULL);
}

static void a_sum_of_more_than_32_bits_is_refused(void **state) {
    (void)state;
    struct backend *b = int8_open("plain", 1);
    uint32_t k = INT8_K_MAX + 1;
    struct tensor t = { .name = "long",
        .type = TENSOR_F32,
        .n_dims = 2,
        .shape = { 1, k },
        .n_elements = k,
        .data = world_alloc(k * sizeof(float)),
        .bytes = k * sizeof(float) };
    struct err err = ERR_INIT;
    assert_null(b->ops->matrix(b, &(struct weight_source) { .tensor = &t }, 1, k, &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.hint, "bf16"));
    world_close(b);
}

/* 0.5 and 1.5 steps go to the even neighbour; the largest magnitude is 127 on either side. */
static void halves_go_to_the_even_neighbour(void **state) {
    (void)state;
    enum { K = 12 };
    static const float x[K] = { 127, -127, 0.5F, 1.5F, -0.5F, -1.5F, 2.5F, -2.5F, 0.25F, 126.5F, 0,
        -0.0F };
    static const int8_t want[K] = { 127, -127, 0, 2, 0, -2, 2, -2, 0, 126, 0, 0 };
    uint16_t half[K];
    int8_t got[K];
    for (size_t i = 0; i < K; i++) {
        half[i] = bf16_from_f32(x[i]);
        assert_true(bf16_to_f32(half[i]) == x[i]);
    }
    assert_true(int8_plain.quantise(K, half, got) == 1);
    assert_memory_equal(got, want, K);
    float w[K * K] = { 0 };
    for (size_t i = 0; i < K; i++)
        w[i * K + i] = 1;
    check_product(1, K, K, x, w);
    world_close(NULL);
}

static void what_is_not_finite_stays_visible(void **state) {
    (void)state;
    enum { ROWS = 14, N = 40, K = 37 };
    static const float odd[] = { NAN, INFINITY, -INFINITY };
    for (size_t kind = 0; kind < sizeof odd / sizeof *odd; kind++) {
        float *x = rounded(ROWS * K, noise_new(3, ROWS * K, 1)), *w = noise_new(4, N * K, 1);
        float *want = world_alloc(ROWS * N * sizeof *want);
        x[5 * K + 36] = x[13 * K] = odd[kind]; /* the last of a row and the first of another */
        w[7 * K + 3] = w[39 * K + 36] = odd[kind];
        defined(ROWS, N, K, x, w, want);
        for (size_t i = 0; i < ROWS; i++)
            for (size_t j = 0; j < N; j++)
                assert_int_equal(isnan(want[i * N + j]), i == 5 || i == 13 || j == 7 || j == 39);
        check_product(ROWS, N, K, x, w);
        world_close(NULL);
    }
}

static void rows_and_columns_of_zeros_give_zeros(void **state) {
    (void)state;
    enum { ROWS = 5, N = 35, K = 9 };
    float *x = rounded(ROWS * K, noise_new(5, ROWS * K, 1)), *w = noise_new(6, N * K, 1);
    memset(x + 2 * K, 0, K * sizeof *x);
    memset(w + 34 * K, 0, K * sizeof *w);
    for (size_t i = 0; i < K; i++) { /* too small to be told from zero, and as large as can be */
        x[3 * K + i] = i % 2 == 0 ? 1e-38F : -1e-39F;
        x[4 * K + i] = bf16_to_f32(0x7f7f);
    }
    check_product(ROWS, N, K, rounded(ROWS * K, x), w);
    for (int i = 0; i < N_ISAS; i++) {
        struct backend *b = int8_open(isas[i], 1);
        if (b == NULL)
            continue;
        const float *got = multiplied(b, ROWS - 1, N, K, x, w);
        for (size_t j = 0; j < N; j++)
            assert_true(got[2 * N + j] == 0 && got[3 * N + j] == 0);
        assert_true(got[34] == 0);
        b->ops->close(b);
    }
    world_close(NULL);
}

/* An error of half a step in each number: what eight bits can be held to. */
static void products_lie_within_the_steps_of_both_sides(void **state) {
    (void)state;
    enum { ROWS = 30, N = 70, K = 200 };
    struct backend *b = int8_open(NULL, 1);
    const float *x = rounded(ROWS * K, noise_new(7, ROWS * K, 1)), *w = noise_new(8, N * K, 1);
    const float *got = multiplied(b, ROWS, N, K, x, w);
    double step = 0.51 / 127; /* of the largest number, which is below 1 */
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < N; j++) {
            double want = 0, room = 0;
            for (size_t l = 0; l < K; l++) {
                double p = (double)x[i * K + l], q = (double)w[j * K + l];
                want += p * q;
                room += step * (fabs(p) + fabs(q)) + step * step;
            }
            assert_true(fabs((double)got[i * N + j] - want) <= room);
        }
    world_close(b);
}

/* Bias, activation, factor and addition are those of every other product. */
static void sums_are_finished_as_all_are(void **state) {
    (void)state;
    enum { ROWS = 50, N = 290, K = 66 };
    const float *w = noise_new(9, N * K, 0.3F), *bias = noise_new(10, N, 1);
    const float *x = rounded(ROWS * K, noise_new(11, ROWS * K, 1));
    float *sums = world_alloc(ROWS * N * sizeof *sums);
    float *want = world_alloc(ROWS * N * sizeof *want);
    defined(ROWS, N, K, x, w, sums);
    for (size_t i = 0; i < (size_t)ROWS * N; i++) {
        double y = (double)(sums[i] + bias[i % N]);
        want[i] = (float)(0.5 * y / (1 + exp(-y)) + 1);
    }
    for (int i = 0; i < N_ISAS; i++) {
        struct backend *b = int8_open(isas[i], 3);
        if (b == NULL)
            continue;
        float *ones = world_alloc(ROWS * N * sizeof *ones);
        for (size_t j = 0; j < (size_t)ROWS * N; j++)
            ones[j] = 1;
        struct rows out = world_rows(b, ROWS, N, ELEM_F32, ones);
        const struct epilogue e = { .bias = world_vector(b, N, bias),
            .activation = ACT_SILU,
            .scale = 0.5F,
            .accumulate = true };
        b->ops->matmul(b, world_matrix(b, N, K, w), world_rows(b, ROWS, K, ELEM_BF16, x), out, &e);
        assert_close(isas[i], ROWS * N, world_read(b, out, N), want, 1e-5);
        b->ops->close(b);
    }
    world_close(NULL);
}

/* A head or a router gives the bits that it has in bf16. */
static void a_precise_weight_is_kept_in_bf16(void **state) {
    (void)state;
    enum { ROWS = 9, N = 40, K = 50 };
    const float *x = noise_new(12, ROWS * K, 1), *w = noise_new(13, N * K, 1);
    const float *got[2];
    const enum dtype dtypes[] = { DTYPE_BF16, DTYPE_INT8 };
    for (int i = 0; i < 2; i++) {
        struct backend *b = world_open(&(struct setting) { NULL, "plain", dtypes[i], 1 });
        struct rows out = world_empty(b, ROWS, N, ELEM_F32);
        b->ops->matmul(
            b, world_precise(b, N, K, w), world_rows(b, ROWS, K, ELEM_BF16, x), out, NULL);
        got[i] = world_read(b, out, N);
        b->ops->close(b);
    }
    assert_same_bits("precise", ROWS * N, got[1], got[0]);
    world_close(NULL);
}

static void the_backend_says_what_it_packs(void **state) {
    (void)state;
    struct backend *b = int8_open("plain", 1);
    assert_int_equal(b->ops->caps(b)->act, ELEM_BF16);
    assert_int_equal(b->ops->caps(b)->packed, ELEM_INT8);
    assert_string_equal(b->ops->caps(b)->gemm, "int8 plain");
    assert_true(b->ops->roof(b, 0.01) > 0);
    world_close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_gives_the_bits_of_the_definition),
        cmocka_unit_test(the_largest_sums_are_exact),
        cmocka_unit_test(a_sum_of_more_than_32_bits_is_refused),
        cmocka_unit_test(halves_go_to_the_even_neighbour),
        cmocka_unit_test(what_is_not_finite_stays_visible),
        cmocka_unit_test(rows_and_columns_of_zeros_give_zeros),
        cmocka_unit_test(products_lie_within_the_steps_of_both_sides),
        cmocka_unit_test(sums_are_finished_as_all_are),
        cmocka_unit_test(a_precise_weight_is_kept_in_bf16),
        cmocka_unit_test(the_backend_says_what_it_packs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
