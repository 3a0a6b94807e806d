/* The work list of attention on a GPU: whatever the tree of segments, every query is in one tile,
 * every position that it sees in one item, and parts of a tile share what it is said to share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/cuda/attend_work.h"

enum { SEGMENTS = 60, SPANS = 64, PARTIALS = 40000 };

/* A list of segments with room for their spans, and the work of it. */
struct list {
    struct segment segments[SEGMENTS];
    struct kv_span spans[SEGMENTS][SPANS];
    uint32_t n, n_rows, n_slots;
    struct attend_tiles_args args;
    struct attend_counts most;
    struct attend_work work;
};

static uint32_t drawn(uint64_t *state, uint32_t n) {
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(*state >> 33) % n;
}

static struct list *list_new(uint32_t group) {
    struct list *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->args = (struct attend_tiles_args) { .n_kv_heads = 2,
        .n_heads = 2 * group,
        .group = group,
        .head_dim = 64,
        .rule = { .causal = true } };
    l->work = (struct attend_work) { .a = &l->args, .height = TILE_HIGH, .partials_max = PARTIALS };
    return l;
}

static void list_free(struct list *l) {
    free(l->work.tiles);
    free(l->work.parts);
    free(l->work.spans);
    free(l->work.items);
    free(l->work.joins);
    free(l);
}

/* Behind segment `parent` of the list, or behind nothing (-1). */
static void list_add(struct list *l, int parent, uint32_t n) {
    struct segment *s = &l->segments[l->n];
    struct kv_span *spans = l->spans[l->n++];
    *s = (struct segment) { .row = l->n_rows, .n = n, .slot = l->n_slots, .ancestors = spans };
    l->n_rows += n;
    l->n_slots += n + l->n % 2; /* some slots go on from those before */
    if (parent < 0)
        return;
    const struct segment *p = &l->segments[parent];
    for (uint32_t i = 0; i < p->n_ancestors; i++)
        spans[s->n_ancestors++] = p->ancestors[i];
    spans[s->n_ancestors++] = (struct kv_span) { p->slot, p->n };
    s->position = p->position + p->n;
}

static void list_fill(struct list *l) {
    struct attend_work *w = &l->work;
    l->most = (struct attend_counts) { 0 };
    for (uint32_t i = 0; i < l->n; i++)
        attend_count(&l->args, w->height, &l->segments[i], &l->most);
    w->tiles = calloc(l->most.tiles, sizeof *w->tiles);
    w->parts = calloc(l->most.parts, sizeof *w->parts);
    w->spans = calloc(l->most.spans, sizeof *w->spans);
    w->items = calloc(l->most.items, sizeof *w->items);
    w->joins = calloc(l->most.joins + 1, sizeof *w->joins);
    attend_fill(w, l->segments, l->n);
}

/* ---- what must hold ---- */

static uint32_t slot_of(const struct attend_work *w, const struct attend_part *p, uint32_t at) {
    uint32_t i = 0;
    while (i + 1 < p->n_spans && w->spans[p->first_span + i + 1].position <= at)
        i++;
    return w->spans[p->first_span + i].slot + (at - w->spans[p->first_span + i].position);
}

static uint32_t true_slot(const struct segment *s, uint32_t at) {
    uint32_t before = 0;
    for (uint32_t i = 0; i < s->n_ancestors; before += s->ancestors[i++].n)
        if (at - before < s->ancestors[i].n)
            return s->ancestors[i].slot + (at - before);
    return s->slot + (at - before);
}

/* Each query of the step under one key head: in how many tiles. */
static void assert_each_query_once(const struct list *l) {
    uint32_t n = l->n_rows * l->args.group, *seen = calloc(n, sizeof *seen);
    assert_non_null(seen);
    for (size_t i = 0; i < l->work.n.parts; i++) {
        const struct attend_part *p = &l->work.parts[i];
        for (uint32_t q = p->first; q < p->first + p->n; q++)
            seen[p->row * l->args.group + q]++;
    }
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(seen[i], 1);
    free(seen);
}

static void assert_tile(const struct list *l, const struct attend_tile *t) {
    const struct attend_work *w = &l->work;
    uint32_t at = 0;
    assert_true(t->n_parts >= 1 && t->n_parts <= TILE_PARTS && t->n_queries <= w->height);
    assert_true(t->shared % TILE_KEYS == 0 && t->from % TILE_KEYS == 0);
    assert_true((t->n_parts == 1) == (t->shared == 0));
    for (uint32_t i = 0; i < t->n_parts; i++) {
        const struct attend_part *p = &w->parts[t->first_part + i];
        assert_int_equal(p->at, at);
        at += p->n;
        for (uint32_t k = 0; k < t->shared; k++)
            assert_int_equal(slot_of(w, p, k), slot_of(w, &w->parts[t->first_part], k));
        for (uint32_t q = p->first; q < p->first + p->n; q++) {
            struct attend_sight s = attend_sight_of(&l->args, p, q / l->args.group);
            assert_true(s.from >= t->from && s.to <= t->to);
            assert_true(s.from <= t->all_from && s.to >= t->all_to);
        }
    }
    assert_int_equal(at, t->n_queries);
}

static void assert_spans(const struct list *l) {
    for (size_t i = 0; i < l->work.n.parts; i++) {
        const struct attend_part *p = &l->work.parts[i];
        uint32_t k = 0;
        while (l->segments[k].row != p->row || l->segments[k].position != p->position)
            k++;
        for (uint32_t at = 0; at < p->end; at++)
            assert_int_equal(slot_of(&l->work, p, at), true_slot(&l->segments[k], at));
    }
}

