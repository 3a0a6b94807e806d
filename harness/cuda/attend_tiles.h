/* Attention by tensor cores, as C and the kernels both see it: tiles of queries, the parts of
 * segments in them, and the pieces of work of one launch.
 *
 * A query is one row of a segment under one head. The query heads that share a key head lie side by
 * side: query i of a segment is its row i / group under the i % group-th of them. So the rows of a
 * tile are full whether a segment has many rows or one.
 *
 * A tile's parts begin with the same keys, in positions [0, shared): these are read once for all of
 * them. Behind those each part has keys of its own.
 *
 * The same bits. Keys go by in blocks of TILE_KEYS positions, counted from position 0, and a state
 * (maximum, sum, values) is begun anew every TILE_SPLIT positions, for every row, whatever the
 * launch; the states of a row are joined in order. Nothing else is cut, so what a row becomes
 * follows from what it sees. */
#ifndef ASSAY_HARNESS_CUDA_ATTEND_TILES_H
#define ASSAY_HARNESS_CUDA_ATTEND_TILES_H

#include "harness/cuda/kernels.h"

enum {
    TILE_KEYS = 64,     /* positions of one softmax step */
    TILE_SPLIT = 2048,  /* positions of one state: a multiple of TILE_KEYS */
    TILE_PARTS = 32,    /* of a tile, at most */
    TILE_DIM_MAX = 256, /* the widest head */
};
#define TILE_WHOLE UINT32_MAX /* of an item: the tile's rows see one state's positions only */

/* Queries of a tile, at most; the kernels' heights. */
enum tile_height { TILE_LOW = 16, TILE_MIDDLE = 64, TILE_HIGH = 128 };

ON_BOTH enum tile_height tile_height(uint32_t n_queries) {
    return n_queries <= TILE_LOW ? TILE_LOW : n_queries <= TILE_MIDDLE ? TILE_MIDDLE : TILE_HIGH;
}

/* Some queries of one segment. */
struct attend_part {
    uint32_t row, position; /* of the segment's first row */
    uint32_t end;           /* behind the segment's last position */
    uint32_t first_span, n_spans;
    uint32_t first, n; /* queries, of the segment's */
    uint32_t at;       /* where they begin in the tile */
};

struct attend_tile {
    uint32_t first_part, n_parts, n_queries;
    uint32_t shared;           /* a multiple of TILE_KEYS; 0: one part */
    uint32_t from, to;         /* positions that any query sees; from is a multiple of TILE_KEYS */
    uint32_t all_from, all_to; /* positions of a part that all of its queries see, and those of the
                                  other parts theirs */
    uint32_t steps;            /* blocks of keys */
};

/* One state of a tile, or the join of its states. */
struct attend_item {
    uint32_t tile;
    uint32_t split;   /* positions [split * TILE_SPLIT, +TILE_SPLIT), or TILE_WHOLE; join: states */
    uint32_t partial; /* where the state is kept: a row of `partials` */
};

/* How a score q · k becomes a logit, but for the scale. */
enum attend_form {
    ATTEND_PLAIN,
    ATTEND_CAPPED,
    ATTEND_SLOPES,
    ATTEND_SLOPES_BF16,
    ATTEND_BY_DISTANCE,
};

struct attend_tiles_args {
    const void *q; /* [n_rows, n_heads * head_dim], f32 or bf16 */
    bool q_bf16;
    uint16_t *out;                 /* the same shape, bf16 */
    const uint16_t *keys, *values; /* [n_slots, kv_width] of the layer, bf16 */
    uint32_t n_heads, n_kv_heads, group, head_dim, kv_width;
    float scale, softcap; /* scale > 0 */
    struct attend_rule rule;
    enum attend_form form;
    const float *slopes;      /* [n_heads] */
    const float *by_distance; /* [n_heads, 2 * reach + 1] */
    uint32_t reach;
    const float *sinks; /* [n_heads] or NULL */
    const struct attend_tile *tiles;
    const struct attend_part *parts;
    const struct attend_span *spans;
    float *partials; /* [*, n_kv_heads, head_dim + PARTIAL_EXTRA] */
};
enum { PARTIAL_EXTRA = 4 }; /* maximum, sum; 16 bytes keep rows aligned */

/* What a row of the segment sees. */
ON_BOTH struct attend_sight attend_sight_of(
    const struct attend_tiles_args *a, const struct attend_part *part, uint32_t row) {
    struct attend_sight own = { part->position, part->end };
    return attend_sees(a->rule, own, (uint64_t)part->position + row);
}

#ifdef __cplusplus
extern "C" {
#endif

/* Shared memory of a block of threads. */
size_t attend_room_bytes(uint32_t head_dim, enum tile_height height);
/* Items of tiles of one height. */
cudaError_t launch_attend_tiles(const struct attend_tiles_args *a, enum tile_height height,
    const struct attend_item *items, uint32_t n_items, cudaStream_t stream);
cudaError_t launch_attend_shaped(const struct attend_tiles_args *a, enum tile_height height,
    const struct attend_item *items, uint32_t n_items, cudaStream_t stream); /* its other half */
/* Joins what they left in `partials`. */
cudaError_t launch_attend_joins(const struct attend_tiles_args *a, enum tile_height height,
    const struct attend_item *joins, uint32_t n_joins, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
