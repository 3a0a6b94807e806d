/* Answers in LaTeX that say the same but for how they are written, as the benchmark MATH compares
 * them (Hendrycks et al. 2021): a normal form of fractions, roots, units, percents and degrees,
 * then letter by letter. No mathematics: 0.5 is 1/2, but 0.25 is not 1/4. */
#ifndef ASSAY_LATEX_H
#define ASSAY_LATEX_H

#include "base/strbuf.h"

bool latex_same(const char *a, const char *b);
/* The normal form, which the caller frees; NULL: the text has none (a fraction or root of nothing,
 * two units, a fraction of what are not numbers), and is compared as it stands. */
char *latex_normal(const char *text);

#endif
