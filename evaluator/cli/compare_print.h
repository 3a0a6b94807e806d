/* Comparisons as people read them; documents as evaluator/compare/compare.h has them. */
#ifndef ASSAY_CLI_COMPARE_PRINT_H
#define ASSAY_CLI_COMPARE_PRINT_H

#include "base/json.h"

void comparison_print(const json_t *doc);      /* of two */
void comparison_print_many(const json_t *doc); /* of more */

#endif
