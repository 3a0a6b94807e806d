/* Files as clients take them: compressed once, when they are built. The same bytes give the same
 * bytes. */
#ifndef ASSAY_SITE_PACK_H
#define ASSAY_SITE_PACK_H

#include "base/strbuf.h"

/* Whether compressing pays: more than a kilobyte, of a kind that is text. */
bool pack_worthwhile(const char *path, size_t n);

/* Whether by brotli, too: pages, and the data that boards fetch. Documents for programs and shards
 * of samples are many, and have FILE.gz alone. */
bool pack_twice(const char *path);

/* Replaces what is in *out. */
MUST_CHECK bool pack_gzip(const void *data, size_t n, struct strbuf *out, struct err *err);
/* Files of assets/ as small as can be: there are few, and each reader fetches them. */
MUST_CHECK bool pack_brotli(
    const char *path, const void *data, size_t n, struct strbuf *out, struct err *err);

#endif
