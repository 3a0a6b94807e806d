/* Passages by their ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/mem.h"
#include "evaluator/task/ids.h"

enum { CORPORA = 3, EACH = 40000, ALL = CORPORA * EACH };

/* Three corpora with the same ids. */
struct world {
    struct arena arena;
    struct task_retrieval r;
    struct ids *ids;
};

static void fill(struct world *w) {
    *w = (struct world) { .ids = ids_new() };
    w->r.passages = xcalloc(ALL, sizeof *w->r.passages);
    w->r.corpora = xcalloc(CORPORA, sizeof *w->r.corpora);
    for (size_t i = 0; i < ALL; i++) {
        if (i % EACH == 0) {
            w->r.corpora[w->r.n_corpora++].from = i;
        }
        w->r.passages[w->r.n_passages++].id = arena_printf(&w->arena, "d%zu", i % EACH * 7);
        w->r.corpora[w->r.n_corpora - 1].n++;
        ids_add(w->ids, &w->r);
    }
}

static void empty(struct world *w) {
    ids_free(w->ids);
    free(w->r.passages);
    free(w->r.corpora);
    arena_release(&w->arena);
}

static void an_id_is_found_in_its_own_corpus(void **state) {
    (void)state;
    struct world w;
    fill(&w);
    for (size_t i = 0; i < ALL; i++) {
        char id[24];
        snprintf(id, sizeof id, "d%zu", i % EACH * 7);
        assert_int_equal(ids_find(w.ids, &w.r, i / EACH, id), i);
    }
    empty(&w);
}

static void an_id_that_is_none_is_not_found(void **state) {
    (void)state;
    struct world w;
    fill(&w);
    for (size_t i = 0; i < EACH; i++) {
        char id[24];
        snprintf(id, sizeof id, "d%zu", i * 7 + 1);
        assert_true(ids_find(w.ids, &w.r, i % CORPORA, id) == SIZE_MAX);
    }
    assert_true(ids_find(w.ids, &w.r, 0, "") == SIZE_MAX);
    empty(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_found_in_its_own_corpus),
        cmocka_unit_test(an_id_that_is_none_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
