/* What a table of results leaves out and a reader should know: how many documents were cut, tied or
 * empty, and why a task has no value. */
#ifndef ASSAY_CLI_NOTES_H
#define ASSAY_CLI_NOTES_H

#include "base/json.h"

/* A line for each result of an evaluation that there is something to say of. */
void notes_print(const json_t *results);

#endif
