/* Means, standard errors, intervals and bootstraps against what the references' formulas gave. */
#include "evaluator/metric/metric.h"
#include "evaluator/metric/statistic.h"

#include "vectors.h"

static void standard_errors_equal_lm_eval_to_the_last_bit(void **state) {
    (void)state;
    json_t *v = vectors_load("estimates");
    size_t n, m;
    double *ones = numbers(v, "ones", &n), *reals = numbers(v, "reals", &m);
    assert_same(estimate_mean(ones, n).stderr_, number(v, "ones_se"));
    struct estimate e = estimate_mean(reals, m);
    assert_same(e.value, number(v, "reals_mean"));
    assert_same(e.stderr_, number(v, "reals_se"));
    double half = number(v, "reals_half"); /* of Student's interval */
    assert_near(e.high - e.value, half, 1e-10);
    assert_near(e.value - e.low, half, 1e-10);
    free(ones);
    free(reals);
    json_decref(v);
}

static void squares_are_those_of_pow(void **state) {
    (void)state;
    json_t *v = vectors_load("squares");
    size_t n;
    double *x = numbers(v, "x", &n);
    assert_same(estimate_mean(x, n).stderr_, number(v, "se"));
    free(x);
    json_decref(v);
}

static void interval_of_a_share_is_wilsons(void **state) {
    (void)state;
    json_t *v = vectors_load("estimates"), *c;
    size_t i;
    json_array_foreach(json_object_get(v, "wilson"), i, c) {
        size_t n = (size_t)number(c, "n"), k = (size_t)number(c, "k");
        double *x = xcalloc(n, sizeof *x);
        for (size_t j = 0; j < k; j++)
            x[j] = 1;
        struct estimate e = estimate_mean(x, n);
        assert_near(e.low, number(c, "low"), 1e-12);
        assert_near(e.high, number(c, "high"), 1e-12);
        free(x);
    }
    assert_int_equal(i, 5);
    json_decref(v);
}

static void clustered_standard_error_equals_the_reference(void **state) {
    (void)state;
    json_t *v = vectors_load("estimates");
    size_t n, m;
    double *x = numbers(v, "ones", &n);
    uint32_t *keys = integers(v, "keys", &m);
    assert_int_equal(n, m);
    struct estimate e = estimate_mean_clustered(x, keys, n);
    assert_near(e.stderr_, number(v, "clustered_se"), 1e-14);
    assert_near(e.low, number(v, "clustered_low"), 1e-10);
    assert_near(e.high, number(v, "clustered_high"), 1e-10);
    for (size_t i = 0; i < n; i++)
        x[i] *= 0.5; /* no longer right or wrong: Student's */
    struct estimate half = estimate_mean_clustered(x, keys, n);
    assert_near(half.high - half.value, number(v, "clustered_half") / 2, 1e-10);
    for (size_t i = 0; i < n; i++)
        x[i] *= 2;
    for (size_t i = 0; i < n; i++)
        keys[i] = keys[i] * 1000 + 7; /* names of clusters don't matter, gaps don't count */
    assert_near(estimate_mean_clustered(x, keys, n).stderr_, number(v, "clustered_se"), 1e-14);
    memset(keys, 0, n * sizeof *keys);
    assert_true(isnan(estimate_mean_clustered(x, keys, n).stderr_));
    free(x);
    free(keys);
    json_decref(v);
}

static void one_value_has_no_standard_error(void **state) {
    (void)state;
    double x = 0.5;
    assert_same(estimate_mean(&x, 1).value, 0.5);
    assert_true(isnan(estimate_mean(&x, 1).stderr_));
    assert_true(isnan(estimate_mean(&x, 0).value));
}

static void bootstrap_equals_lm_eval_to_the_last_bit(void **state) {
    (void)state;
    json_t *v = vectors_load("bootstrap");
    size_t n, m;
    double *loglik = numbers(v, "loglik", &n);
    struct labelled l = { integers(v, "gold", &m), integers(v, "predicted", &m), 2 };
    assert_same(bootstrap_stderr(statistic_mean, loglik, n, 1000), number(v, "mean_1000"));
    assert_same(
        bootstrap_stderr(statistic_perplexity, loglik, n, 1000), number(v, "perplexity_1000"));
    assert_same(
        bootstrap_stderr(statistic_perplexity, loglik, n, 3000), number(v, "perplexity_3000"));
    assert_same(bootstrap_stderr(statistic_perplexity, loglik, n, 2500),
        number(v, "perplexity_2500")); /* a part of a chunk is left out */
    assert_same(
        bootstrap_stderr(statistic_perplexity, loglik, n, 100), number(v, "perplexity_100"));
    assert_same(bootstrap_stderr(statistic_mcc, &l, m, 1000), number(v, "mcc_1000"));
    free((void *)(uintptr_t)l.gold);
    free((void *)(uintptr_t)l.predicted);
    free(loglik);
    json_decref(v);
}

static void bootstrap_interval_holds_the_value_and_repeats(void **state) {
    (void)state;
    json_t *v = vectors_load("bootstrap");
    size_t n;
    double *x = numbers(v, "loglik", &n);
    struct estimate a = estimate_bootstrap(statistic_mean, x, n, 2000, 1);
    struct estimate b = estimate_bootstrap(statistic_mean, x, n, 2000, 1);
    struct estimate c = estimate_bootstrap(statistic_mean, x, n, 2000, 2);
    assert_same(a.value, mean(x, n));
    assert_true(a.low < a.value && a.value < a.high);
    assert_true(a.low == b.low && a.high == b.high && a.stderr_ == b.stderr_);
    assert_true(a.low != c.low);
    assert_near(a.stderr_, estimate_mean(x, n).stderr_, 0.1 * a.stderr_);
    free(x);
    json_decref(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_errors_equal_lm_eval_to_the_last_bit),
        cmocka_unit_test(squares_are_those_of_pow),
        cmocka_unit_test(interval_of_a_share_is_wilsons),
        cmocka_unit_test(clustered_standard_error_equals_the_reference),
        cmocka_unit_test(one_value_has_no_standard_error),
        cmocka_unit_test(bootstrap_equals_lm_eval_to_the_last_bit),
        cmocka_unit_test(bootstrap_interval_holds_the_value_and_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
