/* See runs.h. */
#include "evaluator/cli/runs.h"

#include <string.h>

const char *run_state(const struct rows *rows, int i) {
    const char *purpose = rows_text(rows, i, "purpose");
    bool import = !strcmp(purpose, "import");
    return !rows_null(rows, i, "superseded_at") ? "withdrawn"
           : import                        ? (rows_bool(rows, i, "current") ? "imported" : "older")
           : !strcmp(purpose, "reproduce") ? "reproduction"
           : strcmp(purpose, "eval")       ? purpose
           : rows_bool(rows, i, "current") ? "stands"
                                           : "older";
}
