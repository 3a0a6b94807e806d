/* What an evaluation would take (assay eval --dry-run): one row a model and task. */
#ifndef ASSAY_CLI_PLAN_H
#define ASSAY_CLI_PLAN_H

#include "base/json.h"

/* {"model", "plan": {"task", ...}} by model and task, as child_watch's plan gives them. */
void plan_add(json_t *plans, const char *model, const json_t *plan);

/* One document, {"schema": "assay.plan/1", "plans": [...], "total": {...}}, or a table with its
 * sums. */
void plan_print(const json_t *plans, bool json);

#endif
