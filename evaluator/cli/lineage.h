/* What the database knows of where a model's weights come from. */
#ifndef ASSAY_CLI_LINEAGE_H
#define ASSAY_CLI_LINEAGE_H

#include "base/json.h"
#include "evaluator/cli/args.h"

/* {"related": [{"model", "revision", "relation", "ours", "theirs", "correlation"}], "copies":
 * [{"model", "of_model", ...}]}; the caller owns it. */
MUST_CHECK json_t *lineage_of_model(const struct args *args, const char *model, struct err *err);
void lineage_print(const json_t *lineage);

#endif
