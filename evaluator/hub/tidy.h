/* The cache, looked after: what is in it, whether it is what it says, and making room. All of it
 * works on the folders alone and holds while others pull, use and remove. */
#ifndef ASSAY_HUB_TIDY_H
#define ASSAY_HUB_TIDY_H

#include "base/json.h"

/* {"schema": "assay.hub-ls/1", "cache", "bytes", "partial_bytes", "repos": [{"kind", "repo",
 * "bytes", "now"?, "snapshots": [{"commit", "refs", "files", "bytes", "used", "complete",
 * "in_use"}]}]}. The caller owns it. */
MUST_CHECK json_t *hub_cache_list(struct err *err);

/* Hashes every blob and follows every link of the repositories named (n 0: of all). The report, for
 * the caller: {"schema": "assay.hub-verify/1", "repos", "blobs", "bytes", "problems": [{"path",
 * "problem"}]}. `repair`: what is wrong is removed, so that the next pull fetches it. NULL where a
 * name is not in the cache. */
MUST_CHECK json_t *hub_cache_verify(
    const char *const *names, size_t n, bool repair, struct err *err);

/* What was removed, or would be: {"schema": "assay.hub-gc/1", "dry_run", "freed", "bytes",
 * "removed": [{"repo", "commit"?, "what", "bytes"}], "in_use": [{"repo", "commit"}]}. */

/* org/name[@revision]; datasets/ in front of a data set's. ERR_BUSY where one is in use. */
MUST_CHECK json_t *hub_cache_remove(
    const char *const *names, size_t n, bool dry_run, struct err *err);

/* What is no use to anybody: what was left half-way a week ago, blobs that no snapshot links to.
 * Then whole snapshots, those that were used longest ago first, until the cache holds at most
 * `budget` bytes and `room` bytes of disk are free; and those not used for `days` (0: however
 * long). What is in use stays. */
struct hub_gc {
    uint64_t budget; /* UINT64_MAX: whatever it holds */
    uint64_t room;
    unsigned days;
    bool dry_run;
};
MUST_CHECK json_t *hub_cache_gc(const struct hub_gc *options, struct err *err);

/* "20G", "500 MB", "1.5TiB" (K, M, G, T are powers of 1000; Ki, Mi … of 1024). */
MUST_CHECK bool hub_size_parse(const char *text, uint64_t *bytes, struct err *err);

/* ASSAY_HUB_CACHE_MAX; UINT64_MAX where it isn't set. */
MUST_CHECK bool hub_cache_budget(uint64_t *bytes, struct err *err);

#endif
