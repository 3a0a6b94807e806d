/* Two sides on the way to a document, whether they are all there are or one pair of several. */
#ifndef ASSAY_COMPARE_COMPARISON_H
#define ASSAY_COMPARE_COMPARISON_H

#include "evaluator/compare/match.h"

struct pool;

/* All that take part, opened. */
struct contestants {
    struct side *sides;
    size_t n;
    struct db *db; /* NULL: none of them is in it */
    struct pool *pool;
};
MUST_CHECK bool contestants_open(struct contestants *c, const char *const *names, size_t n,
    const struct compare_options *o, struct err *err);
void contestants_close(struct contestants *c);

struct comparison {
    const struct compare_options *o;
    const struct side *a, *b;
    struct pool *pool;
    struct match *matches;
    size_t n_matches;
    json_t *tasks, *refused; /* as compare.h has them, but for p_holm and verdict */
    float *mean;             /* [n_resamples]: replicates of the mean's difference, summed up */
    double a_sum, b_sum;
    size_t n_mean; /* tasks in it */
};
/* The sides and the pool stay the caller's; *k must be released whatever comes back. */
MUST_CHECK bool comparison_make(struct comparison *k, const struct side *a, const struct side *b,
    struct pool *pool, const struct compare_options *o, struct err *err);
void comparison_release(struct comparison *k); /* a zeroed struct is fine */

/* {"tasks", "a", "b", "difference", "se", "low", "high", "p"} of the mean over tasks, once; NULL:
 * there is none. The caller owns it. */
json_t *comparison_mean(struct comparison *k);
/* Why there is no task in it; returns false. */
bool nothing_paired(const struct comparison *k, struct err *err);

/* {"name", "model", "revision"}; the caller owns it. */
json_t *side_view(const struct side *s);
/* "better", "worse" or "same" of the second. */
const char *verdict_of(double p_holm, double difference, bool higher);
/* null where it is no number. */
void set_number(json_t *to, const char *key, double v);

#endif
