/* Ops of the CUDA backend that follow segments (the cache, attention of every kind, neighbours,
 * pooling, recurrences) against the CPU backend's plain C kernels, and the same bits however a
 * sequence is cut into segments and spans. Skips, saying why, where there is no device. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/cuda_world.h"
#include "tests/harness/gpu_there.h"

/* ---- a sequence in the cache ---- */

enum { BEFORE = 170, CUTS = 4 };

/* A sequence of so many positions before those asked for, and s.rows of these: what stands before
 * lies in n_spans spans of slots that lie apart, the rest is cut into n_segments of the step. */
struct cut {
    uint32_t n_spans, n_segments;
};
static const struct cut cuts[CUTS] = { { 1, 1 }, { 2, 1 }, { 37, 5 }, { 1, 60 } };

struct laid {
    uint32_t before, n, n_slots; /* n: rows that are asked for */
    uint32_t *slots;             /* [before + n] */
    struct segment *segments;
    uint32_t n_segments;
};

static uint32_t span_length(const struct cut *cut, uint32_t before) {
    return (before + cut->n_spans - 1) / cut->n_spans;
}

static uint32_t before_slot(const struct cut *cut, uint32_t before, uint32_t position) {
    uint32_t each = span_length(cut, before), span = position / each;
    return (cut->n_spans - 1 - span) * (each + 1) + position % each; /* last span first, gaps */
}

static uint32_t span_list(const struct cut *cut, uint32_t before, struct kv_span *out) {
    uint32_t n = 0, each = before > 0 ? span_length(cut, before) : 1;
    for (uint32_t at = 0; at < before; at += each, n++)
        out[n] = (struct kv_span) { before_slot(cut, before, at),
            before - at < each ? before - at : each };
    return n;
}

static struct laid lay(const struct cut *cut, uint32_t before, uint32_t n) {
    uint32_t first = before + 2 * cut->n_spans + 3, row = 0;
    struct laid l = { .before = before, .n = n, .n_slots = first + n };
    l.n_segments = cut->n_segments < n ? cut->n_segments : n;
    l.slots = world_alloc((before + n) * sizeof *l.slots);
    for (uint32_t i = 0; i < before + n; i++)
        l.slots[i] = i < before ? before_slot(cut, before, i) : first + i - before;
    l.segments = world_alloc(l.n_segments * sizeof *l.segments);
    for (uint32_t i = 0; i < l.n_segments; i++) {
        struct kv_span *spans = world_alloc((cut->n_spans + 1) * sizeof *spans);
        uint32_t n_spans = span_list(cut, before, spans);
        uint32_t len = i + 1 == l.n_segments ? n - row : n / l.n_segments;
        if (row > 0)
            spans[n_spans++] = (struct kv_span) { first, row };
        l.segments[i] = (struct segment) { .row = row,
            .n = len,
            .position = before + row,
            .slot = first + row,
            .ancestors = spans,
            .n_ancestors = n_spans };
        row += len;
    }
    return l;
}

static struct kv_cache *cache_new(struct backend *b, uint32_t n_slots, uint32_t width) {
    struct err err = ERR_INIT;
    struct kv_cache *kv = b->ops->kv_cache(b, 2, n_slots, width, &err);
    if (kv == NULL)
        fail_msg("%s", err.msg);
    return kv;
}

/* ---- attention ---- */

static void attend_laid(struct backend *b, const struct attention *a, const struct laid *l,
    enum elem elem, struct made *out) {
    uint32_t kv = a->n_kv_heads * a->head_dim, width = a->n_heads * a->head_dim;
    uint32_t n = l->before + l->n;
    struct kv_cache *cache = cache_new(b, l->n_slots, kv);
    b->ops->kv_store(b, cache, 1, l->slots, noise_rows(b, 16, n, kv, ELEM_F32, 1),
        noise_rows(b, 17, n, kv, ELEM_F32, 1));
    struct rows all, whole, q = noise_window(b, 18, l->n, width, elem, 1, &all);
    struct rows seen = noise_window(b, 19, l->n, width, b->ops->caps(b)->act, 1, &whole);
    b->ops->attend(b, a, cache, 1, l->segments, l->n_segments, q, seen);
    made_add(out, b, whole, width);
    b->ops->kv_free(b, cache);
}

