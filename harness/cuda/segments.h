/* Segments as kernels get them: lists that are staged, as many segments at once as the stage holds.
 * What a row becomes does not depend on the launch it falls into. */
#ifndef ASSAY_HARNESS_CUDA_SEGMENTS_H
#define ASSAY_HARNESS_CUDA_SEGMENTS_H

#include "harness/cuda/cuda.h"

/* On the device, until the next op. */
struct segment_lists {
    const struct attend_segment *segments;
    const struct attend_span *spans;
    const struct segment_tile *tiles;
    uint32_t n_segments, n_tiles;
};

/* BUG where segments leave the rows or the cache; `ancestors_only`: their own slots don't count. */
void segments_check(const struct segment *segments, uint32_t n, const struct kv_cache *kv,
    uint32_t n_rows, bool ancestors_only);

/* Brings the first of n segments, at least one, to the device: lists->n_segments of them. Tiles of
 * tile_rows rows each; 0: no tiles. */
void segments_stage(struct cuda *c, const struct segment *segments, uint32_t n, uint32_t tile_rows,
    struct segment_lists *lists);

#endif
