/* How far a score goes with the examples that are drawn: each task asked under several seeds. */
#ifndef ASSAY_CLI_SPREAD_H
#define ASSAY_CLI_SPREAD_H

#include "base/json.h"
#include "evaluator/cli/args.h"

/* --spread K: in place of each task that draws its examples, K of it with seeds one apart; the
 * task's own first. A task whose examples are fixed, or that has none, stays one, which is said.
 * Takes `tasks`; NULL on failure. */
MUST_CHECK json_t *spread_tasks(const struct args *args, json_t *tasks, struct err *err);

/* For each model, task and metric with results under several seeds: [{"model", "task", "metric",
 * "draws", "mean", "sd": between draws, "low", "high": the least and the greatest, "stderr": of one
 * draw, from its documents}]. The caller owns it. */
json_t *spread_of(const json_t *results);
void spread_print(const json_t *spread);

#endif
