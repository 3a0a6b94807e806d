/* Answers to problems of mathematics as Minerva's authors take them (Lewkowycz et al. 2022) and
 * lm-evaluation-harness's minerva_math does: what stands in "Final Answer: The final answer is
 * ... . I hope it is correct.", without units and marks, is right where it is the same formula
 * (formula.h). */
#ifndef ASSAY_MINERVA_H
#define ASSAY_MINERVA_H

#include "base/err.h"
#include "evaluator/metric/formula.h"

struct minerva;
MUST_CHECK struct minerva *minerva_new(struct err *err);
void minerva_free(struct minerva *m); /* NULL is fine */

/* What stands in the sentence, NULL: there is none. The caller frees. */
char *minerva_answer(struct minerva *m, const char *text);
/* Without units, marks and shorthand. The caller frees. */
char *minerva_normal(struct minerva *m, const char *answer);
/* Whether an answer in its normal form is a right one, which is not. */
enum formula_verdict minerva_compare(struct minerva *m, const char *normal, const char *right);

#endif
