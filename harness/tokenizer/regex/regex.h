/* Regular expressions of tokenizers: written for Oniguruma, run by PCRE2 with the same matches.
 *
 * Two programs are compiled: the pattern nearly as it is, and a wider one that knows the letters
 * and numbers that came after PCRE2's Unicode version, taken only for texts that hold such a code
 * point. Matching is bounded: a pattern that backtracks without end is an error, not a hang. */
#ifndef ASSAY_HARNESS_TOKENIZER_REGEX_REGEX_H
#define ASSAY_HARNESS_TOKENIZER_REGEX_REGEX_H

#include <stddef.h>

#include "harness/tokenizer/work.h"

struct regex;
MUST_CHECK struct regex *regex_new(const char *pattern, size_t n, struct err *err);
MUST_CHECK struct regex *regex_new_literal(const char *text, size_t n, struct err *err);
void regex_free(struct regex *r);

/* Reports the whole of `in` through work_segment: matches and the text between them. */
MUST_CHECK bool regex_find(struct work *w, const struct regex *r, struct view in, struct err *err);

void regex_scratch_free(struct regex_scratch *s);

#endif
