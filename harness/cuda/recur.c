/* Recurrences: arguments checked as the CPU backend checks them, segments staged, kernels launched
 * for as many segments at once as the stage holds. See cuda.h. */
#include "harness/cuda/cuda.h"
#include "harness/cuda/segments.h"

enum { TAPS_MAX = 16 };

/* Channels that go through the convolution: of heads, what tokens bring in and read too. */
static uint32_t convolved(const struct recurrence *r) {
    return r->n_channels + (r->n_heads > 0 ? 2 * r->n_groups * r->n_state : 0);
}

/* What a slot must have room for: see struct recurrence. */
static void check(const struct recurrence *r, const struct kv_cache *kv, uint32_t layer) {
    uint32_t values =
        r->corrects
            ? convolved(r) + 2 * r->n_heads
            : r->n_channels + (r->n_heads > 0 ? r->n_groups * r->n_state + r->n_heads : r->n_state);
    BUG_IF(kv->width < convolved(r) || kv->width < values || layer >= kv->n_layers);
    BUG_IF(r->n_taps == 0 || r->n_taps > TAPS_MAX || r->n_state > RECUR_STATE_MAX);
    BUG_IF(r->n_heads > 0 && (r->n_channels % r->n_heads != 0 || r->n_heads % r->n_groups != 0));
}

static struct recur_args args_of(
    struct cuda *c, const struct recurrence *r, const struct kv_cache *kv, uint32_t layer) {
    uint32_t all = convolved(r), own = r->n_heads > 0 ? r->n_heads : r->n_channels;
    enum recur_kind kind = r->corrects      ? RECUR_CORRECTS
                           : r->n_heads > 0 ? RECUR_HEADS
                                            : RECUR_CHANNELS;
    size_t decays = r->n_heads > 0 ? r->n_heads : (size_t)r->n_channels * r->n_state;
    return (struct recur_args) { .kind = kind,
        .n_channels = r->n_channels,
        .n_state = r->n_state,
        .n_taps = r->n_taps,
        .n_heads = r->n_heads > 0 ? r->n_heads : 1,
        .n_groups = r->n_heads > 0 ? r->n_groups : 1,
        .n_convolved = all,
        .activation = kernel_activation(r->activation),
        .taps = list_keep(c, r->taps, (size_t)all * r->n_taps, sizeof *r->taps),
        .taps_bias = list_keep(c, r->taps_bias, all, sizeof *r->taps_bias),
        .decay = list_keep(c, r->decay, decays, sizeof *r->decay),
        .skip = list_keep(c, r->skip, own, sizeof *r->skip),
        .step_from = list_keep(c, r->step_from, r->n_heads, sizeof *r->step_from),
        .step_min = r->step_min,
        .step_max = r->step_max,
        .keys = cache_layer(c, kv, kv->keys, layer),
        .values = cache_layer(c, kv, kv->values, layer),
        .cache_bf16 = c->caps.act == ELEM_BF16,
        .kv_width = kv->width };
}

static void place(struct recur_args *a, const struct segment_lists *lists) {
    a->segments = lists->segments;
    a->n_segments = lists->n_segments;
    a->spans = lists->spans;
}

void cuda_convolve(struct backend *b, const struct recurrence *r, struct kv_cache *kv,
    uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows u) {
    struct cuda *c = cuda_enter(b);
    struct device_rows out = rows_view(u, convolved(r));
    check(r, kv, layer);
    BUG_IF(out.bf16);
    struct recur_args a = args_of(c, r, kv, layer);
    struct segment_lists lists;
    segments_check(segments, n_segments, kv, u.n, false);
    for (uint32_t from = 0; from < n_segments; from += lists.n_segments) {
        segments_stage(c, segments + from, n_segments - from, CONVOLVE_ROWS, &lists);
        place(&a, &lists);
        cuda_must(launch_convolve(&a, lists.tiles, lists.n_tiles, out, c->stream), "convolve");
    }
}

void cuda_recur(struct backend *b, const struct recurrence *r, struct kv_cache *kv, uint32_t layer,
    const struct segment *segments, uint32_t n_segments, struct rows read, struct rows gate,
    struct rows out) {
    struct cuda *c = cuda_enter(b);
    check(r, kv, layer);
    struct recur_args a = args_of(c, r, kv, layer);
    a.read = rows_view(read, r->n_heads > 0 ? convolved(r) : r->n_state);
    a.out = rows_view(out, r->n_channels);
    if (gate.buf != NULL)
        a.gate = rows_view(gate, r->n_channels);
    BUG_IF(a.read.bf16 || a.gate.bf16 || read.n < out.n || (gate.buf != NULL && gate.n < out.n));
    struct segment_lists lists;
    segments_check(segments, n_segments, kv, out.n, false);
    for (uint32_t from = 0; from < n_segments; from += lists.n_segments) {
        segments_stage(c, segments + from, n_segments - from, 0, &lists);
        place(&a, &lists);
        cuda_must(launch_recur(&a, c->stream), "recur");
    }
}
