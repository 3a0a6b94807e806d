/* The YAML block between two lines "---" that opens a README on the hub, as JSON. YAML's scalars
 * all become strings ("true", "3") but for its words for null: whoever asks knows what it wants. At
 * most 4 MiB, 32 levels, 500,000 nodes; an alias counts as much as what it stands for, and "<<"
 * merges mappings. No tags' meaning, keys are scalars and not given twice. */
#ifndef ASSAY_FRONTMATTER_H
#define ASSAY_FRONTMATTER_H

#include "base/json.h"

/* The caller owns the result. NULL with err->class ERR_NONE: there is no front matter. */
json_t *frontmatter_parse(const char *text, size_t n, struct err *err);

/* The same, with plain scalars as the numbers, true and false that YAML 1.1 and 1.2 both take them
 * for; a date stays text. */
json_t *frontmatter_values(const char *text, size_t n, struct err *err);
/* A whole file of YAML, so. The caller owns the result. */
MUST_CHECK json_t *yaml_values(const char *text, size_t n, struct err *err);

/* The block's text: between a first line "---" and the next one. False where there is none. */
bool frontmatter_find(const char *text, size_t n, const char **from, size_t *len);

#endif
