/* Loading tasks: what a document is made of, few-shot examples, subsets, identity, confinement. */
#include "task_main.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>

static struct task_request request(const char *fixture) {
    struct task_request q = TASK_REQUEST_INIT;
    q.tasks_dir = TASKS_DIR;
    q.name = fixture;
    return q;
}

static struct task *load(const struct task_request *q) {
    struct err err = ERR_INIT;
    struct task *t = task_load(q, &err);
    if (!t) {
        fail_msg("%s: %s (%s)", q->name, err.msg, err.hint);
    }
    return t;
}

static void a_choice_task_gives_context_choices_and_gold(void **state) {
    (void)state;
    struct task_request q = request(TASK_FIXTURES "/quiz.lua");
    q.keep_rows = true;
    struct task *t = load(&q);
    size_t n;
    const struct task_doc *d = task_docs(t, &n);
    const struct task_info *i = task_info(t);
    assert_int_equal(n, 12);
    assert_int_equal(i->kind, TASK_CHOICE);
    assert_string_equal(i->main, "acc_norm");
    assert_int_equal(i->version, 3);
    assert_int_equal(i->shots, 0);
    assert_true(fabs(i->baseline - 1.0 / 3) < 1e-15);
    assert_string_equal(i->licence, "CC0-1.0");
    assert_int_equal(d[5].index, 5);
    assert_int_equal(d[5].n_contexts, 1);
    assert_string_equal(d[5].contexts[0], "Q: Question 5?\nA:");
    assert_int_equal(d[5].n_choices, 3);
    assert_string_equal(d[5].choices[2].text, "naïve 5");
    assert_string_equal(d[5].choices[2].continuation, " naïve 5");
    assert_int_equal(d[5].gold[0], 2);
    assert_string_equal(d[5].cluster, "t1");
    assert_non_null(strstr(d[5].row, "{\"q\":\"Question 5?\",\"options\":"));
    assert_int_equal(strlen(i->task_sha256), 64);
    assert_int_equal(strlen(i->data_sha256), 64);
    task_free(t);
}

/* Drawn by CPython: rnd = random.Random(1234); [rnd.sample(range(30), 3) for each document]. */
static void shots_are_drawn_in_document_order_from_one_stream(void **state) {
    (void)state;
    static const int want[3][3] = { { 24, 14, 3 }, { 0, 2, 29 }, { 25, 18, 1 } };
    struct task_request q = request(TASK_FIXTURES "/quiz.lua");
    q.shots = 3;
    q.limit = 3;
    struct task *t = load(&q);
    size_t n;
    const struct task_doc *d = task_docs(t, &n);
    assert_int_equal(n, 3);
    assert_int_equal(task_info(t)->shots, 3);
    for (int doc = 0; doc < 3; doc++) {
        char text[400];
        int at = 0;
        for (int s = 0; s < 3; s++) {
            at += snprintf(text + at, sizeof text - (size_t)at, "Q: Shot %d?\nA: %c\n\n",
                want[doc][s], 'x' + want[doc][s] % 3);
        }
        snprintf(text + at, sizeof text - (size_t)at, "Q: Question %d?\nA:", doc);
        assert_string_equal(d[doc].contexts[0], text);
    }
    task_free(t);
}

/* The harness draws for the documents that it evaluates, one after the other: with a limit the
 * first ones get what they get without one. */
static void a_limit_takes_the_first_documents_as_they_are(void **state) {
    (void)state;
    struct task_request q = request(TASK_FIXTURES "/quiz.lua");
    q.shots = 3;
    struct task *whole = load(&q);
    q.limit = 5;
    struct task *some = load(&q);
    size_t n, all;
    const struct task_doc *a = task_docs(whole, &all), *b = task_docs(some, &n);
    assert_int_equal(all, 12);
    assert_int_equal(n, 5);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(a[i].contexts[0], b[i].contexts[0]);
    }
    task_free(whole);
    task_free(some);
}

