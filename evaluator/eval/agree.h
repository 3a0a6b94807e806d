/* Whether two results of one task on one model say the same: to the bit, within what their dtype
 * can promise, or not.
 *
 * On one instruction set and build the bits are the same whatever else was asked (harness.h).
 * Elsewhere sums are added up in another order; how far that may take a number is in one table
 * (agree.c), and a score may then differ by documents whose two best answers lie closer together
 * than that. Intervals are left out: they follow from the scores by a rule that is not the model's.
 */
#ifndef ASSAY_EVAL_AGREE_H
#define ASSAY_EVAL_AGREE_H

#include "base/json.h"

enum agreement { AGREE_BITS, AGREE_CLOSE, AGREE_NOT };
const char *agreement_name(enum agreement a); /* "bits", "tolerance", "different": in documents */

/* Documents, one pair of samples after the other. */
struct agree_docs {
    size_t n, n_equal, n_close;
    size_t n_other; /* that were asked another question */
    double largest; /* difference of two numbers */
    size_t n_shown; /* how many are described; the caller's to set, as the dtype is */
    const char *dtype;
    json_t *differing; /* of the first n_shown: {"doc_id", "what", "before", "now", "difference"} */
};
void agree_docs_add(struct agree_docs *d, const json_t *before, const json_t *now);
void agree_docs_release(struct agree_docs *d);
enum agreement agree_docs_verdict(const struct agree_docs *d);

/* All documents of two lists of JSON lines. */
MUST_CHECK bool agree_docs_lines(struct agree_docs *d, const char *before, size_t before_n,
    const char *now, size_t now_n, struct err *err);

/* Values and standard errors of all metrics, overall and by subset. *metrics (the caller's): a list
 * of {"name", "subset"?, "before", "now", "difference", "equal"}. */
enum agreement agree_metrics(
    const json_t *before, const json_t *now, const char *dtype, json_t **metrics);

/* The word on both together; *why, a constant, says what it rests on. `docs` NULL: there were no
 * samples to compare. */
enum agreement agree_whole(enum agreement metrics, const struct agree_docs *docs, const char **why);

#endif
