/* A site with private boards: of a snapshot, the part that one kind of reader may see.
 *
 * Everybody sees the open suites, their tasks, and the models that an open suite was asked for,
 * with their runs of those tasks. Who reads a private suite sees that suite, likewise: nothing of
 * another private one. Reports of nights, which name all there is, are in no part. */
#ifndef ASSAY_SITE_SPLIT_H
#define ASSAY_SITE_SPLIT_H

#include <jansson.h>

/* `closed`: names of the private suites, ended by NULL. `shown`: the one of them that is read;
 * NULL: what is open to all. A document of the snapshot's kind, the caller's, which shares its
 * rows. */
json_t *split_part(const json_t *snapshot, const char *const *closed, const char *shown);

#endif
