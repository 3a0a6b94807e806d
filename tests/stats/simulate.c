/* Do intervals cover, and do tiers keep their promise? `simulate DRAWS BOARDS` draws from known
 * truths and counts; `script/test stats` runs the full size, ctest a small one.
 *
 * Intervals: 95 % of them hold the truth; over all cells of a kind on average within one point, and
 * no cell is under 93. Boards of twenty models with true ties: at most one in twenty has even one
 * false difference. In a small run each bound is as much wider as chance may account for. Exit code
 * 1 if one is broken. The draws are the same every time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/stats/draw.h"
#include "base/stats/resample.h"
#include "base/stats/standing.h"
#include "evaluator/metric/metric.h"
#include "evaluator/metric/statistic.h"
#include "site-gen/score.h"

static const size_t SIZES[] = { 200, 1000, 5000 };
static const double SHARES[] = { 0.1, 0.25, 0.5, 0.9 };
enum { N_SIZES = 3, N_SHARES = 4, CLUSTER = 5, RESAMPLES = 1000 };

/* One cell: a size and a share, and the interval of a draw from it. */
struct cell {
    size_t n;
    double p;
};
typedef bool covers_fn(const struct cell *c, struct draw *d);

/* ---- intervals ---- */

static bool holds(double low, double high, double truth) {
    return low <= truth && truth <= high;
}

static bool share_covers(const struct cell *c, struct draw *d) {
    double *x = xcalloc(c->n, sizeof *x);
    for (size_t i = 0; i < c->n; i++)
        x[i] = draw_unit(d) < c->p;
    struct estimate e = estimate_mean(x, c->n);
    free(x);
    return holds(e.low, e.high, c->p);
}

/* A score as retrieval has them: often nothing, else anything between 0 and 1. */
static double graded(double p, struct draw *d) {
    return draw_unit(d) < p ? draw_unit(d) : 0;
}

static bool mean_covers(const struct cell *c, struct draw *d) {
    double *x = xcalloc(c->n, sizeof *x);
    for (size_t i = 0; i < c->n; i++)
        x[i] = graded(c->p, d);
    struct estimate e = estimate_mean(x, c->n);
    free(x);
    return holds(e.low, e.high, c->p / 2);
}

/* Questions of a passage come out alike half of the time. */
static bool clustered_covers(const struct cell *c, struct draw *d) {
    double *x = xcalloc(c->n, sizeof *x);
    uint32_t *cluster = xcalloc(c->n, sizeof *cluster);
    bool first = false;
    for (size_t i = 0; i < c->n; i++) {
        first = i % CLUSTER == 0 ? draw_unit(d) < c->p : first;
        x[i] = draw_unit(d) < 0.5 ? first : draw_unit(d) < c->p;
        cluster[i] = (uint32_t)(i / CLUSTER);
    }
    struct estimate e = estimate_mean_clustered(x, cluster, c->n);
    free(cluster);
    free(x);
    return holds(e.low, e.high, c->p);
}

/* Two models that agree on half of the documents; the second is right on 3 points fewer of the
 * rest. */
static bool draw_pair(double p, struct draw *d, bool *b) {
    bool a = draw_unit(d) < p;
    *b = draw_unit(d) < 0.5 ? a : draw_unit(d) < p - 0.03;
    return a;
}

static bool difference_covers(const struct cell *c, struct draw *d) {
    double only_a = 0, only_b = 0;
    for (size_t i = 0; i < c->n; i++) {
        bool b, a = draw_pair(c->p, d, &b);
        only_a += a && !b;
        only_b += !a && b;
    }
    struct interval t = interval_paired_shares(only_a, only_b, (double)c->n);
    return holds(t.low, t.high, 0.015);
}

/* Rank correlation of two normals with correlation p: 6 / pi * asin(p / 2). */
static bool spearman_covers(const struct cell *c, struct draw *d) {
    double *x = xcalloc(2 * c->n, sizeof *x), *y = x + c->n;
    for (size_t i = 0; i < c->n; i++) {
        x[i] = draw_normal(d);
        y[i] = c->p * x[i] + sqrt(1 - c->p * c->p) * draw_normal(d);
    }
    struct pairs pairs = { x, y };
    struct estimate e = estimate_bootstrap(statistic_spearman, &pairs, c->n, RESAMPLES, 42);
    free(x);
    return holds(e.low, e.high, 6 / M_PI * asin(c->p / 2));
}

struct coverage {
    const struct cell *cell;
    covers_fn *covers;
    uint64_t seed;
    _Atomic size_t n_held;
};

