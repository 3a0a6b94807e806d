/* The database that a command works on. */
#ifndef ASSAY_CLI_DATABASE_H
#define ASSAY_CLI_DATABASE_H

#include "db/db.h"
#include "evaluator/cli/args.h"

/* Opens what --db names, else what the environment says, else the private cluster. */
MUST_CHECK struct db *database_open(const struct args *args, struct err *err);

/* Prints rows as one document {"schema", key: [...]}, for --json. */
MUST_CHECK bool database_print(
    const struct rows *rows, const char *schema, const char *key, struct err *err);

#endif
