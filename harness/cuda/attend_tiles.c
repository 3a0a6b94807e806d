/* Attention by tensor cores: which calls are for it, and the way of its lists to the device. What
 * is not taken here goes to the row kernel (attend.cu), which is the oracle. See attend_tiles.h. */
#include "harness/cuda/attend_tiles.h"

#include <stdlib.h>

#include "harness/cuda/attend_work.h"
#include "harness/cuda/cuda.h"

_Static_assert(TILE_SPLIT % TILE_KEYS == 0, "a state begins where a block of keys does");

enum {
    DIM_STEP = 8,             /* a head's width is a multiple: it is copied 16 bytes at a time */
    PARTIALS_LEAST = 8 << 20, /* floats */
    LISTS = 8,                /* of one launch */
    LIST_ALIGN = 16,          /* what the stage may put before each */
};

/* ---- states of sequences that are longer than one ---- */

bool attend_reserve(struct cuda *c, uint32_t n_slots, uint32_t kv_width, struct err *err) {
    struct attend_partials *p = &c->partials;
    size_t row = kv_width + kv_width / DIM_STEP * (size_t)PARTIAL_EXTRA; /* of narrow heads */
    size_t n = (size_t)attend_partials_of_tile(n_slots) * row;
    n = n < PARTIALS_LEAST ? PARTIALS_LEAST : n;
    if (c->caps.act != ELEM_BF16 || n_slots <= TILE_SPLIT || n <= p->n_floats)
        return true;
    float *data = NULL;
    cudaError_t e = cudaMalloc((void **)&data, n * sizeof *data);
    if (e != cudaSuccess) {
        cudaGetLastError(); /* shall not fail the next launch */
        return err_set(err, ERR_RESOURCE,
            "cannot hold %zu bytes of attention's states on the device: %s", n * sizeof *data,
            cudaGetErrorString(e));
    }
    attend_release(c);
    *p = (struct attend_partials) { .data = data, .n_floats = n };
    return true;
}

void attend_release(struct cuda *c) {
    cudaStreamSynchronize(c->stream);
    cudaFree(c->partials.data);
    c->partials = (struct attend_partials) { 0 };
}

/* ---- which calls ---- */

uint32_t attend_height_asked(void) {
    const char *text = getenv("ASSAY_CUDA_TILE");
    return text == NULL ? 0 : tile_height((uint32_t)strtoul(text, NULL, 10));
}

static enum attend_form form_of(const struct attention *a) {
    if (a->bias.by_distance != NULL)
        return ATTEND_BY_DISTANCE;
    if (a->bias.slopes != NULL)
        return a->bias.bf16 ? ATTEND_SLOPES_BF16 : ATTEND_SLOPES;
    return a->softcap > 0 ? ATTEND_CAPPED : ATTEND_PLAIN;
}

/* The numbers of by_distance; none without it. */
static size_t distances_of(const struct attention *a) {
    return a->bias.by_distance == NULL ? 0 : a->n_heads * (2 * (size_t)a->bias.reach + 1);
}

/* No model caps scores that have a bias; the row kernel does. */
static bool form_fits(const struct cuda *c, const struct attention *a) {
    bool biased = a->bias.slopes != NULL || a->bias.by_distance != NULL;
    return a->bias.rows == NULL && !(biased && a->softcap > 0) &&
           distances_of(a) * sizeof(float) <= c->stage.bytes / 2;
}

static bool takes(const struct cuda *c, const struct attention *a, struct rows q, struct rows out) {
    return c->caps.act == ELEM_BF16 && !c->plain && out.buf->elem == ELEM_BF16 &&
           a->head_dim % DIM_STEP == 0 && a->head_dim <= TILE_DIM_MAX && a->scale > 0 &&
           form_fits(c, a) && q.n > 0;
}

/* ---- the lists ---- */

static size_t list_bytes(const struct attend_counts *n) {
    return n->tiles * sizeof(struct attend_tile) + n->parts * sizeof(struct attend_part) +
           n->spans * sizeof(struct attend_span) +
           (n->items + n->joins) * sizeof(struct attend_item) + (size_t)LISTS * LIST_ALIGN;
}

static size_t bias_bytes(const struct attention *a) {
    return (2 * (size_t)a->n_heads + distances_of(a)) * sizeof(float);
}

/* How many of the segments, one at least, have room in the stage; and what they need there. */
static uint32_t count_some(const struct attend_tiles_args *args, uint32_t height, size_t room,
    const struct segment *segments, uint32_t n, struct attend_counts *counts) {
    struct attend_counts with = { 0 };
    uint32_t some = 0;
    for (; some < n; some++) {
        attend_count(args, height, &segments[some], &with);
        if (list_bytes(&with) > room)
            break;
        *counts = with;
    }
    BUG_IF(some == 0);
    return some;
}

