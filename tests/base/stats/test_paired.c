/* Tests of two models on the same documents, against scipy and statsmodels. */
#include "base/stats/paired.h"

#include "tests/vectors.h"

static void mcnemar_equals_statsmodels(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "paired"), *c;
    size_t i;
    json_array_foreach(json_object_get(v, "tables"), i, c) {
        double a = number(c, "only_a"), b = number(c, "only_b");
        assert_near(mcnemar_exact(a, b), number(c, "exact"), 1e-10 * number(c, "exact"));
        assert_near(mcnemar_mid(a, b), number(c, "mid"), 1e-10 * number(c, "mid"));
        assert_same(mcnemar_mid(a, b), mcnemar_mid(b, a));
        assert_true(mcnemar_mid(a, b) <= mcnemar_exact(a, b));
    }
    assert_int_equal(i, 9);
    json_decref(v);
}

static void the_paired_test_equals_scipys(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "paired"), *want = json_object_get(v, "t");
    size_t n, m;
    double *a = numbers(v, "a", &n), *b = numbers(v, "b", &m);
    struct difference d = paired_mean(a, b, NULL, n);
    assert_near(d.value, number(want, "value"), 1e-14);
    assert_near(d.se, number(want, "se"), 1e-14);
    assert_near(d.df, number(want, "df"), 0);
    assert_near(d.p, number(want, "p"), 1e-10);
    free(a);
    free(b);
    json_decref(v);
}

static void clusters_make_the_error_that_statsmodels_makes(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "paired"), *want = json_object_get(v, "clustered");
    size_t n, m;
    double *a = numbers(v, "a", &n), *b = numbers(v, "b", &m);
    uint32_t *keys = integers(v, "keys", &m);
    struct difference d = paired_mean(a, b, keys, n);
    assert_near(d.se, number(want, "se"), 1e-13);
    assert_near(d.df, number(want, "df"), 0);
    assert_near(d.p, number(want, "p"), 1e-10);
    for (size_t i = 0; i < n; i++)
        keys[i] = (uint32_t)i; /* clusters of one are no clusters */
    assert_near(paired_mean(a, b, keys, n).se, paired_mean(a, b, NULL, n).se, 1e-15);
    memset(keys, 0, n * sizeof *keys);
    assert_true(isnan(paired_mean(a, b, keys, n).se));
    assert_true(isnan(paired_mean(a, b, keys, n).p));
    free(keys);
    free(a);
    free(b);
    json_decref(v);
}

/* Welch's test is the difference of two independent means: two parts, weights 1 and -1. */
static void independent_parts_add_up_as_welch_and_satterthwaite_say(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "paired"), *want = json_object_get(v, "welch");
    size_t n, m, cut = (size_t)number(want, "n");
    double *a = numbers(v, "a", &n), *b = numbers(v, "b", &m), *zero = xcalloc(n, sizeof *zero);
    struct difference left = paired_mean(a, zero, NULL, cut),
                      right = paired_mean(b + cut, zero, NULL, n - cut);
    struct difference_sum sum = { 0 };
    difference_sum_add(&sum, 1, left.value, left.se * left.se, left.df);
    difference_sum_add(&sum, -1, right.value, right.se * right.se, right.df);
    struct difference d = difference_sum_close(&sum);
    assert_near(d.value, number(want, "value"), 1e-13);
    assert_near(d.df, number(want, "df"), 1e-9);
    assert_near(d.p, number(want, "p"), 1e-10);
    free(zero);
    free(a);
    free(b);
    json_decref(v);
}

static void equal_answers_do_not_differ(void **state) {
    (void)state;
    const double a[] = { 0, 1, 1, 0.25 }, more[] = { 1, 2, 2, 1.25 };
    struct difference d = paired_mean(a, a, NULL, 4);
    assert_same(d.value, 0);
    assert_same(d.p, 1);
    /* Four differences of one sign, which all are the same: four coins that fall alike. */
    assert_same(paired_mean(more, a, NULL, 4).p, 0.125);
    struct difference_sum sum = { 0 };
    difference_sum_add(&sum, 0.5, 1, 0, 1);
    difference_sum_add(&sum, 0.5, 1, 0, 1);
    assert_same(difference_sum_close(&sum).p, 0.125);
    assert_true(isnan(paired_mean(a, more, NULL, 1).p));
    assert_true(isnan(paired_mean(a, a, NULL, 0).value));
}

static void flips_are_counted_by_who_was_right(void **state) {
    (void)state;
    const double a[] = { 0, 1, 1, 0, 1 }, b[] = { 0, 1, 0, 1, 0 };
    struct flips f = flips_count(a, b, 5);
    assert_int_equal(f.both, 1);
    assert_int_equal(f.neither, 1);
    assert_int_equal(f.only_a, 2);
    assert_int_equal(f.only_b, 1);
}

static void the_smallest_difference_equals_statsmodels_power(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "power"), *c;
    size_t i;
    json_array_foreach(v, i, c)
        assert_near(detectable_difference(1 / sqrt(number(c, "n")), number(c, "power")),
            number(c, "difference"), 1e-4 * number(c, "difference")); /* where its search stops */
    assert_int_equal(i, 8);
    assert_true(isnan(detectable_difference(1, 1)));
    assert_same(detectable_difference(1, 0.05), 0);
    json_decref(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mcnemar_equals_statsmodels),
        cmocka_unit_test(the_paired_test_equals_scipys),
        cmocka_unit_test(clusters_make_the_error_that_statsmodels_makes),
        cmocka_unit_test(independent_parts_add_up_as_welch_and_satterthwaite_say),
        cmocka_unit_test(equal_answers_do_not_differ),
        cmocka_unit_test(flips_are_counted_by_who_was_right),
        cmocka_unit_test(the_smallest_difference_equals_statsmodels_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
