/* Scores of multiple choice and corpus statistics on labels, against scikit-learn and numpy. */
#include "evaluator/metric/choice.h"
#include "evaluator/metric/metric.h"
#include "evaluator/metric/statistic.h"

#include "vectors.h"

static void brier_and_mc2_equal_the_references(void **state) {
    (void)state;
    json_t *all = vectors_load("choices"), *v;
    size_t i, n;
    json_array_foreach(all, i, v) {
        double *loglik = numbers(v, "loglik", &n);
        bool is_true[16];
        for (size_t j = 0; j < n; j++)
            is_true[j] = json_is_true(json_array_get(json_object_get(v, "true"), j));
        assert_near(choice_brier(loglik, n, (size_t)number(v, "gold")), number(v, "brier"), 1e-12);
        assert_near(choice_mc2(loglik, is_true, n), number(v, "mc2"), 1e-12);
        free(loglik);
    }
    assert_int_equal(i, 3);
    json_decref(all);
}

static size_t pick(const double *loglik, const double *length, const double *alone, size_t n) {
    double score[4];
    choice_scores(loglik, length, alone, n, score);
    return argmax_first(score, n);
}

static void each_rule_picks_its_own_choice(void **state) {
    (void)state;
    const char *text[3] = { "no", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", "maybe" };
    double loglik[3] = { -2, -4.1, -5.2 }, points[3], bytes[3];
    double empty[3] = { -1, -9, -5 };
    for (size_t i = 0; i < 3; i++) {
        points[i] = choice_length_points(text[i]);
        bytes[i] = choice_length_bytes(text[i]);
    }
    assert_same(points[1], 4);
    assert_same(bytes[1], 8);
    assert_int_equal(pick(loglik, NULL, NULL, 3), 0);
    assert_int_equal(pick(loglik, points, NULL, 3), 0); /* -1, -1.025, -1.04 */
    assert_int_equal(pick(loglik, bytes, NULL, 3), 1);  /* -1, -0.5125, -1.04 */
    assert_int_equal(pick(loglik, NULL, empty, 3), 1);
}

static void ties_are_counted_and_go_to_the_first(void **state) {
    (void)state;
    double loglik[4] = { -3, -1, -1, -1 };
    assert_int_equal(pick(loglik, NULL, NULL, 4), 1);
    assert_int_equal(choice_ties(loglik, 4), 3);
    assert_int_equal(choice_ties(loglik, 1), 1);
}

static void statistics_on_labels_equal_scikit_learn(void **state) {
    (void)state;
    json_t *all = vectors_load("labels"), *v;
    size_t i, n, index[128];
    for (size_t j = 0; j < 128; j++)
        index[j] = j;
    json_array_foreach(all, i, v) {
        struct labelled l = { integers(v, "gold", &n), integers(v, "predicted", &n),
            (uint32_t)number(v, "classes") };
        assert_same(statistic_mcc(&l, index, n), number(v, "mcc"));
        assert_near(statistic_f1_macro(&l, index, n), number(v, "macro"), 1e-12);
        if (l.n_classes == 2)
            assert_near(statistic_f1(&l, index, n), number(v, "f1"), 1e-12);
        free((void *)(uintptr_t)l.gold);
        free((void *)(uintptr_t)l.predicted);
    }
    assert_int_equal(i, 2);
    json_decref(all);
}

static void statistics_without_a_value_are_zero(void **state) {
    (void)state;
    const uint32_t gold[2] = { 0, 0 }, predicted[2] = { 0, 0 };
    struct labelled l = { gold, predicted, 2 };
    size_t index[2] = { 0, 1 };
    assert_same(statistic_mcc(&l, index, 2), 0);
    assert_same(statistic_f1(&l, index, 2), 0);
    assert_same(statistic_accuracy(&l, index, 2), 1);
}

static void perplexities_are_weighted_by_words_or_bytes(void **state) {
    (void)state;
    const double loglik[2] = { -10, -20 }, words[2] = { 4, 6 };
    struct weighted w = { loglik, words };
    size_t index[2] = { 0, 1 };
    assert_near(statistic_weighted_perplexity(&w, index, 2), exp(3), 1e-12);
    assert_near(statistic_bits_per_weight(&w, index, 2), 3 / log(2), 1e-12);
    assert_near(statistic_perplexity(loglik, index, 2), exp(15), 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brier_and_mc2_equal_the_references),
        cmocka_unit_test(each_rule_picks_its_own_choice),
        cmocka_unit_test(ties_are_counted_and_go_to_the_first),
        cmocka_unit_test(statistics_on_labels_equal_scikit_learn),
        cmocka_unit_test(statistics_without_a_value_are_zero),
        cmocka_unit_test(perplexities_are_weighted_by_words_or_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
