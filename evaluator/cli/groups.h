/* The scores of suites, from results that have just been made. */
#ifndef ASSAY_CLI_GROUPS_H
#define ASSAY_CLI_GROUPS_H

#include "base/json.h"

/* For one model: rows as average_tree gives them, with "model", for each suite and those within.
 * trees: of suites_from_args. results: of an assay.eval/1 document. skipped: {task: true} of those
 * that could not be asked of the model. The caller owns the list. */
json_t *groups_of(
    const json_t *trees, const json_t *results, const json_t *skipped, const char *model);

/* Among several models, whose rows are in `groups`: sets "borda" in those of suites that have
 * mteb's means, {"rank", "votes", "models"}. */
void groups_vote(const json_t *trees, const json_t *results, json_t *groups);

/* A table of such rows, for people. */
void groups_print(const json_t *groups);

#endif
