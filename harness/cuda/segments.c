/* Ops that follow segments: the cache, attention, neighbours and pooling. See cuda.h. */
#include "harness/cuda/segments.h"

#include <math.h>
#include <string.h>

#include "harness/cuda/spans.h"

/* ---- the cache ---- */

uint8_t *cache_layer(
    const struct cuda *c, const struct kv_cache *kv, uint8_t *cache, uint32_t layer) {
    return cache + (size_t)layer * kv->n_slots * kv->width * elem_bytes(c->caps.act);
}

static void store_half(
    struct cuda *c, struct rows x, const uint32_t *slots, uint8_t *cache, uint32_t width) {
    if (x.buf != NULL)
        cuda_must(
            launch_store(rows_view(x, width), slots, cache, c->caps.act == ELEM_BF16, c->stream),
            "kv_store");
}

static void check_stored(const struct cuda *c, struct rows x, uint32_t n) {
    BUG_IF(x.buf != NULL && (x.n != n || (x.buf->elem != ELEM_F32 && x.buf->elem != c->caps.act)));
}

void cuda_kv_store(struct backend *b, struct kv_cache *kv, uint32_t layer, const uint32_t *slots,
    struct rows k, struct rows v) {
    struct cuda *c = cuda_enter(b);
    uint32_t n = k.buf != NULL ? k.n : v.n;
    BUG_IF(layer >= kv->n_layers);
    check_stored(c, k, n);
    check_stored(c, v, n);
    for (uint32_t i = 0; i < n; i++)
        BUG_IF(slots[i] >= kv->n_slots);
    stage_begin(c);
    const uint32_t *on_device = stage_add(c, slots, n * sizeof *slots);
    stage_send(c);
    store_half(c, k, on_device, cache_layer(c, kv, kv->keys, layer), kv->width);
    store_half(c, v, on_device, cache_layer(c, kv, kv->values, layer), kv->width);
}

struct rows cuda_kv_keys(struct kv_cache *kv, uint32_t layer, uint32_t slot, uint32_t n) {
    BUG_IF(layer >= kv->n_layers);
    return (struct rows) { .buf = &kv->key_rows[layer], .row = slot, .n = n };
}

struct rows cuda_kv_values(struct kv_cache *kv, uint32_t layer, uint32_t slot, uint32_t n) {
    BUG_IF(layer >= kv->n_layers);
    return (struct rows) { .buf = &kv->value_rows[layer], .row = slot, .n = n };
}

/* ---- lists ---- */

static void check_segment(
    const struct segment *s, const struct kv_cache *kv, uint32_t n_rows, bool ancestors_only) {
    uint64_t before = 0;
    for (uint32_t i = 0; i < s->n_ancestors; i++) {
        before += s->ancestors[i].n;
        BUG_IF((uint64_t)s->ancestors[i].slot + s->ancestors[i].n > kv->n_slots);
    }
    BUG_IF(before != s->position);
    BUG_IF(!ancestors_only && (uint64_t)s->slot + s->n + s->n_after > kv->n_slots);
    BUG_IF((uint64_t)s->row + s->n > n_rows);
}

void segments_check(const struct segment *segments, uint32_t n, const struct kv_cache *kv,
    uint32_t n_rows, bool ancestors_only) {
    for (uint32_t i = 0; i < n; i++)
        check_segment(&segments[i], kv, n_rows, ancestors_only);
}

static uint32_t tiles_of(const struct segment *s, uint32_t tile_rows) {
    return tile_rows == 0 ? 0 : s->n / tile_rows + (s->n % tile_rows != 0);
}

static size_t segment_bytes(const struct segment *s, uint32_t tile_rows) {
    return sizeof(struct attend_segment) + tiles_of(s, tile_rows) * sizeof(struct segment_tile) +
           ((size_t)s->n_ancestors + 1) * sizeof(struct attend_span);
}

/* How many of the segments go together, and spans and tiles with them. */
static uint32_t count_some(const struct cuda *c, const struct segment *segments, uint32_t n,
    uint32_t tile_rows, size_t *n_spans, uint32_t *n_tiles) {
    size_t bytes = 64; /* what alignment takes */
    uint32_t some = 0;
    for (*n_spans = *n_tiles = 0; some < n; some++) {
        bytes += segment_bytes(&segments[some], tile_rows);
        if (bytes > c->stage.bytes)
            break;
        *n_spans += segments[some].n_ancestors + 1;
        *n_tiles += tiles_of(&segments[some], tile_rows);
    }
    BUG_IF(some == 0);
    return some;
}

