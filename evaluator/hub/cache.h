/* The hub's own cache on disk, as its Python client lays it out, so that both can share it:
 *     $HF_HUB_CACHE/models--org--name/{refs/main, blobs/<etag>, snapshots/<commit>/<path> ->
 * ../../blobs/<etag>} Private to the hub room. */
#ifndef ASSAY_HUB_CACHE_H
#define ASSAY_HUB_CACHE_H

#include "evaluator/hub/mirror.h"

/* A path below $HF_HOME, or where that is by default; NULL if there is no home. The caller frees.
 */
char *cache_home(const char *below);

/* $HF_HUB_CACHE, else $HF_HOME/hub, else the XDG cache directory. The caller frees. */
MUST_CHECK char *cache_root(struct err *err);

/* models--org--name under the root. The caller frees. */
char *cache_repo_dir(const char *root, enum repo_kind kind, const char *repo);

/* The commit that refs/<revision> names, or `revision` itself if it is a commit: false if the cache
 * knows neither. */
bool cache_commit(const char *repo_dir, const char *revision, char commit[41]);

/* snapshots/<commit>; the caller frees. */
char *cache_snapshot_dir(const char *repo_dir, const char *commit);

/* Some of the snapshot is there: enough where nothing can be fetched. */
bool cache_has_snapshot(const char *repo_dir, const char *commit);

/* A snapshot is complete when this marker of ours lies beside it: every file that we want of it is
 * there, verified. */
bool cache_is_complete(const char *repo_dir, const char *commit);
MUST_CHECK bool cache_mark_complete(const char *repo_dir, const char *commit, struct err *err);

/* Beside it lies, from before anything was fetched, the list of what it is to hold: paths, one a
 * line. cache_missing gives the first of them that isn't there, NULL where all are or where no list
 * is (somebody else fetched it); the caller frees. */
MUST_CHECK bool cache_write_wanted(
    const char *repo_dir, const char *commit, const char *paths, size_t n, struct err *err);
char *cache_missing(const char *repo_dir, const char *commit);

/* Writes trees/<commit>.json, the hub's own client's note of what a commit holds; best effort. */
void cache_write_tree(const char *repo_dir, const struct repo_listing *l);

/* Notes the name that the hub has for the repository now; NULL: the one that it was asked by. */
void cache_write_name(const char *repo_dir, const char *now);

/* Notes that the hub has no such file at this commit, as its own client does once it was told so:
 * offline, that client then knows what not to look for. Best effort. */
void cache_write_no_exist(const char *repo_dir, const char *commit, const char *path);

/* Says to backup programs that this is a cache. */
void cache_tag(const char *root);

/* Makes the folder that a file will lie in. */
MUST_CHECK bool cache_make_parent(const char *path, struct err *err);

/* Links snapshots/<commit>/<path> to its blob. Where the file system has no links, or
 * HF_HUB_DISABLE_SYMLINKS says that there shall be none, the file is moved there, if nobody else
 * has the blob, or copied. */
struct cache_source {
    const char *own; /* a snapshot's own file that is to be copied; NULL: the blob is there */
    bool may_move;
};
MUST_CHECK bool cache_link(const char *repo_dir, const char *commit, const struct repo_file *file,
    const struct cache_source *source, struct err *err);
/* Its path in the snapshot, where a real file of its size lies there; NULL else. The caller frees.
 */
char *cache_own_file(const char *repo_dir, const char *commit, const struct repo_file *file);

/* Links the files of another repository's snapshot into the folder base_model of this one, and
 * writes its commit to .revision there. What is linked already stays. */
MUST_CHECK bool cache_link_base(
    const char *repo_dir, const char *commit, const char *base_dir, struct err *err);
MUST_CHECK bool cache_write_ref(
    const char *repo_dir, const char *revision, const char *commit, struct err *err);

#endif
