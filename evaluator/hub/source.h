/* Which hub is meant: a folder or a URL. Private to the hub room. */
#ifndef ASSAY_HUB_SOURCE_H
#define ASSAY_HUB_SOURCE_H

#include <stdbool.h>

struct hub_source {
    const char *mirror;   /* the folder, or NULL */
    const char *endpoint; /* the URL (or the folder's name) */
};
void hub_source_find(const char *hub, struct hub_source *out);

#endif