/* One room for the three lists; spans, of which most steps have a few more than the last, behind
 * the others. */
struct segments_room {
    uint8_t *host;
    size_t tiles, spans, bytes; /* where they begin; all */
};

static struct segments_room segments_room(
    struct cuda *c, uint32_t n_segments, uint32_t n_tiles, size_t n_spans) {
    enum { ALIGN = 16 };
    const void *device;
    struct segments_room r;
    r.tiles = (n_segments * sizeof(struct attend_segment) + ALIGN - 1) / ALIGN * ALIGN;
    r.spans = (r.tiles + n_tiles * sizeof(struct segment_tile) + ALIGN - 1) / ALIGN * ALIGN;
    r.bytes = r.spans + n_spans * sizeof(struct attend_span);
    r.host = stage_room(c, r.bytes, &device);
    memset(r.host, 0, r.bytes);
    return r;
}

/* Layers ask for the same ones, one after the other. */
static void segments_send(
    struct cuda *c, const struct segments_room *r, struct segment_lists *lists) {
    union {
        const void *in;
        const uint8_t *out;
    } device = { .in = stage_fold(c, r->host, r->bytes) };
    stage_send(c);
    lists->segments = device.in;
    lists->tiles = (const void *)(device.out + r->tiles);
    lists->spans = (const void *)(device.out + r->spans);
}

void segments_stage(struct cuda *c, const struct segment *segments, uint32_t n, uint32_t tile_rows,
    struct segment_lists *lists) {
    size_t n_spans;
    uint32_t n_tiles, some = count_some(c, segments, n, tile_rows, &n_spans, &n_tiles);
    stage_begin(c);
    const struct segments_room room = segments_room(c, some, n_tiles, n_spans);
    struct attend_segment *list = (void *)room.host;
    struct segment_tile *tiles = (void *)(room.host + room.tiles);
    struct attend_span *spans = (void *)(room.host + room.spans);
    uint32_t listed = 0;
    for (uint32_t i = 0; i < some; i++) {
        const struct segment *s = &segments[i];
        list[i] = (struct attend_segment) { .row = s->row,
            .n = s->n,
            .position = s->position,
            .end = s->position + s->n + s->n_after,
            .first_span = listed };
        list[i].n_spans = spans_list(s, spans + listed);
        listed += list[i].n_spans;
        for (uint32_t row = 0; tile_rows > 0 && row < s->n; row += tile_rows)
            *tiles++ = (struct segment_tile) { i, row };
    }
    *lists = (struct segment_lists) { .n_segments = some, .n_tiles = n_tiles };
    segments_send(c, &room, lists);
}

/* ---- attention ---- */

static struct attend_bias bias_of(struct cuda *c, const struct attention *a) {
    const struct attention_bias *b = &a->bias;
    size_t distances = 2 * (size_t)b->reach + 1, width = (size_t)a->n_heads * a->head_dim;
    uint32_t n_places = 0;
    if (b->key_places != NULL || b->query_places != NULL)
        for (size_t i = 0; i < distances; i++) /* as many as are named */
            n_places = b->rows[i] >= n_places ? b->rows[i] + 1U : n_places;
    return (struct attend_bias) {
        .slopes = list_keep(c, b->slopes, a->n_heads, sizeof *b->slopes),
        .bf16 = b->bf16,
        .by_distance = list_keep(c, b->by_distance, a->n_heads * distances, sizeof *b->by_distance),
        .key_places = list_keep(c, b->key_places, n_places * width, sizeof *b->key_places),
        .query_places = list_keep(c, b->query_places, n_places * width, sizeof *b->query_places),
        .rows = list_keep(c, b->rows, distances, sizeof *b->rows),
        .reach = b->reach,
    };
}

static uint32_t longest(const struct segment *segments, uint32_t n) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < n; i++)
        most = segments[i].n > most ? segments[i].n : most;
    return most;
}