static void run_draw(void *arg, unsigned thread, size_t item) {
    struct coverage *c = arg;
    struct draw d = draw_stream(c->seed, item);
    (void)thread;
    if (c->covers(c->cell, &d))
        c->n_held++;
}

/* ---- resampled differences, many at once ---- */

enum { BATCH = 250 };

static void put(struct sheet *s, size_t row, const double *x, size_t n) {
    struct scores scores;
    scores_pack(&scores, x, NULL, n);
    if (!sheet_put(s, row, &scores))
        abort();
    scores_release(&scores);
}

static size_t count_resampled(
    const struct cell *c, struct pool *pool, uint64_t seed, size_t n_pairs, bool graded_scores) {
    struct err err = ERR_INIT;
    struct sheet sheet;
    struct resample r;
    float *scratch = xcalloc(RESAMPLES, sizeof *scratch);
    double *x = xcalloc(2 * c->n, sizeof *x), *y = x + c->n, truth = graded_scores ? 0 : 0.015;
    size_t held = 0;
    sheet_init(&sheet, 2 * n_pairs);
    for (size_t k = 0; k < n_pairs; k++) {
        struct draw d = draw_stream(seed, k);
        for (size_t i = 0; i < c->n; i++) {
            bool b, a = draw_pair(c->p, &d, &b);
            x[i] = graded_scores ? graded(c->p, &d) : a;
            y[i] = graded_scores ? (x[i] + graded(c->p, &d)) / 2 : b;
        }
        put(&sheet, 2 * k, x, c->n);
        put(&sheet, 2 * k + 1, y, c->n);
    }
    if (!resample_init(&r, 2 * n_pairs, RESAMPLES, seed, pool, &err) ||
        !resample_add(&r, &sheet, 1, 0, &err))
        abort();
    for (size_t k = 0; k < n_pairs; k++) {
        struct resampled d;
        resample_pair(&r, 2 * k, 2 * k + 1, scratch, &d);
        held += holds(d.low, d.high, truth);
    }
    resample_release(&r);
    sheet_release(&sheet);
    free(scratch);
    free(x);
    return held;
}

/* ---- tables ---- */

static int n_broken;

static void judge(bool ok, const char *what, double got) {
    if (!ok) {
        printf("BROKEN: %s: %.2f\n", what, got);
        n_broken++;
    }
}

struct kind {
    const char *name;
    covers_fn *covers; /* NULL: resampled */
    bool graded;
    size_t sizes, divisor; /* of SIZES from the first; a share of the draws, where they are dear */
};

static double cell_coverage(
    const struct kind *k, const struct cell *c, size_t draws, uint64_t seed, struct pool *pool) {
    size_t held = 0;
    if (k->covers) {
        struct coverage coverage = { c, k->covers, seed, 0 };
        pool_run(pool, draws, run_draw, &coverage);
        held = coverage.n_held;
    }
    for (size_t done = 0; done < draws && !k->covers; done += BATCH) {
        size_t n = draws - done < BATCH ? draws - done : BATCH;
        held += count_resampled(c, pool, seed + done, n, k->graded);
    }
    return 100.0 * (double)held / (double)draws;
}

static void run_kind(const struct kind *k, size_t draws, struct pool *pool) {
    double sum = 0;
    size_t n = draws / k->divisor, cells = 0;
    double chance = n >= 10000 ? 0 : 3 * sqrt(95.0 * 5 / (double)n);
    printf("| %s (%zu draws) |", k->name, n);
    for (size_t s = 0; s < k->sizes; s++)
        for (size_t p = 0; p < N_SHARES; p++) {
            struct cell c = { SIZES[s], SHARES[p] };
            double got = cell_coverage(k, &c, n, 1000000 * (cells + 1), pool);
            printf(" %.1f", got);
            fflush(stdout);
            judge(got >= 93 - chance, k->name, got);
            sum += got;
            cells++;
        }
    double middle = sum / (double)cells;
    printf(" | %.2f |\n", middle);
    judge(fabs(middle - 95) <= 1 + chance / sqrt((double)cells), k->name, middle);
}

