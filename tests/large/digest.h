/* What the values of a data set come to, column by column, in a form that arrays of columns give
 * without making rows: for each place in the schema ("/choices/[]/text") three SHA-256.
 *
 *     there    a byte for each value, 0 where it is null
 *     lengths  4 bytes for each array and string that is there
 *     values   8 bytes for each number that is there, a byte for each boolean, the bytes of strings
 *
 * What lies below a null is not counted, as it is not there. */
#ifndef ASSAY_TESTS_DIGEST_H
#define ASSAY_TESTS_DIGEST_H

#include <stdio.h>

#include "evaluator/data/data.h"

struct digest;
struct digest *digest_new(void);
void digest_add(struct digest *d, const struct value *row);
/* Prints "place there lengths values" a line, unless `out` is NULL; frees. */
void digest_end(struct digest *d, FILE *out);

#endif
