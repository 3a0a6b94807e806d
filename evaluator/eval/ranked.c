/* See ranked.h: from scores to what is measured of them. */
#include "evaluator/eval/ranked.h"

#include <math.h>
#include <string.h>

#include "evaluator/metric/statistic.h"

struct rankings *rankings_new(struct eval *e, size_t size) {
    struct rankings *r = arena_alloc(&e->arena, size);
    r->of = arena_alloc(&e->arena, e->n * sizeof *r->of);
    e->kind = r;
    return r;
}

/* ---- the judgements of each query ---- */

void judged_group(struct eval *e, struct judged *j) {
    const struct task_retrieval *r = e->retrieval;
    j->of = arena_alloc(&e->arena, (r->n_judgements + 1) * sizeof *j->of);
    j->first = arena_alloc(&e->arena, (e->n + 2) * sizeof *j->first);
    for (size_t i = 0; i < r->n_judgements; i++) {
        j->first[r->judgements[i].query + 2]++;
    }
    for (size_t q = 1; q < e->n + 2; q++) {
        j->first[q] += j->first[q - 1];
    }
    /* Each start moves up to its end, which is the next one's start. */
    for (size_t i = 0; i < r->n_judgements; i++) {
        j->of[j->first[r->judgements[i].query + 1]++] = &r->judgements[i];
    }
}

static int by_gain_descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static double gain_of(const struct judged *j, size_t query, size_t passage) {
    for (size_t i = j->first[query]; i < j->first[query + 1]; i++) {
        if (j->of[i]->passage == passage) {
            return j->of[i]->gain;
        }
    }
    return 0;
}

static void find_ends(struct ranked *r) {
    for (size_t i = r->n; i-- > 0;) {
        bool tie = i + 1 < r->n && r->scores[i] == r->scores[i + 1];
        r->last[i] = tie ? r->last[i + 1] : i;
    }
}

/* As mteb's: the highest score, the deviation of all, and how far the second is behind. */
static void find_spread(struct ranked *r) {
    size_t n = r->n < RANKED_DEPTH ? r->n : RANKED_DEPTH;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)r->scores[i];
    }
    for (size_t i = 0; i < n; i++) {
        double off = (double)r->scores[i] - sum / (double)n;
        squares += off * off;
    }
    r->spread[SPREAD_MAX] = n ? (double)r->scores[0] : 0;
    r->spread[SPREAD_STD] = n ? sqrt(squares / (double)n) : 0;
    r->spread[SPREAD_DIFF1] = n > 1 ? (double)r->scores[0] - (double)r->scores[1] : 0;
}

void ranked_take(struct eval *e, const struct judged *j, size_t query, const size_t *best,
    const float *scores, size_t n, struct ranked *out) {
    out->n = n;
    out->best = arena_alloc(&e->arena, (n + 1) * sizeof *out->best);
    out->scores = arena_alloc(&e->arena, (n + 1) * sizeof *out->scores);
    out->gains = arena_alloc(&e->arena, (n + 1) * sizeof *out->gains);
    out->last = arena_alloc(&e->arena, (n + 1) * sizeof *out->last);
    for (size_t i = 0; i < n; i++) {
        out->best[i] = best[i];
        out->scores[i] = scores[i];
        out->gains[i] = gain_of(j, query, best[i]);
    }
    out->n_ideal = j->first[query + 1] - j->first[query];
    out->ideal = arena_alloc(&e->arena, (out->n_ideal + 1) * sizeof *out->ideal);
    for (size_t i = 0; i < out->n_ideal; i++) {
        out->ideal[i] = j->of[j->first[query] + i]->gain;
    }
    qsort(out->ideal, out->n_ideal, sizeof *out->ideal, by_gain_descending);
    find_ends(out);
    find_spread(out);
}

/* ---- one ranking ---- */

/* scikit-learn's: a threshold takes in all of the same score at once. */
static double average_precision_of(const struct ranked *r) {
    double found = 0, sum = 0, relevant = 0;
    for (size_t i = 0; i < r->n; i++) {
        relevant += r->gains[i] > 0;
    }
    for (size_t i = 0, next; i < r->n; i = next) {
        double more = 0;
        for (next = i; next <= r->last[i]; next++) {
            more += r->gains[next] > 0;
        }
        found += more;
        sum += more * found / (double)next;
    }
    return relevant > 0 ? sum / relevant : 0;
}

