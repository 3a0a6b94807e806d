/* Attention by tensor cores against the CPU backend's plain kernels and against the row kernel, and
 * the same bits whatever is beside a row: other cuts of its sequence, other companions, another
 * order, tiles of another height. Runs on a device, or on the host through the shim; skips, saying
 * why, where there is neither.
 *
 * A scene is a tree of pieces of texts. A token's query, key and value follow from its text and its
 * position alone, so scenes that hold the same tokens can be compared row by row. Slots that no
 * piece has are full of NaN, and lie between those that pieces have. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/cuda/load.h"
#include "tests/harness/cpu_world.h"
#include "tests/harness/gpu_there.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

enum { HEADS_MAX = 16, REACH = 20, NO_PARENT = -1, LAYER = 1 };

/* Positions [from, from + n) of a text, behind those of its parent. Rows are asked of it, but for
 * the last `after`, or it is there for its children only, in spans of `cut` slots (0: one). */
struct piece {
    uint32_t text, from, n;
    int parent;
    bool asked;
    uint32_t cut, after;
};

struct scene {
    const struct piece *pieces;
    size_t n;
};
#define SCENE(pieces) ((struct scene) { pieces, COUNT(pieces) })

/* The token whose key and value are not finite, if any. */
struct odd_token {
    uint32_t text, position;
    float key, value; /* 0: as it would be */
};
static const struct odd_token no_token = { .text = UINT32_MAX };

struct run {
    struct backend *b;
    struct attention a;
    struct scene scene;
    bool backwards; /* the last piece's rows come first */
    struct odd_token odd;
};

/* ---- scenes ---- */

enum of_token { QUERY, KEY, VALUE };

static void token_numbers(
    const struct run *r, enum of_token what, uint32_t text, uint32_t position, float *out) {
    uint32_t width = (what == QUERY ? r->a.n_heads : r->a.n_kv_heads) * r->a.head_dim;
    noise((text * 8192 + position) * 3 + what, width, what == QUERY ? 4 : 1, out);
    float odd = what == KEY ? r->odd.key : what == VALUE ? r->odd.value : 0;
    if (text == r->odd.text && position == r->odd.position && odd != 0)
        out[width / 3] = odd;
}

static uint32_t rows_of(const struct piece *p) {
    return p->asked ? p->n - p->after : 0;
}

static uint32_t cut_of(const struct piece *p) {
    return p->cut != 0 ? p->cut : p->n;
}

/* Spans of a piece lie in the cache from its last to its first, a free slot between them. */
static uint32_t slot_of(const struct piece *p, uint32_t base, uint32_t token) {
    uint32_t cut = cut_of(p), n_spans = (p->n + cut - 1) / cut;
    return base + (n_spans - 1 - token / cut) * (cut + 1) + token % cut;
}

/* Where the pieces' slots begin; the last: how many slots there are. */
static uint32_t *bases_of(struct scene s) {
    uint32_t *bases = world_alloc((s.n + 1) * sizeof *bases), next = 3;
    for (size_t i = 0; i < s.n; i++) {
        uint32_t cut = cut_of(&s.pieces[i]);
        bases[i] = next;
        next += (s.pieces[i].n + cut - 1) / cut * (cut + 1);
    }
    bases[s.n] = next + 2;
    return bases;
}

static void store_nothing(struct backend *b, struct kv_cache *kv, uint32_t n, uint32_t width) {
    uint32_t *slots = world_alloc(n * sizeof *slots);
    float *none = world_alloc((size_t)n * width * sizeof *none);
    for (uint32_t i = 0; i < n; i++)
        slots[i] = i;
    for (size_t i = 0; i < (size_t)n * width; i++)
        none[i] = NAN;
    struct rows rows = world_rows(b, n, width, ELEM_F32, none);
    b->ops->kv_store(b, kv, LAYER, slots, rows, rows);
}

