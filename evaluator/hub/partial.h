/* A file on its way: bytes that arrive in pieces, in any order, and outlive the process that
 * fetched them. Private to the hub room.
 *
 * The bytes lie where they belong; behind them, from the next page on, how much of each piece is
 * there and who is writing. A count follows its bytes, so whatever a kill leaves, what is counted
 * was written; what was written may be wrong all the same, and only the hash of the whole says that
 * it isn't. Files below PARTIAL_KEPT_BYTES are not worth that: they are gone with their process.
 *
 * One process writes a partial. Who that is stands in it (a process of this boot, by its start), so
 * that two don't meet even where flock does nothing. */
#ifndef ASSAY_HUB_PARTIAL_H
#define ASSAY_HUB_PARTIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { PIECE_BYTES = 32 << 20, PARTIAL_KEPT_BYTES = 4 << 20 };

struct partial {
    int fd; /* -1: not open */
    char *path;
    uint64_t size;
    size_t n_pieces;
    uint32_t *have; /* bytes of each piece, from its beginning */
    bool kept;
};

/* Takes over what a dead process left of `etag` in the folder, else begins. A file that isn't kept
 * is made in `beside` (a path that its random ending is added to). *yield: another process began at
 * the same time and goes on; nothing is open then. */
MUST_CHECK bool partial_open(struct partial *p, const char *dir, const char *etag, uint64_t size,
    const char *beside, bool *yield, struct err *err);

/* Another process, alive, is fetching it. */
bool partial_is_busy(const char *dir, const char *etag, uint64_t size);

/* Bytes at a place that follows what its piece has, or lies within it. */
MUST_CHECK bool partial_write(
    struct partial *p, uint64_t at, const void *data, size_t n, struct err *err);
MUST_CHECK bool partial_read(
    const struct partial *p, uint64_t at, void *into, size_t n, struct err *err);
uint64_t partial_piece_end(const struct partial *p, size_t piece);
uint64_t partial_have(const struct partial *p); /* in all pieces */
void partial_forget(struct partial *p);         /* begins again */

/* Gives it its name: cut to its size, synced, renamed, the folder synced. Closes it. */
MUST_CHECK bool partial_publish(struct partial *p, const char *target, struct err *err);
/* Closes it, and leaves what is kept to the next process. A zeroed path is fine. */
void partial_close(struct partial *p);
void partial_drop(struct partial *p); /* removes it */

/* Removes from the folder what no process is writing and nobody wrote to since `before` (seconds);
 * what that comes to. `dry`: only counts. */
uint64_t partial_sweep(const char *dir, int64_t before, bool dry);

#endif
