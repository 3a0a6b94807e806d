/* Inside the data room: the files that a data set's folder holds, those left on a hub too. */
#ifndef ASSAY_DATA_LISTING_H
#define ASSAY_DATA_LISTING_H

#include "evaluator/data/data.h"

struct listed {
    char *path;                            /* relative to the folder */
    const struct data_remote_file *remote; /* NULL: a file here */
};

/* Sorted by path, each once. */
struct listing {
    struct listed *items;
    size_t n, capacity;
};

/* Regular files, hidden ones too: whether they count is the pattern's business. */
MUST_CHECK bool listing_read(
    struct listing *l, const char *dir, const struct data_remote *remote, struct err *err);
void listing_release(struct listing *l);

/* For lists that come from elsewhere: takes the path; after the last one they are sorted. */
void listing_add(struct listing *l, char *path, const struct data_remote_file *remote);
void listing_sort(struct listing *l);

#endif
