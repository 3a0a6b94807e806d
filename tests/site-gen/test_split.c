/* Private boards: a site of their own, and not a word of them outside it. */
#include "tests/site-gen/fixture.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/site.h"

#define OPEN_MODEL "assay-demo/SmolLM2-135M-Instruct"
#define OPEN_TASK "wordnet_definitions"

static const char *const INNER[] = { "inner", NULL };

/* A copy of the first row whose `key` is `from`, with `to` there. The list's. */
static json_t *copied(
    json_t *doc, const char *list, const char *key, const char *from, const char *to) {
    json_t *rows = json_object_get(doc, list), *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        if (strcmp(json_get_string(row, key, ""), from) == 0) {
            json_t *copy = json_deep_copy(row);
            json_object_set_new(copy, key, json_string(to));
            json_array_append_new(rows, copy);
            return copy;
        }
    }
    fail_msg("no row of '%s' in %s", from, list);
    return NULL;
}

static void set(json_t *row, const char *key, const char *text) {
    json_object_set_new(row, key, json_string(text));
}

static void add_run(json_t *doc, int id, const char *model, const char *task, int task_id) {
    char name[32];
    json_t *run = copied(doc, "runs", "model", OPEN_MODEL, model);
    json_t *result = json_deep_copy(json_array_get(json_object_get(doc, "results"), 0));
    snprintf(name, sizeof name, "%d", id);
    json_object_set_new(run, "run_id", json_integer(id));
    json_object_set_new(run, "task_id", json_integer(task_id));
    set(run, "task", task);
    json_object_set_new(result, "run_id", json_integer(id));
    json_array_append_new(json_object_get(doc, "results"), result);
    json_object_set_new(json_object_get(doc, "samples"), name,
        json_pack("[{s:i, s:s, s:[s, s], s:i, s:i, s:[f, f], s:b}]", "index", 0, "query",
            "a walled question", "choices", "walled", "not", "gold", 0, "prediction", 0,
            "loglikelihood", -1.0, -2.0, "correct", 1));
}

static void add_board(json_t *doc, const char *suite, int id, const char *model, const char *task) {
    json_t *row = copied(doc, "board", "model", OPEN_MODEL, model);
    set(row, "suite", suite);
    set(row, "task", task);
    json_object_set_new(row, "run_id", json_integer(id));
    if (strcmp(task, OPEN_TASK) != 0)
        json_object_set_new(row, "task_id", json_integer(99));
}

static void ask_for(json_t *doc, const char *model, const char *suite) {
    json_array_append_new(
        json_object_get(doc, "asked"), json_pack("{s:s, s:s}", "model", model, "suite", suite));
}

/* The demo, with a private suite: a task of its own, a model that was asked for nothing else, which
 * ran an open task too, and an open model on the private task. */
static json_t *with_a_private_suite(void) {
    json_t *doc = fixture_demo(), *model;
    size_t i;
    json_object_set_new(doc, "asked", json_array());
    json_array_foreach(json_object_get(doc, "models"), i, model)
        ask_for(doc, json_get_string(model, "model", ""), "wordnet");
    set(json_object_get(copied(doc, "suites", "suite", "wordnet", "inner"), "definition"), "title",
        "A walled suite");
    json_t *task = copied(doc, "tasks", "task", OPEN_TASK, "walled_task");
    json_object_set_new(task, "task_id", json_integer(99));
    json_t *member = copied(doc, "suite_tasks", "task", OPEN_TASK, "walled_task");
    json_object_set_new(member, "task_id", json_integer(99));
    set(member, "suite", "inner");
    copied(doc, "models", "model", OPEN_MODEL, "walled/garden");
    ask_for(doc, "walled/garden", "inner");
    ask_for(doc, OPEN_MODEL, "inner");
    add_run(doc, 91, "walled/garden", "walled_task", 99);
    add_run(doc, 92, "walled/garden", OPEN_TASK, 1);
    add_run(doc, 93, OPEN_MODEL, "walled_task", 99);
    add_board(doc, "inner", 91, "walled/garden", "walled_task");
    add_board(doc, "wordnet", 92, "walled/garden", OPEN_TASK);
    add_board(doc, "inner", 93, OPEN_MODEL, "walled_task");
    set(copied(doc, "queue", "model", "assay-demo/all-MiniLM-L6-v2", "walled/garden"), "error",
        "walled words");
    return doc;
}

