/* GET /api/models?filter=TAG&sort=KEY&limit=N of `assay hub serve`. Private to the hub room. */
#ifndef ASSAY_HUB_SERVE_LIST_H
#define ASSAY_HUB_SERVE_LIST_H

#include <microhttpd.h>

#include "base/strbuf.h"

/* The list into *out; *link (the caller's) is the header's value where another page follows, else
 * NULL. `page` is how many entries one has at most. */
MUST_CHECK bool serve_list(struct MHD_Connection *c, const char *root, size_t page,
    struct strbuf *out, char **link, struct err *err);

#endif
