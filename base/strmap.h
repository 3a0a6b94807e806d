/* A hash map from byte strings to non-negative 32-bit numbers, for vocabularies and name tables:
 * open addressing, keyed by a per-process seed so that a stranger's names cannot make it slow. */
#ifndef ASSAY_STRMAP_H
#define ASSAY_STRMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strmap;
struct strmap *strmap_new(size_t expected);
void strmap_free(struct strmap *m);
/* Keys are copied. False if the key is there already (its value is left). */
bool strmap_add(struct strmap *m, const char *key, size_t n, int32_t value);
/* The value, or -1 if absent. */
int32_t strmap_find(const struct strmap *m, const char *key, size_t n);
size_t strmap_count(const struct strmap *m);

#endif