static void attend_cut(struct backend *b, struct shape s, const struct attention *a,
    const struct cut *cut, struct made *out) {
    struct laid l = lay(a->causal ? cut : &cuts[0], a->causal ? BEFORE : 0, s.rows);
    attend_laid(b, a, &l, ELEM_F32, out);
}

/* One of each kind: encoder, window both ways, decoder, window back, softcap, a key head a head, as
 * many heads on a key head as a tile of queries has and more. */
static const struct attention kinds[] = {
    { .n_heads = 6, .n_kv_heads = 2, .scale = 1 },
    { .n_heads = 6, .n_kv_heads = 2, .scale = 1, .window = 20 },
    { .n_heads = 6, .n_kv_heads = 2, .scale = 1, .causal = true },
    { .n_heads = 6, .n_kv_heads = 2, .scale = 1, .causal = true, .window = 141 },
    { .n_heads = 3, .n_kv_heads = 1, .scale = 1, .causal = true, .softcap = 2 },
    { .n_heads = 2, .n_kv_heads = 2, .scale = 8, .causal = true },
    { .n_heads = 21, .n_kv_heads = 1, .scale = 1, .causal = true },
};

static struct attention kind_of(const struct attention *kind, uint32_t head_dim) {
    struct attention a = *kind;
    a.head_dim = head_dim;
    a.scale /= sqrtf((float)head_dim);
    return a;
}

static void run_attend(struct backend *b, struct shape s, struct made *out) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct attention a = kind_of(&kinds[i], s.cols);
        attend_cut(b, s, &a, &cuts[1], out);
    }
}

/* ---- what is added to scores ---- */

enum { REACH = 40, PLACES = 10, KINDS_OF_BIAS = 6 };

static struct attention_bias bias_new(int kind, uint32_t n_heads, uint32_t head_dim) {
    uint16_t *rows = world_alloc((2 * REACH + 1) * sizeof *rows);
    for (uint32_t i = 0; i <= 2 * REACH; i++)
        rows[i] = (uint16_t)(i / 7 % PLACES);
    const float *list = noise_new(40, (size_t)n_heads * (2 * REACH + 1), 1);
    const float *slopes = noise_new(41, n_heads, 0.1F);
    const float *to = noise_new(42, (size_t)PLACES * n_heads * head_dim, 1);
    const float *from = noise_new(43, (size_t)PLACES * n_heads * head_dim, 1);
    const struct attention_bias biases[KINDS_OF_BIAS] = { { .slopes = slopes },
        { .slopes = slopes, .bf16 = true }, { .by_distance = list, .reach = REACH },
        { .key_places = to, .query_places = from, .rows = rows, .reach = REACH },
        { .key_places = to, .rows = rows, .reach = REACH },
        { .query_places = from, .rows = rows, .reach = REACH } };
    return biases[kind];
}

/* All of them to both sides and back only, with a cap behind some; then sinks, in a window too. */
static void run_biases(struct backend *b, struct shape s, struct made *out) {
    for (int kind = 0; kind < KINDS_OF_BIAS; kind++)
        for (int causal = 0; causal < 2; causal++) {
            struct attention a = kind_of(&kinds[causal ? 2 : 0], s.cols);
            a.bias = bias_new(kind, a.n_heads, s.cols);
            a.softcap = kind % 2 ? 3 : 0;
            attend_cut(b, s, &a, &cuts[2], out);
        }
}

static void run_sinks(struct backend *b, struct shape s, struct made *out) {
    for (size_t i = 1; i < 5; i++) {
        struct attention a = kind_of(&kinds[i], s.cols);
        a.sinks = noise_new(44, a.n_heads, 4);
        attend_cut(b, s, &a, &cuts[1], out);
    }
}

