/* Pairs with labels and similarities, and what knowing when one is right is worth, by hand; all
 * of it against mteb is in test_ranks.c. */
#include "evaluator/metric/statistic.h"

#include "vectors.h"

enum { N_MAX = 400 };

struct fixture {
    double gold[N_MAX], score[N_MAX];
    uint32_t order[N_MAX];
    size_t index[N_MAX + 1];
    struct ordered ordered;
};

static void set(struct fixture *f, size_t n) {
    for (size_t i = 0; i <= n; i++)
        f->index[i] = i;
    ordered_sort(f->score, n, f->order);
    f->ordered = (struct ordered) { f->gold, f->score, f->order, n };
}

static void the_last_pair_is_never_taken(void **state) {
    (void)state;
    struct fixture f = { .gold = { 1, 1, 1, 1 }, .score = { 0.9, 0.1, 0.5, 0.7 } };
    set(&f, 4);
    assert_same(statistic_best_accuracy(&f.ordered, f.index, 4), 0.75);
    assert_same(statistic_best_recall(&f.ordered, f.index, 4), 0.75);
    assert_same(statistic_best_precision(&f.ordered, f.index, 4), 1);
    assert_same(statistic_best_f1(&f.ordered, f.index, 4), 2 * 0.75 / 1.75);
    assert_same(statistic_average_precision(&f.ordered, f.index, 4), 1);
}

static void without_positives_there_is_nothing_to_find(void **state) {
    (void)state;
    struct fixture f = { .score = { 0.9, 0.1, 0.5 } };
    set(&f, 3);
    assert_same(statistic_average_precision(&f.ordered, f.index, 3), 0);
    assert_same(statistic_best_f1(&f.ordered, f.index, 3), 0);
    assert_same(statistic_best_accuracy(&f.ordered, f.index, 3), 2.0 / 3);
    set(&f, 1); /* one pair alone has no threshold before it */
    assert_same(statistic_best_accuracy(&f.ordered, f.index, 1), 0);
}

/* 1 0 | 1 1 0 of one similarity: 1 of 1, then 3 of 5. */
static void equal_similarities_come_in_at_once(void **state) {
    (void)state;
    struct fixture f = { .gold = { 1, 0, 1, 1, 0 }, .score = { 0.9, 0.4, 0.4, 0.4, 0.4 } };
    set(&f, 5);
    assert_same(statistic_average_precision(&f.ordered, f.index, 5), (1.0 + 2 * 3.0 / 5) / 3);
    /* no threshold lies among the four: after the first pair, or nowhere */
    assert_same(statistic_best_accuracy(&f.ordered, f.index, 5), 3.0 / 5);
    assert_same(statistic_best_f1(&f.ordered, f.index, 5), 0.5);
    assert_same(statistic_best_precision(&f.ordered, f.index, 5), 1);
    assert_same(statistic_best_recall(&f.ordered, f.index, 5), 1.0 / 3);
}

static void a_resample_may_have_a_pair_twice(void **state) {
    (void)state;
    struct fixture f = { .gold = { 1, 0, 1 }, .score = { 0.3, 0.2, 0.1 } };
    struct fixture twice = { .gold = { 1, 0, 0, 1 }, .score = { 0.3, 0.2, 0.2, 0.1 } };
    size_t index[] = { 1, 0, 2, 1 };
    static statistic_fn *const ALL[] = { statistic_average_precision, statistic_best_accuracy,
        statistic_best_f1, statistic_best_precision, statistic_best_recall };
    set(&f, 3);
    set(&twice, 4);
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++)
        assert_same(ALL[i](&f.ordered, index, 4), ALL[i](&twice.ordered, twice.index, 4));
}

static void make_pairs(struct fixture *f, size_t n) {
    struct mt19937 r;
    python_seed(&r, 5);
    for (size_t i = 0; i < n; i++) {
        f->gold[i] = python_random(&r) < 0.3;
        f->score[i] = floor(40 * (python_random(&r) + 0.4 * f->gold[i])); /* with ties */
    }
    set(f, n);
}

/* A pair that is there once more moves the statistic by its influence over n. */
static void influence_is_what_one_pair_more_would_do(void **state) {
    (void)state;
    static statistic_fn *const ALL[] = { statistic_average_precision, statistic_best_accuracy,
        statistic_best_f1, statistic_best_precision, statistic_best_recall };
    static struct fixture f;
    size_t n = N_MAX;
    double out[N_MAX], sum;
    make_pairs(&f, n);
    for (size_t s = 0; s < sizeof ALL / sizeof *ALL; s++) {
        double value = ALL[s](&f.ordered, f.index, n);
        influence(ALL[s], &f.ordered, n, out);
        sum = 0;
        for (size_t i = 0; i < n; i++) {
            f.index[n] = i;
            double more = ALL[s](&f.ordered, f.index, n + 1) - value;
            sum += out[i] / (double)n;
            if (s == 0) /* the thresholds of the others may move */
                assert_true(fabs(more * (double)(n + 1) - (out[i] - value)) < 0.05);
        }
        assert_true(fabs(sum - value) < 1e-12);
    }
}

static void the_highest_of_several_is_taken(void **state) {
    (void)state;
    struct fixture a = { .gold = { 1, 0 }, .score = { 0, 1 } };
    struct fixture b = { .gold = { 1, 0 }, .score = { 1, 0 } };
    set(&a, 2);
    set(&b, 2);
    struct ordered of[] = { a.ordered, b.ordered };
    struct highest h = { statistic_average_precision, of, 2 };
    assert_same(statistic_highest(&h, a.index, 2), 1);
    h.n = 1;
    assert_same(statistic_highest(&h, a.index, 2), 0.5);
}

/* ---- knowing when ---- */

static void whoever_knows_when_it_is_right_has_1(void **state) {
    (void)state;
    double right[10], unsure[10], same[10];
    size_t index[10];
    for (size_t i = 0; i < 10; i++) {
        right[i] = (double)(i * i);
        unsure[i] = -right[i];
        same[i] = 3;
        index[i] = i;
    }
    struct pairs knows = { right, right }, wrong = { unsure, right },
                 says_nothing = { same, right }, nothing = { right, same };
    assert_same(statistic_nauc(&knows, index, 10), 1);
    assert_true(statistic_nauc(&wrong, index, 10) < -0.5);
    assert_true(fabs(statistic_nauc(&says_nothing, index, 10)) < 1e-12);
    assert_same(statistic_nauc(&nothing, index, 10), 0);
}

static void hits_and_recall_are_capped_by_the_cut(void **state) {
    (void)state;
    double gains[5] = { 0, 2, 0, 1, 0 }, ideal[3] = { 2, 1, 1 };
    struct ranking r = { gains, 5, ideal, 3 };
    assert_same(hit_rate_at(&r, 1), 0);
    assert_same(hit_rate_at(&r, 2), 1);
    assert_same(recall_cap_at(&r, 2), 0.5); /* one of two that two places could hold */
    assert_same(recall_cap_at(&r, 5), 2.0 / 3);
    r.n_ideal = 0;
    assert_same(recall_cap_at(&r, 5), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_pair_is_never_taken),
        cmocka_unit_test(without_positives_there_is_nothing_to_find),
        cmocka_unit_test(equal_similarities_come_in_at_once),
        cmocka_unit_test(a_resample_may_have_a_pair_twice),
        cmocka_unit_test(influence_is_what_one_pair_more_would_do),
        cmocka_unit_test(the_highest_of_several_is_taken),
        cmocka_unit_test(whoever_knows_when_it_is_right_has_1),
        cmocka_unit_test(hits_and_recall_are_capped_by_the_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
