/* A quick reader of ordinary JSON, for documents of a vocabulary's size. */
#ifndef ASSAY_JSON_READ_H
#define ASSAY_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

/* The value of a document that is nested no deeper than the stack allows; the caller owns it. NULL:
 * it is wrong, or has something that is not ordinary (a number of many digits, half a surrogate
 * pair): jansson is to read it, and to say what is wrong. */
json_t *json_read(const char *text, size_t n);

#endif