static void run_act_queries(struct backend *b, struct shape s, struct made *out) {
    struct attention a = kind_of(&kinds[2], s.cols);
    struct laid l = lay(&cuts[1], BEFORE, s.rows);
    attend_laid(b, &a, &l, b->ops->caps(b)->act, out);
}

/* A decoder's rows look at an encoder's, and at nothing of their own. */
static void run_cross(struct backend *b, struct shape s, struct made *out) {
    struct laid l = lay(&cuts[2], BEFORE, s.rows);
    for (uint32_t i = 0; i < l.n_segments; i++) {
        struct segment *g = &l.segments[i];
        g->n_ancestors -= g->position > BEFORE ? 1 : 0; /* the rows before it */
        g->position = BEFORE;
        g->slot = UINT32_MAX - 3; /* does not count */
    }
    struct attention a = kind_of(&kinds[0], s.cols);
    a.ancestors_only = true;
    attend_laid(b, &a, &l, ELEM_F32, out);
    a.sinks = noise_new(44, a.n_heads, 4);
    attend_laid(b, &a, &l, ELEM_F32, out);
}

/* Rows at the beginning of an encoder's sequence, the rest of which nobody asks for. */
static void run_after(struct backend *b, struct shape s, struct made *out) {
    for (int windowed = 0; windowed < 2; windowed++) {
        struct attention a = kind_of(&kinds[windowed], s.cols);
        struct laid l = lay(&cuts[0], 0, s.rows + 140);
        l.segments[0].n = l.n = s.rows;
        l.segments[0].n_after = 140;
        uint32_t n = s.rows + 140, kv = a.n_kv_heads * a.head_dim, width = a.n_heads * a.head_dim;
        struct kv_cache *cache = cache_new(b, l.n_slots, kv);
        b->ops->kv_store(b, cache, 0, l.slots, noise_rows(b, 16, n, kv, ELEM_F32, 1),
            noise_rows(b, 17, n, kv, ELEM_F32, 1));
        struct rows seen = world_empty(b, s.rows, width, b->ops->caps(b)->act);
        b->ops->attend(
            b, &a, cache, 0, l.segments, 1, noise_rows(b, 18, s.rows, width, ELEM_F32, 1), seen);
        made_add(out, b, seen, width);
        b->ops->kv_free(b, cache);
    }
}

/* ---- the cache ---- */

/* Halves are written by themselves, in either elements, and a product writes rows of slots. */
static void run_cache(struct backend *b, struct shape s, struct made *out) {
    struct attention a = { .n_heads = 2, .n_kv_heads = 2, .head_dim = s.cols, .scale = 0.3F };
    uint32_t width = 2 * s.cols, first = 3;
    struct kv_cache *kv = cache_new(b, first + s.rows, width);
    uint32_t *slots = world_alloc(s.rows * sizeof *slots);
    for (uint32_t i = 0; i < s.rows; i++)
        slots[i] = first + i;
    const struct rows none = { 0 };
    struct rows q = noise_rows(b, 18, s.rows, width, ELEM_F32, 1);
    struct rows seen = world_empty(b, s.rows, width, b->ops->caps(b)->act);
    const struct segment segment = { .n = s.rows, .slot = first };
    b->ops->kv_store(b, kv, 1, slots, noise_rows(b, 16, s.rows, width, ELEM_F32, 1), none);
    b->ops->kv_store(
        b, kv, 1, slots, none, noise_rows(b, 17, s.rows, width, b->ops->caps(b)->act, 1));
    b->ops->attend(b, &a, kv, 1, &segment, 1, q, seen);
    made_add(out, b, seen, width);
    struct rows x = noise_rows(b, 20, s.rows, 9, b->ops->caps(b)->act, 1);
    struct matrix *w = world_matrix(b, width, 9, noise_new(21, (size_t)width * 9, 1));
    b->ops->matmul(b, w, x, b->ops->kv_keys(kv, 0, first, s.rows), NULL);
    b->ops->matmul(b, w, x, b->ops->kv_values(kv, 0, first, s.rows), NULL);
    b->ops->attend(b, &a, kv, 0, &segment, 1, q, seen);
    made_add(out, b, seen, width);
    b->ops->attend(b, &a, kv, 1, &segment, 1, q, seen); /* the other layer is as it was */
    made_add(out, b, seen, width);
    b->ops->kv_free(b, kv);
}