/* The items of a tile go over [from, to) without a gap; where they are several, a join has them. */
static void assert_items(const struct attend_work *w, const struct attend_wave *wave) {
    uint32_t item = wave->first_item, join = wave->first_join, partials = 0;
    for (uint32_t i = wave->first_tile; i < wave->first_tile + wave->n_tiles; i++) {
        const struct attend_tile *t = &w->tiles[i];
        uint32_t first = t->from / TILE_SPLIT, n = (t->to - 1) / TILE_SPLIT - first + 1;
        assert_int_equal(tile_height(t->n_queries), wave->height);
        for (uint32_t s = 0; s < n; s++, item++) {
            assert_int_equal(w->items[item].tile, i);
            assert_int_equal(w->items[item].split, n == 1 ? TILE_WHOLE : first + s);
            assert_int_equal(w->items[item].partial, n == 1 ? 0 : partials + s * t->n_queries);
        }
        if (n == 1)
            continue;
        assert_int_equal(w->joins[join].tile, i);
        assert_int_equal(w->joins[join].split, n);
        assert_int_equal(w->joins[join++].partial, partials);
        partials += n * t->n_queries;
    }
    assert_true(partials <= w->partials_max);
    assert_int_equal(item, wave->first_item + wave->n_items);
    assert_int_equal(join, wave->first_join + wave->n_joins);
}

static void assert_order(const struct attend_work *w) {
    for (size_t i = 1; i < w->n.tiles; i++) {
        enum tile_height before = tile_height(w->tiles[i - 1].n_queries),
                         now = tile_height(w->tiles[i].n_queries);
        assert_true(before > now || (before == now && w->tiles[i - 1].steps >= w->tiles[i].steps));
    }
}

static void assert_list(const struct list *l) {
    const struct attend_work *w = &l->work;
    struct attend_wave wave = { 0 };
    uint32_t tiles = 0;
    assert_true(w->n.tiles <= l->most.tiles && w->n.parts <= l->most.parts &&
                w->n.spans <= l->most.spans && w->n.items <= l->most.items &&
                w->n.joins <= l->most.joins);
    assert_each_query_once(l);
    assert_spans(l);
    assert_order(w);
    for (size_t i = 0; i < w->n.tiles; i++)
        assert_tile(l, &w->tiles[i]);
    while (attend_next_wave(w, &wave)) {
        assert_int_equal(wave.first_tile, tiles);
        assert_items(w, &wave);
        tiles += wave.n_tiles;
    }
    assert_int_equal(tiles, w->n.tiles);
}

/* ---- tests ---- */

static struct list *tree_new(uint64_t seed) {
    static const uint32_t heights[] = { TILE_LOW, TILE_MIDDLE, TILE_HIGH },
                          lengths[] = { 2, 40, 300, 3000 };
    struct list *l = list_new(drawn(&seed, 8) + 1);
    l->args.rule.window = drawn(&seed, 3) == 0 ? drawn(&seed, 900) + 1 : 0;
    l->args.rule.causal = drawn(&seed, 4) != 0;
    l->work.height = heights[drawn(&seed, 3)];
    uint32_t n = drawn(&seed, SEGMENTS) + 1;
    for (uint32_t i = 0; i < n; i++) {
        int parent = drawn(&seed, 5) == 0 ? -1 : (int)drawn(&seed, i / 4 + 1) - (i == 0);
        list_add(l, parent, drawn(&seed, lengths[drawn(&seed, i < 3 ? 4 : 3)]) + 1);
    }
    return l;
}

static void any_tree_is_covered_once(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 150; seed++) {
        struct list *l = tree_new(seed);
        list_fill(l);
        assert_list(l);
        list_free(l);
    }
}

static void a_preamble_is_read_once_for_short_segments(void **state) {
    (void)state;
    struct list *l = list_new(4);
    list_add(l, -1, 1000);
    for (uint32_t i = 0; i < 8; i++)
        list_add(l, 0, 2);
    list_fill(l);
    assert_list(l);
    const struct attend_tile *longest = &l->work.tiles[0]; /* with the preamble's own last rows */
    assert_int_equal(longest->n_parts, 1 + 8);
    assert_int_equal(longest->shared, 960);
    assert_int_equal(longest->steps, 15 + 1 + 8);
    list_free(l);
}

static void segments_that_share_little_stay_apart(void **state) {
    (void)state;
    struct list *l = list_new(1);
    list_add(l, -1, 70);
    for (uint32_t i = 0; i < 4; i++)
        list_add(l, 0, 60);
    list_fill(l);
    assert_list(l);
    for (size_t i = 0; i < l->work.n.tiles; i++)
        assert_int_equal(l->work.tiles[i].n_parts, 1);
    list_free(l);
}

static void a_wave_has_room_for_its_states(void **state) {
    (void)state;
    struct list *l = list_new(8);
    list_add(l, -1, 5000);
    list_fill(l);
    assert_list(l);
    struct attend_wave wave = { 0 };
    assert_true(attend_next_wave(&l->work, &wave));
    assert_true(wave.n_tiles < l->work.n.tiles);
    assert_true(attend_partials_of_tile(5000) <= PARTIALS);
    list_free(l);
}

static void few_queries_get_low_tiles(void **state) {
    (void)state;
    assert_int_equal(attend_height(4, 8), TILE_LOW);
    assert_int_equal(attend_height(4096, 8), TILE_MIDDLE);
    assert_int_equal(attend_height(16384, 8), TILE_HIGH);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_tree_is_covered_once),
        cmocka_unit_test(a_preamble_is_read_once_for_short_segments),
        cmocka_unit_test(segments_that_share_little_stay_apart),
        cmocka_unit_test(a_wave_has_room_for_its_states),
        cmocka_unit_test(few_queries_get_low_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