static struct kv_cache *store_pieces(const struct run *r, const uint32_t *bases) {
    uint32_t width = r->a.n_kv_heads * r->a.head_dim, n = 0, n_slots = bases[r->scene.n];
    struct err err = ERR_INIT;
    struct kv_cache *kv = r->b->ops->kv_cache(r->b, 2, n_slots, width, &err);
    assert_non_null(kv);
    store_nothing(r->b, kv, n_slots, width);
    float *keys = world_alloc((size_t)n_slots * width * sizeof *keys);
    float *values = world_alloc((size_t)n_slots * width * sizeof *values);
    uint32_t *slots = world_alloc(n_slots * sizeof *slots);
    for (size_t i = 0; i < r->scene.n; i++) {
        const struct piece *p = &r->scene.pieces[i];
        for (uint32_t t = 0; t < p->n; t++, n++) {
            slots[n] = slot_of(p, bases[i], t);
            token_numbers(r, KEY, p->text, p->from + t, keys + (size_t)n * width);
            token_numbers(r, VALUE, p->text, p->from + t, values + (size_t)n * width);
        }
    }
    r->b->ops->kv_store(r->b, kv, LAYER, slots, world_rows(r->b, n, width, ELEM_F32, keys),
        world_rows(r->b, n, width, ELEM_F32, values));
    return kv;
}

/* The spans of a piece and of all that is before it, first to last. */
static uint32_t list_spans(const struct run *r, const uint32_t *bases, int i, struct kv_span *out) {
    if (i == NO_PARENT)
        return 0;
    const struct piece *p = &r->scene.pieces[i];
    uint32_t n = list_spans(r, bases, p->parent, out), cut = cut_of(p);
    for (uint32_t t = 0; t < p->n; t += cut)
        out[n++] = (struct kv_span) { slot_of(p, bases[i], t), p->n - t < cut ? p->n - t : cut };
    return n;
}

static struct segment segment_of(
    const struct run *r, const uint32_t *bases, size_t i, uint32_t row) {
    const struct piece *p = &r->scene.pieces[i];
    struct kv_span *spans = world_alloc((bases[r->scene.n] + 1) * sizeof *spans);
    return (struct segment) { .row = row,
        .n = rows_of(p),
        .position = p->from,
        .slot = bases[i],
        .n_after = p->after,
        .ancestors = spans,
        .n_ancestors = list_spans(r, bases, p->parent, spans) };
}

static uint32_t count_rows(struct scene s) {
    uint32_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += rows_of(&s.pieces[i]);
    return n;
}

/* What comes out, in the order of the pieces, [rows, n_heads * head_dim]. */
static float *attend(struct run r) {
    struct scene s = r.scene;
    uint32_t width = r.a.n_heads * r.a.head_dim, n_rows = count_rows(s), n_segments = 0;
    const uint32_t *bases = bases_of(s);
    struct kv_cache *kv = store_pieces(&r, bases);
    struct segment *segments = world_alloc(s.n * sizeof *segments);
    float *q = world_alloc((size_t)n_rows * width * sizeof *q);
    uint32_t *begins = world_alloc(s.n * sizeof *begins);
    for (size_t k = 0, row = 0; k < s.n; k++) {
        size_t i = r.backwards ? s.n - 1 - k : k;
        const struct piece *p = &s.pieces[i];
        begins[i] = (uint32_t)row;
        if (rows_of(p) > 0)
            segments[n_segments++] = segment_of(&r, bases, i, (uint32_t)row);
        for (uint32_t t = 0; t < rows_of(p); t++, row++)
            token_numbers(&r, QUERY, p->text, p->from + t, q + row * width);
    }
    struct rows out = world_empty(r.b, n_rows, width, r.b->ops->caps(r.b)->act);
    r.b->ops->attend(r.b, &r.a, kv, LAYER, segments, n_segments,
        world_rows(r.b, n_rows, width, ELEM_F32, q), out);
    const float *rows = world_read(r.b, out, width);
    float *ordered = malloc((size_t)n_rows * width * sizeof *ordered);
    assert_non_null(ordered);
    for (size_t i = 0, row = 0; i < s.n; i++) {
        uint32_t n = rows_of(&s.pieces[i]);
        memcpy(ordered + row * width, rows + (size_t)begins[i] * width,
            (size_t)n * width * sizeof *rows);
        row += n;
    }
    r.b->ops->kv_free(r.b, kv);
    return ordered;
}

/* ---- backends ---- */