static void contexts_may_differ_and_answers_be_several(void **state) {
    (void)state;
    struct task_request q = request(TASK_FIXTURES "/blanks.lua");
    struct task *t = load(&q);
    size_t n;
    const struct task_doc *d = task_docs(t, &n);
    assert_int_equal(n, 2);
    assert_int_equal(d[1].n_contexts, 2);
    assert_string_equal(d[1].contexts[0], "Fill in. shot yes\none 9 end\none 2");
    assert_string_equal(d[1].contexts[1], "Fill in. shot yes\none 9 end\ntwo 2");
    assert_string_equal(d[1].choices[1].continuation, " end");
    assert_int_equal(d[1].choices[1].context, 1);
    assert_int_equal(d[1].n_gold, 2);
    task_free(t);
}

static void a_document_may_have_no_right_answer(void **state) {
    (void)state;
    struct task_request q = request(TASK_FIXTURES "/unanswered.lua");
    struct task *t = load(&q);
    size_t n;
    const struct task_doc *d = task_docs(t, &n);
    assert_int_equal(n, 3);
    assert_int_equal(d[0].n_gold, 1);
    assert_int_equal(d[1].n_gold, 0);
    assert_int_equal(d[2].gold[0], 0);
    task_free(t);
    /* An example must have one, to show it. */
    struct err err = ERR_INIT;
    q.shots = 2;
    assert_null(task_load(&q, &err));
    assert_non_null(strstr(err.msg, "an example needs a right answer"));
}

static void python_literals_are_read_as_python_reads_them(void **state) {
    (void)state;
    struct task_request q = request(TASK_FIXTURES "/literals.lua");
    task_free(load(&q));
}

static void more_examples_than_there_are_is_an_error(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct task_request q = request(TASK_FIXTURES "/unanswered.lua");
    q.shots = 3; /* of three one is the question itself */
    assert_null(task_load(&q, &err));
    assert_non_null(strstr(err.msg, "3 shots asked for, but only 3 examples"));
}

static void retrieval_drops_queries_without_judgements(void **state) {
    (void)state;
    struct task_request q = request(TASK_FIXTURES "/lookup.lua");
    struct task *t = load(&q);
    const struct task_retrieval *r = task_retrieval(t);
    size_t n;
    const struct task_doc *d = task_docs(t, &n);
    assert_int_equal(r->n_passages, 5);
    assert_int_equal(n, 2);
    assert_string_equal(d[1].id, "b");
    assert_string_equal(r->passages[0].text, "a passage");
    assert_int_equal(r->n_judgements, 4);
    assert_true(r->judgements[3].passage == SIZE_MAX); /* judged, but not in the corpus */
    assert_string_equal(task_info(t)->prompt_query, "find: ");
    assert_string_equal(task_info(t)->prompt_passage, "keep: ");
    assert_true(task_info(t)->drop_identical_ids);
    task_free(t);
}

static void identity_follows_the_file_not_the_request(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct task_request q = request(TASK_FIXTURES "/quiz.lua");
    struct task *whole = load(&q);
    q.limit = 2;
    struct task *some = load(&q);
    assert_string_equal(task_info(whole)->task_sha256, task_info(some)->task_sha256);
    assert_string_equal(task_info(whole)->data_sha256, task_info(some)->data_sha256);
    /* The same file with one more space is another task on the same data. */
    char dir[] = "/tmp/assay-load-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *data = path_join(dir, "data"), *path = path_join(dir, "quiz.lua");
    struct strbuf text = { 0 };
    assert_int_equal(symlink(TASK_FIXTURES "/data", data), 0);
    assert_true(file_read(TASK_FIXTURES "/quiz.lua", 1 << 20, &text, &err));
    strbuf_adds(&text, " ");
    assert_true(file_write_atomic(path, text.text, text.len, &err));
    q.name = path;
    assert_null(task_load(&q, &err)); /* the link leads outside of the task's folder */
    assert_int_equal(err.class, ERR_TASK);
    assert_non_null(strstr(err.msg, "outside"));
    struct task *other = task_describe(&q, &err);
    assert_non_null(other);
    assert_string_not_equal(task_info(other)->task_sha256, task_info(whole)->task_sha256);
    strbuf_release(&text);
    free(data);
    free(path);
    assert_true(dir_remove(dir, &err));
    task_free(whole);
    task_free(some);
    task_free(other);
}

static bool resolve_nothing(
    const char *repo, const char *revision, void *arg, char **dir, struct err *err) {
    (void)dir;
    *(char *)arg = *repo;
    return err_set(err, ERR_NETWORK, "no way to %s at %.7s", repo, revision);
}