static const float *add_floats(struct cuda *c, const float *data, size_t n) {
    return data == NULL ? NULL : stage_add(c, data, n * sizeof *data);
}

/* Lists that the host fills in, and where the device will find them. */
struct device_lists {
    const void *tiles, *parts, *spans, *items, *joins;
};

static struct device_lists make_room(
    struct cuda *c, struct attend_work *w, const struct attend_counts *n) {
    struct device_lists at;
    w->tiles = stage_room(c, n->tiles * sizeof *w->tiles, &at.tiles);
    w->parts = stage_room(c, n->parts * sizeof *w->parts, &at.parts);
    w->spans = stage_room(c, n->spans * sizeof *w->spans, &at.spans);
    w->items = stage_room(c, n->items * sizeof *w->items, &at.items);
    w->joins = stage_room(c, n->joins * sizeof *w->joins, &at.joins);
    return at;
}

/* ---- the op ---- */

static void launch_waves(struct cuda *c, const struct attend_tiles_args *args,
    const struct attend_work *w, const struct device_lists *at) {
    struct attend_wave wave = { 0 };
    while (attend_next_wave(w, &wave)) {
        const struct attend_item *items = at->items, *joins = at->joins;
        cuda_must(launch_attend_tiles(
                      args, wave.height, items + wave.first_item, wave.n_items, c->stream),
            "attend");
        cuda_must(launch_attend_joins(
                      args, wave.height, joins + wave.first_join, wave.n_joins, c->stream),
            "attend");
    }
}

static void attend_some(struct cuda *c, const struct attention *a, struct attend_tiles_args *args,
    const struct segment *segments, uint32_t n, struct attend_work *w,
    const struct attend_counts *counts) {
    stage_begin(c);
    args->slopes = add_floats(c, a->bias.slopes, a->n_heads);
    args->by_distance = add_floats(c, a->bias.by_distance, distances_of(a));
    args->sinks = add_floats(c, a->sinks, a->n_heads);
    struct device_lists at = make_room(c, w, counts);
    attend_fill(w, segments, n);
    stage_send(c);
    args->tiles = at.tiles;
    args->parts = at.parts;
    args->spans = at.spans;
    launch_waves(c, args, w, &at);
}

static struct attend_tiles_args args_of(const struct cuda *c, const struct attention *a,
    const struct kv_cache *kv, uint32_t layer, struct rows q, struct rows out) {
    size_t at = (size_t)layer * kv->n_slots * kv->width * sizeof(uint16_t);
    struct device_rows queries = rows_view(q, a->n_heads * a->head_dim);
    return (struct attend_tiles_args) { .q = queries.data,
        .q_bf16 = queries.bf16,
        .out = rows_view(out, a->n_heads * a->head_dim).data,
        .keys = (const void *)(kv->keys + at),
        .values = (const void *)(kv->values + at),
        .n_heads = a->n_heads,
        .n_kv_heads = a->n_kv_heads,
        .group = a->n_heads / a->n_kv_heads,
        .head_dim = a->head_dim,
        .kv_width = kv->width,
        .scale = a->scale,
        .softcap = a->softcap,
        .causal = a->causal,
        .ancestors_only = a->ancestors_only,
        .window = a->window,
        .form = form_of(a),
        .reach = a->bias.reach,
        .partials = c->partials.data };
}

bool attend_tiled(struct cuda *c, const struct attention *a, const struct kv_cache *kv,
    uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows q,
    struct rows out) {
    if (!takes(c, a, q, out))
        return false;
    struct attend_tiles_args args = args_of(c, a, kv, layer, q, out);
    size_t partial = (size_t)a->n_kv_heads * (a->head_dim + PARTIAL_EXTRA);
    struct attend_work w = { .a = &args,
        .height = c->tile_height != 0 ? c->tile_height
                                      : attend_height((uint64_t)q.n * args.group, a->n_kv_heads),
        .partials_max = (uint32_t)(c->partials.n_floats / partial) };
    for (uint32_t from = 0, some; from < n_segments; from += some) {
        struct attend_counts counts = { 0 };
        some = count_some(&args, w.height, c->stage.bytes - bias_bytes(a), segments + from,
            n_segments - from, &counts);
        attend_some(c, a, &args, segments + from, some, &w, &counts);
    }
    return true;
}
