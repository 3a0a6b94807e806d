/* A mirror tree: DIR/models/<org>/<name>/<files> and DIR/datasets/<org>/<name>/<files>, the files
 * as a hub serves them, with an optional .revision that names the commit, and .hub.json, what the
 * hub says beside them. Private to the hub room.
 */
#ifndef ASSAY_HUB_MIRROR_H
#define ASSAY_HUB_MIRROR_H

#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"

enum repo_kind { REPO_MODEL, REPO_DATASET };
const char *repo_kind_plural(enum repo_kind kind); /* "models", "datasets" */

/* The folder of a repository; ERR_NOT_FOUND with a hint if it isn't there. The caller frees. */
MUST_CHECK char *mirror_dir(
    const char *root, enum repo_kind kind, const char *repo, struct err *err);

/* The same at a revision (NULL: whatever is there). A mirror holds one revision of each repository.
 * A model that was asked for by its commit must be that one; data is held to what its task says by
 * the hash of its rows. */
MUST_CHECK char *mirror_at(
    const char *root, enum repo_kind kind, const char *repo, const char *revision, struct err *err);

/* Of a data set of many languages and shards, which of them are wanted is not known yet. */
enum { REPO_FILES_MAX = 200000, MODEL_FILES_MAX = 20000 };

/* A file of a repository, as a hub lists it. Files over 1 MiB are named by SHA-256 (as the hub's
 * large files are), smaller ones by git-blob SHA-1. */
struct repo_file {
    const char *path; /* relative, with '/' */
    uint64_t size;
    char etag[65];
    char blob_id[41]; /* what git calls it: the etag of a small file, a pointer's of a large one */
    char xet[65];     /* where it lies in the hub's other store, or empty */
    bool lfs;
    bool left; /* on the hub: it is read there, in parts */
};
struct repo_listing {
    struct arena arena;
    struct repo_file *files; /* sorted by path */
    size_t n, capacity;
    char commit[41];
    bool pinned; /* by .revision; else any revision that is asked for is satisfied */
};
void repo_listing_release(struct repo_listing *l);

/* Lists and hashes the files of a mirrored repository. Without .revision the commit is the first 40
 * digits of the hash over paths, sizes and hashes. */
MUST_CHECK bool mirror_list(const char *dir, struct repo_listing *out, struct err *err);

/* What a hub's API says of a repository, for one in a mirror: id, sha, siblings, gated, private,
 * cardData (the card's front matter), and the number of parameters where the files tell it. The
 * caller owns it. */
MUST_CHECK json_t *mirror_info(const char *dir, enum repo_kind kind, const char *repo,
    const struct repo_listing *l, struct err *err);

/* The commit that a mirrored repository is pinned to by its .revision; *pinned is false where it
 * has none, and then any revision that is asked for is satisfied. */
MUST_CHECK bool mirror_pinned(const char *dir, char commit[41], bool *pinned, struct err *err);

/* 40 lower-case hexadecimal digits. */
bool repo_commit_valid(const char *s);

#endif