/* Tiles of so many queries; 0: as many as seem right; the row kernel: "plain". */
static struct backend *cuda_open(uint32_t height, const char *gemm) {
    char text[16];
    snprintf(text, sizeof text, "%u", height);
    if (height != 0)
        setenv("ASSAY_CUDA_TILE", text, 1);
    struct backend_config config = { .dtype = DTYPE_BF16, .gemm = gemm };
    struct err err = ERR_INIT;
    struct backend *b = backend_cuda_open(&config, 0, &err);
    unsetenv("ASSAY_CUDA_TILE");
    if (b == NULL)
        fail_msg("%s", err.msg);
    return b;
}

static const uint32_t heights[] = { 16, 64, 128 };

static float *attend_tiles(struct run r, uint32_t height) {
    r.b = cuda_open(height, "auto");
    float *out = attend(r);
    world_close(r.b);
    return out;
}

static float *attend_plain(struct run r) {
    r.b = world_open(&(struct setting) { "plain", "plain", DTYPE_BF16, 2 });
    float *out = attend(r);
    world_close(r.b);
    return out;
}

static float *attend_rows(struct run r) {
    r.b = cuda_open(0, "plain");
    float *out = attend(r);
    world_close(r.b);
    return out;
}

/* ---- the scenes ---- */

static const struct piece tree[] = {
    { .text = 0, .from = 0, .n = 70, .parent = NO_PARENT, .cut = 9 },
    { .text = 0, .from = 70, .n = 61, .parent = 0, .asked = true },
    { .text = 1, .from = 131, .n = 1, .parent = 1, .asked = true },
    { .text = 2, .from = 131, .n = 17, .parent = 1, .asked = true },
    { .text = 3, .from = 131, .n = 9, .parent = 1, .asked = true },
    { .text = 4, .from = 0, .n = 33, .parent = NO_PARENT, .asked = true },
    { .text = 5, .from = 70, .n = 5, .parent = 0, .asked = true },
};

static const struct piece sentences[] = {
    { .text = 0, .n = 1, .parent = NO_PARENT, .asked = true },
    { .text = 1, .n = 17, .parent = NO_PARENT, .asked = true },
    { .text = 2, .n = 131, .parent = NO_PARENT, .asked = true },
    { .text = 3, .n = 65, .parent = NO_PARENT, .asked = true, .after = 5 },
};

/* A decoder's rows, which see an encoder's. */
static const struct piece crossed[] = {
    { .text = 0, .from = 0, .n = 90, .parent = NO_PARENT, .cut = 13 },
    { .text = 1, .from = 90, .n = 9, .parent = 0, .asked = true },
    { .text = 2, .from = 90, .n = 1, .parent = 0, .asked = true },
    { .text = 3, .from = 0, .n = 50, .parent = NO_PARENT },
    { .text = 4, .from = 50, .n = 40, .parent = 3, .asked = true },
};

/* Over the ends of two states. */
static const struct piece lengthy[] = {
    { .text = 0, .from = 0, .n = 2000, .parent = NO_PARENT, .cut = 301 },
    { .text = 0, .from = 2000, .n = 90, .parent = 0, .asked = true },
    { .text = 1, .from = 2000, .n = 2100, .parent = 0, .cut = 700 },
    { .text = 1, .from = 4100, .n = 5, .parent = 2, .asked = true },
    { .text = 2, .from = 0, .n = 3, .parent = NO_PARENT, .asked = true },
};

/* ---- against others ---- */

static float slopes[HEADS_MAX], sinks[HEADS_MAX], by_distance[HEADS_MAX * (2 * REACH + 1)];

static int lists_make(void **state) {
    (void)state;
    noise(1, COUNT(by_distance), 2, by_distance);
    for (uint32_t i = 0; i < HEADS_MAX; i++) {
        slopes[i] = powf(2, -(float)(i % 5 + 1));
        sinks[i] = (float)(i % 4) - 1;
    }
    return 0;
}

struct kind {
    const char *name;
    struct attention a; /* scale: times 1 / sqrt(head_dim) */
    unsigned row_kernel_needs;
};

