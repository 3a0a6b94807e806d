/* Inside the data room: what a data set's card (its README's front matter) says about files and
 * features. */
#ifndef ASSAY_DATA_CARD_H
#define ASSAY_DATA_CARD_H

#include "base/json.h"

/* The front matter of <dir>/README.md. False on failure; true with *card NULL where there is none.
 */
MUST_CHECK bool card_read(const char *dir, json_t **card, struct err *err);

/* The entry of `configs:` for this configuration (NULL: the default one, or the only one); NULL
 * where there is none. The value is the card's. */
const json_t *card_config(const json_t *card, const char *config);

/* Calls `pattern` for each path pattern of the split, in order, relative to the data set's folder;
 * returns their count. Patterns that leave the folder are an error. */
typedef bool card_pattern_fn(void *context, const char *pattern, struct err *err);
MUST_CHECK bool card_patterns(const json_t *config, const char *split, card_pattern_fn *pattern,
    void *context, struct err *err);

/* The features of `dataset_info` in the shape that the `datasets` library writes into parquet
 * files, class labels only:
 * {"label": {"_type": "ClassLabel", "names": [...]}}. The caller owns; NULL where the card has
 * none. */
json_t *card_features(const json_t *card, const char *config);

#endif