/* ---- neighbours and pooling ---- */

static void run_unfold(struct backend *b, struct shape s, struct made *out) {
    const struct segment segments[] = { { .row = 0, .n = s.rows }, { .row = s.rows, .n = 1 },
        { .row = s.rows + 1, .n = 3 } };
    struct rows from, x = noise_window(b, 50, s.rows + 4, s.cols, ELEM_F32, 1, &from);
    for (uint32_t taps = 1; taps <= 5; taps++) {
        struct rows to,
            y = noise_window(b, 51, s.rows + 4, s.cols * taps, b->ops->caps(b)->act, 1, &to);
        b->ops->unfold(b, taps, segments, 3, x, y);
        made_add(out, b, to, s.cols * taps);
    }
}

static void run_pool(struct backend *b, struct shape s, struct made *out) {
    struct rows x = noise_rows(b, 15, s.rows + 1, s.cols, ELEM_F32, 1);
    struct segment segments[2] = { { .row = 0, .n = s.rows }, { .row = s.rows, .n = 1 } };
    struct rows pooled = world_empty(b, 2, s.cols, ELEM_F32);
    for (int p = POOL_AUTO; p <= POOL_WEIGHTED_MEAN; p++) {
        b->ops->pool(b, (enum pooling)p, x, segments, 2, pooled);
        made_add(out, b, pooled, s.cols);
    }
}

static void run_pool_segments(struct backend *b, struct shape s, struct made *out) {
    struct rows x = noise_rows(b, 15, s.rows, s.cols, ELEM_F32, 1);
    struct segment *segments = world_alloc(s.rows * sizeof *segments);
    for (uint32_t i = 0; i < s.rows; i++)
        segments[i] = (struct segment) { .row = i, .n = 1 };
    struct rows pooled = world_empty(b, s.rows, s.cols, ELEM_F32);
    b->ops->pool(b, POOL_MEAN, x, segments, s.rows, pooled);
    made_add(out, b, pooled, s.cols);
}

/* ---- recurrences ---- */

enum { TAPS = 4, GROUPS = 2 };
enum { CHANNELS, HEADS, CORRECTS };

/* s.cols channels, of each head where there are heads, of s.inner numbers of state. */
static struct recurrence recurrence_new(int kind, struct shape s) {
    uint32_t heads = kind == CHANNELS ? 0 : 2 * GROUPS, n = heads > 0 ? heads * s.cols : s.cols;
    uint32_t all = n + (heads > 0 ? 2 * GROUPS * s.inner : 0);
    size_t decays = heads > 0 ? heads : (size_t)n * s.inner;
    return (struct recurrence) { .corrects = kind == CORRECTS,
        .n_channels = n,
        .n_state = s.inner,
        .n_taps = TAPS,
        .n_heads = heads,
        .n_groups = heads > 0 ? GROUPS : 0,
        .activation = ACT_SILU,
        .taps = noise_new(60, (size_t)all * TAPS, 1),
        .taps_bias = kind == CORRECTS ? NULL : noise_new(61, all, 1),
        .decay = noise_new(62, decays, 1),
        .skip = kind == CORRECTS ? NULL : noise_new(63, heads > 0 ? heads : n, 1),
        .step_from = heads > 0 ? noise_new(64, heads, 1) : NULL,
        .step_min = 0.3F,
        .step_max = 1.2F };
}

