/* Which results of two sides can be paired. */
#ifndef ASSAY_COMPARE_MATCH_H
#define ASSAY_COMPARE_MATCH_H

#include "evaluator/compare/side.h"

/* One task that both sides have, or one of them; sorted by name. */
struct match {
    const char *task;
    const struct candidate *a, *b; /* the pair, where `why` is NULL */
    char *why;                     /* it cannot be paired */
    bool missing;                  /* because one side has no result of it */
};

/* The caller releases the list. */
struct match *match_tasks(
    const struct side *a, const struct side *b, const struct compare_options *o, size_t *n);
void match_release(struct match *matches, size_t n);

/* Whether this may differ between results that are paired. */
bool is_across(const struct compare_options *o, const char *fact);

/* What a reader of the pair must know: which of several results were taken, which facts one side
 * doesn't say, and which are not the same. Strings are appended. */
void match_notes(json_t *notes, const struct match *m, const struct side *a, const struct side *b,
    const struct compare_options *o);

#endif
