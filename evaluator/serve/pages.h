/* The service's own pages: templates of the site's kind, printed with its escaping. */
#ifndef ASSAY_SERVE_PAGES_H
#define ASSAY_SERVE_PAGES_H

#include <jansson.h>

#include "base/strbuf.h"

struct pages;
/* Compiles the templates once for each of n threads that may print at a time. `live`: there is a
 * live corner to link to. */
MUST_CHECK struct pages *pages_open(
    const char *title, const char *base_url, bool live, unsigned n, struct err *err);
void pages_close(struct pages *pages); /* NULL is fine */
/* `bare`: without the layout. */
MUST_CHECK bool pages_print(struct pages *pages, const char *template, const char *path,
    const json_t *document, bool bare, struct strbuf *out, struct err *err);

#endif
