/* Holm's rule against statsmodels; ranks and tiers on boards whose pairs are known. */
#include "base/stats/draw.h"
#include "base/stats/paired.h"
#include "base/stats/standing.h"

#include "tests/vectors.h"

static void every_pair_has_its_place(void **state) {
    (void)state;
    for (size_t n = 0; n < 9; n++) {
        bool seen[64] = { false };
        size_t count = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++, count++) {
                size_t at = pair_at(n, i, j);
                assert_true(at < pair_count(n) && !seen[at]);
                assert_int_equal(at, pair_at(n, j, i));
                seen[at] = true;
            }
        assert_int_equal(count, pair_count(n));
    }
}

static void holm_equals_statsmodels(void **state) {
    (void)state;
    json_t *v = vectors_of("stats", "families"), *c;
    size_t i;
    json_array_foreach(v, i, c) {
        size_t n, m, rejected = 0;
        double *p = numbers(c, "p", &n), *want = numbers(c, "adjusted", &m);
        double *got = xcalloc(n, sizeof *got), cut = holm_cut(p, n, 0.05);
        holm_adjust(p, n, got);
        for (size_t k = 0; k < n; k++) {
            assert_near(got[k], want[k], 1e-15);
            rejected += p[k] <= cut;
            assert_int_equal(p[k] <= cut, got[k] <= 0.05);
        }
        assert_int_equal(rejected, (size_t)number(c, "rejected"));
        free(p);
        free(want);
        free(got);
    }
    assert_int_equal(i, 3);
    json_decref(v);
}

static void what_cannot_be_tested_is_not_rejected(void **state) {
    (void)state;
    const double p[] = { NAN, 0.04, NAN, 0.011 };
    double adjusted[4];
    assert_true(holm_cut(p, 4, 0.05) >= 0.04);
    assert_true(holm_cut(p, 1, 0.05) < 0);
    assert_true(holm_cut(NULL, 0, 0.05) < 0);
    holm_adjust(p, 4, adjusted);
    assert_true(isnan(adjusted[0]) && isnan(adjusted[2]));
    assert_near(adjusted[3], 0.022, 1e-15);
    assert_near(adjusted[1], 0.04, 1e-15);
}

/* Five models, best to worst 3, 2, 1, 0, 4; p is small for the pairs that are listed. */
static void make_pairs(double p[10], const int (*pairs)[2], size_t n) {
    for (size_t i = 0; i < 10; i++)
        p[i] = 0.4;
    for (size_t i = 0; i < n; i++)
        p[pair_at(5, (size_t)pairs[i][0], (size_t)pairs[i][1])] = 1e-6;
}

static void ranks_count_significant_pairs(void **state) {
    (void)state;
    static const int PAIRS[][2] = { { 3, 0 }, { 0, 1 }, { 4, 3 }, { 4, 2 } };
    const double values[] = { 0.50, 0.60, 0.61, 0.64, 0.10 };
    double p[10];
    struct standing s[5];
    make_pairs(p, PAIRS, 4);
    standings(values, p, 5, s);
    static const int WANT[5][4] = { { 4, 3, 5, 2 }, { 3, 1, 4, 1 }, { 2, 1, 4, 1 }, { 1, 1, 3, 1 },
        { 5, 3, 5, 2 } };
    for (int i = 0; i < 5; i++) {
        assert_int_equal(s[i].rank, WANT[i][0]);
        assert_int_equal(s[i].low, WANT[i][1]);
        assert_int_equal(s[i].high, WANT[i][2]);
        assert_int_equal(s[i].tier, WANT[i][3]);
    }
    assert_true(s[0].opens_tier && !s[4].opens_tier && !s[3].opens_tier);
}

/* 0.60 does not differ from the head, but from the one between them. */
static void no_two_of_a_tier_differ(void **state) {
    (void)state;
    static const int PAIRS[][2] = { { 2, 1 } };
    const double values[] = { 0.50, 0.60, 0.61, 0.64, 0.10 };
    double p[10];
    struct standing s[5];
    make_pairs(p, PAIRS, 1);
    standings(values, p, 5, s);
    assert_int_equal(s[3].tier, 1);
    assert_int_equal(s[2].tier, 1);
    assert_int_equal(s[1].tier, 2);
    assert_true(s[1].opens_tier);
    assert_int_equal(s[4].tier, 2);
}

static void equal_values_share_a_rank_and_nothing_has_a_standing_of_its_own(void **state) {
    (void)state;
    const double values[] = { 1, 2, 2, NAN }, p[] = { 0.5, 0.5, 0.5, 1, NAN, NAN };
    struct standing s[4];
    standings(values, p, 4, s);
    assert_int_equal(s[0].rank, 3);
    assert_int_equal(s[1].rank, 1);
    assert_int_equal(s[2].rank, 1);
    assert_int_equal(s[3].tier, 0);
    standings(values, NULL, 0, s);
    standings(values, NULL, 1, s);
    assert_int_equal(s[0].low, 1);
    assert_int_equal(s[0].high, 1);
    assert_int_equal(s[0].tier, 1);
}

/* Whatever is compared by figures stands where the test of all pairs puts it. */
static void figures_alone_give_the_standings_of_all_pairs(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        enum { MOST = 90 };
        double values[MOST], variances[MOST], p[MOST * MOST];
        struct standing all[MOST], figures[MOST];
        struct draw d = draw_stream(seed, 1);
        size_t n = 1 + draw_below(&d, MOST - 1);
        for (size_t i = 0; i < n; i++) {
            values[i] = (double)draw_below(&d, 400) / 400; /* so that some are equal */
            double se = draw_unit(&d) * (seed % 3 ? 0.02 : 0.2);
            variances[i] = draw_below(&d, 20) ? se * se : draw_below(&d, 2) ? 0 : NAN;
            if (!draw_below(&d, 30))
                values[i] = NAN;
        }
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++)
                p[pair_at(n, i, j)] = difference_p(
                    values[i] - values[j], sqrt(variances[i] + variances[j]), INFINITY);
        standings(values, p, n, all);
        standings_of_figures(values, variances, n, figures);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(all[i].low, figures[i].low);
            assert_int_equal(all[i].high, figures[i].high);
            assert_int_equal(all[i].tier, figures[i].tier);
            assert_int_equal(all[i].opens_tier, figures[i].opens_tier);
            assert_int_equal(all[i].rank, figures[i].rank);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_has_its_place),
        cmocka_unit_test(holm_equals_statsmodels),
        cmocka_unit_test(what_cannot_be_tested_is_not_rejected),
        cmocka_unit_test(ranks_count_significant_pairs),
        cmocka_unit_test(no_two_of_a_tier_differ),
        cmocka_unit_test(equal_values_share_a_rank_and_nothing_has_a_standing_of_its_own),
        cmocka_unit_test(figures_alone_give_the_standings_of_all_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
