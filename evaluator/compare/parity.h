/* Theirs against ours: the same documents as lm-evaluation-harness answered them and as Assay did,
 * and which rule, changed alone, makes theirs of ours. */
#ifndef ASSAY_COMPARE_PARITY_H
#define ASSAY_COMPARE_PARITY_H

#include "base/json.h"

struct parity_options {
    const char *metric; /* ours; NULL: the main one */
    double tolerance;   /* of log-likelihoods */
};

struct parity_sides {
    const json_t *result; /* ours, as in an assay.eval/1 document */
    const char *ours;     /* its samples, JSON lines */
    size_t ours_n;
    const char *theirs; /* lm-evaluation-harness's, JSON lines */
    size_t theirs_n;
};

/* What differs, and by which rule:
 *   {"schema": "assay.parity/1", "task", "metric", "filter", "tolerance", "n": documents that both
 *    have, "only_ours", "only_theirs", "ours", "theirs": means over the n, "n_differ": whose score
 *    is another, "other_numbers": whose log-likelihoods are further apart than the tolerance,
 *    "asked_otherwise",
 *    "documents": [{"doc_id", "flipped": its score is another, "ours", "theirs", "asked": "alike"
 *        or what differs first, "at"?: the place in it, "ll_difference"?: the largest,
 *        "explained": [rules]}],
 *    "rules": [{"rule", "explains", "breaks", "n", "value": the mean under it}],
 *    "unexplained", "numbers_unexplained"}
 * A rule explains a document if it gives their score (of a model that was asked anew: with their
 * log-likelihoods), and breaks one whose score was theirs if it doesn't. The caller owns it.
 * ERR_INPUT where nothing can be paired. */
MUST_CHECK json_t *parity(
    const struct parity_sides *sides, const struct parity_options *options, struct err *err);

/* The same rule as far as samples show it that were asked anew under it: adds it to the report.
 * `samples` are Assay's, of whichever documents. */
MUST_CHECK bool parity_add_rule(json_t *report, const struct parity_sides *sides, const char *rule,
    const char *samples, size_t n, struct err *err);

#endif
