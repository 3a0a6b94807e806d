/* Attention by tensor cores: which calls are for it, and the launches. What is not taken here goes
 * to the row kernel (attend.cu), which is the oracle. See attend_tiles.h. */
#include "harness/cuda/attend_tiles.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/attend_lists.h"
#include "harness/cuda/steps.h"

_Static_assert(TILE_SPLIT % TILE_KEYS == 0, "a state begins where a block of keys does");

#ifndef PARTIALS_LEAST           /* the tests' is small */
#define PARTIALS_LEAST (8 << 20) /* floats */
#endif

enum {
    DIM_STEP = 8, /* a head's width is a multiple: it is copied 16 bytes at a time */
};

struct attend_tiling {
    bool never;      /* "plain" was asked for: the oracle */
    uint32_t height; /* of tiles, where one is asked for; 0: chosen */
    size_t shared;   /* bytes that the device gives a block of threads */
    float *partials; /* states of rows that see more positions than one state has */
    size_t n_partials;
    struct attend_shelf shelf;
};

/* ---- for as long as the backend is open ---- */

/* ASSAY_CUDA_TILE: 16, 64 or 128 queries a tile, as tests ask for. */
struct attend_tiling *attend_tiling_new(const struct backend_config *config, int device) {
    struct attend_tiling *t = xcalloc(1, sizeof *t);
    const char *height = getenv("ASSAY_CUDA_TILE");
    int shared = 0;
    cuda_must(
        cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "device");
    t->shared = (size_t)shared;
    t->never = config->gemm != NULL && strcmp(config->gemm, "plain") == 0;
    t->height = height == NULL ? 0 : tile_height((uint32_t)strtoul(height, NULL, 10));
    return t;
}

void attend_tiling_free(struct attend_tiling *t) {
    if (t == NULL)
        return;
    attend_shelf_release(&t->shelf);
    cudaFree(t->partials);
    free(t);
}

bool attend_reserve(struct cuda *c, uint32_t n_slots, uint32_t kv_width, struct err *err) {
    struct attend_tiling *t = c->tiling;
    size_t row = kv_width + kv_width / DIM_STEP * (size_t)PARTIAL_EXTRA; /* of narrow heads */
    size_t n = (size_t)attend_partials_of_tile(n_slots) * row;
    n = n < PARTIALS_LEAST ? PARTIALS_LEAST : n;
    if (c->caps.act != ELEM_BF16 || n_slots <= TILE_SPLIT || n <= t->n_partials)
        return true;
    float *data = NULL;
    step_leave(c, STEP_ONCE);
    cudaError_t e = cudaMalloc((void **)&data, n * sizeof *data);
    if (e != cudaSuccess) {
        cudaGetLastError(); /* shall not fail the next launch */
        return err_set(err, ERR_RESOURCE,
            "cannot hold %zu bytes of attention's states on the device: %s", n * sizeof *data,
            cudaGetErrorString(e));
    }
    cuda_must(cudaStreamSynchronize(c->stream), "attention's states");
    cuda_must(cudaFree(t->partials), "attention's states");
    t->partials = data;
    t->n_partials = n;
    return true;
}

/* ---- which calls ---- */

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
static bool form_fits(const struct attention *a) {
    bool biased = a->bias.slopes != NULL || a->bias.by_distance != NULL;
    return a->bias.rows == NULL && !(biased && a->softcap > 0);
}

/* What the model and the device say alone, never the step: the row kernel gives other bits. */
static bool takes(const struct cuda *c, const struct attention *a, struct rows q, struct rows out) {
    return c->caps.act == ELEM_BF16 && !c->tiling->never && out.buf->elem == ELEM_BF16 &&
           a->head_dim % DIM_STEP == 0 && a->head_dim <= TILE_DIM_MAX && a->scale > 0 &&
           form_fits(a) && q.n > 0 && attend_room_bytes(a->head_dim, TILE_LOW) <= c->tiling->shared;
}

/* ---- the op ---- */

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
        .rule = { a->causal, a->ancestors_only, a->window },
        .form = form_of(a),
        .reach = a->bias.reach,
        .partials = c->tiling->partials };
}

static void keep_numbers(
    struct cuda *c, const struct attention *a, struct attend_tiles_args *args) {
    args->slopes = list_keep(c, a->bias.slopes, a->n_heads, sizeof(float));
    args->by_distance = list_keep(c, a->bias.by_distance, distances_of(a), sizeof(float));
    args->sinks = list_keep(c, a->sinks, a->n_heads, sizeof(float));
}

/* The height wanted, or the next that the device has the shared memory for; no bit depends on it.
 */
static uint32_t height_that_fits(
    const struct attend_tiling *t, uint32_t head_dim, uint32_t wanted) {
    enum tile_height height = tile_height(wanted);
    while (height != TILE_LOW && attend_room_bytes(head_dim, height) > t->shared)
        height = height == TILE_HIGH ? TILE_MIDDLE : TILE_LOW;
    return (uint32_t)height;
}

/* How many of the segments, one at least, have lists no longer than the stage; and what these
 * need. */
static uint32_t count_some(const struct cuda *c, const struct attend_work *how,
    const struct segment *segments, uint32_t n, struct attend_counts *counts) {
    struct attend_counts with = { 0 };
    uint32_t some = 0;
    for (; some < n; some++) {
        attend_count(how->a, how->height, &segments[some], &with);
        if (some > 0 && attend_lists_bytes(&with) > c->stage.bytes)
            break;
        *counts = with;
    }
    return some;
}

static void launch_waves(
    struct cuda *c, struct attend_tiles_args *args, const struct attend_lists *l) {
    struct attend_wave wave = { 0 };
    args->tiles = l->tiles;
    args->parts = l->parts;
    args->spans = l->spans;
    while (attend_next_wave(&l->work, &wave)) {
        cuda_must(launch_attend_tiles(
                      args, wave.height, l->items + wave.first_item, wave.n_items, c->stream),
            "attend");
        cuda_must(launch_attend_joins(
                      args, wave.height, l->joins + wave.first_join, wave.n_joins, c->stream),
            "attend");
    }
}

bool attend_tiled(struct cuda *c, const struct attention *a, const struct kv_cache *kv,
    uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows q,
    struct rows out) {
    struct attend_tiling *t = c->tiling;
    if (!takes(c, a, q, out))
        return false;
    struct attend_tiles_args args = args_of(c, a, kv, layer, q, out);
    size_t partial = (size_t)a->n_kv_heads * (a->head_dim + PARTIAL_EXTRA);
    uint32_t height = attend_height((uint64_t)q.n * args.group, a->n_kv_heads);
    struct attend_work how = { .a = &args,
        .height = height_that_fits(t, a->head_dim, t->height != 0 ? t->height : height),
        .partials_max = (uint32_t)(t->n_partials / partial) };
    keep_numbers(c, a, &args);
    for (uint32_t from = 0, some; from < n_segments; from += some) {
        struct attend_counts counts = { 0 };
        some = count_some(c, &how, segments + from, n_segments - from, &counts);
        launch_waves(
            c, &args, attend_lists_get(c, &t->shelf, &how, segments + from, some, &counts));
    }
    return true;
}
