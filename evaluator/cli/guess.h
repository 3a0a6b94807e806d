/* Which columns of a data file are the question, the options and the answer: a guess by their names
 * and by what they hold. What is not sure is said so. */
#ifndef ASSAY_CLI_GUESS_H
#define ASSAY_CLI_GUESS_H

#include "evaluator/cli/columns.h"

enum draft_kind {
    DRAFT_CHOICE,
    DRAFT_LOGLIKELIHOOD,
    DRAFT_ROLLING,
    DRAFT_STS,
    DRAFT_RETRIEVAL,
    DRAFT_PAIR,
    DRAFT_RERANK,
    DRAFT_BITEXT,
    DRAFT_CLASSIFICATION,
    DRAFT_CLUSTERING,
    DRAFT_N_KINDS
};
const char *draft_kind_name(enum draft_kind kind);

/* Where the options of a question stand. */
enum options_form {
    OPTIONS_LIST,     /* a column of lists */
    OPTIONS_LABELLED, /* a column of {"text": [...], "label": [...]} */
    OPTIONS_JSON,     /* a column of texts that hold a JSON list */
    OPTIONS_SPLIT,    /* a column of texts with a separator */
    OPTIONS_COLUMNS,  /* a column each */
    OPTIONS_RIGHT,    /* a column each, the right answer's own first */
    OPTIONS_FIXED,    /* the same for all questions: the values that the answer takes */
};

/* How the answer names one of them. */
enum answer_form {
    ANSWER_TEXT,   /* the option itself */
    ANSWER_LABEL,  /* one of the labels */
    ANSWER_LETTER, /* "B", "b", "(B)", "B." */
    ANSWER_FROM_0,
    ANSWER_FROM_1,
    ANSWER_FIRST,  /* the right one is always the first */
    ANSWER_COLUMN, /* the name of its column */
};

enum { GUESS_OPTIONS_MAX = 26, GUESS_NOTES_MAX = 8, GUESS_NEEDED_MAX = 4 };

/* What is said of a guess. */
struct guess_note {
    const char *what; /* "question", "options", ... */
    const char *columns, *how;
    const char *doubt; /* NULL: it is sure */
};

struct guess {
    struct columns *columns;
    enum draft_kind kind;
    const struct column *question, *context, *answer; /* choice, loglikelihood (answer: target) */
    enum options_form options_form;
    const struct column *options[GUESS_OPTIONS_MAX];
    size_t n_options;       /* columns */
    const char *separator;  /* OPTIONS_SPLIT */
    size_t n_least, n_most; /* options of a question */
    bool options_missing;   /* some of the columns are empty in some rows */
    bool options_unequal;   /* they are texts of unequal length */
    enum answer_form answer_form;
    const struct column *first, *second, *score;  /* sts, pair, bitext; rolling: first */
    double low, high;                             /* of the score */
    const struct column *query, *passage;         /* retrieval, rerank: the right ones */
    const struct column *negative;                /* rerank */
    const struct column *label;                   /* classification, clustering (text: first) */
    const struct column *empty[GUESS_NEEDED_MAX]; /* what a document needs and some rows lack */
    size_t n_empty;
    struct guess_note notes[GUESS_NOTES_MAX];
    size_t n_notes;
};

/* `kind` is a name or NULL; `named` what the user said of columns: {role: "column" or "A,B,C"}.
 * ERR_INPUT where a part can't be found, with the role that would say it; ERR_USAGE for a role or
 * column that there isn't. */
MUST_CHECK bool guess_make(struct guess *g, struct columns *columns, const char *kind,
    const json_t *named, struct err *err);

/* The options of one row as texts; the caller's. Empty where the row has none. */
json_t *guess_options(const struct guess *g, const json_t *row);

#endif
