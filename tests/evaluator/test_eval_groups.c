/* Documents that belong together: clusters in every kind of error, and the subsets that a score is
 * the mean of. */
#include "task_main.h"

#include <math.h>

#include "evaluator/eval/eval.h"
#include "folder.h"

/* Likelier the longer the answer is, from -1 on. */
static bool fake_score(void *self, const char *profile, struct score_request *requests, size_t n,
    const struct run_options *run, struct err *err) {
    (void)self;
    (void)profile;
    (void)run;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < requests[i].n_choices; c++) {
            struct score_choice *choice = &requests[i].choices[c];
            choice->loglikelihood = -1 - 1 / (double)choice->text_n;
            choice->n_tokens = 1;
        }
    }
    return true;
}

static char *dir;

static int make_folder(void **state) {
    (void)state;
    dir = folder_make();
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    folder_remove(dir);
    return 0;
}

static bool resolve(
    const char *repo, const char *revision, void *arg, char **found, struct err *err) {
    (void)repo;
    (void)revision;
    (void)arg;
    (void)err;
    *found = xstrdup(dir);
    return true;
}

/* The result of a task of these lines, over what lies in the folder; NULL with *err. */
static json_t *try_run(
    const char *lua, const char *const *subsets, size_t n_subsets, struct err *err) {
    struct subject s = { .name = "org/fake", .dtype = "f32", .score = fake_score };
    struct task_request q = TASK_REQUEST_INIT;
    json_t *result = NULL;
    folder_text(dir, "t.lua", lua);
    char *path = path_join(dir, "t.lua");
    q.name = path;
    q.tasks_dir = TASKS_DIR;
    q.resolve = resolve;
    q.subsets = subsets;
    q.n_subsets = n_subsets;
    struct task *t = task_load(&q, err);
    if (t && !eval_run(t, &s, NULL, &result, NULL, err)) {
        result = NULL;
    }
    task_free(t);
    free(path);
    return result;
}

static json_t *run(const char *lua, const char *const *subsets, size_t n_subsets) {
    struct err err = ERR_INIT;
    json_t *result = try_run(lua, subsets, n_subsets, &err);
    if (!result) {
        fail_msg("%s", err.msg);
    }
    return result;
}

static double of(const json_t *result, const char *metric, const char *field) {
    return json_get_number(json_object_get(json_object_get(result, "metrics"), metric), field, NAN);
}

/* ---- clusters ---- */

#define WORDS                                                                                      \
    "doc = function(row) return { context = 'x', target = row.w } end, main = 'perplexity', "      \
    "report = { 'perplexity' }"
#define LABELS                                                                                     \
    "doc = function(row) return { query = 'x', choices = { row.w, 'cc' }, gold = #row.w % 2 } "    \
    "end, main = 'mcc', report = { 'mcc', 'f1', 'acc' }"

static const char ROWS[] =
    "{\"i\": 1, \"n\": 1, \"w\": \"a\"}\n{\"i\": 2, \"n\": 1, \"w\": \"a\"}\n"
    "{\"i\": 3, \"n\": 2, \"w\": \"bbbb\"}\n{\"i\": 4, \"n\": 2, \"w\": \"bbbb\"}\n"
    "{\"i\": 5, \"n\": 3, \"w\": \"ddd\"}\n{\"i\": 6, \"n\": 3, \"w\": \"ddd\"}\n"
    "{\"i\": 7, \"n\": 4, \"w\": \"ff\"}\n{\"i\": 8, \"n\": 4, \"w\": \"ff\"}\n"
    "{\"i\": 9, \"n\": 5, \"w\": \"gggggg\"}\n{\"i\": 10, \"n\": 5, \"w\": \"gggggg\"}\n";

/* Every row twice: as clusters they are half as many as they look. */
static void clusters_count_in_every_statistic(void **state) {
    static const char *const ALONE[] = {
        "return loglikelihood { name = 't', version = 1, data = file 'd.jsonl' {}, " WORDS " }",
        "return choice { name = 't', version = 1, data = file 'd.jsonl' {}, " LABELS " }",
    };
    static const char *const TOGETHER[] = {
        "return loglikelihood { name = 't', version = 1, data = file 'd.jsonl' {}, "
        "cluster = function(row) return row.n end, " WORDS " }",
        "return choice { name = 't', version = 1, data = file 'd.jsonl' {}, "
        "cluster = function(row) return 'c' .. row.n end, " LABELS " }",
    };
    (void)state;
    folder_text(dir, "d.jsonl", ROWS);
    for (size_t i = 0; i < sizeof ALONE / sizeof *ALONE; i++) {
        json_t *alone = run(ALONE[i], NULL, 0), *together = run(TOGETHER[i], NULL, 0), *ignored;
        const char *metric;
        json_object_foreach(json_object_get(alone, "metrics"), metric, ignored) {
            assert_true(of(alone, metric, "value") == of(together, metric, "value"));
            if (!(of(together, metric, "stderr") > 1.2 * of(alone, metric, "stderr"))) {
                fail_msg("%s: the error is %g with clusters, %g without", metric,
                    of(together, metric, "stderr"), of(alone, metric, "stderr"));
            }
        }
        json_decref(alone);
        json_decref(together);
    }
}