static const struct kind kinds[] = {
    { "causal", { .scale = 1, .causal = true }, 0 },
    { "both ways", { .scale = 1 }, 0 },
    { "a window back", { .scale = 1, .causal = true, .window = 77 }, 0 },
    { "a window both ways", { .scale = 1, .window = 20 }, 0 },
    { "capped", { .scale = 1, .causal = true, .softcap = 2 }, 0 },
    { "a large scale", { .scale = 8, .causal = true }, 0 },
    { "sinks", { .scale = 1, .causal = true, .sinks = sinks }, CAN_SINKS },
    { "sinks and a window", { .scale = 1, .causal = true, .window = 7, .sinks = sinks },
        CAN_SINKS },
    { "slopes", { .scale = 1, .causal = true, .bias = { .slopes = slopes } }, CAN_BIAS },
    { "slopes both ways", { .scale = 1, .bias = { .slopes = slopes } }, CAN_BIAS },
    { "slopes in bf16", { .scale = 1, .causal = true, .bias = { .slopes = slopes, .bf16 = true } },
        CAN_BIAS },
    { "by distance", { .scale = 1, .bias = { .by_distance = by_distance, .reach = REACH } },
        CAN_BIAS },
    { "ancestors only", { .scale = 1, .ancestors_only = true }, CAN_CROSS },
};

static struct scene scene_of(const struct attention *a) {
    return a->ancestors_only ? SCENE(crossed) : a->causal ? SCENE(tree) : SCENE(sentences);
}

static struct run run_of(const struct kind *k, uint32_t group, uint32_t key_heads, uint32_t dim) {
    struct run r = { .a = k->a, .scene = scene_of(&k->a), .odd = no_token };
    r.a.n_heads = group * key_heads;
    r.a.n_kv_heads = key_heads;
    r.a.head_dim = dim;
    r.a.scale /= sqrtf((float)dim);
    return r;
}

/* A rounded output may fall on the other side, 2^-8, and so may a weight. The row kernel rounds
 * neither queries nor weights, which a large scale shows. */
static void check_run(const char *name, struct run r, unsigned row_kernel_needs) {
    size_t n = (size_t)count_rows(r.scene) * r.a.n_heads * r.a.head_dim;
    float *want = attend_plain(r), *first = NULL;
    char what[128];
    snprintf(what, sizeof what, "%s, %u heads on %u of %u", name, r.a.n_heads, r.a.n_kv_heads,
        r.a.head_dim);
    for (size_t i = 0; i < COUNT(heights); i++) {
        float *got = attend_tiles(r, heights[i]);
        assert_close(what, n, got, want, 8e-3);
        if (first != NULL)
            assert_same_bits(what, n, got, first);
        free(first);
        first = got;
    }
    struct backend *b = cuda_open(0, "plain");
    bool can = (b->ops->caps(b)->can & row_kernel_needs) == row_kernel_needs;
    world_close(b);
    float *rows = can ? attend_rows(r) : NULL;
    if (can)
        assert_close(what, n, first, rows, 3e-2);
    free(rows);
    free(first);
    free(want);
}

static void every_kind_agrees_with_plain_c(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        check_run(kinds[i].name, run_of(&kinds[i], 3, 2, 64), kinds[i].row_kernel_needs);
}

static void every_width_agrees_with_plain_c(void **state) {
    (void)state;
    static const uint32_t dims[] = { 8, 32, 80, 96, 104, 128, 160, 192, 200, 256 };
    for (size_t i = 0; i < COUNT(dims); i++)
        check_run("a width", run_of(&kinds[0], 2, 1, dims[i]), 0);
    check_run("a width, capped", run_of(&kinds[4], 2, 1, 256), 0);
}

static void every_group_agrees_with_plain_c(void **state) {
    (void)state;
    static const uint32_t groups[] = { 1, 4, 7, 8, 16 };
    for (size_t i = 0; i < COUNT(groups); i++)
        check_run("a group", run_of(&kinds[0], groups[i], 1, 64), 0);
}

static void widths_that_are_not_for_tiles_still_agree(void **state) {
    (void)state;
    check_run("a width", run_of(&kinds[0], 2, 1, 36), 0);
    check_run("a width", run_of(&kinds[0], 2, 1, 264), 0);
}

static void sequences_of_several_states_agree_with_plain_c(void **state) {
    (void)state;
    static const size_t some[] = { 0, 2, 6 };
    for (size_t i = 0; i < COUNT(some); i++) {
        struct run r = run_of(&kinds[some[i]], 2, 1, 64);
        r.scene = SCENE(lengthy);
        check_run(kinds[some[i]].name, r, kinds[some[i]].row_kernel_needs);
    }
}

