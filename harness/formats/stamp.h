/* What tells a file's bytes from all others without reading them. Private to this folder. */
#ifndef ASSAY_HARNESS_FORMATS_STAMP_H
#define ASSAY_HARNESS_FORMATS_STAMP_H

#include "base/file.h"

/* Appends a line for the file that has just been mapped from `path`; false where one would not
 * hold. */
MUST_CHECK bool stamp_add(struct strbuf *out, const char *path, const struct file_map *map);

#endif