/* ---- looking ---- */

static int make_dir(void **state) {
    *state = fixture_dir();
    return 0;
}

static int drop_dir(void **state) {
    struct err err = ERR_INIT;
    bool ok = dir_remove(*state, &err);
    free(*state);
    return ok ? 0 : -1;
}

static char *build(void **state, const char *const *closed) {
    char *out = path_join(*state, "site");
    json_t *doc = with_a_private_suite();
    struct site_options options = {
        .out = out, .base_url = "https://bench.example/assay", .gnuplot = "", .closed = closed
    };
    assert_ok(site_build(doc, &options, NULL, &err));
    json_decref(doc);
    return out;
}

static void assert_sound(const char *dir) {
    struct site_report report = { 0 };
    struct err err = ERR_INIT;
    if (!site_check(dir, &report, &err))
        fail_msg("%s:\n%.3000s", err.msg, strbuf_str(&report.problems));
    site_report_release(&report);
}

/* How many files below `dir`, those below `skipped` aside, name or hold the word. */
static int n_told(const char *dir, const char *skipped, const char *word) {
    DIR *d = opendir(dir);
    const struct dirent *e;
    int n = 0;
    while (d && (e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        char *path = path_join(dir, e->d_name);
        if (skipped && strcmp(path, skipped) == 0) {
            free(path);
            continue;
        }
        if (dir_exists(path)) {
            n += n_told(path, skipped, word);
        } else {
            char *text = fixture_read(dir, e->d_name);
            n += strstr(text, word) != NULL || strstr(e->d_name, word) != NULL;
            free(text);
        }
        free(path);
    }
    if (d)
        closedir(d);
    return n;
}

static void nothing_outside_a_private_board_tells_of_it(void **state) {
    static const char *const WORDS[] = { "walled", "garden", "inner", "/r/91", "/r/92", "/r/93" };
    char *out = build(state, INNER), *below = path_join(out, "s/inner");
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        assert_int_equal(n_told(out, below, WORDS[i]), 0);
    assert_true(n_told(out, below, "wordnet") > 3);
    free(below);
    free(out);
}

static void a_private_board_is_a_whole_site(void **state) {
    static const char *const THERE[] = { "index.html", "s/inner/index.html",
        "t/walled_task/index.html", "m/walled/garden/r/91/index.html",
        "m/" OPEN_MODEL "/r/93/index.html", "api/v1/s/inner.json" };
    static const char *const ABSENT[] = { "s/wordnet/index.html",
        "m/assay-demo/all-MiniLM-L6-v2/index.html", "m/" OPEN_MODEL "/r/1/index.html",
        "sitemap.xml", "feed.atom" };
    char *out = build(state, INNER), *below = path_join(out, "s/inner");
    assert_sound(out);
    assert_sound(below);
    for (size_t i = 0; i < sizeof THERE / sizeof *THERE; i++) {
        char *path = path_join(below, THERE[i]);
        if (!file_exists(path))
            fail_msg("there is no %s", THERE[i]);
        free(path);
    }
    for (size_t i = 0; i < sizeof ABSENT / sizeof *ABSENT; i++) {
        char *path = path_join(below, ABSENT[i]);
        if (file_exists(path))
            fail_msg("there is %s", ABSENT[i]);
        free(path);
    }
    assert_true(n_told(below, NULL, "a walled question") > 0);
    free(below);
    free(out);
}

static void two_private_boards_know_nothing_of_each_other(void **state) {
    static const char *const BOTH[] = { "inner", "wordnet", NULL };
    char *out = build(state, BOTH), *inner = path_join(out, "s/inner"),
         *other = path_join(out, "s/wordnet"), *boards = path_join(out, "s");
    assert_true(n_told(inner, NULL, "walled") > 0);
    assert_int_equal(n_told(other, NULL, "walled"), 0);
    assert_int_equal(n_told(inner, NULL, "MiniLM"), 0);
    assert_int_equal(n_told(out, boards, "walled") + n_told(out, boards, "MiniLM"), 0);
    free(inner);
    free(other);
    free(boards);
    free(out);
}

int main(void) {
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(nothing_outside_a_private_board_tells_of_it),
        IN_A_FOLDER(a_private_board_is_a_whole_site),
        IN_A_FOLDER(two_private_boards_know_nothing_of_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
