/* The prefix tree and the walk, without a model: what is in the tree against a brute-force trie,
 * and every step of a walk against a simulated cache in which each slot knows the whole path that
 * it stands for. */
#include "weight_files.h"

#include <string.h>

#include "harness/model/sched.h"
#include "tiny_models.h"

/* A random set of sequences over few tokens, so that many beginnings are shared. */
struct set {
    int32_t ids[40][24];
    struct tree_sequence sequences[40];
    size_t n, n_sinks;
};

static void set_make(struct set *s, uint64_t *state) {
    s->n = 1 + tiny_random(state) % 40;
    s->n_sinks = 0;
    const uint32_t alphabet = 1 + tiny_random(state) % 3;
    for (size_t i = 0; i < s->n; i++) {
        uint32_t n = 1 + tiny_random(state) % 22, first = tiny_random(state) % (n + 1), from = 0;
        if (i > 0 && tiny_random(state) % 2) { /* continue or repeat an earlier one */
            const size_t other = tiny_random(state) % i;
            from = s->sequences[other].n < n ? s->sequences[other].n : n;
            memcpy(s->ids[i], s->ids[other], from * sizeof(int32_t));
        }
        for (uint32_t t = from; t <= n; t++)
            s->ids[i][t] = (int32_t)(tiny_random(state) % alphabet);
        s->sequences[i] = (struct tree_sequence) {
            .ids = s->ids[i], .n = n, .first_read = first, .sink = s->n_sinks
        };
        s->n_sinks += n - first;
    }
}

static struct tree_sequence *copy(const struct set *s) {
    struct tree_sequence *out = xcalloc(s->n, sizeof *out);
    memcpy(out, s->sequences, s->n * sizeof *out);
    return out;
}

/* Is ids[0 .. n) the beginning of one of the first k sequences? */
static bool seen_before(const struct set *s, size_t k, const int32_t *ids, uint32_t n) {
    for (size_t i = 0; i < k; i++)
        if (s->sequences[i].n >= n && memcmp(s->ids[i], ids, n * sizeof *ids) == 0)
            return true;
    return false;
}

static void the_tree_has_each_distinct_beginning_once(void **state) {
    (void)state;
    uint64_t random = 1;
    for (int round = 0; round < 300; round++) {
        struct set s;
        struct tree tree;
        uint64_t distinct = 0, asked = 0;
        set_make(&s, &random);
        for (size_t i = 0; i < s.n; i++) {
            asked += s.sequences[i].n;
            for (uint32_t n = 1; n <= s.sequences[i].n; n++)
                distinct += !seen_before(&s, i, s.ids[i], n);
        }
        tree_build(&tree, copy(&s), s.n, true);
        assert_int_equal(tree.n_rows, distinct);
        assert_int_equal(tree.n_asked, asked);
        tree_release(&tree);
        tree_build(&tree, copy(&s), s.n, false);
        assert_int_equal(tree.n_rows, asked);
        tree_release(&tree);
    }
}

/* ---- the walk ---- */

/* What a slot holds in the simulated cache. */
struct held {
    int32_t path[24];
    uint32_t n;
};

struct world {
    struct set set;
    struct held cache[256];
    bool answered[40 * 24];
    size_t n_answered;
    struct walk_read reads[4096];
    struct tree_read read[4096];
    size_t n_reads;
};

static void read_note(void *arg, const struct walk_read *r) {
    struct world *w = arg;
    w->read[w->n_reads] = *r->read;
    w->reads[w->n_reads++] = *r;
    assert_int_equal(r->path->n_tokens > r->read->position, true);
}

/* Every segment finds its own beginning, in order, in the slots of its ancestors. */
static void segments_check(struct world *w, const struct step_view *v) {
    for (uint32_t i = 0; i < v->n_segments;
         i++) { /* as kv_store: all rows first, parents before children */
        const struct segment *g = &v->segments[i];
        int32_t path[24];
        uint32_t n = 0;
        for (uint32_t a = 0; a < g->n_ancestors; a++)
            for (uint32_t t = 0; t < g->ancestors[a].n; t++, n++) {
                const struct held *h = &w->cache[g->ancestors[a].slot + t];
                assert_int_equal(h->n, n + 1);
                path[n] = h->path[n];
                assert_memory_equal(h->path, path, h->n * sizeof *path);
            }
        assert_int_equal(n, g->position);
        for (uint32_t t = 0; t < g->n; t++) {
            struct held *h = &w->cache[g->slot + t];
            assert_int_equal(v->slots[g->row + t], g->slot + t);
            assert_int_equal(v->positions[g->row + t], g->position + t);
            path[n++] = v->ids[g->row + t];
            memcpy(h->path, path, n * sizeof *path);
            h->n = n;
        }
    }
}

