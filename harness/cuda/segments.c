/* Ops that follow segments: the cache, attention and pooling. See cuda.h.
 *
 * Attention takes as many segments a launch as the stage holds spans for; rows of other segments
 * are marked and left alone. What a row becomes does not depend on the launch it falls into. */
#include "harness/cuda/cuda.h"

#include <math.h>

static uint8_t *layer_at(
    const struct cuda *c, const struct kv_cache *kv, uint8_t *cache, uint32_t layer) {
    return cache + (size_t)layer * kv->n_slots * kv->width * elem_bytes(c->caps.act);
}

void cuda_kv_store(struct backend *b, struct kv_cache *kv, uint32_t layer, const uint32_t *slots,
    struct rows k, struct rows v) {
    struct cuda *c = cuda_enter(b);
    struct device_rows keys = rows_view(k, kv->width), values = rows_view(v, kv->width);
    bool bf16 = c->caps.act == ELEM_BF16;
    BUG_IF(keys.bf16 || values.bf16 || k.n != v.n || layer >= kv->n_layers);
    for (uint32_t i = 0; i < k.n; i++)
        BUG_IF(slots[i] >= kv->n_slots);
    stage_begin(c);
    const uint32_t *on_device = stage_add(c, slots, k.n * sizeof *slots);
    stage_send(c);
    cuda_must(
        launch_store(keys, on_device, layer_at(c, kv, kv->keys, layer), bf16, c->stream), "keys");
    cuda_must(launch_store(values, on_device, layer_at(c, kv, kv->values, layer), bf16, c->stream),
        "values");
}

/* ---- attention ---- */

static void check_segment(const struct attention *a, const struct segment *s,
    const struct kv_cache *kv, uint32_t n_rows) {
    uint64_t before = 0;
    for (uint32_t i = 0; i < s->n_ancestors; i++) {
        before += s->ancestors[i].n;
        BUG_IF((uint64_t)s->ancestors[i].slot + s->ancestors[i].n > kv->n_slots);
    }
    BUG_IF(before != s->position);
    BUG_IF(!a->ancestors_only && (uint64_t)s->slot + s->n + s->n_after > kv->n_slots);
    BUG_IF((uint64_t)s->row + s->n > n_rows);
}

static size_t segment_bytes(const struct segment *s) {
    return sizeof(struct attend_segment) +
           ((size_t)s->n_ancestors + 1) * sizeof(struct attend_span);
}

/* How many of the segments, and spans with them, go into one launch. */
static uint32_t count_some(const struct cuda *c, uint32_t n_rows, const struct segment *segments,
    uint32_t n, size_t *n_spans) {
    size_t bytes = n_rows * sizeof(int32_t) + 64; /* and what alignment takes */
    uint32_t some = 0;
    for (*n_spans = 0; some < n; some++) {
        bytes += segment_bytes(&segments[some]);
        if (bytes > c->stage.bytes)
            break;
        *n_spans += segments[some].n_ancestors + 1;
    }
    BUG_IF(some == 0);
    return some;
}

/* The segment's spans, itself the last; returns how many. Spans of no tokens are left out, so that
 * positions rise. */
static uint32_t list_spans(const struct segment *s, struct attend_span *out) {
    uint32_t position = 0, n = 0;
    for (uint32_t i = 0; i < s->n_ancestors; i++) {
        if (s->ancestors[i].n > 0)
            out[n++] = (struct attend_span) { position, s->ancestors[i].slot };
        position += s->ancestors[i].n;
    }
    out[n++] = (struct attend_span) { position, s->slot };
    return n;
}

/* Brings the lists of n segments to the device. */
static void stage_segments(struct cuda *c, struct attend_args *a, const struct segment *segments,
    uint32_t n, size_t n_spans) {
    const void *map_at, *segments_at, *spans_at;
    stage_begin(c);
    int32_t *map = stage_room(c, a->out.n * sizeof *map, &map_at);
    struct attend_segment *list = stage_room(c, n * sizeof *list, &segments_at);
    struct attend_span *spans = stage_room(c, n_spans * sizeof *spans, &spans_at);
    for (uint32_t i = 0; i < a->out.n; i++)
        map[i] = NO_SEGMENT;
    uint32_t n_listed = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct segment *s = &segments[i];
        list[i] = (struct attend_segment) { .row = s->row,
            .position = s->position,
            .end = s->position + s->n + s->n_after,
            .first_span = n_listed };
        list[i].n_spans = list_spans(s, spans + n_listed);
        n_listed += list[i].n_spans;
        for (uint32_t r = 0; r < s->n; r++)
            map[s->row + r] = (int32_t)i;
    }
    for (size_t i = n_listed; i < n_spans; i++)
        spans[i] = (struct attend_span) { 0 };
    stage_send(c);
    a->row_segment = map_at;
    a->segments = segments_at;
    a->spans = spans_at;
}

void cuda_attend(struct backend *b, const struct attention *a, struct kv_cache *kv, uint32_t layer,
    const struct segment *segments, uint32_t n_segments, struct rows q, struct rows out) {
    struct cuda *c = cuda_enter(b);
    uint32_t width = a->n_heads * a->head_dim;
    BUG_IF(layer >= kv->n_layers || a->n_heads % a->n_kv_heads != 0 || q.n != out.n);
    BUG_IF(kv->width != a->n_kv_heads * a->head_dim);
    BUG_IF(a->head_dim > ATTEND_DIM_MAX || a->n_heads > GRID_DIM_YZ_MAX);
    for (uint32_t i = 0; i < n_segments; i++)
        check_segment(a, &segments[i], kv, q.n);
    if (attend_tiled(c, a, kv, layer, segments, n_segments, q, out))
        return;
    BUG_IF(a->bias.slopes || a->bias.by_distance || a->bias.rows || a->sinks || a->ancestors_only);
    struct device_rows queries = rows_view(q, width);
    BUG_IF(queries.bf16);
    struct attend_args args = { .q = queries.data,
        .out = rows_view(out, width),
        .keys = layer_at(c, kv, kv->keys, layer),
        .values = layer_at(c, kv, kv->values, layer),
        .cache_bf16 = c->caps.act == ELEM_BF16,
        .n_heads = a->n_heads,
        .group = a->n_heads / a->n_kv_heads,
        .head_dim = a->head_dim,
        .kv_width = kv->width,
        .scale = a->scale,
        .softcap = a->softcap,
        .causal = a->causal,
        .window = a->window };
    for (uint32_t from = 0, some; from < n_segments; from += some) {
        size_t n_spans;
        some = count_some(c, q.n, segments + from, n_segments - from, &n_spans);
        stage_segments(c, &args, segments + from, some, n_spans);
        cuda_must(launch_attend(&args, c->stream), "attend");
    }
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
