/* Products of plain matrices: right, and the same bits whatever stands beside a row, on every
 * instruction set, with both libraries, on one thread and on several. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/pool.h"
#include "harness/cpu/kernels.h"
#include "harness/product.h"
#include "tests/harness/cpu_world.h"

static const char *const LIBRARIES[] = { "plain", "dnnl" };

struct unit {
    struct pool *pool;
    struct product_unit *unit;
};

static struct unit unit_open(const char *isa, const char *library, unsigned threads) {
    struct err err = ERR_INIT;
    setenv("ASSAY_ISA", isa, 1);
    struct unit u = { pool_new(threads, &err), NULL };
    assert_non_null(u.pool);
    u.unit = product_unit_open(u.pool, library, &err);
    unsetenv("ASSAY_ISA");
    if (!u.unit)
        printf("[  SKIPPED ] %s %s: %s\n", isa, library, err.msg);
    return u;
}

static void unit_close(struct unit *u) {
    product_unit_close(u->unit);
    pool_free(u->pool);
}

static float *multiply(
    struct unit *u, const float *columns, size_t n, size_t k, const float *rows, size_t n_rows) {
    struct err err = ERR_INIT;
    struct product_columns *c = product_columns_new(u->unit, columns, n, k, false, &err);
    assert_non_null(c);
    float *out = world_alloc((n_rows * n + 1) * sizeof *out);
    product_multiply(c, rows, n_rows, out, n);
    product_columns_free(c);
    return out;
}

/* ---- right ---- */

static void compare_with_sums(struct unit *u, size_t n_rows, size_t n, size_t k) {
    const float *rows = noise_new(1, n_rows * k, 1), *columns = noise_new(2, n * k, 1);
    float *want = world_alloc((n_rows * n + 1) * sizeof *want);
    for (size_t i = 0; i < n_rows; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t d = 0; d < k; d++)
                sum += (double)rows[i * k + d] * (double)columns[j * k + d];
            want[i * n + j] = (float)sum;
        }
    assert_close("product", n_rows * n, multiply(u, columns, n, k, rows, n_rows), want, 1e-4);
}

static void a_product_is_the_sums_of_products_for_any_shape(void **state) {
    static const size_t shapes[][3] = { { 1, 1, 1 }, { 3, 2, 5 }, { 96, 256, 64 }, { 97, 257, 33 },
        { 200, 31, 384 }, { 1, 700, 7 }, { 300, 1, 129 }, { 0, 3, 2 }, { 3, 0, 2 } };
    (void)state;
    for (size_t i = 0; kernels_name(i); i++)
        for (size_t l = 0; l < sizeof LIBRARIES / sizeof *LIBRARIES; l++) {
            struct unit u = unit_open(kernels_name(i), LIBRARIES[l], 2);
            for (size_t s = 0; u.unit && s < sizeof shapes / sizeof *shapes; s++)
                compare_with_sums(&u, shapes[s][0], shapes[s][1], shapes[s][2]);
            unit_close(&u);
            world_close(NULL);
        }
}

/* ---- the same bits ---- */

enum { ROWS = 301, COLUMNS = 530, K = 79 };

static void compare_alone(struct unit *u, const float *all, bool columns_too) {
    const float *rows = noise_new(3, ROWS * K, 1), *columns = noise_new(4, COLUMNS * K, 1);
    for (size_t i = 0; i < ROWS; i += 43)
        assert_same_bits("a row alone", COLUMNS, multiply(u, columns, COLUMNS, K, rows + i * K, 1),
            all + i * COLUMNS);
    for (size_t j = 0; j < COLUMNS && columns_too; j += 101) {
        const float *one = multiply(u, columns + j * K, 1, K, rows, ROWS);
        for (size_t i = 0; i < ROWS; i++)
            assert_same_bits("a column alone", 1, one + i, all + i * COLUMNS + j);
    }
}

static void a_row_has_the_same_bits_alone_and_on_any_number_of_threads(void **state) {
    (void)state;
    for (size_t i = 0; kernels_name(i); i++)
        for (size_t l = 0; l < sizeof LIBRARIES / sizeof *LIBRARIES; l++) {
            struct unit one = unit_open(kernels_name(i), LIBRARIES[l], 1);
            struct unit many = unit_open(kernels_name(i), LIBRARIES[l], 5);
            if (one.unit && many.unit) {
                const float *rows = noise_new(3, ROWS * K, 1);
                const float *columns = noise_new(4, COLUMNS * K, 1);
                const float *all = multiply(&many, columns, COLUMNS, K, rows, ROWS);
                assert_same_bits("on one thread", ROWS * COLUMNS,
                    multiply(&one, columns, COLUMNS, K, rows, ROWS), all);
                compare_alone(&one, all, strcmp(LIBRARIES[l], "dnnl") != 0);
            }
            unit_close(&one);
            unit_close(&many);
            world_close(NULL);
        }
}

static void columns_may_lie_side_by_side(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct unit u = unit_open("plain", "plain", 2);
    const float *rows = noise_new(5, ROWS * K, 1), *columns = noise_new(6, COLUMNS * K, 1);
    float *turned = world_alloc(COLUMNS * K * sizeof *turned);
    for (size_t j = 0; j < COLUMNS; j++)
        for (size_t d = 0; d < K; d++)
            turned[d * COLUMNS + j] = columns[j * K + d];
    struct product_columns *c = product_columns_new(u.unit, turned, COLUMNS, K, true, &err);
    assert_non_null(c);
    float *out = world_alloc(ROWS * COLUMNS * sizeof *out);
    product_multiply(c, rows, ROWS, out, COLUMNS);
    assert_same_bits(
        "transposed", ROWS * COLUMNS, out, multiply(&u, columns, COLUMNS, K, rows, ROWS));
    product_columns_free(c);
    unit_close(&u);
    world_close(NULL);
}

static void an_unknown_library_is_refused(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct pool *pool = pool_new(1, &err);
    assert_null(product_unit_open(pool, "abacus", &err));
    assert_int_equal(err.class, ERR_USAGE);
    pool_free(pool);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_is_the_sums_of_products_for_any_shape),
        cmocka_unit_test(a_row_has_the_same_bits_alone_and_on_any_number_of_threads),
        cmocka_unit_test(columns_may_lie_side_by_side),
        cmocka_unit_test(an_unknown_library_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
