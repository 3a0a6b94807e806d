/* All pairs of a sheet at once are each pair by itself. */
#include "base/stats/sheet.h"

#include "base/stats/standing.h"
#include "tests/base/stats/rows.h"

enum { ROWS = 6, DOCS = 203 };

static void compare(bool binary, const uint32_t *cluster, double tolerance) {
    double *x = made_scores(ROWS, DOCS, binary, 3);
    struct difference_sum sums[15] = { 0 };
    struct sheet s;
    made_sheet(&s, ROWS, DOCS, x, cluster);
    sheet_add_pairs(&s, 0.5, sums);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = i + 1; j < ROWS; j++) {
            struct difference want = paired_mean(x + i * DOCS, x + j * DOCS, cluster, DOCS);
            struct difference got = difference_sum_close(&sums[pair_at(ROWS, i, j)]);
            assert_near(got.value, want.value / 2, tolerance);
            assert_near(got.se, want.se / 2, tolerance);
            assert_near(got.df, want.df, 1e-6);
            assert_near(got.p, want.p, 100 * tolerance);
        }
    sheet_release(&s);
    free(x);
}

static void pairs_of_right_and_wrong_equal_the_paired_test(void **state) {
    (void)state;
    compare(true, NULL, 1e-12);
}

static void pairs_of_numbers_equal_the_paired_test(void **state) {
    (void)state;
    compare(false, NULL, 1e-4); /* levels */
}

static void pairs_in_clusters_equal_the_clustered_test(void **state) {
    (void)state;
    uint32_t *cluster = made_clusters(DOCS, 31, 4);
    compare(true, cluster, 1e-12);
    compare(false, cluster, 2e-4);
    free(cluster);
}

static void mcnemar_is_for_right_and_wrong_without_clusters(void **state) {
    (void)state;
    double *x = made_scores(ROWS, DOCS, true, 3), *y = made_scores(ROWS, DOCS, false, 3), p[15];
    uint32_t *cluster = made_clusters(DOCS, 31, 4);
    struct sheet plain, clustered, numbers;
    made_sheet(&plain, ROWS, DOCS, x, NULL);
    made_sheet(&clustered, ROWS, DOCS, x, cluster);
    made_sheet(&numbers, ROWS, DOCS, y, NULL);
    assert_true(sheet_mcnemar(&plain, p));
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = i + 1; j < ROWS; j++) {
            struct flips f = flips_count(x + i * DOCS, x + j * DOCS, DOCS);
            assert_same(p[pair_at(ROWS, i, j)], mcnemar_mid((double)f.only_a, (double)f.only_b));
        }
    assert_false(sheet_mcnemar(&clustered, p));
    assert_false(sheet_mcnemar(&numbers, p));
    sheet_release(&plain);
    sheet_release(&clustered);
    sheet_release(&numbers);
    free(cluster);
    free(x);
    free(y);
}

static void equal_rows_do_not_differ_at_all(void **state) {
    (void)state;
    double *x = made_scores(1, DOCS, false, 9);
    struct difference_sum sum = { 0 };
    struct sheet s;
    sheet_init(&s, 2);
    put_row(&s, 0, x, NULL, DOCS);
    put_row(&s, 1, x, NULL, DOCS);
    sheet_add_pairs(&s, 1, &sum);
    struct difference d = difference_sum_close(&sum);
    assert_same(d.value, 0);
    assert_same(d.se, 0);
    assert_same(d.p, 1);
    sheet_release(&s);
    free(x);
}

static void other_documents_are_refused_and_an_empty_row_adds_nothing(void **state) {
    (void)state;
    double *x = made_scores(3, DOCS, true, 3);
    uint32_t *cluster = made_clusters(DOCS, 31, 4);
    struct difference_sum sums[3] = { 0 };
    struct sheet s;
    struct scores fewer, clustered;
    sheet_init(&s, 3);
    sheet_add_pairs(&s, 1, sums);
    put_row(&s, 0, x, NULL, DOCS);
    scores_pack(&fewer, x + DOCS, NULL, DOCS - 1);
    scores_pack(&clustered, x + DOCS, cluster, DOCS);
    assert_false(sheet_put(&s, 1, &fewer));
    assert_false(sheet_put(&s, 1, &clustered));
    put_row(&s, 2, x + 2 * DOCS, NULL, DOCS);
    sheet_add_pairs(&s, 1, sums);
    assert_same(sums[pair_at(3, 0, 1)].variance, 0);
    assert_same(sums[pair_at(3, 1, 2)].variance, 0);
    assert_true(sums[pair_at(3, 0, 2)].variance > 0);
    scores_release(&fewer);
    scores_release(&clustered);
    sheet_release(&s);
    free(cluster);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_of_right_and_wrong_equal_the_paired_test),
        cmocka_unit_test(pairs_of_numbers_equal_the_paired_test),
        cmocka_unit_test(pairs_in_clusters_equal_the_clustered_test),
        cmocka_unit_test(mcnemar_is_for_right_and_wrong_without_clusters),
        cmocka_unit_test(equal_rows_do_not_differ_at_all),
        cmocka_unit_test(other_documents_are_refused_and_an_empty_row_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
