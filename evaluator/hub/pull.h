/* From a hub into the cache: resolve the revision, list the files, fetch and verify those that a
 * model or data set needs, link the snapshot. Private to the hub room. */
#ifndef ASSAY_HUB_PULL_H
#define ASSAY_HUB_PULL_H

#include "evaluator/hub/client.h"
#include "evaluator/hub/hub.h"
#include "evaluator/hub/mirror.h"

struct pull {
    const char *endpoint;
    enum repo_kind kind;
    const char *repo, *revision; /* revision NULL: main */
    bool facts_only;             /* configuration and card, not the weights or the data */
    enum hub_stream stream;      /* which files of a data set stay on the hub */
    unsigned retry_ms;           /* see client_open; 0: the default */
};

/* What a hub says of a revision: its files, its commit, and the whole reply (licence, gating,
 * sizes). */
struct pulled {
    struct repo_listing listing;
    json_t *info;
    const char *now; /* the name that the repository has now, of the info; NULL: the same */
};
void pulled_release(struct pulled *p);

/* Takes a page of /api/…/tree/… into the listing: what isn't a list of files with usable paths,
 * sizes and hashes, or one of more than files_max, is ERR_INPUT. */
MUST_CHECK bool pull_take_tree(
    struct repo_listing *l, const json_t *tree, size_t files_max, struct err *err);

/* A sorted listing has a file of this path. */
bool repo_listing_has(const struct repo_listing *l, const char *path);

/* The file holds weights in PyTorch's format, and they are what a model is read from: in its folder
 * nothing lies that is read ahead of them. */
bool pull_wants_pytorch(const struct repo_listing *l, const char *path);

/* Bytes of the files that a model needs and the snapshot lacks. */
uint64_t pull_missing(const struct repo_listing *l, const char *snapshot);

/* The folder of a snapshot that is here, whole, and needs no request; or, where none may be made,
 * of what there is of it. NULL else; the caller frees. */
char *pull_cached(const struct pull *p, struct err *err);

/* Marks which files of a data set are `left` on the hub: those that can be read there, where the
 * request says so, or where all that would be fetched comes to more than HUB_STREAM_BYTES or to
 * more than `room`. */
void pull_leave_large(
    const struct pull *p, const char *repo_dir, uint64_t room, struct repo_listing *l);

/* Where a hub serves the bytes of a file; the caller frees. */
char *pull_file_path(const struct pull *p, const char *commit, const char *path);

/* The snapshot's folder (the caller frees). *pulled may be NULL; where it isn't, the hub is always
 * asked. */
MUST_CHECK char *pull_snapshot(const struct pull *p, struct pulled *pulled, struct err *err);

#endif
