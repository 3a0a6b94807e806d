/* What models were trained on, as far as cards say, beside the data of a board's tasks.
 *
 * A card declares data sets (`datasets`, or mteb's `training_datasets`, which names tasks); those
 * of the models that it says it was made from count as well, where their cards are known here. A
 * task is declared by its name, by the repository of its data, or by what tasks/kin.json says of
 * either: other names of the same data, and training sets that hold them. A card that declares
 * nothing makes "unknown", which is neither all nor none of the tasks. */
#ifndef ASSAY_SITE_TRAINING_H
#define ASSAY_SITE_TRAINING_H

#include "site-gen/world.h"

/* The document of tasks/kin.json. New. */
json_t *kin_load(void);

/* Sets in rows of a section, which still have their "id" and have their cells,
 *     "zero_shot": {"state": "declared", "in part", "no" or "unknown", "percent"?: of the tasks,
 *                   "n_trained", "told": in words}
 * and in cells of tasks that were declared "trained": by which data set, in words. Columns of tasks
 * of which a corpus has documents get "overlap": {"told", "corpus", "contaminated", ...}. */
void mark_training(const struct world *w, json_t *section);

/* {"says": whether the card declares anything, "sets": [{"name", "by"?: whose card, if not its
 * own}], "bases": [{"model", "state": "declares", "declares nothing" or "not here"}]} of a row of
 * the models. New. */
json_t *training_view(const struct world *w, const json_t *revision);

/* What was found of a task's documents in corpora (rows of "overlaps"), the most first. New. */
json_t *overlaps_view(const struct world *w, long long task);

/* {"same": [...], "within": [...]}: other names of a task's data, and training sets that hold them;
 * NULL where none are known. `repo` may be NULL. New. */
json_t *kin_view(const struct world *w, const char *task, const char *repo);

#endif
