/* Products for what learns from vectors: right on awkward shapes, and the same bits wherever a row
 * stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/mem.h"
#include "harness/product.h"

static float *numbers(size_t n, uint32_t seed) {
    float *x = xcalloc(n + 1, sizeof *x);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / (float)(1 << 23) - 1;
    }
    return x;
}

static float *product(const float *a, size_t n_rows, const float *b, uint32_t n, uint32_t k) {
    struct err err = ERR_INIT;
    struct panels *p = panels_new(b, n, k, &err);
    float *out = xcalloc(n_rows * n, sizeof *out);
    if (!p) {
        fail_msg("%s", err.msg);
    }
    panels_multiply(p, a, n_rows, out);
    panels_free(p);
    return out;
}

static void products_are_right_on_awkward_shapes(void **state) {
    static const struct {
        size_t rows;
        uint32_t n, k;
    } SHAPES[] = { { 1, 1, 1 }, { 3, 77, 5 }, { 97, 33, 31 }, { 200, 300, 7 }, { 5, 513, 384 } };
    (void)state;
    for (size_t s = 0; s < sizeof SHAPES / sizeof *SHAPES; s++) {
        size_t rows = SHAPES[s].rows, n = SHAPES[s].n, k = SHAPES[s].k;
        float *a = numbers(rows * k, 1), *b = numbers(n * k, 2);
        float *out = product(a, rows, b, SHAPES[s].n, SHAPES[s].k);
        for (size_t i = 0; i < rows * n; i++) {
            double want = 0;
            for (size_t j = 0; j < k; j++) {
                want += (double)a[i / n * k + j] * (double)b[i % n * k + j];
            }
            if (!(fabs((double)out[i] - want) <= 1e-5 * sqrt((double)k))) {
                fail_msg("shape %zu, element %zu: %g, not %g", s, i, (double)out[i], want);
            }
        }
        free(out);
        free(b);
        free(a);
    }
}

/* Each row alone, and in a packed matrix that holds its column alone. */
static void a_number_depends_on_its_row_and_column_alone(void **state) {
    enum { ROWS = 101, N = 45, K = 63 };
    (void)state;
    float *a = numbers(ROWS * K, 3), *b = numbers(N * K, 4), *all = product(a, ROWS, b, N, K);
    for (size_t i = 0; i < ROWS; i += 10) {
        float *alone = product(a + i * K, 1, b, N, K);
        assert_memory_equal(alone, all + i * N, N * sizeof *alone);
        free(alone);
    }
    for (size_t j = 0; j < N; j += 4) {
        float *alone = product(a, ROWS, b + j * K, 1, K);
        for (size_t i = 0; i < ROWS; i++) {
            assert_memory_equal(&alone[i], &all[i * N + j], sizeof *alone);
        }
        free(alone);
    }
    free(all);
    free(b);
    free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_right_on_awkward_shapes),
        cmocka_unit_test(a_number_depends_on_its_row_and_column_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
