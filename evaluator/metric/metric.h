/* Numbers: what turns log-likelihoods, vectors and rankings into scores, standard errors and
 * intervals, exactly as the references compute them (lm-evaluation-harness, mteb, scikit-learn,
 * scipy, pytrec_eval). Pure functions: no files, no Lua, no clock. */
#ifndef ASSAY_METRIC_H
#define ASSAY_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* ---- random numbers, bit for bit ---- */

struct mt19937 {
    uint32_t state[624];
    unsigned next;
};
/* CPython's random.Random(seed). */
void python_seed(struct mt19937 *r, uint64_t seed);
double python_random(struct mt19937 *r);
uint64_t python_randbelow(struct mt19937 *r, uint64_t n);
void python_sample(
    struct mt19937 *r, size_t n, size_t k, size_t *out); /* indices of random.sample(range(n), k) */
void python_choices(struct mt19937 *r, size_t n, size_t k, size_t *out);
void python_shuffle(struct mt19937 *r, size_t *items, size_t n);
/* numpy.random.RandomState(seed). */
void numpy_seed(struct mt19937 *r, uint32_t seed);
void numpy_shuffle(struct mt19937 *r, size_t *items, size_t n);
void numpy_permutation(struct mt19937 *r, size_t n, size_t *out);
double numpy_random(struct mt19937 *r);              /* random_sample() */
uint64_t numpy_below(struct mt19937 *r, uint64_t n); /* randint(0, n), also choice(list of n) */
/* choice(n, p=[weight / sum] * n): by a running sum of probabilities that were f32 once. */
struct numpy_choice {
    size_t n;
    double *cumulated;
};
void numpy_choice_init(struct numpy_choice *c, size_t n);
void numpy_choice_release(struct numpy_choice *c);
size_t numpy_choice_draw(const struct numpy_choice *c, struct mt19937 *r);

/* numpy.random.default_rng(seed): PCG64 behind a seed sequence. */
struct pcg64 {
    unsigned __int128 state, increment;
    bool has_half;
    uint32_t half;
};
void generator_seed(struct pcg64 *r, uint64_t seed);
uint64_t generator_below(struct pcg64 *r, uint64_t n); /* n < 2^32 */
void generator_shuffle(struct pcg64 *r, size_t *items, size_t n);
void generator_permutation(struct pcg64 *r, size_t n, size_t *out);
/* choice(n, k, replace=False) */
void generator_choice(struct pcg64 *r, size_t n, size_t k, size_t *out);

/* ---- estimates ---- */

struct estimate {
    double value, stderr_; /* stderr_ NaN: not defined */
    double low, high;      /* 95 % interval; NaN: not defined */
};

double mean(const double *x, size_t n);
/* Mean with the sample standard error sd(n-1)/sqrt(n); interval by Student's t, by Wilson where
 * all x are 0 or 1. */
struct estimate estimate_mean(const double *x, size_t n);
/* The same with clusters: cluster[i] is a small integer key. */
struct estimate estimate_mean_clustered(const double *x, const uint32_t *cluster, size_t n);

/* A statistic of a resample: `index` holds n positions. */
typedef double statistic_fn(const void *data, const size_t *index, size_t n);
/* lm-eval's bootstrap: `iterations` in chunks of 1000, chunk i drawn with Random(i).choices; sd
 * of the replicates. */
double bootstrap_stderr(statistic_fn *f, const void *data, size_t n, unsigned iterations);
/* Percentile interval and standard error of a corpus statistic from `iterations` resamples with
 * a fixed seed. */
struct estimate estimate_bootstrap(
    statistic_fn *f, const void *data, size_t n, unsigned iterations, uint64_t seed);

/* ---- scores ---- */

size_t argmax_first(const double *x, size_t n);
double spearman(
    const double *x, const double *y, size_t n); /* average ranks; NaN where one side is constant */
double pearson(const double *x, const double *y, size_t n);
double cosine(const float *a, const float *b, size_t width);
double dot(const float *a, const float *b, size_t width);
double manhattan(const float *a, const float *b, size_t width);
double euclidean(const float *a, const float *b, size_t width);

/* One query's ranking: gains of the retrieved documents in rank order, and all judged gains.
 * pytrec_eval's rules. */
struct ranking {
    const double *gains; /* of the documents retrieved, best first */
    size_t n;
    const double *ideal; /* gains of all judged documents, sorted descending */
    size_t n_ideal;
};
double ndcg_at(const struct ranking *r, size_t k);
double map_at(const struct ranking *r, size_t k);
double recall_at(const struct ranking *r, size_t k);
double precision_at(const struct ranking *r, size_t k);
double mrr_at(const struct ranking *r, size_t k);
double hit_rate_at(const struct ranking *r, size_t k);   /* is there a relevant one? */
double recall_cap_at(const struct ranking *r, size_t k); /* of as many as k could hold */

/* The best k documents for each query by dot product, ties by document id descending; documents
 * come in blocks and are not kept. A score is one chain of multiply-adds (harness/product.h). */
struct product_unit;
struct top_k;
struct top_k_options {
    const float *queries; /* [n_queries, width]; not needed once it is made */
    size_t n_queries, width, n_docs, k;
    const uint32_t *doc_rank; /* of each document, where its id stands among all ids in ascending
                                 order; must outlive it */
};
MUST_CHECK struct top_k *top_k_new(
    struct product_unit *unit, const struct top_k_options *options, struct err *err);
void top_k_free(struct top_k *t); /* NULL is fine */
/* The next n documents, in the order of doc_rank; never more in all than were said. */
void top_k_add(struct top_k *t, const float *docs, size_t n);
/* What was found for a query, best first, as ranks of ids; returns how many, at most k. */
size_t top_k_take(struct top_k *t, size_t query, uint32_t *ranks, float *scores);

#endif
