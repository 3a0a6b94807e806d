/* The model that an adapter or a difference was made on: fetched beside it, so that the folder of
 * its snapshot is whole. Private to the hub room. */
#ifndef ASSAY_HUB_BASE_H
#define ASSAY_HUB_BASE_H

#include "evaluator/hub/pull.h"

/* `dir` is what pull_snapshot gave for *p. Where it holds an adapter whose base a hub could have,
 * the base is pulled likewise (its weights too, unless p->facts_only) and linked into
 * dir/base_model. The commit that was first met is kept, whatever the base becomes. *missing grows
 * by the bytes that are still to come; it may be NULL. */
MUST_CHECK bool base_pull(
    const struct pull *p, const char *dir, uint64_t *missing, struct err *err);

#endif
