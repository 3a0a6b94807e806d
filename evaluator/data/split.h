/* Inside the data room: which of a data set's files make up a split.
 *
 * Where the card has `configs:`, they are the only truth: what they don't list isn't there. Else,
 * of a configuration, its folder: files of exactly the split's name, then as the library finds
 * splits in a folder (layout.h). Of none: as the library finds them, then files of exactly the
 * split's name in data/, at the top, and in default/. BEIR's corpus.jsonl and queries.jsonl are
 * found by configuration and split of that one name. */
#ifndef ASSAY_DATA_SPLIT_H
#define ASSAY_DATA_SPLIT_H

#include "evaluator/data/card.h"
#include "evaluator/data/picks.h"

struct split_query {
    const json_t *card; /* NULL: none */
    const char *config; /* NULL: the default one */
    const char *split;
};

/* Into picks that were just initialised. What isn't there is ERR_NOT_FOUND, with what was looked
 * for and what there is. */
MUST_CHECK bool split_find(const struct split_query *q, struct picks *p, struct err *err);

#endif