/* ---- the same bits ---- */

static const float *row_of(
    struct scene s, const float *rows, size_t width, uint32_t text, uint32_t position) {
    for (size_t i = 0, row = 0; i < s.n; row += rows_of(&s.pieces[i++])) {
        const struct piece *p = &s.pieces[i];
        if (p->text == text && position >= p->from && position - p->from < rows_of(p))
            return rows + (row + position - p->from) * width;
    }
    return NULL;
}

/* Rows of b that are in a, too, up to a position. */
static void assert_rows_same(const char *what, const struct run *ra, const float *a,
    const struct run *rb, const float *b, uint32_t most) {
    size_t width = (size_t)ra->a.n_heads * ra->a.head_dim, found = 0;
    for (size_t i = 0, row = 0; i < rb->scene.n; row += rows_of(&rb->scene.pieces[i++])) {
        const struct piece *p = &rb->scene.pieces[i];
        for (uint32_t t = 0; t < rows_of(p) && p->from + t < most; t++) {
            const float *want = row_of(ra->scene, a, width, p->text, p->from + t);
            if (want == NULL)
                continue;
            char where[160];
            snprintf(where, sizeof where, "%s, text %u at %u", what, p->text, p->from + t);
            assert_same_bits(where, width, b + (row + t) * width, want);
            found++;
        }
    }
    assert_true(found > 0);
}

static const struct piece whole[] = {
    { .text = 0, .n = 200, .parent = NO_PARENT, .asked = true },
};
static const struct piece in_spans[] = {
    { .text = 0, .n = 130, .parent = NO_PARENT, .cut = 7 },
    { .text = 0, .from = 130, .n = 70, .parent = 0, .asked = true },
};
static const struct piece in_pieces[] = {
    { .text = 0, .n = 1, .parent = NO_PARENT, .asked = true },
    { .text = 0, .from = 1, .n = 63, .parent = 0, .asked = true },
    { .text = 0, .from = 64, .n = 37, .parent = 1, .asked = true },
    { .text = 0, .from = 101, .n = 1, .parent = 2, .asked = true },
    { .text = 0, .from = 102, .n = 98, .parent = 3, .asked = true },
};
static const struct piece in_company[] = {
    { .text = 7, .n = 40, .parent = NO_PARENT, .asked = true },
    { .text = 0, .n = 190, .parent = NO_PARENT, .cut = 64 },
    { .text = 5, .from = 190, .n = 3, .parent = 1, .asked = true },
    { .text = 0, .from = 190, .n = 4, .parent = 1, .asked = true },
    { .text = 6, .from = 190, .n = 2, .parent = 1, .asked = true },
    { .text = 8, .n = 2, .parent = NO_PARENT, .asked = true },
};

static void check_cuts(const struct kind *k, uint32_t group, uint32_t dim) {
    const struct scene scenes[] = { SCENE(whole), SCENE(in_spans), SCENE(in_pieces),
        SCENE(in_company) };
    struct run one = run_of(k, group, 1, dim);
    one.scene = scenes[0];
    float *want = attend_tiles(one, 64);
    for (size_t i = 0; i < COUNT(scenes); i++) {
        for (size_t h = 0; h < COUNT(heights); h++) {
            struct run other = one;
            other.scene = scenes[i];
            other.backwards = (i + h) % 2 == 1;
            float *got = attend_tiles(other, heights[h]);
            assert_rows_same(k->name, &one, want, &other, got, UINT32_MAX);
            free(got);
        }
    }
    free(want);
}

static void a_row_does_not_see_how_its_sequence_is_cut(void **state) {
    (void)state;
    check_cuts(&kinds[0], 3, 64);
    check_cuts(&kinds[0], 1, 80);
    check_cuts(&kinds[2], 2, 128);
    check_cuts(&kinds[4], 2, 64);
    check_cuts(&kinds[7], 4, 64);
    check_cuts(&kinds[8], 2, 64);
}

