/* Prints of a model, by which copies, merges and near copies are found (db/migrations/018). */
#ifndef ASSAY_LINEAGE_H
#define ASSAY_LINEAGE_H

#include "base/json.h"

/* {"tensors": n, "values": how many numbers they have, "read": and how many of those were looked
 * at, "layout": hash of the largest tensors' names and sizes, "sequence": hash of all tensors'
 * hashes in the order of their names, "config": hash of config.json without what says who saved it
 * (null where there is none), "hashes": [first 32 digits of each tensor's hash, once each; not
 * those of constant ones, which anybody has], "sample": [numbers, some of each of the largest
 * tensors, in the order of their names]}. The caller owns it. Reads a stranger's files: for a job's
 * process. */
MUST_CHECK json_t *lineage_prints(const char *path, struct err *err);

#endif