/* Rows that are read stand for the beginnings that their requests asked for. */
static void reads_check(struct world *w, const struct step_view *v) {
    for (size_t i = 0; i < w->n_reads; i++) {
        const struct tree_read *r = &w->read[i];
        const uint32_t row = v->reads[w->reads[i].row], n = r->position + 1;
        const struct held *h = &w->cache[v->slots[row]];
        assert_int_equal(v->read_positions[w->reads[i].row], r->position);
        assert_int_equal(h->n, n);
        for (size_t s = 0; s < w->set.n; s++) {
            const struct tree_sequence *q = &w->set.sequences[s];
            if (r->sink < q->sink || r->sink >= q->sink + q->n - q->first_read)
                continue;
            assert_int_equal(q->first_read + (r->sink - q->sink), r->position);
            assert_memory_equal(h->path, q->ids, n * sizeof *h->path);
            assert_int_equal(r->token, q->ids[n]);
        }
        assert_false(w->answered[r->sink]);
        w->answered[r->sink] = true;
        w->n_answered++;
    }
    w->n_reads = 0;
}

static void walk_once(struct world *w, bool share, uint32_t rows, uint64_t *n_rows) {
    struct tree tree;
    struct step step = { 0 };
    struct slots slots;
    tree_build(&tree, copy(&w->set), w->set.n, share);
    slots_init(&slots, tree.depth + rows); /* no more than this is promised to suffice */
    struct walk walk = { .tree = &tree, .on_read = read_note, .arg = w };
    memset(w->answered, 0, sizeof w->answered);
    w->n_answered = *n_rows = 0;
    for (bool more = true; more;) {
        step_reset(&step);
        more = walk_fill(&walk, &slots, &step, rows);
        const struct step_view v = step_view(&step);
        assert_true(!more || v.n == rows);
        segments_check(w, &v);
        reads_check(w, &v);
        walk_ran(&walk, &slots);
        *n_rows += v.n;
    }
    assert_int_equal(*n_rows, tree.n_rows);
    assert_int_equal(w->n_answered, w->set.n_sinks);
    walk_release(&walk);
    slots_release(&slots);
    step_release(&step);
    tree_release(&tree);
}

static void every_walk_finds_its_ancestors_and_answers_every_read_once(void **state) {
    (void)state;
    struct world *w = xcalloc(1, sizeof *w);
    uint64_t random = 2, n_rows;
    for (int round = 0; round < 400; round++) {
        set_make(&w->set, &random);
        walk_once(w, true, 1 + tiny_random(&random) % 30, &n_rows);
        walk_once(w, true, 1, &n_rows);
        walk_once(w, false, 1 + tiny_random(&random) % 30, &n_rows);
    }
    free(w);
}

/* ---- slots ---- */

static void slots_come_in_the_lowest_run_that_is_long_enough(void **state) {
    (void)state;
    struct slots s;
    slots_init(&s, 10);
    const struct kv_span a = slots_take(&s, 3), b = slots_take(&s, 2), c = slots_take(&s, 2);
    assert_int_equal(a.slot, 0);
    assert_int_equal(b.slot, 3);
    slots_unref(&s, b);
    assert_int_equal(slots_take(&s, 3).slot, 7); /* 3 and 4 are too few */
    assert_int_equal(slots_take(&s, 9).slot, 3); /* the longest there is */
    assert_int_equal(s.n_free, 0);
    assert_int_equal(slots_take(&s, 1).n, 0);
    slots_ref(&s, c);
    slots_unref(&s, c);
    assert_int_equal(s.n_free, 0);
    slots_unref(&s, c);
    assert_int_equal(s.n_free, 2);
    slots_release(&s);
}

static void a_path_is_cut_in_the_middle_of_a_span(void **state) {
    (void)state;
    struct slots s;
    slots_init(&s, 8);
    struct slot_path path = { 0 }, cut = { 0 };
    slot_path_push(&path, slots_take(&s, 3));
    slot_path_push(&path, slots_take(&s, 3)); /* joins */
    assert_int_equal(path.n, 1);
    slot_path_cut(&path, 2, &s, &cut);
    assert_int_equal(path.n_tokens, 2);
    assert_int_equal(cut.n_tokens, 4);
    assert_int_equal(s.n_free, 2);
    slot_path_cut(&cut, 0, &s, NULL);
    assert_int_equal(s.n_free, 6);
    slot_path_release(&path);
    slot_path_release(&cut);
    slots_release(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tree_has_each_distinct_beginning_once),
        cmocka_unit_test(every_walk_finds_its_ancestors_and_answers_every_read_once),
        cmocka_unit_test(slots_come_in_the_lowest_run_that_is_long_enough),
        cmocka_unit_test(a_path_is_cut_in_the_middle_of_a_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
