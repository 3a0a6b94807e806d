/* Files built into the program: SQL, Lua descriptions, page templates, assets. assay_embed() in
 * the build makes such a table, sorted by name, ending in a NULL name. */
#ifndef ASSAY_EMBED_H
#define ASSAY_EMBED_H

#include <stddef.h>

struct embedded {
    const char *name;          /* path relative to the folder that was embedded */
    const unsigned char *data; /* NUL-terminated, the NUL not counted */
    size_t size;
};

const struct embedded *embedded_find(const struct embedded *table, const char *name);

#endif