/* A text of several states: rows near the ends of the first, in one piece or in several. */
static const struct piece long_whole[] = {
    { .text = 0, .n = 1990, .parent = NO_PARENT },
    { .text = 0, .from = 1990, .n = 110, .parent = 0, .asked = true },
};
static const struct piece long_pieces[] = {
    { .text = 0, .n = 1990, .parent = NO_PARENT, .cut = 331 },
    { .text = 0, .from = 1990, .n = 57, .parent = 0, .asked = true },
    { .text = 0, .from = 2047, .n = 1, .parent = 1, .asked = true },
    { .text = 0, .from = 2048, .n = 1, .parent = 2, .asked = true },
    { .text = 0, .from = 2049, .n = 51, .parent = 3, .asked = true },
    { .text = 9, .from = 2049, .n = 2, .parent = 3, .asked = true },
};

static void a_row_does_not_see_which_states_its_companions_have(void **state) {
    (void)state;
    static const size_t some[] = { 0, 2, 7 };
    for (size_t i = 0; i < COUNT(some); i++) {
        struct run one = run_of(&kinds[some[i]], 2, 1, 64), other = one;
        one.scene = SCENE(long_whole);
        other.scene = SCENE(long_pieces);
        float *want = attend_tiles(one, 128), *got = attend_tiles(other, 16);
        assert_rows_same(kinds[some[i]].name, &one, want, &other, got, UINT32_MAX);
        free(got);
        free(want);
    }
}

/* ---- numbers that are not finite ---- */

static void check_odd(const struct run *clean, const float *want, struct odd_token odd) {
    for (size_t h = 0; h < COUNT(heights); h++) {
        struct run spoiled = *clean;
        spoiled.odd = odd;
        size_t width = (size_t)clean->a.n_heads * clean->a.head_dim;
        float *got = attend_tiles(spoiled, heights[h]);
        assert_rows_same("before it", clean, want, &spoiled, got, odd.position);
        const float *row = row_of(spoiled.scene, got, width, odd.text, odd.position);
        float sum = 0;
        for (size_t i = 0; i < width; i++)
            sum += row[i];
        assert_true(!isfinite(sum));
        free(got);
    }
}

static void rows_do_not_see_later_tokens_that_are_not_finite(void **state) {
    (void)state;
    struct run clean = run_of(&kinds[0], 3, 1, 64);
    clean.scene = SCENE(whole);
    float *want = attend_tiles(clean, 64);
    check_odd(&clean, want, (struct odd_token) { .position = 150, .value = NAN });
    check_odd(&clean, want, (struct odd_token) { .position = 150, .value = INFINITY });
    check_odd(&clean, want, (struct odd_token) { .position = 128, .key = NAN });
    check_odd(&clean, want, (struct odd_token) { .position = 63, .value = -INFINITY });
    free(want);
}

/* Companions share blocks of keys with it, but not its own. */
static void rows_do_not_see_companions_that_are_not_finite(void **state) {
    (void)state;
    for (size_t h = 0; h < COUNT(heights); h++) {
        struct run clean = run_of(&kinds[0], 2, 1, 64);
        clean.scene = SCENE(in_company);
        struct run spoiled = clean;
        spoiled.odd = (struct odd_token) { .text = 5, .position = 191, .value = NAN };
        float *want = attend_tiles(clean, heights[h]), *got = attend_tiles(spoiled, heights[h]);
        size_t width = (size_t)clean.a.n_heads * clean.a.head_dim;
        assert_same_bits("before it", 41 * width, got, want);
        assert_true(!isfinite(got[41 * width + clean.a.head_dim / 3]));
        assert_same_bits("beside it", 8 * width, got + 43 * width, want + 43 * width);
        free(got);
        free(want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_agrees_with_plain_c),
        cmocka_unit_test(every_width_agrees_with_plain_c),
        cmocka_unit_test(every_group_agrees_with_plain_c),
        cmocka_unit_test(widths_that_are_not_for_tiles_still_agree),
        cmocka_unit_test(sequences_of_several_states_agree_with_plain_c),
        cmocka_unit_test(a_row_does_not_see_how_its_sequence_is_cut),
        cmocka_unit_test(a_row_does_not_see_which_states_its_companions_have),
        cmocka_unit_test(rows_do_not_see_later_tokens_that_are_not_finite),
        cmocka_unit_test(rows_do_not_see_companions_that_are_not_finite),
    };
    return gpu_there() ? cmocka_run_group_tests(tests, lists_make, NULL) : gpu_skip();
}
