/* What a task's page says beyond its ranking: what a document looks like, how scores are spread,
 * which documents nobody solves and which everybody does; and of a model, how its scores went over
 * its revisions, and where it stands among others. */
#ifndef ASSAY_SITE_ITEMS_H
#define ASSAY_SITE_ITEMS_H

#include "site-gen/world.h"

enum { ITEMS_SHOWN = 8 };

/* Adds to a task's view, from the group with the most models:
 *   "example": {"sample", "path": of the run's samples} where its texts are published,
 *   "items": {"n": documents, "models", "nobody": {"n", "items": [{"d", "path"?, "sample"?}]},
 *             "everybody": the same} where documents are scored one by one, from 0 to 1, and their
 *             scores are known of two models or more,
 * and to each group "spread": {"low", "high", "bins": [counts], "most"} where it has five models.
 */
MUST_CHECK bool items_add(const struct world *w, json_t *task_view, struct err *err);

/* Scores of one task under one configuration on two revisions or more, oldest first:
 * [{"task", "metric", "range", "points": [{"revision", "created_at"?, "figure", "path",
 * "run_id"}]}]. New. */
json_t *history_view(const struct world *w, const char *model);

/* For each row of a standing and each of its tasks, which share of the other models it is better
 * than, or null. `tasks` have "points" and "metric". New. */
json_t *percentiles_view(const json_t *tasks, const json_t *rows);

#endif