static void recur_laid(struct backend *b, const struct recurrence *r, const struct laid *l,
    bool gated, enum elem elem, struct made *out) {
    bool heads = r->n_heads > 0;
    uint32_t all = r->n_channels + (heads ? 2 * r->n_groups * r->n_state : 0);
    uint32_t slot = all + (heads ? 2 * r->n_heads : r->n_state), n = l->before + l->n;
    struct kv_cache *kv = cache_new(b, l->n_slots, slot);
    b->ops->kv_store(b, kv, 1, l->slots, noise_rows(b, 65, n, slot, ELEM_F32, 1),
        noise_rows(b, 66, n, slot, ELEM_F32, 1));
    struct rows convolved, u = noise_window(b, 67, l->n, all, ELEM_F32, 1, &convolved);
    struct rows read = noise_rows(b, 68, l->n, heads ? all : r->n_state, ELEM_F32, 1);
    struct rows gate = noise_rows(b, 69, l->n, r->n_channels, ELEM_F32, 2), whole;
    struct rows y = noise_window(b, 70, l->n, r->n_channels, elem, 1, &whole);
    b->ops->convolve(b, r, kv, 1, l->segments, l->n_segments, u);
    made_add(out, b, convolved, all);
    b->ops->recur(
        b, r, kv, 1, l->segments, l->n_segments, read, gated ? gate : (struct rows) { 0 }, y);
    made_add(out, b, whole, r->n_channels);
    b->ops->kv_free(b, kv);
}

static void run_recur(struct backend *b, struct shape s, struct made *out) {
    for (int kind = CHANNELS; kind <= CORRECTS; kind++)
        for (int cut = 1; cut < 3; cut++) {
            struct recurrence r = recurrence_new(kind, s);
            struct laid l = lay(&cuts[cut], cut == 1 ? 0 : 41, s.rows);
            recur_laid(b, &r, &l, cut == 1, cut == 1 ? b->ops->caps(b)->act : ELEM_F32, out);
        }
}

/* What has no state is only convolved. */
static void run_convolve(struct backend *b, struct shape s, struct made *out) {
    struct recurrence r = { .n_channels = s.cols,
        .n_taps = s.inner,
        .activation = ACT_NONE,
        .taps = noise_new(60, (size_t)s.cols * s.inner, 1) };
    struct laid l = lay(&cuts[2], 41, s.rows);
    struct kv_cache *kv = cache_new(b, l.n_slots, s.cols);
    struct rows x = noise_rows(b, 65, 41 + s.rows, s.cols, ELEM_F32, 1);
    b->ops->kv_store(b, kv, 0, l.slots, x, x);
    struct rows u = world_empty(b, s.rows, s.cols, ELEM_F32);
    b->ops->convolve(b, &r, kv, 0, l.segments, l.n_segments, u);
    made_add(out, b, u, s.cols);
    b->ops->kv_free(b, kv);
}

/* ---- against the plain kernels ---- */

static const struct op ops[] = {
    { "attend", run_attend, 5e-6, 1.6e-2,
        { { 1, 8, 0 }, { 5, 33, 0 }, { 70, 32, 0 }, { 18, 64, 0 }, { 131, 160, 0 }, { 3, 300, 0 },
            { 2, 1028, 0 } } },
    { "biases", run_biases, 1e-5, 2.5e-2,
        { { 1, 8, 0 }, { 5, 33, 0 }, { 70, 6, 0 }, { 140, 64, 0 } } },
    { "sinks", run_sinks, 5e-6, 1.6e-2, { { 1, 8, 0 }, { 5, 33, 0 }, { 140, 64, 0 } } },
    { "queries in act elements", run_act_queries, 5e-6, 1.6e-2,
        { { 1, 8, 0 }, { 5, 33, 0 }, { 70, 64, 0 } } },
    { "cross", run_cross, 5e-6, 1.6e-2, { { 1, 8, 0 }, { 7, 33, 0 }, { 70, 64, 0 } } },
    { "after", run_after, 5e-6, 1.6e-2, { { 1, 8, 0 }, { 7, 33, 0 }, { 150, 16, 0 } } },
    { "cache", run_cache, 2e-5, 2.5e-2, { { 1, 1, 0 }, { 7, 3, 0 }, { 40, 64, 0 } } },
    { "unfold", run_unfold, 0, 0, { { 1, 1, 0 }, { 7, 33, 0 }, { 40, 384, 0 }, { 65537, 2, 0 } } },
    { "pool", run_pool, 2e-6, 2e-6, { { 1, 1, 0 }, { 33, 7, 0 }, { 5, 384, 0 }, { 18, 100, 0 } } },
    { "pool of many segments", run_pool_segments, 2e-6, 2e-6, { { 65537, 2, 0 } } },
    { "recur", run_recur, 2e-5, 1.6e-2,
        { { 1, 1, 1 }, { 21, 37, 3 }, { 40, 64, 16 }, { 33, 70, 128 }, { 5, 9, 200 },
            { 3, 4, 300 } } },
    { "convolve", run_convolve, 5e-6, 5e-6, { { 1, 1, 1 }, { 70, 33, 16 }, { 7, 300, 3 } } },
};

