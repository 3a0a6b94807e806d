/* Stored runs as lists and pages have them. */
#ifndef ASSAY_CLI_RUNS_H
#define ASSAY_CLI_RUNS_H

#include "db/db.h"

/* What a run (a row of site_runs) is among those of its configuration: "stands", "older",
 * "withdrawn", "imported", "reproduction" or "canary". */
const char *run_state(const struct rows *rows, int i);

#endif
