/* The demo's suite on the real WordNet. Skips where wordnet-base is not installed. */
#include "task_main.h"

#include <stdio.h>

static struct task *load(const char *name, long long limit) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    q.name = name;
    q.tasks_dir = TASKS_DIR;
    q.limit = limit;
    struct task *t = task_load(&q, &err);
    if (!t) {
        fail_msg("%s: %s", name, err.msg);
    }
    return t;
}

static void the_suite_names_tasks_that_exist(void **state) {
    (void)state;
    struct task *suite = load("wordnet", 0);
    const struct task_info *i = task_info(suite);
    assert_int_equal(i->kind, TASK_SUITE);
    assert_int_equal(i->tasks.n, 3);
    for (size_t k = 0; k < i->tasks.n; k++) {
        struct task *t = load(i->tasks.items[k], 3);
        assert_true(task_info(t)->publish_samples);
        assert_non_null(task_info(t)->licence);
        assert_true(task_info(t)->baseline >= 0);
        task_free(t);
    }
    task_free(suite);
}

static void definitions_have_four_different_choices(void **state) {
    (void)state;
    struct task *t = load("wordnet_definitions", 0);
    size_t n, gold[4] = { 0 };
    const struct task_doc *d = task_docs(t, &n);
    assert_int_equal(n, 200);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(d[i].n_choices, 4);
        for (size_t a = 0; a < 4; a++) {
            for (size_t b = 0; b < a; b++) {
                assert_string_not_equal(d[i].choices[a].text, d[i].choices[b].text);
            }
        }
        gold[d[i].gold[0]]++;
    }
    for (size_t k = 0; k < 4; k++) {
        assert_in_range(gold[k], 30, 70); /* no place is favoured */
    }
    task_free(t);
}

/* The first documents of a larger limit are those of a smaller one, and a second run is the same.
 */
static void the_order_is_a_fixed_permutation(void **state) {
    (void)state;
    struct task *few = load("wordnet_definitions", 5), *more = load("wordnet_definitions", 20);
    size_t n_few, n_more;
    const struct task_doc *a = task_docs(few, &n_few), *b = task_docs(more, &n_more);
    assert_int_equal(n_few, 5);
    assert_int_equal(n_more, 20);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(a[i].contexts[0], b[i].contexts[0]);
        assert_string_equal(a[i].choices[3].text, b[i].choices[3].text);
    }
    assert_string_equal(a[0].contexts[0], "Dictionary.\n\nscalawag (noun):");
    assert_string_equal(task_info(few)->data_sha256, task_info(more)->data_sha256);
    task_free(few);
    task_free(more);
}

static void similarity_spans_near_and_far(void **state) {
    (void)state;
    struct task *t = load("WordNetGlossSTS", 0);
    size_t n, near = 0, far = 0;
    const struct task_doc *d = task_docs(t, &n);
    assert_int_equal(n, 400);
    for (size_t i = 0; i < n; i++) {
        assert_true(d[i].score > 0 && d[i].score <= 0.5);
        assert_string_not_equal(d[i].text_a, d[i].text_b);
        near += d[i].score >= 0.25;
        far += d[i].score < 0.1;
    }
    assert_true(near >= 80 && far >= 60);
    task_free(t);
}

static void every_gloss_has_one_word_to_find(void **state) {
    (void)state;
    struct task *t = load("WordNetGlossRetrieval", 0);
    const struct task_retrieval *r = task_retrieval(t);
    size_t n;
    const struct task_doc *d = task_docs(t, &n);
    assert_int_equal(r->n_passages, 2000);
    assert_int_equal(n, 400);
    assert_int_equal(r->n_judgements, 400);
    for (size_t i = 0; i < r->n_judgements; i++) {
        assert_string_equal(d[r->judgements[i].query].id, r->passages[r->judgements[i].passage].id);
    }
    task_free(t);
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    if (!file_exists("/usr/share/wordnet/data.noun")) {
        puts("skipped: no /usr/share/wordnet (package wordnet-base)");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suite_names_tasks_that_exist),
        cmocka_unit_test(definitions_have_four_different_choices),
        cmocka_unit_test(the_order_is_a_fixed_permutation),
        cmocka_unit_test(similarity_spans_near_and_far),
        cmocka_unit_test(every_gloss_has_one_word_to_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
