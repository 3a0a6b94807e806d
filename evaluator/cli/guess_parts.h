/* What the files of a guess share. */
#ifndef ASSAY_CLI_GUESS_PARTS_H
#define ASSAY_CLI_GUESS_PARTS_H

#include "evaluator/cli/guess.h"

/* Says what was guessed; the texts live as long as the columns do. */
void guess_note_add(
    struct guess *g, const char *what, const char *columns, const char *how, const char *doubt);
const char *guess_keep(const struct guess *g, struct strbuf *text); /* takes it */
const char *guess_names(const struct guess *g, const struct column *const *columns, size_t n);
const char *guess_all_names(const struct guess *g);

/* *column: the one that the user named for a role, else what is guessed, else NULL. */
MUST_CHECK bool guess_take_role(const struct guess *g, const json_t *named, const char *role,
    const struct column *guessed, const struct column **column, struct err *err);
bool guess_missing(const struct guess *g, const char *role, struct err *err);
bool guess_unknown_column(const struct guess *g, const char *name, struct err *err);

/* ---- guess_options.c: options of questions, and the answer among them ---- */

/* *found is false where nothing looks like options. */
MUST_CHECK bool guess_find_options(
    struct guess *g, const json_t *named, bool *found, struct err *err);
void guess_measure_options(struct guess *g);
void guess_note_options(struct guess *g);
json_t *guess_trimmed(const char *s, size_t n); /* a text without the blanks around it */

/* ---- guess_answer.c ---- */

void guess_read_answer(struct guess *g); /* by all rows: as text, label, letter or number */

/* ---- guess_kinds.c: each fills in what its kind has ---- */

MUST_CHECK bool guess_choice(struct guess *g, const json_t *named, struct err *err);
/* A text and one of a few labels: a question whose options are the labels. */
MUST_CHECK bool guess_labels(struct guess *g, const json_t *named, struct err *err);
MUST_CHECK bool guess_loglikelihood(struct guess *g, const json_t *named, struct err *err);
MUST_CHECK bool guess_rolling(struct guess *g, const json_t *named, struct err *err);
MUST_CHECK bool guess_sts(struct guess *g, const json_t *named, struct err *err);
MUST_CHECK bool guess_pair(struct guess *g, const json_t *named, struct err *err);
MUST_CHECK bool guess_bitext(struct guess *g, const json_t *named, struct err *err);
MUST_CHECK bool guess_rerank(struct guess *g, const json_t *named, struct err *err);
MUST_CHECK bool guess_retrieval(struct guess *g, const json_t *named, struct err *err);
MUST_CHECK bool guess_labelled(struct guess *g, const json_t *named, struct err *err);

/* Whether there is what a kind would need. */
bool guess_could_be_choice(struct guess *g, const json_t *named, bool options);
bool guess_could_be_labels(const struct guess *g);
bool guess_could_be_sts(struct guess *g);
bool guess_could_be_pair(struct guess *g);
bool guess_could_be_rerank(const struct guess *g);
bool guess_could_be_loglikelihood(const struct guess *g, const json_t *named);
bool guess_could_be_retrieval(const struct guess *g);
/* The longest texts that are nothing else yet; NULL: there are none. */
const struct column *guess_longest_text(const struct guess *g);

#endif
