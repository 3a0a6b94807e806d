/* What is published, from the database that a command works on. */
#ifndef ASSAY_CLI_SNAPSHOT_H
#define ASSAY_CLI_SNAPSHOT_H

#include <jansson.h>

#include "evaluator/cli/args.h"

/* The database itself; NULL, ERR_NEGATIVE, while publication is frozen. The caller closes it. */
MUST_CHECK struct db *snapshot_database(const struct args *args, struct err *err);
/* The document of site_load, which the caller owns; under the same condition. */
MUST_CHECK bool snapshot_load(const struct args *args, json_t **snapshot, struct err *err);

#endif
