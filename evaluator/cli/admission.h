/* Whether a submission may go into the queue: what people decided of the model, then the policy. */
#ifndef ASSAY_CLI_ADMISSION_H
#define ASSAY_CLI_ADMISSION_H

#include "base/json.h"
#include "evaluator/cli/args.h"
#include "evaluator/policy/policy.h"

struct db;

#define OPTION_POLICY                                                                              \
    { "policy", 0, "NAME|FILE", "which models are taken: default, public, or a Lua file" }

/* The request is one for db_submit. `db` NULL: what the arguments name is opened. Refused and
 * banned models are ERR_UNSUPPORTED with the reason. One that a person is to look at is ERR_BUSY:
 * the request is kept with the database, and approving it there hands it in; with `look_only` it is
 * not. */
struct admission_by {
    struct db *db;
    struct policy_kept *policy; /* NULL: --policy is read anew */
    bool look_only;
};
MUST_CHECK bool admission_check(
    const struct args *args, const struct admission_by *by, const json_t *request, struct err *err);

/* The same question without consequences, for `assay queue policy check`: {"model", "answer",
 * "code"?, "reason"?, "decided": whether people did, "facts"}. The caller owns it. */
MUST_CHECK json_t *admission_ask(
    const struct args *args, struct db *db, const json_t *model, struct err *err);

#endif