void cuda_attend(struct backend *b, const struct attention *a, struct kv_cache *kv, uint32_t layer,
    const struct segment *segments, uint32_t n_segments, struct rows q, struct rows out) {
    struct cuda *c = cuda_enter(b);
    uint32_t width = a->n_heads * a->head_dim;
    BUG_IF(layer >= kv->n_layers || a->n_heads % a->n_kv_heads != 0 || q.n != out.n);
    BUG_IF(kv->width != a->n_kv_heads * a->head_dim || a->head_dim > ATTEND_DIM_MAX);
    BUG_IF(q.buf->elem != ELEM_F32 && (q.buf->elem != c->caps.act || a->bias.rows != NULL));
    segments_check(segments, n_segments, kv, q.n, a->ancestors_only);
    if (attend_tiled(c, a, kv, layer, segments, n_segments, q, out))
        return;
    struct attend_args args = { .q = rows_view(q, width),
        .out = rows_view(out, width),
        .keys = cache_layer(c, kv, kv->keys, layer),
        .values = cache_layer(c, kv, kv->values, layer),
        .cache_bf16 = c->caps.act == ELEM_BF16,
        .n_heads = a->n_heads,
        .group = a->n_heads / a->n_kv_heads,
        .head_dim = a->head_dim,
        .kv_width = kv->width,
        .scale = a->scale,
        .softcap = a->softcap,
        .rule = { a->causal, a->ancestors_only, a->window },
        .bias = bias_of(c, a),
        .sinks = list_keep(c, a->sinks, a->n_heads, sizeof *a->sinks),
        .most_rows = longest(segments, n_segments) };
    struct segment_lists lists;
    for (uint32_t from = 0; from < n_segments; from += lists.n_segments) {
        segments_stage(c, segments + from, n_segments - from, attend_tile_rows(&args), &lists);
        args.segments = lists.segments;
        args.spans = lists.spans;
        args.tiles = lists.tiles;
        args.n_tiles = lists.n_tiles;
        cuda_must(launch_attend(&args, c->stream), "attend");
    }
}

/* ---- neighbours ---- */

void cuda_unfold(struct backend *b, uint32_t taps, const struct segment *segments,
    uint32_t n_segments, struct rows x, struct rows out) {
    struct cuda *c = cuda_enter(b);
    struct unfold_args a = {
        .x = rows_view(x, x.buf->cols), .out = rows_view(out, x.buf->cols * taps), .taps = taps
    };
    const void *on_device;
    BUG_IF(x.n != out.n || a.x.bf16);
    stage_begin(c);
    struct row_range *ranges = stage_room(c, x.n * sizeof *ranges, &on_device);
    for (uint32_t i = 0; i < x.n; i++) /* a row of no segment sees nothing */
        ranges[i] = (struct row_range) { 0 };
    for (uint32_t g = 0; g < n_segments; g++) {
        const struct segment *s = &segments[g];
        BUG_IF((uint64_t)s->row + s->n > x.n);
        for (uint32_t i = 0; i < s->n; i++)
            ranges[s->row + i] = (struct row_range) { s->row, s->row + s->n };
    }
    stage_send(c);
    a.ranges = on_device;
    cuda_must(launch_unfold(&a, c->stream), "unfold");
}

/* ---- pooling ---- */

static enum kernel_pooling kernel_pooling(enum pooling pooling) {
    switch (pooling) {
    case POOL_AUTO:
    case POOL_MEAN:
    case POOL_MEAN_SQRT:
        break;
    case POOL_WEIGHTED_MEAN:
        return KERNEL_WEIGHTED_SUM;
    case POOL_CLS:
        return KERNEL_FIRST;
    case POOL_LAST:
        return KERNEL_LAST;
    case POOL_MAX:
        return KERNEL_MAX;
    }
    return KERNEL_SUM;
}

static float pooling_factor(enum pooling pooling, uint32_t n) {
    switch (pooling) {
    case POOL_AUTO:
    case POOL_MEAN:
        return 1 / (float)n;
    case POOL_MEAN_SQRT:
        return 1 / sqrtf((float)n);
    case POOL_WEIGHTED_MEAN:
        return (float)(1 / (0.5 * n * (n + 1.0)));
    case POOL_CLS:
    case POOL_LAST:
    case POOL_MAX:
        break;
    }
    return 1;
}

void cuda_pool(struct backend *b, enum pooling pooling, struct rows x,
    const struct segment *segments, uint32_t n_segments, struct rows out) {
    struct cuda *c = cuda_enter(b);
    struct device_rows from = rows_view(x, out.buf->cols), to = rows_view(out, out.buf->cols);
    const void *on_device;
    BUG_IF(from.bf16 || to.bf16 || out.n != n_segments);
    stage_begin(c);
    struct pool_segment *list = stage_room(c, n_segments * sizeof *list, &on_device);
    for (uint32_t i = 0; i < n_segments; i++) {
        const struct segment *s = &segments[i];
        BUG_IF(s->n == 0 || s->row > x.n || s->n > x.n - s->row);
        list[i] = (struct pool_segment) { s->row, s->n, pooling_factor(pooling, s->n) };
    }
    stage_send(c);
    cuda_must(launch_pool(kernel_pooling(pooling), from, on_device, to, c->stream), "pool");
}