static void run_coverage(size_t draws, struct pool *pool) {
    static const struct kind KINDS[] = {
        { "share, Wilson", share_covers, false, N_SIZES, 1 },
        { "mean, Student", mean_covers, false, N_SIZES, 1 },
        { "share in clusters of 5", clustered_covers, false, N_SIZES, 1 },
        { "paired difference, Tango", difference_covers, false, N_SIZES, 1 },
        { "paired difference, bootstrap", NULL, false, N_SIZES, 1 },
        { "paired difference of means, bootstrap", NULL, true, N_SIZES, 1 },
        { "rank correlation, bootstrap", spearman_covers, false, 1, 5 },
    };
    printf("\nCoverage of 95 %% intervals, in percent; n = 200, 1,000, 5,000 and in each p = 0.1, "
           "0.25, "
           "0.5, 0.9\n\n| interval | cells | mean |\n|---|---|---:|\n");
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        run_kind(&KINDS[i], draws, pool);
}

/* ---- boards ---- */

enum { MODELS = 20, DOCS_MAX = 1000, TASKS_MAX = 5 };

/* What a board is drawn from. Models of one group are equal in truth. */
struct truth {
    const char *name;
    size_t n_tasks, n_docs, n_groups;
    double p;
    bool graded, clusters, correlation;
};

static double skill_of(const struct truth *t, size_t model) {
    return (double)(model % t->n_groups) * (t->n_groups > 1 ? 0.25 : 0);
}

/* Scores of all models on one task: documents of different difficulty, so that models agree. */
static void draw_task(const struct truth *t, struct draw *d, double *x, uint32_t *cluster) {
    double base = log(t->p / (1 - t->p)), topic = 0;
    for (size_t i = 0; i < t->n_docs; i++) {
        topic = i % CLUSTER == 0 ? draw_normal(d) : topic;
        double difficulty = draw_normal(d) + (t->clusters ? topic : 0);
        cluster[i] = (uint32_t)(i / CLUSTER);
        for (size_t m = 0; m < MODELS; m++) {
            double share = 1 / (1 + exp(difficulty - base - skill_of(t, m)));
            x[m * t->n_docs + i] =
                t->graded ? (draw_unit(d) < share ? draw_unit(d) : 0) : draw_unit(d) < share;
        }
    }
}

/* Similarities of the same pairs by models that hear the truth equally well, each in its own noise.
 */
static void draw_correlation(const struct truth *t, struct draw *d, double *x) {
    double *gold = xcalloc(2 * t->n_docs, sizeof *gold), *heard = gold + t->n_docs;
    double common[DOCS_MAX];
    for (size_t i = 0; i < t->n_docs; i++) {
        gold[i] = floor(3 * draw_normal(d));
        common[i] = draw_normal(d);
    }
    for (size_t m = 0; m < MODELS; m++) {
        for (size_t i = 0; i < t->n_docs; i++)
            heard[i] = gold[i] + 2 * common[i] + 2 * draw_normal(d);
        spearman_influence(gold, heard, t->n_docs, x + m * t->n_docs);
    }
    free(gold);
}

/* A row's scores as its record would have them, and its figure. */
static struct part make_part(const struct truth *t, const double *x, const uint32_t *cluster) {
    struct scores s;
    uint32_t *keys = t->clusters ? xcalloc(t->n_docs, sizeof *keys) : NULL;
    if (keys)
        memcpy(keys, cluster, t->n_docs * sizeof *keys);
    struct estimate e =
        keys ? estimate_mean_clustered(x, keys, t->n_docs) : estimate_mean(x, t->n_docs);
    scores_pack(&s, x, keys, t->n_docs);
    struct part part = { { e.value, e.stderr_ },
        json_pack("{s:s, s:s, s:[o]}", "metric", "m", "docs", "d", "parts", scores_json(&s)) };
    scores_release(&s);
    free(keys);
    return part;
}

struct boards {
    const struct truth *truth;
    _Atomic size_t n_false, n_missed, n_rejected;
    _Atomic bool broken;
};

/* Two equal models called different; a tier within which two differ. */
static void count_errors(struct boards *b, const struct contest *r, const struct standing *s) {
    struct pairing p;
    bool wrong = false, split = false, missed = false;
    pairing_init(&p, r);
    double cut = holm_cut(p.p, pair_count(MODELS), SIGNIFICANT);
    for (size_t i = 0; i < MODELS; i++)
        for (size_t j = i + 1; j < MODELS; j++) {
            bool differ = p.p[pair_at(MODELS, i, j)] <= cut;
            bool equal = i % b->truth->n_groups == j % b->truth->n_groups;
            wrong = wrong || (differ && equal);
            split = split || (differ && s[i].tier == s[j].tier);
            b->n_rejected += differ && !equal;
        }
    for (size_t i = 0; i < MODELS; i++) {
        size_t better =
            (b->truth->n_groups - 1 - i % b->truth->n_groups) * MODELS / b->truth->n_groups;
        size_t peers =
            MODELS / b->truth->n_groups; /* ranks better + 1 .. better + peers are true */
        missed = missed || s[i].low > (int)(better + peers) || s[i].high < (int)better + 1;
    }
    b->n_false += wrong;
    b->n_missed += missed;
    b->broken = b->broken || split;
    pairing_release(&p);
}

