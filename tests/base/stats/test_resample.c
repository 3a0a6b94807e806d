/* Resampled means against a bootstrap that is written as one would first write it; the same numbers
 * on every instruction set and with any number of threads. */
#include "base/stats/resample.h"

#include "base/pool.h"
#include "base/stats/interval.h"
#include "base/stats/packed.h"
#include "base/stats/standing.h"
#include "tests/base/stats/rows.h"

struct given {
    size_t rows, docs, resamples;
    bool binary;
    uint32_t n_clusters;
};

/* One model's mean over one resample, drawn as resample.h says. */
static double naive_mean(const struct sheet *s, size_t row, uint64_t seed, uint64_t number) {
    struct draw d = draw_stream(seed, 3ull << 32 | number);
    size_t n = s->cluster ? s->n_clusters : s->n_docs;
    double *count = xcalloc(n, sizeof *count), sum = 0, total = 0;
    for (size_t i = 0; i < n; i++)
        count[draw_below(&d, n)]++;
    for (size_t i = 0; i < s->n_docs; i++) {
        double weight = count[s->cluster ? s->cluster[i] : i];
        sum += weight * (s->low[row] + s->step[row] * s->level[row * s->n_docs + i]);
        total += weight;
    }
    free(count);
    return sum / total;
}

static void make(struct resample *r, const struct sheet *s, size_t n, unsigned threads) {
    struct err err = ERR_INIT;
    struct pool *pool = pool_new(threads, &err);
    assert_non_null(pool);
    assert_true(resample_init(r, s->n_rows, n, 11, pool, &err));
    assert_true(resample_add(r, s, 0.25, 3, &err));
    pool_free(pool);
    r->pool = NULL;
}

static void check_means(const struct given *g) {
    struct sheet s;
    struct resample r;
    double *x = made_scores(g->rows, g->docs, g->binary, 8);
    uint32_t *cluster = g->n_clusters ? made_clusters(g->docs, g->n_clusters, 8) : NULL;
    made_sheet(&s, g->rows, g->docs, x, cluster);
    make(&r, &s, g->resamples, 2);
    for (size_t row = 0; row < g->rows; row++) {
        double observed = 0;
        for (size_t i = 0; i < g->docs; i++)
            observed += x[row * g->docs + i] / (double)g->docs;
        assert_near(r.observed[row], observed / 4, g->binary ? 1e-12 : 1e-3);
        for (size_t k = 0; k < g->resamples; k++)
            assert_near(r.means[row * g->resamples + k], naive_mean(&s, row, 11, k) / 4, 1e-7);
    }
    resample_release(&r);
    sheet_release(&s);
    free(cluster);
    free(x);
}

static void means_are_those_of_the_resampled_documents(void **state) {
    static const struct given CASES[] = { { 3, 203, 70, true, 0 }, { 1, 1, 1, true, 0 },
        { 2, 7, 33, true, 0 }, { 5, 64, 32, false, 0 }, { 3, 203, 70, true, 40 },
        { 3, 100, 40, false, 9 }, { 400, 9, 3, false, 0 } };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        check_means(&CASES[i]);
}

/* 70,000 documents are more than a lane of 16 bits can count. */
static void a_huge_task_does_not_outgrow_its_sums(void **state) {
    (void)state;
    enum { DOCS = 70001 };
    double *x = xcalloc(DOCS, sizeof *x);
    struct sheet s;
    struct resample r;
    for (size_t i = 0; i < DOCS; i++)
        x[i] = i != 5;
    made_sheet(&s, 1, DOCS, x, NULL);
    make(&r, &s, 40, 1);
    for (size_t k = 0; k < 40; k++)
        assert_near(r.means[k], naive_mean(&s, 0, 11, k) / 4, 1e-7);
    resample_release(&r);
    sheet_release(&s);
    free(x);
}

static void every_machine_and_any_threads_give_the_same_bytes(void **state) {
    (void)state;
    enum { ROWS = 9, DOCS = 333, N = 1000 };
    double *x = made_scores(ROWS, DOCS, false, 8);
    struct sheet s;
    struct resample first, other;
    made_sheet(&s, ROWS, DOCS, x, NULL);
    setenv("ASSAY_ISA", "plain", 1);
    make(&first, &s, N, 1);
    struct resampled want[36], got[36];
    struct err err = ERR_INIT;
    first.pool = pool_new(1, &err);
    assert_true(resample_pairs(&first, want, &err));
    for (const struct packed_kernels *const *k = packed_kernels_all(); *k; k++) {
        setenv("ASSAY_ISA", (*k)->name, 1);
        assert_string_equal(packed_kernels_choose()->name, (*k)->name);
        make(&other, &s, N, 3);
        assert_memory_equal(other.means, first.means, ROWS * N * sizeof *first.means);
        other.pool = first.pool;
        assert_true(resample_pairs(&other, got, &err));
        assert_memory_equal(got, want, sizeof want);
        resample_release(&other);
    }
    unsetenv("ASSAY_ISA");
    pool_free(first.pool);
    resample_release(&first);
    sheet_release(&s);
    free(x);
}

