/* Documents' shares in a statistic: their mean is the statistic, their error the bootstrap's. */
#include "base/stats/draw.h"
#include "base/stats/paired.h"
#include "evaluator/metric/statistic.h"

#include "vectors.h"

enum { N = 900 };

static void check(const char *what, statistic_fn *f, const void *data, double tolerance) {
    double out[N];
    size_t index[N];
    for (size_t i = 0; i < N; i++)
        index[i] = i;
    influence(f, data, N, out);
    double value = f(data, index, N);
    struct difference got = paired_mean(out, NULL, NULL, N);
    struct estimate want = estimate_bootstrap(f, data, N, 1500, 1);
    if (!(fabs(got.value - value) <= tolerance))
        fail_msg("%s: the mean is %.17g, not %.17g", what, got.value, value);
    if (!(fabs(got.se / want.stderr_ - 1) < 0.08))
        fail_msg("%s: the error is %.17g, the bootstrap's %.17g", what, got.se, want.stderr_);
}

static void shares_have_the_mean_and_the_error_of_the_statistic(void **state) {
    (void)state;
    double x[N], y[N], coarse[N], weight[N];
    uint32_t gold[N], predicted[N];
    struct draw d = draw_stream(4, 4);
    for (size_t i = 0; i < N; i++) {
        x[i] = draw_normal(&d);
        y[i] = 0.7 * x[i] + draw_normal(&d);
        coarse[i] = floor(2 * y[i]); /* many ties, as people's judgements have */
        weight[i] = 3 + 20 * draw_unit(&d);
        gold[i] = draw_below(&d, 3);
        predicted[i] = draw_unit(&d) < 0.6 ? gold[i] : draw_below(&d, 3);
    }
    struct labelled labels = { gold, predicted, 3 };
    struct pairs pairs = { x, y }, tied = { coarse, x };
    struct weighted weighted = { x, weight };
    check("mean", statistic_mean, x, 1e-12);
    check("perplexity", statistic_perplexity, x, 1e-12);
    check("weighted perplexity", statistic_weighted_perplexity, &weighted, 1e-12);
    check("bits", statistic_bits_per_weight, &weighted, 1e-12);
    check("accuracy", statistic_accuracy, &labels, 1e-9);
    check("mcc", statistic_mcc, &labels, 1e-3); /* leaving one out is off by 1 / n^2 */
    check("f1", statistic_f1, &labels, 1e-3);
    check("f1 macro", statistic_f1_macro, &labels, 1e-3);
    check("pearson", statistic_pearson, &pairs, 1e-12);
    check("spearman", statistic_spearman, &pairs, 1e-12);
    check("spearman with ties", statistic_spearman, &tied, 1e-12);
}

static void the_share_is_the_derivative_in_a_documents_weight(void **state) {
    (void)state;
    enum { SMALL = 40, TIMES = 2000 };
    double x[SMALL], y[SMALL], out[SMALL];
    struct draw d = draw_stream(4, 5);
    for (size_t i = 0; i < SMALL; i++) {
        x[i] = floor(3 * draw_normal(&d));
        y[i] = x[i] + 4 * draw_normal(&d);
    }
    spearman_influence(x, y, SMALL, out);
    /* Every document TIMES over, one of them once more: its weight has grown by 1 / (TIMES n). */
    static size_t index[SMALL * TIMES + 1];
    struct pairs pairs = { x, y };
    for (size_t i = 0; i < SMALL * TIMES; i++)
        index[i] = i % SMALL;
    double value = statistic_spearman(&pairs, index, SMALL * TIMES);
    for (size_t i = 0; i < SMALL; i += 7) {
        index[SMALL * TIMES] = i;
        double more = statistic_spearman(&pairs, index, SMALL * TIMES + 1);
        assert_near(value + (more - value) * (SMALL * TIMES + 1), out[i], 2e-3);
    }
}

static void nothing_varies_and_nothing_is_known(void **state) {
    (void)state;
    const double x[] = { 1, 1, 1 }, y[] = { 1, 2, 3 };
    double out[3];
    spearman_influence(x, y, 3, out);
    assert_true(isnan(out[0]) && isnan(out[2]));
    pearson_influence(x, y, 3, out);
    assert_true(isnan(out[0]) && isnan(out[2]));
    const uint32_t one[] = { 0 };
    struct labelled l = { one, one, 1 };
    influence(statistic_accuracy, &l, 1, out);
    assert_same(out[0], 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_have_the_mean_and_the_error_of_the_statistic),
        cmocka_unit_test(the_share_is_the_derivative_in_a_documents_weight),
        cmocka_unit_test(nothing_varies_and_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
