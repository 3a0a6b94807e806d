/* assay doctor's checks: each adds lines to a list. A build has those of the files that it links.
 */
#ifndef ASSAY_CLI_DOCTOR_H
#define ASSAY_CLI_DOCTOR_H

#include "base/json.h"
#include "evaluator/cli/args.h"

struct checkup {
    json_t *list; /* of {"check", "ok", "said"} */
    json_t *gpus; /* what gpu_describe said, for --json */
    bool sick;
};
typedef void doctor_check_fn(struct checkup *c, const struct args *args);

void doctor_note(struct checkup *c, const char *what, bool ok, const char *said);

doctor_check_fn doctor_gpu;

/* What a service needs: database, plots, hub. Ends with NULL. */
extern doctor_check_fn *const doctor_service[];

#endif
