/* What the database knows of where a model's weights come from. */
#ifndef ASSAY_CLI_LINEAGE_H
#define ASSAY_CLI_LINEAGE_H

#include "base/json.h"
#include "evaluator/cli/args.h"

/* {"schema": "assay.lineage/1", "model", "related": [{"model", "revision", "relation", "ours",
 * "theirs", "correlation"}], "merge": [{"how", "parents", "fit"}], "bases": [{"model", "here",
 * "comparable"}], "read": [{"revision", "tensors", "share"}], "copies": [{"model", "of_model",
 * ...}]}; the caller owns it. All but the copies and the bases, which are the card's, is by
 * samples: `share` of the values was read. */
MUST_CHECK json_t *lineage_of_model(const struct args *args, const char *model, struct err *err);
void lineage_print(const json_t *lineage);

#endif
