/* A stored result measured once more, from its record alone: model at its commit, task and data by
 * their hashes, profile, shots, limit, seed, dtype. Everything is computed afresh. */
#ifndef ASSAY_CLI_RERUN_H
#define ASSAY_CLI_RERUN_H

#include "evaluator/cli/evidence.h"

extern const struct option options_rerun[]; /* where things lie now, and on what it runs */

struct rerun {
    json_t *result; /* what came out */
    char *samples;
    size_t samples_n;
    char *model; /* as it was asked for */
};
void rerun_release(struct rerun *r); /* a zeroed struct is fine */

/* Refuses (ERR_INPUT, with both hashes) a model, task file or data that aren't the record's. `only`
 * (worker.h) asks single documents; NULL: all. */
MUST_CHECK bool rerun(struct rerun *r, const struct args *args, const struct evidence *e,
    const json_t *only, struct err *err);

#endif
