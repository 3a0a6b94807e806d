/* The YAML block between two lines "---" that opens a README on the hub, as JSON. YAML's scalars
 * all become strings ("true", "3") but for its words for null: whoever asks knows what it wants. At
 * most 4 MiB, 32 levels, 500,000 nodes; an alias counts as much as what it stands for, and "<<"
 * merges mappings. No tags' meaning, keys are scalars and not given twice. */
#ifndef ASSAY_FRONTMATTER_H
#define ASSAY_FRONTMATTER_H

#include "base/json.h"

/* The caller owns the result. NULL with err->class ERR_NONE: there is no front matter. */
json_t *frontmatter_parse(const char *text, size_t n, struct err *err);

#endif
