/* Printing of whole documents to stdout. */
#ifndef ASSAY_CLI_PRINT_H
#define ASSAY_CLI_PRINT_H

#include "base/json.h"

/* As JSON, or as indented names and values for people. */
void print_document(const json_t *document, bool json);

#endif
