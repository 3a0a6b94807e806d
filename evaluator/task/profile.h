/* Under which rules a task is asked, by name: a rule set, and what was varied on purpose.
 *
 *     lm-eval/0.4.13            a rule set alone
 *     lm-eval/0.4.13+order3     the options of each question in the third of other orders
 *     lm-eval/0.4.13+wording2   the second of the other wordings that the task has
 *
 * Whoever compares results compares these names: what was varied is never mixed with what was not.
 */
#ifndef ASSAY_TASK_PROFILE_H
#define ASSAY_TASK_PROFILE_H

#include "base/err.h"

enum { PROFILE_VARIANTS_MAX = 1000 };

struct profile {
    char rules[32];
    unsigned order, wording; /* 0: as the data and the task have it */
};

/* ERR_USAGE for a rule set that there isn't and for any other addition. */
MUST_CHECK bool profile_parse(const char *text, struct profile *out, struct err *err);

#endif
