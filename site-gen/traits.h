/* What a row of a board can be chosen by, beside its scores: what kind of model it is, how open,
 * how much memory it takes, how fast it was, when it was measured; and the key that an address
 * knows it by. What the data don't say is left out, and shown as unknown. */
#ifndef ASSAY_SITE_TRAITS_H
#define ASSAY_SITE_TRAITS_H

#include "site-gen/world.h"

/* Memory is that of the weights and a fifth more. */
#define MEMORY_BESIDE_WEIGHTS 1.2

/* Adds one of its runs to a row: measured_at is that of the last, device and isa of one of them. */
void row_add_run(json_t *row, const json_t *run);

/* Sets in a row that still has its "id", all of its runs added: key, type, openness, permissive,
 * lic, prec, arch (lower case, short), memory_bytes, tokens_per_s, handed_in: when the revision
 * came here. */
void row_traits(const struct world *w, json_t *row, bool embeds);

#endif
