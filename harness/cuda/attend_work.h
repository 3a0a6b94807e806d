/* The work list of one attention: segments cut into parts, parts that begin with the same keys put
 * into one tile, tiles in the order in which they are begun, and what is left over at splits.
 *
 * Plain C, without a device. How work is cut changes no bit of what comes out (attend_tiles.h), so
 * everything here is a matter of speed alone. */
#ifndef ASSAY_HARNESS_CUDA_ATTEND_WORK_H
#define ASSAY_HARNESS_CUDA_ATTEND_WORK_H

#include "harness/backend.h"
#include "harness/cuda/attend_tiles.h"

/* How much of each list so many segments need, at most. */
struct attend_counts {
    size_t tiles, parts, spans, items, joins;
};

struct attend_work {
    const struct attend_tiles_args *a;
    uint32_t height;       /* queries of a tile, at most: an enum tile_height */
    uint32_t partials_max; /* rows that `partials` has room for */
    struct attend_counts n;
    struct attend_tile *tiles; /* high ones first, long ones first among those */
    struct attend_part *parts;
    struct attend_span *spans;
    struct attend_item *items, *joins;
};

/* Tiles of one height whose states are in `partials` at one time. */
struct attend_wave {
    enum tile_height height;
    uint32_t first_tile, first_item, first_join;
    uint32_t n_tiles, n_items, n_joins;
};

/* The height for that many queries under each of so many key heads: the highest that leaves enough
 * tiles to keep a device busy. */
uint32_t attend_height(uint64_t n_queries, uint32_t n_kv_heads);

/* Adds what one more segment needs. */
void attend_count(const struct attend_tiles_args *a, uint32_t height, const struct segment *s,
    struct attend_counts *n);

/* Fills the lists, which have room for what attend_count said of these segments. */
void attend_fill(struct attend_work *w, const struct segment *segments, uint32_t n_segments);

/* The wave behind `wave` (zeroed: the first); false where there is none. */
bool attend_next_wave(const struct attend_work *w, struct attend_wave *wave);

/* Rows of `partials` that one tile needs at most, where sequences have so many positions. */
uint64_t attend_partials_of_tile(uint64_t n_positions);

#endif
