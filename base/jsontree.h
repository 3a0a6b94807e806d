/* Inside base/json.c: a JSON document as jansson's values, read several times as fast as jansson
 * does.
 *
 * Only what jansson accepts, and to the same values. What is refused, and a few oddities (integers
 * past 64 bits, NUL in a key), jansson is left to judge and to word. */
#ifndef ASSAY_JSONTREE_H
#define ASSAY_JSONTREE_H

#include <jansson.h>
#include <stdbool.h>

/* NULL: ask jansson. Nothing nested deeper than depth_max is accepted. */
json_t *jsontree_parse(const char *text, size_t n, int depth_max);

#endif
