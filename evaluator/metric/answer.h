/* From generated texts to scores: named filters, each a pipeline that makes one answer of the texts
 * of a document, and the metrics that hold an answer against what is right. Both do what
 * lm-evaluation-harness's of the same names do.
 *
 * The rules are a JSON object, a task's header has it and so does a result:
 *   {"filters": [{"name", "steps": [{"step": "regex", "pattern", "select", "fallback"}, ...]}],
 *    "ignore": {"case", "punctuation", "numbers", "latex", "formula", "frozen": bool,
 *               "regexes": [...]}}
 * Steps: regex, take_first, take_first_k {k}, majority_vote, remove_whitespace, lowercase,
 * uppercase, map {mapping, default}, between_dollars, final_answer (minerva.h), multi_choice_regex,
 * map_regex {pairs}, number_regex, word_sort, regex_pos (whose answer is a list of tags in JSON),
 * format_span. To ignore latex is
 * to compare the normal forms of latex.h; to ignore the formula, to take what minerva.h takes for
 * the same, frozen or not; nothing else then counts. Without filters there is one that takes the
 * first text and has no name. */
#ifndef ASSAY_ANSWER_H
#define ASSAY_ANSWER_H

#include "base/json.h"

struct answer_rules;

/* The JSON must outlive them. Not for two threads at once. */
MUST_CHECK struct answer_rules *answer_rules_new(const json_t *rules, struct err *err);
void answer_rules_free(struct answer_rules *r);

size_t answer_filters(const struct answer_rules *r);
const char *answer_filter_name(const struct answer_rules *r, size_t filter); /* "": none */

/* The texts of a document, n >= 1, and what it offers to choose from (multi_choice_regex,
 * word_sort). */
struct answer_given {
    const char *const *texts;
    size_t n;
    const char *const *choices;
    size_t n_choices;
};

/* What a filter makes of them; the caller frees. *unparsed: nothing in
 * them matched, and the answer is what stands for that. */
char *answer_filtered(
    struct answer_rules *r, size_t filter, const struct answer_given *given, bool *unparsed);

/* Whether an answer is one of those that are right: 1 or 0. */
double answer_exact(struct answer_rules *r, const char *answer, const char *const *right, size_t n);
/* Whether they may leave it open, which counts as wrong, and whether the last answer was left so.
 */
bool answer_may_abstain(const struct answer_rules *r);
bool answer_abstained(const struct answer_rules *r);

/* DROP's two: whether an answer is the spans of one right answer, and how many words they share. */
struct answer_overlap {
    double em, f1;
};
struct answer_overlap answer_overlap(
    struct answer_rules *r, const char *answer, const char *const *spans, size_t n);

#endif