static void a_hub_that_fails_is_that_error(void **state) {
    (void)state;
    char asked = 0;
    struct err err = ERR_INIT;
    struct task_request q = request("arc_easy");
    assert_null(task_load(&q, &err));
    assert_int_equal(err.class, ERR_AUTH);
    err = (struct err)ERR_INIT;
    q.resolve = resolve_nothing;
    q.resolve_arg = &asked;
    assert_null(task_load(&q, &err));
    assert_int_equal(err.class, ERR_NETWORK);
    assert_non_null(strstr(err.msg, "allenai/ai2_arc at 210d026"));
    assert_int_equal(asked, 'a');
}

static void an_unknown_task_suggests_the_nearest(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct task_request q = request("hellasweg");
    assert_null(task_load(&q, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    assert_non_null(strstr(err.hint, "did you mean 'hellaswag'?"));
    q.name = TASK_FIXTURES "/absent.lua";
    assert_null(task_load(&q, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
}

static void check_members(const json_t *library, const struct task_info *suite) {
    for (size_t k = 0; k < suite->tasks.n; k++) {
        bool found = false;
        size_t i;
        json_t *entry;
        json_array_foreach(library, i, entry) {
            const char *name = json_get_string(entry, "name", "");
            found = found || (fnmatch(suite->tasks.items[k], name, 0) == 0 &&
                                 strcmp(name, suite->name) != 0);
        }
        if (!found) {
            fail_msg("suite '%s' names '%s', which is none", suite->name, suite->tasks.items[k]);
        }
    }
}

/* A data set of a hub is read at one revision; these are the tasks whose revision is not known. */
static void check_pinned(const struct task_info *i) {
    static const char *const unpinned[] = { "race", "logiqa", "lambada_standard" };
    bool known = i->data_revision != NULL || !i->data_repo;
    for (size_t k = 0; k < sizeof unpinned / sizeof *unpinned; k++) {
        known = known || !strcmp(i->name, unpinned[k]);
    }
    if (!known) {
        fail_msg("%s: '%s' has no revision", i->name, i->data_repo);
    }
}

/* Every task of the library, each variant of a family too, is one that lint has nothing against;
 * what a suite names is there. */
static void the_library_is_clean(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *list = task_list(TASKS_DIR, NULL, &err), *entry;
    size_t i;
    assert_true(json_array_size(list) > 120);
    json_array_foreach(list, i, entry) {
        const char *name = json_get_string(entry, "name", "");
        struct task_request q = request(name);
        json_t *problems;
        assert_true(task_lint(&q, &problems, &err));
        if (json_array_size(problems)) {
            fail_msg("%s: %s", name, json_get_string(json_array_get(problems, 0), "message", ""));
        }
        json_decref(problems);
        struct task *t = task_describe(&q, &err);
        assert_non_null(t);
        assert_string_equal(task_info(t)->name, name);
        check_members(list, task_info(t));
        check_pinned(task_info(t));
        task_free(t);
    }
    json_decref(list);
}

static void render_shows_what_the_model_sees(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct task_request q = request(TASK_FIXTURES "/quiz.lua");
    json_t *out = task_render(&q, 2, &err);
    assert_non_null(out);
    const json_t *docs = json_object_get(out, "docs"), *second = json_array_get(docs, 1);
    assert_int_equal(json_array_size(docs), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(second, "contexts"), 0)),
        "Q: Question 1?\nA:");
    json_decref(out);
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_choice_task_gives_context_choices_and_gold),
        cmocka_unit_test(shots_are_drawn_in_document_order_from_one_stream),
        cmocka_unit_test(a_limit_takes_the_first_documents_as_they_are),
        cmocka_unit_test(contexts_may_differ_and_answers_be_several),
        cmocka_unit_test(a_document_may_have_no_right_answer),
        cmocka_unit_test(python_literals_are_read_as_python_reads_them),
        cmocka_unit_test(more_examples_than_there_are_is_an_error),
        cmocka_unit_test(retrieval_drops_queries_without_judgements),
        cmocka_unit_test(identity_follows_the_file_not_the_request),
        cmocka_unit_test(a_hub_that_fails_is_that_error),
        cmocka_unit_test(an_unknown_task_suggests_the_nearest),
        cmocka_unit_test(the_library_is_clean),
        cmocka_unit_test(render_shows_what_the_model_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
