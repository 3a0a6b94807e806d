/* Texts of a corpus outside of memory. They are added one after the other and stay where they are;
 * beyond the first few dozen megabytes they lie in a file without a name that is mapped in their
 * place, so that a corpus of any size takes address space and disk, and memory only while it is
 * read. */
#ifndef ASSAY_SPOOL_H
#define ASSAY_SPOOL_H

#include <stddef.h>

#include "base/err.h"

struct spool;
/* segment: bytes that are in memory at once, a multiple of the page size; 0: 32 MiB. */
struct spool *spool_new(size_t segment);
void spool_free(struct spool *s); /* NULL is fine */

/* A copy of text[0, n) with a NUL behind it, until spool_free. NULL with ERR_RESOURCE where neither
 * memory nor disk has room, or for a text that is longer than a segment. */
MUST_CHECK const char *spool_add(struct spool *s, const char *text, size_t n, struct err *err);

/* What has been read may leave memory again. */
void spool_forget(const struct spool *s);

#endif