static void f32_agrees_with_plain_c(void **state) {
    (void)state;
    ops_check(ops, sizeof ops / sizeof *ops, DTYPE_F32);
}

static void bf16_agrees_with_plain_c(void **state) {
    (void)state;
    ops_check(ops, sizeof ops / sizeof *ops, DTYPE_BF16);
}

/* ---- the same bits ---- */

typedef void cut_fn(struct backend *b, const struct cut *cut, int kind, struct made *out);

static void check_cuts(const char *what, int n_kinds, cut_fn *run) {
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++)
        for (int kind = 0; kind < n_kinds; kind++) {
            struct made made[CUTS] = { { 0 } };
            for (int i = 0; i < CUTS; i++) {
                struct backend *b = cuda_open((enum dtype)dtype);
                run(b, &cuts[i], kind, &made[i]);
                world_close(b);
                assert_int_equal(made[i].n, made[0].n);
                assert_same_bits(what, made[0].n, made[i].data, made[0].data);
            }
            for (int i = 0; i < CUTS; i++)
                free(made[i].data);
        }
}

/* Plain, with sinks in a window, and with each bias. */
static void attend_of_kind(struct backend *b, const struct cut *cut, int kind, struct made *out) {
    struct attention a = kind_of(&kinds[kind == 1 ? 3 : 2], 40);
    if (kind == 1)
        a.sinks = noise_new(44, a.n_heads, 2);
    if (kind > 1)
        a.bias = bias_new(kind - 2, a.n_heads, a.head_dim);
    attend_cut(b, (struct shape) { .rows = 60 }, &a, cut, out);
}

static void attention_does_not_see_how_a_sequence_is_cut(void **state) {
    (void)state;
    check_cuts("attend", 2 + KINDS_OF_BIAS, attend_of_kind);
}

static void recur_of_kind(struct backend *b, const struct cut *cut, int kind, struct made *out) {
    struct recurrence r = recurrence_new(kind, (struct shape) { .cols = 35, .inner = 20 });
    struct laid l = lay(cut, 50, 60);
    recur_laid(b, &r, &l, true, b->ops->caps(b)->act, out);
}

static void a_recurrence_does_not_see_how_a_sequence_is_cut(void **state) {
    (void)state;
    check_cuts("recur", CORRECTS + 1, recur_of_kind);
}

