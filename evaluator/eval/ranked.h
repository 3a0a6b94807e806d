/* Rankings: what the kinds that rank passages know of each query after asking, what is measured of
 * it by pytrec_eval's and mteb's rules, and how it goes into samples and comes back. */
#ifndef ASSAY_EVAL_RANKED_H
#define ASSAY_EVAL_RANKED_H

#include "evaluator/eval/internal.h"

enum {
    RANKED_DEPTH = 1000,     /* passages that are kept of a ranking */
    RANKED_SHOWN = 10,       /* and that a sample shows */
    RANKED_MOST = 10 * 1000, /* candidates of a query that are ranked */
};

enum { SPREAD_MAX, SPREAD_STD, SPREAD_DIFF1, N_SPREADS };

struct ranked {
    size_t *best; /* passages, best first */
    float *scores;
    double *gains;
    size_t *last; /* of each place, the last one with its score */
    double *ideal;
    size_t n, n_ideal;
    double spread[N_SPREADS]; /* of the scores: what tells a sure ranking from an unsure one */
};

/* The state of a kind that ranks begins with this. */
struct rankings {
    struct ranked *of;              /* each document's */
    struct task_retrieval recalled; /* where samples are taken back: the passages that they show */
};
/* `size`: of the kind's state. */
struct rankings *rankings_new(struct eval *e, size_t size);

/* ---- judgements ---- */

struct judged {
    const struct task_judgement **of; /* sorted by query; first[q]..first[q + 1] */
    size_t *first;
};
void judged_group(struct eval *e, struct judged *j);

/* A query's ranking from passages in order; `query` is whose judgements hold. */
void ranked_take(struct eval *e, const struct judged *j, size_t query, const size_t *best,
    const float *scores, size_t n, struct ranked *out);

/* ---- embedding ---- */

/* Unit vectors of some passages, from..from + n of `which` (NULL: of all passages). */
typedef bool passages_fn(void *arg, const float *vectors, size_t from, size_t n, struct err *err);
/* Passages a block at a time, so that neither all vectors nor all that is made of a text are there
 * at once. */
MUST_CHECK bool embed_passages(struct eval *e, const size_t *which, size_t from, size_t n,
    passages_fn *fn, void *arg, struct err *err);
/* Unit vectors of texts, the caller's; NULL with *err. */
MUST_CHECK float *embed_queries(
    struct eval *e, const char *const *texts, size_t n, struct err *err);

/* ---- measuring ---- */

/* One of retrieval's metrics; false: no such metric. */
MUST_CHECK bool ranked_value(const struct ranked *r, const char *metric, double *value);
/* Over some rankings, each with the document that says its cluster. */
MUST_CHECK bool ranked_estimate(struct eval *e, const struct ranked *const *rankings,
    const size_t *docs, size_t n, const char *metric, struct estimate *out, struct err *err);
/* Over the rankings of documents from..from + n. */
MUST_CHECK bool ranked_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err);

/* ---- samples ---- */

/* The fields of a query's sample up to its metrics. */
void ranked_write(const struct eval *e, size_t i, struct json_writer *w);
/* What the measures are made of: "ranked", "hits", "ideal", "spread". */
void ranked_write_evidence(const struct ranked *r, struct json_writer *w);

MUST_CHECK bool ranked_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err);
MUST_CHECK bool ranked_recall_evidence(struct eval *e, const json_t *sample, const json_t *evidence,
    struct ranked *out, struct err *err);

#endif
