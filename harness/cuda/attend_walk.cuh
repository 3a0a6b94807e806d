/* How a block of threads goes over the keys of its tile: which rows it has, which blocks of keys
 * come after each other, and in which slots these lie.
 *
 * The walk has phases. In phase 0 all rows go over the keys that the parts share; then, in phase
 * 1 + p, the rows of part p over those that are its own. A row that is not of a phase sees nothing
 * there, and what a row does not see leaves its bits alone.
 *
 * Every thread of the block follows the same walk: a walk depends on the item alone.
 *
 * Compiled, but not yet run on a device. */
#ifndef ASSAY_HARNESS_CUDA_ATTEND_WALK_CUH
#define ASSAY_HARNESS_CUDA_ATTEND_WALK_CUH

#include "harness/cuda/attend_tiles.h"
#include "harness/cuda/device.cuh"
#include "harness/cuda/spans.cuh"

static const uint32_t NO_SLOT = UINT32_MAX, NO_PART = UINT32_MAX;

/* A query of the tile; one that the tile lacks sees nothing. */
struct tile_row {
    uint32_t row, head; /* of q and of out */
    uint32_t part, position;
    struct attend_sight sight;
};

static __device__ __forceinline__ struct tile_row tile_row_of(const struct attend_tiles_args &a,
    const struct attend_tile &t, uint32_t key_head, uint32_t query) {
    struct tile_row r = { 0, 0, NO_PART, 0, { 0, 0 } };
    if (query >= t.n_queries)
        return r;
    const struct attend_part *parts = a.parts + t.first_part;
    uint32_t p = 0;
    while (p + 1 < t.n_parts && query >= parts[p + 1].at)
        p++;
    uint32_t of_segment = parts[p].first + (query - parts[p].at);
    r.part = p;
    r.row = parts[p].row + of_segment / a.group;
    r.head = key_head * a.group + of_segment % a.group;
    r.position = parts[p].position + of_segment / a.group;
    r.sight = attend_sight_of(&a, &parts[p], of_segment / a.group);
    return r;
}

/* ---- the walk ---- */

struct walk {
    uint32_t phase;      /* behind the last: over */
    uint32_t block, end; /* keys [block, block + TILE_KEYS), but none from end on */
};

static __device__ __forceinline__ bool walk_over(
    const struct attend_tile &t, const struct walk &w) {
    return w.phase > t.n_parts;
}

static __device__ __forceinline__ uint32_t block_floor(uint32_t position) {
    return position / TILE_KEYS * TILE_KEYS;
}

/* Positions of the item; it begins where a block does. */
static __device__ __forceinline__ struct attend_sight item_positions(
    const struct attend_tile &t, const struct attend_item &item) {
    struct attend_sight s = { t.from, t.to };
    if (item.split == TILE_WHOLE)
        return s;
    uint32_t from = item.split * TILE_SPLIT;
    s.from = from > t.from ? from : t.from;
    s.to = t.to - from > TILE_SPLIT ? from + TILE_SPLIT : t.to;
    return s;
}

/* Enters the phase; false where it has no keys. */
static __device__ __forceinline__ bool walk_enter(const struct attend_tiles_args &a,
    const struct attend_tile &t, const struct attend_item &item, struct walk *w) {
    const struct attend_sight all = item_positions(t, item);
    w->block = all.from;
    w->end = t.shared < all.to ? t.shared : all.to;
    if (w->phase > 0) {
        const struct attend_part &p = a.parts[t.first_part + w->phase - 1];
        uint32_t from = block_floor(attend_sight_of(&a, &p, p.first / a.group).from);
        uint32_t to = attend_sight_of(&a, &p, (p.first + p.n - 1) / a.group).to;
        from = from > t.shared ? from : t.shared;
        w->block = from > all.from ? from : all.from;
        w->end = to < all.to ? to : all.to;
    }
    return w->block < w->end;
}

/* On to the next phase that has keys, if this one has none. */
static __device__ __forceinline__ void walk_settle(const struct attend_tiles_args &a,
    const struct attend_tile &t, const struct attend_item &item, struct walk *w) {
    while (!walk_over(t, *w) && !walk_enter(a, t, item, w))
        w->phase++;
}

static __device__ __forceinline__ struct walk walk_begin(const struct attend_tiles_args &a,
    const struct attend_tile &t, const struct attend_item &item) {
    struct walk w = { 0, 0, 0 };
    walk_settle(a, t, item, &w);
    return w;
}

static __device__ __forceinline__ struct walk walk_next(const struct attend_tiles_args &a,
    const struct attend_tile &t, const struct attend_item &item, struct walk w) {
    w.block += TILE_KEYS;
    if (w.block >= w.end) {
        w.phase++;
        walk_settle(a, t, item, &w);
    }
    return w;
}

/* Every row of the tile sees every key of the block: nothing has to be masked. */
static __device__ __forceinline__ bool all_seen(const struct attend_tile &t, const struct walk &w) {
    return w.block >= t.all_from && w.block + TILE_KEYS <= t.all_to &&
           (w.phase == 0 || t.n_parts == 1);
}

/* Keys of the block that the row sees, counted from its first. */
static __device__ __forceinline__ struct attend_sight sight_within(
    const struct tile_row &r, const struct walk &w) {
    struct attend_sight s = { 0, 0 };
    if (w.phase != 0 && r.part != w.phase - 1)
        return s;
    s.from = r.sight.from > w.block ? r.sight.from - w.block : 0;
    s.to = r.sight.to > w.block ? r.sight.to - w.block : 0;
    if (s.to > TILE_KEYS)
        s.to = TILE_KEYS;
    return s;
}

/* ---- slots ---- */

/* Slots of the block's keys, by the first threads of the block; a walk that is over has none. */
static __device__ __forceinline__ void find_slots(const struct attend_tiles_args &a,
    const struct attend_tile &t, const struct walk &w, uint32_t *slots) {
    if (walk_over(t, w))
        return;
    const struct attend_part &p = a.parts[t.first_part + (w.phase == 0 ? 0 : w.phase - 1)];
    for (uint32_t i = threadIdx.x; i < TILE_KEYS; i += blockDim.x) {
        uint32_t position = w.block + i;
        slots[i] =
            position < w.end ? slot_of(a.spans + p.first_span, p.n_spans, position) : NO_SLOT;
    }
}

#endif
