/* What the files that look after the cache share. */
#ifndef ASSAY_HUB_TIDY_PARTS_H
#define ASSAY_HUB_TIDY_PARTS_H

#include "evaluator/hub/cached.h"
#include "evaluator/hub/tidy.h"

/* A process of Assay has marked it, or any process has one of its blobs open. */
bool tidy_in_use(const struct cached_repo *r, const struct cached_snapshot *s);

/* Partials that nobody writes and that were last written before `before`, in Assay's own cache and
 * in the repositories: removed, unless `dry`; their bytes. */
uint64_t tidy_partials(const struct cached *c, int64_t before, bool dry);

/* Which repository and snapshot a name means; the snapshot is its number of snapshots where the
 * name has no revision. */
MUST_CHECK bool tidy_find(
    const struct cached *c, const char *name, size_t *repo, size_t *snapshot, struct err *err);

#endif
