/* What lies in the cache, read from its folders alone. Private to the hub room. */
#ifndef ASSAY_HUB_CACHED_H
#define ASSAY_HUB_CACHED_H

#include "evaluator/hub/mirror.h"

struct cached_snapshot {
    char commit[41];
    char *dir, *refs;   /* refs: names, ", " between them; "" */
    uint64_t bytes;     /* of its files */
    uint64_t own_bytes; /* of those that are no links, on this disk */
    size_t n_files;
    int64_t used;  /* seconds: the latest of our marks and of what was read of its files */
    bool complete; /* by Assay, verified */
};

struct cached_repo {
    const char *kind; /* "models" or "datasets" */
    char *id, *dir;
    struct cached_snapshot *snapshots;
    size_t n;
    uint64_t bytes; /* of its blobs on this disk; what is shared with others counts nowhere */
};

struct cached {
    char *root;
    struct cached_repo *repos; /* sorted by folder */
    size_t n;
    uint64_t bytes;
};

/* Nothing there is an empty list. */
MUST_CHECK bool cached_scan(struct cached *out, struct err *err);
void cached_release(struct cached *c); /* zeroed is fine */

/* Calls `each` for every file of a snapshot, its path in it and as a whole; false ends it. */
typedef bool cached_file_fn(void *arg, const char *path, const char *full);
bool cached_files(const char *snapshot_dir, cached_file_fn *each, void *arg);

/* The name of the blob that a snapshot's file is a link to; false where it is none of its
 * repository's. */
bool cached_blob_of(const char *full, char name[65]);

#endif
