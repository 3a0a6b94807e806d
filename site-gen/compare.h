/* What the page /compare/ reads: of each model a file with the scores of its documents, task by
 * task. The page's script pairs them as evaluator/compare does (assets/evidence/compare.js). */
#ifndef ASSAY_SITE_COMPARE_H
#define ASSAY_SITE_COMPARE_H

#include "site-gen/world.h"

/* api/v1/m/ORG/NAME/scores.json:
 *     {"schema": "assay.site.scores/1", "model": {...}, "tasks": [{"task", "metric", "figure",
 * "run_id", "path": of the run, "revision", "dtype"?, "samples": has it some, "same": what must be
 * the same of two results, "scores"?: of the documents, as a record has them
 * (base/stats/scores.h)}]} of its current runs, newest first. NULL: there are none. New. */
json_t *scores_view(const struct world *w, const char *model);

/* The page itself: {"schema": "assay.site.compare/1", "models": [paths without "/m/" and the last
 * "/"]} of models that have such a file. `with_scores` is what they are asked for by. New. */
json_t *compare_view(const json_t *with_scores);

#endif
