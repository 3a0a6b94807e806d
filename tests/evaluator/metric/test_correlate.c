/* Correlations against scipy, and similarities of vectors against their definitions. */
#include "evaluator/metric/metric.h"

#include "vectors.h"

static void correlations_equal_scipy_with_and_without_ties(void **state) {
    (void)state;
    json_t *all = vectors_load("correlations"), *v;
    size_t i, n;
    json_array_foreach(all, i, v) {
        double *x = numbers(v, "x", &n), *y = numbers(v, "y", &n);
        assert_near(spearman(x, y, n), number(v, "spearman"), 1e-12);
        assert_near(pearson(x, y, n), number(v, "pearson"), 1e-12);
        free(x);
        free(y);
    }
    assert_int_equal(i, 4);
    json_decref(all);
}

static void spearman_does_not_depend_on_the_order_of_rows(void **state) {
    (void)state;
    double x[100], y[100], rx[100], ry[100];
    struct mt19937 r;
    python_seed(&r, 3);
    for (size_t i = 0; i < 100; i++) {
        rx[99 - i] = x[i] = (double)python_randbelow(&r, 20);
        ry[99 - i] = y[i] = python_random(&r);
    }
    assert_same(spearman(x, y, 100), spearman(rx, ry, 100));
}

static void constant_or_undefined_sides_have_no_correlation(void **state) {
    (void)state;
    double x[3] = { 1, 2, 3 }, same[3] = { 5, 5, 5 }, hole[3] = { 1, NAN, 3 },
           down[3] = { 9, 4, 1 };
    assert_true(isnan(spearman(x, same, 3)));
    assert_true(isnan(spearman(hole, x, 3)));
    assert_true(isnan(pearson(same, x, 3)));
    assert_true(isnan(spearman(x, x, 1)));
    assert_same(spearman(x, x, 3), 1);
    assert_same(spearman(x, down, 3), -1);
}

static void similarities_follow_their_definitions(void **state) {
    (void)state;
    float a[3] = { 3, 4, 0 }, b[3] = { 0, 4, -3 }, zero[3] = { 0 };
    assert_same(dot(a, b, 3), 16);
    assert_near(cosine(a, b, 3), 0.64, 1e-15);
    for (int i = 1; i < 100; i++) {
        const float v[3] = { (float)i / 7, (float)(i * i) / 11, -1.0f / (float)i };
        assert_same(cosine(v, v, 3), 1); /* pairs of one text are ties */
    }
    assert_same(cosine(a, zero, 3), 0);
    assert_same(manhattan(a, b, 3), 6);
    assert_near(euclidean(a, b, 3), sqrt(18), 1e-15);
}

static void argmax_takes_the_first_of_equals_and_the_first_nan(void **state) {
    (void)state;
    double ties[4] = { -2, -1, -1, -3 }, hole[3] = { 1, NAN, 5 };
    assert_int_equal(argmax_first(ties, 4), 1);
    assert_int_equal(argmax_first(hole, 3), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(correlations_equal_scipy_with_and_without_ties),
        cmocka_unit_test(spearman_does_not_depend_on_the_order_of_rows),
        cmocka_unit_test(constant_or_undefined_sides_have_no_correlation),
        cmocka_unit_test(similarities_follow_their_definitions),
        cmocka_unit_test(argmax_takes_the_first_of_equals_and_the_first_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
