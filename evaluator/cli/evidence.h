/* What a stored result is of and what it rests on, wherever it lies: a run of the database, or a
 * record that `assay eval --out` wrote, with its samples beside it. What rescore, reproduce and
 * result verify start from. */
#ifndef ASSAY_CLI_EVIDENCE_H
#define ASSAY_CLI_EVIDENCE_H

#include "base/json.h"
#include "db/db.h"
#include "evaluator/cli/args.h"

struct evidence {
    json_t *result;   /* as in the "results" of an assay.eval/1 document */
    char *samples;    /* JSON lines; NULL: there are none */
    size_t samples_n; /* bytes */
    char *name;       /* "run 12", or the file: for messages and tables */
    long long run;    /* 0: a file */
    bool current;     /* a run: stands for its configuration */
    json_t *row;      /* a run: run_evidence's columns, "record" among them */
};
void evidence_release(struct evidence *e); /* a zeroed struct is fine */

/* Which results the operands (and --task) name: run numbers, models, record files, samples files
 * and folders of them. A list of {"run": n} and {"path": file, "at": which of its results}, the
 * caller's; *db is opened where one of them is a run, and the caller closes it. ERR_NOT_FOUND for
 * an operand that names nothing; without operand and task all that are current where `all`, else
 * ERR_USAGE. */
extern const struct option options_selection[]; /* --task */
MUST_CHECK json_t *selection_from_args(
    const struct args *args, bool all, struct db **db, struct err *err);

/* One of them. Samples of a file are read as they lie there; those of a run are left out: */
MUST_CHECK bool evidence_open(
    struct evidence *e, struct db *db, const json_t *selected, struct err *err);
/* The samples of a run; a chunk that is not what its hash says is ERR_INPUT. */
MUST_CHECK bool evidence_samples(struct evidence *e, struct db *db, struct err *err);
/* ERR_NOT_FOUND, with what to do about it, where there are none. */
MUST_CHECK bool evidence_needs_samples(const struct evidence *e, struct err *err);

/* ERR_INPUT of what was imported: nothing here can make it again. */
MUST_CHECK bool evidence_is_measured(const struct evidence *e, struct err *err);

/* The first of value, stderr, low and high in which two {"value", ...} differ; NULL: they are
 * equal. By value: a number that went through a database has lost the sign of a zero. */
const char *metric_difference(const json_t *a, const json_t *b);

#endif
