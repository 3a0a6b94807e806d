/* What was read of remote files, a block at a time, as much as memory is given for: readers ask for
 * small parts, in several places in turn, and a request for each would spend its time waiting.
 * Private to the hub room. */
#ifndef ASSAY_HUB_BLOCKS_H
#define ASSAY_HUB_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { BLOCK_BYTES = 256 << 10, BLOCKS_MAX = 256 };

/* Fetches bytes [at, at + n) of a file. */
typedef bool blocks_fetch_fn(
    void *arg, size_t file, uint64_t at, void *into, size_t n, struct err *err);

struct blocks;
struct blocks *blocks_new(blocks_fetch_fn *fetch, void *arg);
void blocks_free(struct blocks *b);

/* Bytes [at, at + n) of a file of `size` bytes. What is missing side by side is one request; where
 * a file is read on from where it was read before, the request reaches ahead, as far as was read in
 * a row so far, but not over its share of the memory among all who read in turn, nor past where
 * another began, and less far once blocks were thrown out that nobody had read. Of more readers
 * than there is memory for, each request brings what was asked. */
MUST_CHECK bool blocks_read(struct blocks *b, size_t file, uint64_t size, uint64_t at, void *into,
    size_t n, struct err *err);

#endif
