/* A submission as the database takes it, from a model and a suite: what `assay submit` and the
 * submission service have in common. */
#ifndef ASSAY_CLI_SUBMISSION_H
#define ASSAY_CLI_SUBMISSION_H

#include "base/json.h"
#include "evaluator/cli/args.h"

struct db;
struct policy_kept;

/* The suite that --suite names with its tasks described, each with "embeds": is it asked for
 * vectors? Reads the library (--tasks), not the hub. The caller owns it. */
MUST_CHECK json_t *submission_suite(const struct args *args, struct err *err);

struct submission_by {
    const char *submitter;
    int priority;
    const json_t *config; /* overrides the suite's; NULL: nothing */
    struct db *db; /* where people's decisions are; NULL: what the arguments name is opened */
    const json_t
        *model; /* as submission_model has it, where that is known; NULL: it is looked up */
    struct policy_kept *policy; /* NULL: --policy is read anew */
    bool look_only;             /* nothing is noted of what is refused or held */
};
/* What db_submit takes (the caller owns it): the model as the hub has it (--hub), held against what
 * is run here, what people decided and --policy (admission.h), and the suite's tasks, of which
 * those that can't be asked of it are marked. */
MUST_CHECK json_t *submission_make(const struct args *args, const char *model, const json_t *suite,
    const struct submission_by *by, struct err *err);

#endif
