/* See attend_work.h.
 *
 * A segment's queries are cut into runs of a tile's height. Full runs are tiles of their own: they
 * read a key for as many queries as a tile can have. What is left of a segment, and short segments,
 * join the tile before them where that saves at least half of the blocks that they would read
 * alone. */
#include "harness/cuda/attend_work.h"

#include <stdlib.h>
#include <string.h>

#include "harness/cuda/spans.h"

enum { MULTIPROCESSORS = 132 }; /* of the devices that this is for; others lose a little */

uint32_t attend_height(uint64_t n_queries, uint32_t n_kv_heads) {
    uint64_t all = n_queries * n_kv_heads;
    if (all >= 2ULL * MULTIPROCESSORS * TILE_HIGH)
        return TILE_HIGH;
    return all >= 1ULL * MULTIPROCESSORS * TILE_MIDDLE ? TILE_MIDDLE : TILE_LOW;
}

static uint32_t smaller(uint32_t x, uint32_t y) {
    return x < y ? x : y;
}

static uint32_t larger(uint32_t x, uint32_t y) {
    return x > y ? x : y;
}

static uint32_t block_floor(uint32_t position) {
    return position / TILE_KEYS * TILE_KEYS;
}

/* Blocks of keys that begin in [from, to), where from is the beginning of one. */
static uint32_t blocks_of(uint32_t from, uint32_t to) {
    return from < to ? (to - from + TILE_KEYS - 1) / TILE_KEYS : 0;
}

/* ---- parts ---- */

/* What some query of the part sees; sight moves forward with the row. */
static struct attend_sight sight_of_any(
    const struct attend_tiles_args *a, const struct attend_part *p) {
    return (struct attend_sight) { attend_sight_of(a, p, p->first / a->group).from,
        attend_sight_of(a, p, (p->first + p->n - 1) / a->group).to };
}

/* What all of its queries see. */
static struct attend_sight sight_of_all(
    const struct attend_tiles_args *a, const struct attend_part *p) {
    return (struct attend_sight) { attend_sight_of(a, p, (p->first + p->n - 1) / a->group).from,
        attend_sight_of(a, p, p->first / a->group).to };
}

/* Blocks of the part behind `shared`. */
static uint32_t own_steps(
    const struct attend_tiles_args *a, const struct attend_part *p, uint32_t shared) {
    struct attend_sight s = sight_of_any(a, p);
    return blocks_of(larger(block_floor(s.from), shared), s.to);
}

/* ---- tiles ---- */

/* With its parts and `shared` in place. */
static void tile_settle(struct attend_work *w, struct attend_tile *t) {
    t->n_queries = 0;
    t->from = UINT32_MAX;
    t->to = t->all_from = t->steps = 0;
    t->all_to = UINT32_MAX;
    for (uint32_t i = 0; i < t->n_parts; i++) {
        struct attend_part *p = &w->parts[t->first_part + i];
        struct attend_sight any = sight_of_any(w->a, p), all = sight_of_all(w->a, p);
        p->at = t->n_queries;
        t->n_queries += p->n;
        t->from = smaller(t->from, block_floor(any.from));
        t->to = larger(t->to, any.to);
        t->all_from = larger(t->all_from, all.from);
        t->all_to = smaller(t->all_to, all.to);
        t->steps += own_steps(w->a, p, t->shared);
    }
    t->steps += blocks_of(t->from, smaller(t->shared, t->to));
}

/* A tile of the part that was listed last. */
static struct attend_tile *tile_begin(struct attend_work *w) {
    struct attend_tile *t = &w->tiles[w->n.tiles++];
    *t = (struct attend_tile) { .first_part = (uint32_t)w->n.parts - 1, .n_parts = 1 };
    tile_settle(w, t);
    return t;
}

/* Positions, in whole blocks, that both parts find in the same slots. */
static uint32_t begin_alike(
    const struct attend_work *w, const struct attend_part *x, const struct attend_part *y) {
    const struct attend_span *a = w->spans + x->first_span, *b = w->spans + y->first_span;
    uint32_t most = smaller(x->n_spans, y->n_spans), i = 0;
    while (i < most && a[i].position == b[i].position && a[i].slot == b[i].slot)
        i++;
    /* spans that are alike end where the next begins, or the sequence does */
    uint32_t x_end = i < x->n_spans ? a[i].position : x->end;
    uint32_t y_end = i < y->n_spans ? b[i].position : y->end;
    return block_floor(smaller(x_end, y_end));
}

/* Takes the part that was listed last into the tile before it, if it belongs there. */
static bool tile_joins(struct attend_work *w, struct attend_tile *t) {
    const struct attend_part *p = &w->parts[w->n.parts - 1];
    if (t->n_parts == TILE_PARTS || t->n_queries + p->n > w->height)
        return false;
    uint32_t shared = begin_alike(w, &w->parts[t->first_part], p);
    struct attend_tile joined = *t;
    joined.n_parts++;
    joined.shared = t->n_parts > 1 ? smaller(t->shared, shared) : shared;
    if (joined.shared == 0)
        return false;
    tile_settle(w, &joined);
    if (joined.steps > t->steps + own_steps(w->a, p, 0) / 2)
        return false;
    *t = joined;
    return true;
}

