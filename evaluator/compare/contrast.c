/* See contrast.h. Right and wrong answers go by McNemar's mid-p with Tango's interval, other means
 * by the paired t-test, subset by subset where there are subsets; a statistic of the whole (a
 * correlation, a perplexity) is resampled as it is. */
#include "evaluator/compare/contrast.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/stats/draw.h"
#include "base/stats/interval.h"

/* ---- what single documents say ---- */

static void count_flips(struct contrast *c, const struct aligned *d) {
    if (d->binary) {
        c->flips = flips_count(d->a, d->b, d->n);
        c->agreement = (double)(c->flips.both + c->flips.neither) / (double)d->n;
        return;
    }
    for (size_t i = 0; i < d->n; i++) {
        c->flips.only_a += d->a[i] > d->b[i];
        c->flips.only_b += d->a[i] < d->b[i];
    }
    c->agreement = pearson(d->a, d->b, d->n);
}

static size_t count_clusters(const struct aligned *d) {
    uint32_t most = 0;
    size_t n = 0;
    for (size_t i = 0; d->cluster && i < d->n; i++) {
        most = d->cluster[i] > most ? d->cluster[i] : most;
    }
    bool *seen = xcalloc((size_t)most + 1, sizeof *seen);
    for (size_t i = 0; d->cluster && i < d->n; i++) {
        n += !seen[d->cluster[i]];
        seen[d->cluster[i]] = true;
    }
    free(seen);
    return n;
}

/* ---- the error ---- */

/* The mean over subsets of their paired differences, each with its own error. */
static struct difference paired_by_subset(const struct aligned *d) {
    struct difference_sum sum = { 0 };
    for (size_t s = 0; s < d->n_subsets; s++) {
        size_t from = d->start[s], n = d->start[s + 1] - from;
        struct difference part =
            paired_mean(d->b + from, d->a + from, d->cluster ? d->cluster + from : NULL, n);
        difference_sum_add(&sum, 1 / (double)d->n_subsets, part.value, part.se * part.se, part.df);
    }
    return difference_sum_close(&sum);
}

/* ---- replicates ---- */

static void put_row(
    struct sheet *sheet, size_t row, const double *x, const uint32_t *cluster, size_t n) {
    struct scores scores;
    scores_pack(&scores, x, cluster, n);
    BUG_IF(!sheet_put(sheet, row, &scores));
    scores_release(&scores);
}

/* Numbers of a part's clusters from 0 on: few enough for a sheet, or none. */
static uint32_t *own_clusters(const struct aligned *d, size_t from, size_t n) {
    uint32_t most = 0, next = 0;
    for (size_t i = 0; i < n; i++) {
        most = d->cluster[from + i] > most ? d->cluster[from + i] : most;
    }
    uint32_t *number = xcalloc((size_t)most + 1, sizeof *number),
             *own = xcalloc(n + 1, sizeof *own);
    for (size_t i = 0; i < n; i++) {
        uint32_t *known = &number[d->cluster[from + i]];
        *known = *known ? *known : ++next;
        own[i] = *known - 1;
    }
    free(number);
    if (next > CLUSTERS_MAX) {
        free(own);
        own = NULL;
    }
    return own;
}

static bool resample_part(
    struct resample *r, const struct aligned *d, size_t subset, struct err *err) {
    size_t from = d->start[subset], n = d->start[subset + 1] - from;
    uint32_t *cluster = d->cluster ? own_clusters(d, from, n) : NULL;
    struct sheet sheet;
    sheet_init(&sheet, 2);
    put_row(&sheet, 0, d->b + from, cluster, n);
    put_row(&sheet, 1, d->a + from, cluster, n);
    bool ok = resample_add(r, &sheet, 1 / (double)d->n_subsets, subset, err);
    sheet_release(&sheet);
    free(cluster);
    return ok;
}

static bool resample_means(struct contrast *c, const struct aligned *d, uint64_t seed,
    struct pool *pool, const struct compare_options *o, struct err *err) {
    struct resample r = { 0 };
    bool ok = resample_init(&r, 2, o->n_resamples, seed, pool, err);
    for (size_t s = 0; ok && s < d->n_subsets; s++) {
        ok = resample_part(&r, d, s, err);
    }
    for (size_t i = 0; ok && i < r.n; i++) {
        c->replicates[i] = r.means[i] - r.means[r.n + i];
    }
    resample_release(&r);
    return ok;
}

/* ---- replicates of a statistic of the whole ---- */