static void run_board(void *arg, unsigned thread, size_t item) {
    struct boards *b = arg;
    const struct truth *t = b->truth;
    struct draw d = draw_stream(77, item);
    double *x = xcalloc(MODELS * t->n_docs, sizeof *x);
    uint32_t *cluster = xcalloc(t->n_docs, sizeof *cluster);
    struct part *parts = xcalloc(MODELS * t->n_tasks, sizeof *parts);
    struct standing s[MODELS];
    (void)thread;
    for (size_t task = 0; task < t->n_tasks; task++) {
        if (t->correlation)
            draw_correlation(t, &d, x);
        else
            draw_task(t, &d, x, cluster);
        for (size_t m = 0; m < MODELS; m++)
            parts[m * t->n_tasks + task] = make_part(t, x + m * t->n_docs, cluster);
    }
    double values[MODELS] = { 0 }, weights[TASKS_MAX];
    for (size_t i = 0; i < MODELS * t->n_tasks; i++) {
        values[i / t->n_tasks] += parts[i].figure.value / (double)t->n_tasks;
        weights[i % t->n_tasks] = 1 / (double)t->n_tasks;
    }
    struct contest r = { MODELS, t->n_tasks, values, parts, weights, true };
    if (rank_parts(&r, s).n_paired != pair_count(MODELS))
        abort();
    count_errors(b, &r, s);
    for (size_t i = 0; i < MODELS * t->n_tasks; i++)
        json_decref((json_t *)(uintptr_t)parts[i].scores);
    free(parts);
    free(cluster);
    free(x);
}

static void run_boards(size_t boards, struct pool *pool) {
    static const struct truth TRUTHS[] = {
        { "one task of 200, all equal", 1, 200, 1, 0.5, false, false, false },
        { "one task of 1,000, all equal, p = 0.9", 1, 1000, 1, 0.9, false, false, false },
        { "one task of 500, ten equal pairs", 1, 500, 10, 0.3, false, false, false },
        { "one task of 500, clusters of 5, all equal", 1, 500, 1, 0.5, false, true, false },
        { "one task of 300, graded, all equal", 1, 300, 1, 0.3, true, false, false },
        { "mean of five tasks of 200, all equal", 5, 200, 1, 0.5, false, false, false },
        { "mean of five tasks of 200, ten equal pairs", 5, 200, 10, 0.3, false, false, false },
        { "rank correlation over 300, all equal", 1, 300, 1, 0.5, false, false, true },
    };
    double chance = boards >= 2000 ? 0 : 3 * sqrt(5.0 * 95 / (double)boards);
    printf(
        "\nBoards of 20 models, %zu of each kind\n\n| board | with a false difference, %% | with a "
        "true "
        "rank outside its interval, %% | true differences found, a board |\n|---|---:|---:|---:|\n",
        boards);
    for (size_t i = 0; i < sizeof TRUTHS / sizeof *TRUTHS; i++) {
        struct boards b = { .truth = &TRUTHS[i] };
        pool_run(pool, boards, run_board, &b);
        double wrong = 100.0 * (double)b.n_false / (double)boards;
        printf("| %s | %.2f | %.2f | %.1f |\n", TRUTHS[i].name, wrong,
            100.0 * (double)b.n_missed / (double)boards, (double)b.n_rejected / (double)boards);
        fflush(stdout);
        judge(wrong <= 5 + chance, TRUTHS[i].name, wrong);
        judge(!b.broken, "two models of one tier differ", 0);
    }
}

int main(int argc, char **argv) {
    struct err err = ERR_INIT;
    size_t draws = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    size_t boards = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;
    struct pool *pool = pool_new(pool_default_threads(), &err);
    if (!pool || draws < 100 || boards < 10) {
        fprintf(stderr, "simulate [DRAWS [BOARDS]]: at least 100 and 10. %s\n", err.msg);
        return 2;
    }
    run_coverage(draws, pool);
    run_boards(boards, pool);
    pool_free(pool);
    printf("\n%d bounds broken\n", n_broken);
    return n_broken > 0;
}