/* ---- segments ---- */

static void list_segment(
    struct attend_work *w, const struct segment *s, struct attend_tile **open) {
    uint64_t n_queries = (uint64_t)s->n * w->a->group;
    struct attend_part part = { .row = s->row,
        .position = s->position,
        .end = s->position + s->n + s->n_after,
        .first_span = (uint32_t)w->n.spans };
    part.n_spans = spans_list(s, w->spans + w->n.spans);
    w->n.spans += part.n_spans;
    for (uint64_t first = 0; first < n_queries; first += part.n) {
        part.first = (uint32_t)first;
        part.n = smaller((uint32_t)(n_queries - first), w->height);
        w->parts[w->n.parts++] = part;
        if (part.n < w->height && *open != NULL && tile_joins(w, *open))
            continue;
        struct attend_tile *t = tile_begin(w);
        *open = part.n < w->height ? t : NULL;
    }
}

/* ---- the order ---- */

static int by_size(const void *x, const void *y) {
    const struct attend_tile *a = x, *b = y;
    if (tile_height(a->n_queries) != tile_height(b->n_queries))
        return tile_height(a->n_queries) > tile_height(b->n_queries) ? -1 : 1;
    if (a->steps != b->steps)
        return a->steps > b->steps ? -1 : 1;
    return a->first_part < b->first_part ? -1 : a->first_part > b->first_part;
}

/* States of the tile's rows. */
static uint32_t splits_of(const struct attend_tile *t) {
    return t->to == 0 ? 1 : (t->to - 1) / TILE_SPLIT - t->from / TILE_SPLIT + 1;
}

/* Rows of `partials` that the tile needs. */
static uint64_t partials_of(const struct attend_tile *t) {
    return splits_of(t) > 1 ? (uint64_t)splits_of(t) * t->n_queries : 0;
}

uint64_t attend_partials_of_tile(uint64_t n_positions) {
    return (n_positions / TILE_SPLIT + 1) * TILE_HIGH;
}

bool attend_next_wave(const struct attend_work *w, struct attend_wave *wave) {
    uint64_t partials = 0;
    uint32_t from = wave->first_tile + wave->n_tiles;
    if (from == w->n.tiles)
        return false;
    *wave = (struct attend_wave) { .height = tile_height(w->tiles[from].n_queries),
        .first_tile = from,
        .first_item = wave->first_item + wave->n_items,
        .first_join = wave->first_join + wave->n_joins };
    for (uint32_t i = from; i < w->n.tiles; i++) {
        const struct attend_tile *t = &w->tiles[i];
        partials += partials_of(t);
        if (tile_height(t->n_queries) != wave->height || partials > w->partials_max)
            break;
        wave->n_tiles++;
        wave->n_items += splits_of(t);
        wave->n_joins += splits_of(t) > 1;
    }
    BUG_IF(wave->n_tiles == 0); /* `partials` has room for any one tile */
    return true;
}

/* Tile i's items, and the join of what they leave from row `partial` on. */
static void list_items(struct attend_work *w, uint32_t i, uint32_t partial) {
    const struct attend_tile *t = &w->tiles[i];
    uint32_t n = splits_of(t), first = t->from / TILE_SPLIT;
    if (n == 1) {
        w->items[w->n.items++] = (struct attend_item) { .tile = i, .split = TILE_WHOLE };
        return;
    }
    w->joins[w->n.joins++] = (struct attend_item) { .tile = i, .split = n, .partial = partial };
    for (uint32_t s = 0; s < n; s++)
        w->items[w->n.items++] = (struct attend_item) {
            .tile = i, .split = first + s, .partial = partial + s * t->n_queries
        };
}

void attend_fill(struct attend_work *w, const struct segment *segments, uint32_t n_segments) {
    struct attend_tile *open = NULL;
    struct attend_wave wave = { 0 };
    w->n = (struct attend_counts) { 0 };
    for (uint32_t i = 0; i < n_segments; i++)
        list_segment(w, &segments[i], &open);
    qsort(w->tiles, w->n.tiles, sizeof *w->tiles, by_size);
    while (attend_next_wave(w, &wave)) {
        uint32_t partial = 0;
        for (uint32_t i = wave.first_tile; i < wave.first_tile + wave.n_tiles; i++) {
            list_items(w, i, partial);
            partial += (uint32_t)partials_of(&w->tiles[i]);
        }
    }
}

void attend_count(const struct attend_tiles_args *a, uint32_t height, const struct segment *s,
    struct attend_counts *n) {
    uint64_t n_queries = (uint64_t)s->n * a->group;
    uint64_t splits = ((uint64_t)s->position + s->n + s->n_after) / TILE_SPLIT + 1;
    uint64_t tiles = (n_queries + height - 1) / height;
    n->spans += (size_t)s->n_ancestors + 1;
    n->parts += tiles;
    n->tiles += tiles;
    n->items += tiles * splits;
    n->joins += splits > 1 ? tiles : 0;
}
