/* Inside the data room: what a data set's card (its README's front matter) says about files and
 * features. */
#ifndef ASSAY_DATA_CARD_H
#define ASSAY_DATA_CARD_H

#include "base/json.h"
#include "base/strbuf.h"

/* The front matter of <dir>/README.md. False on failure; true with *card NULL where there is none.
 */
MUST_CHECK bool card_read(const char *dir, json_t **card, struct err *err);

/* The entry of `configs:` for this configuration; of NULL the default one: that says so, or is
 * called "default", or is the only one. *entry is the card's, and NULL where the card has no
 * `configs:`. A configuration that isn't listed is ERR_NOT_FOUND. */
MUST_CHECK bool card_config(
    const json_t *card, const char *config, const json_t **entry, struct err *err);

/* Whether the entry says which files there are; else they are in its folder, by their names. */
bool card_lists_files(const json_t *entry);

/* The entry's data_dir, "" for the data set's own folder, into an empty buffer. */
MUST_CHECK bool card_folder(const json_t *entry, struct strbuf *folder, struct err *err);

/* Calls `pattern` for each path pattern of the split, in order, relative to the data set's folder.
 * A split that isn't listed is ERR_NOT_FOUND, a pattern that leaves the folder an error. */
typedef bool card_pattern_fn(void *context, const char *pattern, struct err *err);
MUST_CHECK bool card_patterns(const json_t *entry, const char *split, card_pattern_fn *pattern,
    void *context, struct err *err);

/* The features of `dataset_info` in the shape that the `datasets` library writes into parquet
 * files, class labels only:
 * {"label": {"_type": "ClassLabel", "names": [...]}}. The caller owns; NULL where the card has
 * none. */
json_t *card_features(const json_t *card, const char *config);

#endif