static void a_document_without_a_key_is_its_own_cluster(void **state) {
    (void)state;
    folder_text(dir, "d.jsonl", ROWS);
    json_t *some =
        run("return choice { name = 't', version = 1, data = file 'd.jsonl' {}, "
            "cluster = function(row) if row.n == 1 then return 'one' end end, " LABELS " }",
            NULL, 0);
    json_t *all =
        run("return choice { name = 't', version = 1, data = file 'd.jsonl' {}, "
            "cluster = function(row) return row.n == 1 and 'one' or row.i end, " LABELS " }",
            NULL, 0);
    assert_true(of(some, "acc", "stderr") == of(all, "acc", "stderr"));
    assert_true(of(some, "acc", "stderr") > 0);
    json_decref(some);
    json_decref(all);
}

static void a_key_is_a_text_or_a_number(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    folder_text(dir, "d.jsonl", ROWS);
    assert_null(try_run("return choice { name = 't', version = 1, data = file 'd.jsonl' {}, "
                        "cluster = function(row) return { row.n } end, " LABELS " }",
        NULL, 0, &err));
    assert_non_null(strstr(err.msg, "must give a string, a number or nothing, got a table"));
}

static void several_right_answers_are_no_label(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    folder_text(dir, "d.jsonl", ROWS);
    assert_null(try_run("return choice { name = 't', version = 1, data = file 'd.jsonl' {},\n"
                        "doc = function(row) return { query = 'x', choices = { 'a', 'b' }, "
                        "gold = { 1, 0 } } end, main = 'f1' }",
        NULL, 0, &err));
    assert_non_null(strstr(err.msg, "metric 'f1' goes by one right answer"));
}

/* ---- subsets ---- */

static const char PARTS[] =
    "return choice { name = 't', version = 1, data = hub 'org/parts' { subsets = { 'a', 'b' } },\n"
    "doc = function(row) return { query = 'x', choices = { 'y', 'nn' }, gold = row.g } end }";

static void write_parts(void) {
    folder_text(dir, "a/test.jsonl", "{\"g\": 1}\n{\"g\": 1}\n{\"g\": 1}\n");
    folder_text(dir, "b/test.jsonl", "{\"g\": 0}\n{\"g\": 0}\n{\"g\": 0}\n");
    folder_text(dir, "c/test.jsonl", "{\"g\": 1}\n{\"g\": 1}\n{\"g\": 1}\n");
}

static void a_score_is_the_mean_of_the_declared_subsets(void **state) {
    static const char *const MORE[] = { "c", "a", "b" }, *const OTHER[] = { "a", "c" };
    (void)state;
    write_parts();
    json_t *all = run(PARTS, NULL, 0), *more = run(PARTS, MORE, 3), *other = run(PARTS, OTHER, 2);
    assert_true(of(all, "acc", "value") == 0.5);
    assert_true(of(more, "acc", "value") == 0.5);
    assert_int_equal(json_object_size(json_object_get(more, "subsets")), 3);
    assert_true(isnan(of(other, "acc", "value"))); /* b is missing, and c is no stand-in */
    json_decref(all);
    json_decref(more);
    json_decref(other);
}

static void the_interval_of_a_mean_of_shares_is_one_of_shares(void **state) {
    static const char *const MISSING[] = { "a" };
    (void)state;
    write_parts();
    folder_text(dir, "b/test.jsonl", "{\"g\": 0}\n{\"g\": 0}\n{\"g\": 0}\n{\"g\": 0}\n");
    folder_text(dir, "a/test.jsonl", "{\"g\": 0}\n{\"g\": 0}\n{\"g\": 0}\n{\"g\": 1}\n");
    json_t *all = run(PARTS, NULL, 0), *missing = run(PARTS, MISSING, 1);
    assert_true(of(all, "acc", "value") == 0.125);
    assert_true(of(all, "acc", "low") >= 0 && of(all, "acc", "low") < 0.125);
    assert_true(of(all, "acc", "high") > 0.25 && of(all, "acc", "high") <= 1);
    assert_true(isnan(of(missing, "acc", "low")));
    json_decref(all);
    json_decref(missing);
}

static void a_subset_counts_once(void **state) {
    static const char *const TWICE[] = { "a", "a" };
    struct err err = ERR_INIT;
    (void)state;
    write_parts();
    assert_null(try_run(PARTS, TWICE, 2, &err));
    assert_non_null(strstr(err.msg, "subset 'a' is asked for twice"));
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_count_in_every_statistic),
        cmocka_unit_test(a_document_without_a_key_is_its_own_cluster),
        cmocka_unit_test(a_key_is_a_text_or_a_number),
        cmocka_unit_test(several_right_answers_are_no_label),
        cmocka_unit_test(a_score_is_the_mean_of_the_declared_subsets),
        cmocka_unit_test(the_interval_of_a_mean_of_shares_is_one_of_shares),
        cmocka_unit_test(a_subset_counts_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
