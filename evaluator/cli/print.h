/* Printing of whole documents to stdout. */
#ifndef ASSAY_CLI_PRINT_H
#define ASSAY_CLI_PRINT_H

#include "base/json.h"

/* A copy with control characters as "?" and at most `max` bytes of whole letters: what came from a
 * stranger's file must not steer the terminal. The caller frees. */
char *printable(const char *s, size_t max);

/* As JSON, or as indented names and values for people. */
void print_document(const json_t *document, bool json);

#endif
