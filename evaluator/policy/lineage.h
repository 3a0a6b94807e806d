/* Prints of a model, by which copies, merges and near copies are found (db/migrations/018). */
#ifndef ASSAY_LINEAGE_H
#define ASSAY_LINEAGE_H

#include "base/json.h"

/* {"tensors": n, "layout": hash of the largest tensors' names and sizes, "hashes": [first 32 digits
 * of each tensor's hash, once each; not those of constant ones, which anybody has], "sample":
 * [numbers, some of each of the largest tensors, in the order of their names]}. The caller owns it.
 * Reads a stranger's files: for a job's process. */
MUST_CHECK json_t *lineage_prints(const char *path, struct err *err);

#endif