static const struct {
    const char *name;
    double (*at)(const struct ranking *r, size_t k);
} MEASURES[] = {
    { "ndcg_at_", ndcg_at },
    { "map_at_", map_at },
    { "recall_at_", recall_at },
    { "precision_at_", precision_at },
    { "mrr_at_", mrr_at },
    { "hit_rate_at_", hit_rate_at },
    { "recall_cap_at_", recall_cap_at },
};

bool ranked_value(const struct ranked *r, const char *metric, double *value) {
    struct ranking ranking = { r->gains, r->n, r->ideal, r->n_ideal };
    bool accuracy = !strcmp(metric, "accuracy"), mrr = !strcmp(metric, "mrr");
    metric = accuracy ? "recall_at_1" : mrr ? "mrr_at_10" : metric;
    if (!strcmp(metric, "map")) {
        *value = average_precision_of(r);
        return true;
    }
    for (size_t m = 0; m < sizeof MEASURES / sizeof *MEASURES; m++) {
        size_t n = strlen(MEASURES[m].name), k;
        if (!strncmp(metric, MEASURES[m].name, n) && (k = strtoul(metric + n, NULL, 10)) > 0) {
            *value = MEASURES[m].at(&ranking, k);
            return true;
        }
    }
    return false;
}

/* ---- many ---- */

/* "nauc_ndcg_at_10_max": the metric, and by which spread rankings are given up; -1: another name.
 */
static int spread_of(const char *metric, char *inner, size_t size) {
    static const char *const SPREADS[N_SPREADS] = { "_max", "_std", "_diff1" };
    size_t n = strlen(metric);
    for (int s = 0; s < N_SPREADS && !strncmp(metric, "nauc_", 5); s++) {
        size_t m = strlen(SPREADS[s]);
        if (n > m + 5 && !strcmp(metric + n - m, SPREADS[s])) {
            snprintf(inner, size, "%.*s", (int)(n - m - 5), metric + 5);
            return s;
        }
    }
    return -1;
}

static bool list_values(const struct ranked *const *rankings, size_t n, const char *metric,
    double *x, struct err *err) {
    for (size_t i = 0; i < n; i++) {
        if (!ranked_value(rankings[i], metric, &x[i])) {
            return eval_unknown(metric, err);
        }
    }
    return true;
}

static struct estimate mean_of(
    const struct eval *e, const double *x, const size_t *docs, size_t n) {
    uint32_t *cluster = e->cluster ? xcalloc(n + 1, sizeof *cluster) : NULL;
    for (size_t i = 0; cluster && i < n; i++) {
        cluster[i] = e->cluster[docs[i]];
    }
    struct estimate out = cluster ? estimate_mean_clustered(x, cluster, n) : estimate_mean(x, n);
    free(cluster);
    return out;
}

bool ranked_estimate(struct eval *e, const struct ranked *const *rankings, const size_t *docs,
    size_t n, const char *metric, struct estimate *out, struct err *err) {
    char inner[64];
    int spread = spread_of(metric, inner, sizeof inner);
    double *x = xcalloc(2 * n + 1, sizeof *x), *sure = x + n;
    bool ok = list_values(rankings, n, spread < 0 ? metric : inner, x, err);
    for (size_t i = 0; ok && spread >= 0 && i < n; i++) {
        sure[i] = rankings[i]->spread[spread];
    }
    if (ok) {
        struct pairs pairs = { sure, x };
        *out = spread < 0 ? mean_of(e, x, docs, n)
                          : estimate_bootstrap(statistic_nauc, &pairs, n, EVAL_INTERVAL, EVAL_SEED);
    }
    free(x);
    return ok;
}

bool ranked_measure(struct eval *e, const char *metric, size_t from, size_t n, struct estimate *out,
    struct err *err) {
    const struct rankings *r = e->kind;
    const struct ranked **list = xcalloc(n + 1, sizeof *list);
    size_t *docs = xcalloc(n + 1, sizeof *docs);
    for (size_t i = 0; i < n; i++) {
        list[i] = &r->of[from + i];
        docs[i] = from + i;
    }
    bool ok = ranked_estimate(e, list, docs, n, metric, out, err);
    free(list);
    free(docs);
    return ok;
}
