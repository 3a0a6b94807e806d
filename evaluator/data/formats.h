/* Inside the data room: what the names of files say of their formats. */
#ifndef ASSAY_DATA_FORMATS_H
#define ASSAY_DATA_FORMATS_H

#include <stdbool.h>
#include <stddef.h>

/* Files of one kind are read as one split by the hub's `datasets` library; csv and tsv are one, as
 * are json and its lines. */
struct kind {
    const char *ending, *name;
    const char *format; /* as data_format gives it; NULL: read by others, not here */
};

/* NULL: no data to anybody. */
const struct kind *kind_of(const char *path);

/* Which kind the files of a split are, as the library finds it: the most frequent one, each file
 * counting as often as it was taken; files that describe others (metadata.csv) count only where
 * there is nothing else. NULL of no files. */
const struct kind *kind_of_most(const char *const *paths, const size_t *times, size_t n);

/* The card, and what the hub's tools keep beside the data (dataset_infos.json, config.json): no
 * rows unless somebody names them. */
bool is_the_hubs_own(const char *path);

#endif
