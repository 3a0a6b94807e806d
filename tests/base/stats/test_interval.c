/* Intervals against scipy, and Tango's against a likelihood that was maximised numerically. */
#include "base/stats/interval.h"

#include "tests/vectors.h"

static void a_share_has_wilsons_interval(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "intervals"), *c;
    size_t i;
    json_array_foreach(json_object_get(v, "wilson"), i, c) {
        double n = number(c, "n");
        struct interval w = interval_share(number(c, "k") / n, n);
        assert_near(w.low, number(c, "low"), 1e-12);
        assert_near(w.high, number(c, "high"), 1e-12);
    }
    assert_int_equal(i, 5);
    json_decref(v);
}

static void a_mean_has_students_interval(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "intervals"), *c;
    size_t i;
    json_array_foreach(json_object_get(v, "t"), i, c) {
        struct interval t = interval_mean(number(c, "mean"), number(c, "se"), number(c, "df"));
        assert_near(t.low, number(c, "low"), 1e-10);
        assert_near(t.high, number(c, "high"), 1e-10);
    }
    assert_int_equal(i, 3);
    assert_near(interval_mean(0, 1, INFINITY).high, Z95, 0);
    assert_true(isnan(interval_mean(0, 1, 0).high));
    assert_true(isnan(interval_mean(0, NAN, 5).low));
    json_decref(v);
}

static void a_paired_difference_of_shares_has_tangos_interval(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "intervals"), *c;
    size_t i;
    json_array_foreach(json_object_get(v, "paired"), i, c) {
        struct interval t =
            interval_paired_shares(number(c, "only_a"), number(c, "only_b"), number(c, "n"));
        assert_near(t.low, number(c, "low"), 1e-7); /* what the search for the likelihood gives */
        assert_near(t.high, number(c, "high"), 1e-7);
    }
    assert_int_equal(i, 8);
    json_decref(v);
}

static void tangos_interval_holds_at_the_edges(void **state) {
    (void)state;
    struct interval none = interval_paired_shares(0, 0, 50);
    assert_near(none.low, -none.high, 1e-12);
    assert_same(interval_paired_shares(20, 0, 20).high, 1);
    assert_same(interval_paired_shares(0, 20, 20).low, -1);
    assert_true(isnan(interval_paired_shares(0, 0, 0).low));
}

static void quantiles_are_numpys(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "intervals"), *c, *q = json_object_get(v, "quantiles");
    size_t i, n;
    double *x = numbers(q, "x", &n);
    json_array_foreach(json_object_get(q, "q"), i, c)
        assert_near(quantile_of_sorted(x, n, number(c, "q")), number(c, "at"), 1e-15);
    assert_int_equal(i, 5);
    free(x);
    json_decref(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_has_wilsons_interval),
        cmocka_unit_test(a_mean_has_students_interval),
        cmocka_unit_test(a_paired_difference_of_shares_has_tangos_interval),
        cmocka_unit_test(tangos_interval_holds_at_the_edges),
        cmocka_unit_test(quantiles_are_numpys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
