/* Distribution functions against scipy. */
#include "base/stats/distribution.h"

#include "tests/vectors.h"

#define assert_relative(got, want, tolerance) assert_near(got, want, (tolerance)*fabs(want))

static void normal_tails_keep_their_digits(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "distributions"), *row;
    size_t i;
    json_array_foreach(json_object_get(v, "normal"), i, row) {
        assert_relative(normal_cdf(number(row, "z")), number(row, "cdf"), 1e-12);
        assert_relative(normal_two_sided(number(row, "z")), number(row, "two_sided"), 1e-12);
    }
    assert_true(i > 5);
    json_array_foreach(json_object_get(v, "normal_quantile"), i, row)
        assert_near(normal_quantile(number(row, "p")), number(row, "z"),
            1e-13 * fabs(number(row, "z")) + 1e-11 * (number(row, "p") > 0.999));
    assert_true(i > 5);
    json_decref(v);
}

static void students_t_equals_scipy(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "distributions"), *row;
    size_t i;
    json_array_foreach(json_object_get(v, "student"), i, row) assert_relative(
        student_two_sided(number(row, "t"), number(row, "df")), number(row, "two_sided"), 1e-10);
    assert_true(i > 40);
    json_array_foreach(json_object_get(v, "student_quantile"), i, row)
        assert_near(student_quantile(number(row, "p"), number(row, "df")), number(row, "t"), 1e-10);
    assert_true(i > 15);
    assert_same(student_two_sided(2, INFINITY), normal_two_sided(2));
    assert_same(student_two_sided(-2, 7), student_two_sided(2, 7));
    assert_true(isnan(student_two_sided(NAN, 7)));
    assert_true(isnan(student_two_sided(1, 0)));
    assert_same(student_two_sided(INFINITY, 7), 0);
    json_decref(v);
}

static void beta_and_binomial_equal_scipy(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "distributions"), *row;
    size_t i;
    json_array_foreach(json_object_get(v, "beta"), i, row) {
        double x = number(row, "x");
        assert_relative(
            beta_share(x, 1 - x, number(row, "a"), number(row, "b")), number(row, "share"), 1e-10);
    }
    assert_true(i > 20);
    json_array_foreach(json_object_get(v, "binomial"), i, row) {
        double k = number(row, "k"), n = number(row, "n"), p = number(row, "p");
        assert_relative(binomial_at(k, n, p), number(row, "at"), 1e-10);
        assert_relative(binomial_at_most(k, n, p), number(row, "at_most"), 1e-10);
    }
    assert_true(i > 20);
    assert_same(binomial_at(-1, 5, 0.5), 0);
    assert_same(binomial_at_most(-1, 5, 0.5), 0);
    assert_same(binomial_at_most(0, 0, 0.5), 1);
    assert_near(binomial_at(0, 0, 0.5), 1, 1e-15);
    json_decref(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_tails_keep_their_digits),
        cmocka_unit_test(students_t_equals_scipy),
        cmocka_unit_test(beta_and_binomial_equal_scipy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
