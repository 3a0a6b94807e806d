/* The YAML block between two lines "---" that opens a README on the hub, as JSON. YAML's scalars
 * all become strings
 * ("true", "3"): whoever asks knows what it wants. At most 256 KiB, 32 levels, 100,000 nodes; no
 * anchors, no aliases, no tags' meaning, keys are scalars and not given twice. */
#ifndef ASSAY_FRONTMATTER_H
#define ASSAY_FRONTMATTER_H

#include "base/json.h"

/* The caller owns the result. NULL with err->class ERR_NONE: there is no front matter. */
json_t *frontmatter_parse(const char *text, size_t n, struct err *err);

#endif
