/* A tile of attention: one key head × some queries, going over the sequence block by block. Private
 * to attend*.c.
 *
 * attend.c owns the walk (who sees what, the softmax); struct tile_ops is what depends on the
 * cache's element type. */
#ifndef ASSAY_HARNESS_CPU_ATTEND_H
#define ASSAY_HARNESS_CPU_ATTEND_H

#include "harness/cpu/cpu.h"

/* Some rows of one segment. */
struct part {
    const struct segment *segment;
    uint32_t row, n_rows; /* row: of the segment */
};

/* Parts that follow each other in the step and begin with the same keys: those are gathered once
 * for all of them. */
struct bundle {
    size_t first_part, n_parts;
    uint32_t n_queries;
    uint32_t shared; /* positions, from 0, whose keys all rows see: whole blocks */
};

struct attend {
    struct cpu *cpu;
    const struct attention *a;
    const struct kv_cache *kv;
    const struct tile_ops *ops;
    size_t layer_bytes; /* offset of the layer in keys and values */
    const struct segment *segments;
    uint32_t n_segments;
    struct part *parts;
    struct bundle *bundles;
    size_t n_parts, n_bundles;
    uint32_t group, tile_rows, most_queries; /* query heads a key head; rows of a part; of a tile */
    uint32_t dim, dim_even, dim_padded;      /* head width; up to a multiple of 2, of a panel */
    struct rows q, out;
};

/* Keys a query sees, as positions [from, to). */
struct sight {
    uint32_t from, to;
};

struct tile {
    const struct attend *op;
    const struct segment *segment;
    uint32_t head, row, n_rows, n_queries; /* row: of the segment */
    bool all_seen;                         /* every query sees all keys of the blocks at hand */
    uint32_t span, span_position;          /* how far into the ancestors the blocks have come */
    uint32_t slots[KEY_BLOCK];             /* of the block's keys that are seen */
    struct sight *sights;                  /* [n_queries]: within the block */
    float *scores;                         /* [n_queries, KEY_BLOCK]; after soften: weights */
    float *sums;                           /* [n_queries, LANES] */
    float *max;                            /* [n_queries] */
    float *out;                            /* [n_queries, dim_padded] */
    /* In f32 or bf16 pairs, see attend_f32.c and attend_bf16.c; sized for f32. */
    const void *queries; /* [n_queries, query_stride], dim_even of each: a copy, or q's own rows */
    size_t query_stride; /* elements */
    void *query_space;   /* [n_queries, dim_even]: room for the copy */
    void *keys;          /* [KEY_BLOCK / panel, dim_even, panel] */
    void *values;        /* [KEY_BLOCK, dim_padded] */
    const float *in_place; /* f32: values of the block's key `first` and of those behind it, where
                              they lie in the cache; NULL: they are in `values` */
    uint32_t first;
    void *space; /* [KEY_BLOCK, max(n_queries, dim_padded)]: whatever else */
};

struct tile_ops {
    uint32_t step; /* keys that `add` takes at once: a micro-tile's common keys begin and end at
                      multiples of it */
    void (*take_queries)(struct tile *t); /* a copy into query_space */
    /* Brings keys and values of slots[seen) of a block into the tile; the rest of a panel is zeros.
     */
    void (*gather)(struct tile *t, const uint32_t *slots, struct sight seen);
    /* scores[i .. i + n)[p .. p + panel) = q · k */
    void (*score)(const struct tile *t, uint32_t i, uint32_t n, uint32_t p);
    /* Query i's scores of keys seen become weights, as `add` takes them; see kernels.h: soften. */
    float (*soften)(const struct tile *t, uint32_t i, struct sight seen, float scale);
    /* out[i .. i + n) += weights · v over keys [from, to), in order; multiples of step unless n
     * is 1. */
    void (*add)(const struct tile *t, uint32_t i, uint32_t n, uint32_t from, uint32_t to);
};
extern const struct tile_ops tile_ops_f32, tile_ops_bf16;

/* The head's part of a slot, in the cache's elements. */
static inline const void *tile_cell(const struct tile *t, const uint8_t *cache, uint32_t slot) {
    const struct attend *op = t->op;
    size_t column = (size_t)slot * op->kv->width + (size_t)t->head * op->dim;
    return cache + op->layer_bytes + column * elem_bytes(op->kv->elem);
}

/* attend_bundle.c: cuts the segments into parts, and puts together what begins alike. */
void bundles_make(struct attend *op);

/* attend_bias.c: scales query i's scores of a block and adds what its distances to the keys say. */
void attend_bias(const struct tile *t, uint32_t i, uint32_t block, struct sight seen);
static inline bool has_bias(const struct attention *a) {
    return a->bias.slopes != NULL || a->bias.by_distance != NULL || a->bias.rows != NULL;
}

/* The tile's part of row r's queries: group * dim numbers of q's elements. */
static inline const void *tile_query(const struct tile *t, uint32_t r) {
    const uint8_t *row = row_at(t->op->q, t->segment->row + t->row + r);
    return row + (size_t)t->head * t->op->group * t->op->dim * elem_bytes(t->op->q.buf->elem);
}

#endif
