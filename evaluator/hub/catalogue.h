/* The models of a mirror tree as a hub lists them. Private to the hub room. */
#ifndef ASSAY_HUB_CATALOGUE_H
#define ASSAY_HUB_CATALOGUE_H

#include "base/json.h"
#include "base/mem.h"

/* Those that have each of the tags (NULL-terminated; "sentence-transformers", "license:mit"), the
 * largest first by one of trendingScore, downloads, likes, createdAt (NULL: by name). A list of
 * what mirror_info says of each, with "tags"; the caller owns it. */
MUST_CHECK json_t *catalogue_read(
    const char *root, const char *const *tags, const char *sort, struct err *err);

/* The parts of an address's query that catalogue_read knows, and where to go on. */
struct catalogue_query {
    const char *tags[16];
    size_t n_tags;
    const char *sort;
    size_t limit, cursor;
};

/* Of a query, one page: the list as JSON, and where the next begins (0: there is none). */
MUST_CHECK bool catalogue_page(const char *root, const struct catalogue_query *q,
    struct strbuf *out, size_t *next, struct err *err);

#endif
