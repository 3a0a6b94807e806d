/* How much of what is right stands in a text, by runs of words or characters: BLEU and chrF as
 * sacrebleu 2.6 has them, ROUGE as rouge_score 0.1.2 has it. All from 0 to 100. */
#ifndef ASSAY_COMMON_RUNS_H
#define ASSAY_COMMON_RUNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { BLEU_ORDER = 4, CHRF_ORDER = 8 };

/* How words are told apart for BLEU: as its campaigns did (13a), or by Unicode's punctuation and
 * signs. */
enum bleu_words { BLEU_13A, BLEU_INTERNATIONAL, BLEU_WORDS_N };

/* What texts are looked at with. Not for two threads at once. */
struct common_runs;
MUST_CHECK struct common_runs *common_runs_new(struct err *err);
void common_runs_free(struct common_runs *o); /* NULL is fine */

/* What BLEU counts of one text; sums of these are those of many. */
struct bleu_counts {
    double length, right_length, correct[BLEU_ORDER], total[BLEU_ORDER];
};
struct bleu_counts bleu_counts(struct common_runs *o, enum bleu_words words, const char *text,
    const char *const *right, size_t n);
void bleu_add(struct bleu_counts *sum, const struct bleu_counts *more);
double bleu_score(const struct bleu_counts *c);

/* The same of chrF: of runs of one to six characters, and with words (chrF++) of one and two of
 * these; of several right texts the one that gives the most. */
struct chrf_counts {
    double text[CHRF_ORDER], right[CHRF_ORDER], both[CHRF_ORDER];
    bool words;
};
struct chrf_counts chrf_counts(const char *text, const char *const *right, size_t n, bool words);
void chrf_add(struct chrf_counts *sum, const struct chrf_counts *more);
double chrf_score(const struct chrf_counts *c);

/* Runs of one word, of two, and the longest common subsequences of lines; " . " ends a line, too.
 */
struct rouge {
    double one, two, lines;
};
struct rouge rouge_score(const char *text, const char *right);

#endif
