/* How far a score goes with the way in which the same documents are asked: with other examples
 * before them, their options in another order, other words. */
#ifndef ASSAY_CLI_SPREAD_H
#define ASSAY_CLI_SPREAD_H

#include "base/json.h"
#include "evaluator/cli/args.h"

/* --spread K: in place of each task K of it, the task as it is first; --spread-over says what
 * differs: the seed of its examples, or its profile (task/profile.h). A task in which there is
 * nothing of that kind to vary stays one, which is said. Takes `tasks`; NULL on failure. */
MUST_CHECK json_t *spread_tasks(const struct args *args, json_t *tasks, struct err *err);

/* For each model, task and metric with several such results: [{"model", "task", "metric",
 * "draws", "mean", "sd": between draws, "low", "high": the least and the greatest, "stderr": of one
 * draw, from its documents}]. The caller owns it. */
json_t *spread_of(const json_t *results);
void spread_print(const json_t *spread);

#endif
