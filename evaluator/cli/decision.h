/* What commands have in common that write a person's decision down: no decision without a reason
 * and somebody whose it is (`audit`, db/migrations/016). */
#ifndef ASSAY_CLI_DECISION_H
#define ASSAY_CLI_DECISION_H

#include "evaluator/cli/args.h"

#define OPTIONS_DECISION                                                                           \
    { "reason", 0, "TEXT", "why, for whoever asks later" }, {                                      \
        "as", 0, "NAME", "who decides (default: the user's name)"                                  \
    }

/* ERR_USAGE where none is given. */
MUST_CHECK bool decision_has_reason(const struct args *args, struct err *err);
const char *decision_reason(const struct args *args);
const char *decision_by(const struct args *args);

#endif