/* With clusters it is tested through what each document adds, which knows of them. */
static bool as_a_whole(const struct aligned *d) {
    return d->statistic && !d->cluster;
}

struct whole {
    const struct aligned *d;
    float *replicates;
    uint64_t seed;
    size_t *scratch; /* [threads, 2 n] */
};

static double replicate(const struct whole *w, struct draw *draw, size_t *a, size_t *b) {
    const struct aligned *d = w->d;
    double sum = 0;
    for (size_t s = 0; s < d->n_subsets; s++) {
        size_t from = d->start[s], n = d->start[s + 1] - from;
        for (size_t i = 0; i < n; i++) {
            size_t at = from + draw_below(draw, n);
            a[i] = d->index_a[at];
            b[i] = d->index_b[at];
        }
        sum += d->statistic(d->samples_b.data, b, n) - d->statistic(d->samples_a.data, a, n);
    }
    return sum / (double)d->n_subsets;
}

static void run_replicate(void *arg, unsigned thread, size_t item) {
    const struct whole *w = arg;
    size_t *a = w->scratch + thread * 2 * w->d->n, *b = a + w->d->n;
    struct draw draw = draw_stream(w->seed, item);
    w->replicates[item] = (float)replicate(w, &draw, a, b);
}

static bool resample_whole(struct contrast *c, const struct aligned *d, uint64_t seed,
    struct pool *pool, const struct compare_options *o, struct err *err) {
    struct whole w = { d, c->replicates, seed, NULL };
    w.scratch = mem_try(pool_n_threads(pool) * 2 * d->n, sizeof *w.scratch, "resamples", err);
    if (w.scratch) {
        pool_run(pool, o->n_resamples, run_replicate, &w);
    }
    free(w.scratch);
    return w.scratch != NULL;
}

/* A resample may have no value (one label only): the others speak for it. */
static size_t keep_numbers(float *x, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(x[i])) {
            x[kept++] = x[i];
        }
    }
    for (size_t i = kept; kept && i < n; i++) {
        x[i] = x[i % kept];
    }
    return kept;
}

/* ---- the test ---- */

static void take_interval(struct contrast *c, struct interval i) {
    c->low = i.low;
    c->high = i.high;
}

static void test_shares(struct contrast *c, const struct aligned *d) {
    double a = (double)c->flips.only_a, b = (double)c->flips.only_b;
    c->test = "mcnemar";
    c->difference.p = mcnemar_mid(a, b);
    c->p_exact = mcnemar_exact(a, b);
    take_interval(c, interval_paired_shares(b, a, (double)d->n));
}

static void test_mean(struct contrast *c) {
    c->test = "t";
    take_interval(c, interval_mean(c->difference.value, c->difference.se, c->difference.df));
}

static void test_whole(struct contrast *c, size_t n_resamples) {
    struct resampled r;
    size_t n = keep_numbers(c->replicates, n_resamples);
    c->test = "bootstrap";
    resampled_from(c->replicates, n, c->b - c->a, &r);
    c->difference = (struct difference) { r.value, r.se, INFINITY, r.p };
    c->low = r.low;
    c->high = r.high;
}

bool contrast_make(struct contrast *c, const struct aligned *d, uint64_t seed, struct pool *pool,
    const struct compare_options *o, struct err *err) {
    *c = (struct contrast) { .p_exact = NAN };
    c->a = aligned_value(d, false);
    c->b = aligned_value(d, true);
    c->replicates = mem_try(o->n_resamples + 1, sizeof *c->replicates, "resamples", err);
    bool ok = c->replicates && (as_a_whole(d) ? resample_whole(c, d, seed, pool, o, err)
                                              : resample_means(c, d, seed, pool, o, err));
    if (!ok) {
        contrast_release(c);
        return false;
    }
    count_flips(c, d);
    c->n_clusters = count_clusters(d);
    c->difference = paired_by_subset(d);
    if (as_a_whole(d)) {
        test_whole(c, o->n_resamples);
    } else if (d->binary && d->n_subsets == 1 && !d->cluster) {
        test_shares(c, d);
    } else {
        test_mean(c);
    }
    /* where no document came out otherwise, nothing is known of how far they would */
    c->detectable = c->difference.se > 0 ? detectable_difference(c->difference.se, o->power) : NAN;
    return true;
}

void contrast_release(struct contrast *c) {
    free(c->replicates);
    *c = (struct contrast) { 0 };
}
