/* Metrics of texts that are like what is right (metric/common_runs.h): BLEU and chrF of many texts
 * at once; and of each text BLEU and ROUGE against the right answer that it is most like, and
 * whether that is more than any wrong one, as TruthfulQA has them. */
#ifndef ASSAY_LIKENESS_H
#define ASSAY_LIKENESS_H

#include "evaluator/eval/internal.h"

struct likeness;
MUST_CHECK struct likeness *likeness_new(size_t texts, struct err *err);
void likeness_free(struct likeness *l); /* NULL is fine */

enum corpus_metric { CORPUS_BLEU, CORPUS_CHRF, CORPUS_CHRF_WORDS, CORPUS_N };
enum true_metric { TRUE_BLEU, TRUE_ROUGE1, TRUE_ROUGE2, TRUE_ROUGE_L, TRUE_N };
/* What the most that any right answer gives is to become. */
enum true_form { TRUE_MAX, TRUE_MORE, TRUE_DIFFERENCE, TRUE_FORMS };

/* Of texts[0..n) of documents from `from` on. Each counts against as many right answers as all of
 * them have, the first ones. */
struct estimate likeness_corpus(struct likeness *l, const struct eval *e, enum corpus_metric metric,
    const char *const *texts, size_t from, size_t n);
/* Of one text. */
double likeness_of_one(
    struct likeness *l, enum corpus_metric metric, const char *text, const struct task_doc *d);
/* Of the text that is `at` among all; looked at once. */
double likeness_true(struct likeness *l, enum true_metric metric, enum true_form form, size_t at,
    const char *text, const struct task_doc *d);

#endif