static void a_pair_is_described_as_sorting_would(void **state) {
    (void)state;
    static const size_t SIZES[] = { 2, 3, 40, 1000, 10000 };
    for (size_t c = 0; c < 2 * sizeof SIZES / sizeof *SIZES; c++) {
        size_t n = SIZES[c / 2];
        float *x = xcalloc(n, sizeof *x);
        double *sorted = xcalloc(n, sizeof *sorted), sum = 0, low = 0, high = 0;
        struct draw d = draw_stream(2, c);
        for (size_t i = 0; i < n; i++) {
            double v = draw_normal(&d) + 1.2;
            x[i] = (float)(c % 2 ? round(2 * v) / 2 : v * v * v); /* few values; a long tail */
            sorted[i] = x[i];
            sum += x[i];
            low += x[i] <= 0;
            high += x[i] >= 0;
        }
        struct resampled got;
        resampled_from(x, n, 7, &got);
        qsort(sorted, n, sizeof *sorted, by_number);
        assert_near(got.low, quantile_of_sorted(sorted, n, 0.025), 1e-12);
        assert_near(got.high, quantile_of_sorted(sorted, n, 0.975), 1e-12);
        assert_near(got.p, fmin(1, 2 * (fmin(low, high) + 1) / ((double)n + 1)), 1e-12);
        assert_same(got.value, 7);
        double squares = 0;
        for (size_t i = 0; i < n; i++)
            squares += (x[i] - sum / (double)n) * (x[i] - sum / (double)n);
        assert_near(got.se, sqrt(squares / (double)(n - 1)), 1e-9);
        free(sorted);
        free(x);
    }
}

static void one_value_a_thousand_times_has_an_interval_of_no_width(void **state) {
    (void)state;
    float x[1000];
    struct resampled got;
    for (size_t i = 0; i < 1000; i++)
        x[i] = -0.125F;
    resampled_from(x, 1000, -0.125, &got);
    assert_same(got.low, -0.125);
    assert_same(got.high, -0.125);
    assert_same(got.se, 0);
    assert_near(got.p, 2.0 / 1001, 1e-12);
    memset(x, 0, sizeof x);
    resampled_from(x, 1000, 0, &got);
    assert_same(got.p, 1);
}

/* The bootstrap knows what the paired test knows. */
static void errors_are_those_of_the_paired_test(void **state) {
    (void)state;
    enum { DOCS = 800, N = 4000 };
    double *x = made_scores(2, DOCS, true, 8);
    uint32_t *cluster = made_clusters(DOCS, 90, 8);
    for (int clustered = 0; clustered < 2; clustered++) {
        struct sheet s;
        struct resample r;
        struct resampled got;
        float scratch[N];
        made_sheet(&s, 2, DOCS, x, clustered ? cluster : NULL);
        make(&r, &s, N, 2);
        resample_pair(&r, 0, 1, scratch, &got);
        struct difference want = paired_mean(x, x + DOCS, clustered ? cluster : NULL, DOCS);
        assert_near(4 * got.value, want.value, 1e-12);
        assert_near(4 * got.se / want.se, 1, 0.04);
        assert_near(4 * got.high, want.value + Z95 * want.se, 0.2 * want.se);
        resample_release(&r);
        sheet_release(&s);
    }
    free(cluster);
    free(x);
}

static void a_row_that_is_not_there_has_no_numbers(void **state) {
    (void)state;
    double *x = made_scores(1, 50, true, 8);
    struct sheet s;
    struct resample r;
    struct resampled got;
    float scratch[64];
    sheet_init(&s, 2);
    put_row(&s, 1, x, NULL, 50);
    make(&r, &s, 64, 1);
    resample_pair(&r, 0, 1, scratch, &got);
    assert_true(isnan(got.value) && isnan(got.se) && isnan(got.low) && isnan(got.p));
    resample_release(&r);
    sheet_release(&s);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_are_those_of_the_resampled_documents),
        cmocka_unit_test(a_huge_task_does_not_outgrow_its_sums),
        cmocka_unit_test(every_machine_and_any_threads_give_the_same_bytes),
        cmocka_unit_test(a_pair_is_described_as_sorting_would),
        cmocka_unit_test(one_value_a_thousand_times_has_an_interval_of_no_width),
        cmocka_unit_test(errors_are_those_of_the_paired_test),
        cmocka_unit_test(a_row_that_is_not_there_has_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