/* Slots that nobody sees hold what is not finite. */
static void keys_that_are_not_seen_are_not_touched(void **state) {
    (void)state;
    enum { N = 140, DIM = 16, FROM = 70, LEN = 9 };
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        const struct attention a = {
            .n_heads = 2, .n_kv_heads = 1, .head_dim = DIM, .scale = 1, .causal = true, .window = 5
        };
        struct backend *b = cuda_open((enum dtype)dtype);
        struct kv_cache *kv = cache_new(b, N, DIM);
        float *noise = noise_new(1, N * DIM, 1);
        uint32_t slots[N];
        for (uint32_t i = 0; i < N; i++) {
            slots[i] = i;
            for (uint32_t d = 0; d < DIM; d++)
                noise[i * DIM + d] = i + 4 < FROM || i >= FROM + LEN ? NAN : noise[i * DIM + d];
        }
        struct rows k = world_rows(b, N, DIM, ELEM_F32, noise);
        b->ops->kv_store(b, kv, 0, slots, k, k);
        const struct kv_span before = { 0, FROM };
        const struct segment segment = {
            .n = LEN, .position = FROM, .slot = FROM, .ancestors = &before, .n_ancestors = 1
        };
        struct rows out = world_empty(b, LEN, 2 * DIM, b->ops->caps(b)->act);
        b->ops->attend(b, &a, kv, 0, &segment, 1, noise_rows(b, 2, LEN, 2 * DIM, ELEM_F32, 1), out);
        const float *seen = world_read(b, out, 2 * DIM);
        for (uint32_t i = 0; i < LEN * 2 * DIM; i++)
            assert_true(isfinite(seen[i]));
        world_close(b);
    }
}

/* As many tiles as no grid has along its second side; each row sees two keys. */
static void attention_goes_over_many_rows(void **state) {
    (void)state;
    enum { MANY = 65537, DIM = 2 };
    struct made made[2] = { { 0 } };
    for (int device = 0; device < 2; device++) {
        struct backend *b = device
                                ? cuda_open(DTYPE_F32)
                                : world_open(&(struct setting) { "plain", "plain", DTYPE_F32, 2 });
        const struct attention a = {
            .n_heads = 1, .n_kv_heads = 1, .head_dim = DIM, .scale = 1, .causal = true, .window = 2
        };
        struct laid l = lay(&cuts[0], 0, MANY);
        attend_laid(b, &a, &l, ELEM_F32, &made[device]);
        world_close(b);
    }
    assert_close("many rows", made[0].n, made[1].data, made[0].data, 5e-6);
    free(made[0].data);
    free(made[1].data);
}

static void no_segments_are_no_work(void **state) {
    (void)state;
    struct backend *b = cuda_open(DTYPE_F32);
    struct recurrence r = recurrence_new(CHANNELS, (struct shape) { .cols = 4, .inner = 2 });
    const struct attention a = { .n_heads = 1, .n_kv_heads = 1, .head_dim = 6, .scale = 1 };
    struct kv_cache *kv = cache_new(b, 4, 6);
    struct rows six = noise_rows(b, 1, 3, 6, ELEM_F32, 1),
                four = noise_rows(b, 2, 3, 4, ELEM_F32, 1);
    struct rows two = noise_rows(b, 3, 3, 2, ELEM_F32, 1);
    const float *was = world_read(b, six, 6);
    b->ops->attend(b, &a, kv, 0, NULL, 0, window(six, 0, 0), window(six, 0, 0));
    b->ops->convolve(b, &r, kv, 0, NULL, 0, window(four, 0, 0));
    b->ops->recur(b, &r, kv, 0, NULL, 0, window(two, 0, 0), window(four, 0, 0), window(four, 0, 0));
    b->ops->unfold(b, 1, NULL, 0, window(six, 0, 0), window(six, 1, 0));
    b->ops->pool(b, POOL_MEAN, six, NULL, 0, window(six, 0, 0));
    b->ops->kv_store(b, kv, 0, NULL, window(six, 0, 0), (struct rows) { 0 });
    assert_same_bits("rows", 18, world_read(b, six, 6), was);
    world_close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_agrees_with_plain_c),
        cmocka_unit_test(bf16_agrees_with_plain_c),
        cmocka_unit_test(attention_does_not_see_how_a_sequence_is_cut),
        cmocka_unit_test(a_recurrence_does_not_see_how_a_sequence_is_cut),
        cmocka_unit_test(keys_that_are_not_seen_are_not_touched),
        cmocka_unit_test(attention_goes_over_many_rows),
        cmocka_unit_test(no_segments_are_no_work),
    };
    return gpu_there() ? cmocka_run_group_tests(tests, NULL, NULL) : gpu_skip();
}
