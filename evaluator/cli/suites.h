/* Which suites there are: those of the library, and those that something was submitted for. */
#ifndef ASSAY_CLI_SUITES_H
#define ASSAY_CLI_SUITES_H

#include "base/json.h"
#include "evaluator/cli/args.h"

struct db;

/* The names of the library's suites, by --tasks; the caller's. */
MUST_CHECK json_t *suites_of_library(const struct args *args, struct err *err);

/* Whoever closes a board and misspells its name would leave it open: each of the names (ended by
 * NULL) is a suite's, or it is ERR_USAGE with the nearest that is. One that is in the library alone
 * will do. */
MUST_CHECK bool suites_check_closed(
    const struct args *args, struct db *db, const char *const *names, struct err *err);
/* The same where the suites are those of a site's document (site-gen/site.h). */
MUST_CHECK bool suites_check_closed_in(
    const struct args *args, const json_t *snapshot, const char *const *names, struct err *err);

#endif
