/* Whether a text does what it was told to, by the 25 checkers of IFEval (Zhou et al. 2023) as
 * lm-evaluation-harness 0.4.13 has them.
 *
 * What was told is a JSON list: [{"id": "length_constraints:number_words", "num_words": 300,
 * "relation": "at least"}, ...]. Arguments have the data set's names; null is none. Where one is
 * missing the harness draws one, so that no two of its runs measure the same: here that is an
 * error. One such is in the data: a letter to be counted that is none, as "#". Here it is counted.
 *
 * Sentences, words in capitals and languages are told by data that Assay doesn't have: a folder
 * with `punkt` and `langdetect` (sentences.h, detect.h), ASSAY_LANGUAGES, else `languages` in
 * ASSAY_HOME. What is told by them is refused where they are not there. */
#ifndef ASSAY_INSTRUCT_H
#define ASSAY_INSTRUCT_H

#include "base/json.h"

enum { INSTRUCTIONS_MAX = 64 };

/* Where that folder is, if it is anywhere; the caller frees. */
MUST_CHECK char *instruct_folder(struct err *err);

/* What checkers share; opened as it is needed. Not for two threads at once. */
struct instruct_tools;
struct instruct_tools *instruct_tools_new(const char *dir); /* NULL: as said above */
void instruct_tools_free(struct instruct_tools *t);         /* NULL is fine */

/* The tools must outlive them. */
struct instructions;
MUST_CHECK struct instructions *instructions_new(
    struct instruct_tools *t, const json_t *told, struct err *err);
void instructions_free(struct instructions *i); /* NULL is fine */
size_t instructions_count(const struct instructions *i);

/* Which of them a text follows; loosely: one of eight forms of it does, without its first line, its
 * last one, its asterisks. */
struct followed {
    bool strict[INSTRUCTIONS_MAX], loose[INSTRUCTIONS_MAX];
};
void instructions_check(const struct instructions *i, const char *text, struct followed *out);

/* The names of the checkers, one after the other; NULL behind the last. */
const char *instruct_checker(size_t i);

#endif
