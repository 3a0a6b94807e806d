/* Escaping: the only way for text into a page.
 *
 * Characters that steer the direction of text, that have no width, or that control a terminal are
 * shown as visible marks (U+202E), so that a name is what it looks like. Text comes as UTF-8; bytes
 * that are none become U+FFFD. */
#ifndef ASSAY_SITE_ESCAPE_H
#define ASSAY_SITE_ESCAPE_H

#include "base/strbuf.h"

/* For element content: marks are <span class="cp">. */
void escape_text(struct strbuf *out, const char *s, size_t n);
/* For double-quoted attribute values, <title>, and XML: marks are plain [U+202E]. */
void escape_attr(struct strbuf *out, const char *s, size_t n);
/* A link for a double-quoted attribute. A path of the site ("/s/x/") becomes relative to a page
 * that lies `depth` folders deep; #, ? and https:// pass; anything else is "#". */
struct link_base {
    int depth;        /* -1: links begin with `root`, for a page that is shown anywhere */
    const char *root; /* "/" or "/path/" */
    bool file_links;  /* name index.html */
};
void escape_url(struct strbuf *out, const struct link_base *base, const char *s, size_t n);
/* At most `max` code points, then an ellipsis; the number of bytes to keep, and whether it was cut.
 */
size_t clip_utf8(const char *s, size_t n, size_t max);

#endif
