/* Frozen rows: a task says of them what it said, without its data; whoever changes it is told the
 * document, the field and the character. */
#include "folder.h"
#include "task_main.h"

static bool resolve_to(
    const char *repo, const char *revision, void *arg, char **dir, struct err *err) {
    (void)repo;
    (void)revision;
    (void)err;
    *dir = xstrdup(arg);
    return true;
}

static struct task_request request(const char *path, const char *data) {
    struct task_request q = TASK_REQUEST_INIT;
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    q.resolve = data ? resolve_to : NULL;
    q.resolve_arg = (void *)(uintptr_t)data;
    return q;
}

/* The text of a test; it must succeed. */
static char *freeze(const char *path, const char *data, int shots, size_t n) {
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    struct task_request q = request(path, data);
    q.shots = shots;
    if (!task_freeze(&q, n, &text, &err)) {
        fail_msg("%s: %s", path, err.msg);
    }
    return strbuf_take(&text);
}

static json_t *report_of(const char *task, const char *test) {
    struct err err = ERR_INIT;
    struct task_request q = request(task, NULL); /* nothing to resolve data with */
    json_t *report;
    if (!task_test(&q, test, &report, &err)) {
        fail_msg("%s: %s", test, err.msg);
    }
    return report;
}

static size_t count_lines(const char *text) {
    size_t n = 0;
    for (; *text; text++) {
        n += *text == '\n';
    }
    return n;
}

static void every_kind_says_of_its_rows_what_it_said(void **state) {
    static const char *const TASKS[] = { "quiz", "last_word", "pages", "pairs" };
    char *dir = folder_make(), *test = path_join(dir, "x.test.jsonl");
    (void)state;
    for (size_t i = 0; i < sizeof TASKS / sizeof *TASKS; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s.lua", TASK_FIXTURES, TASKS[i]);
        char *text = freeze(path, NULL, -1, 3);
        folder_text(dir, "x.test.jsonl", text);
        json_t *report = report_of(path, test);
        assert_int_equal(json_get_int(report, "documents", 0), 3);
        assert_int_equal(json_array_size(json_object_get(report, "differences")), 0);
        json_decref(report);
        free(text);
    }
    free(test);
    folder_remove(dir);
}

/* The pool of examples is another split: its rows are frozen too, and each once. */
static void examples_come_from_frozen_rows_as_well(void **state) {
    char *text = freeze(TASK_FIXTURES "/quiz.lua", NULL, 2, 4);
    (void)state;
    assert_int_equal(count_lines(text), 1 + 4 + 4 + 4);
    assert_non_null(strstr(text, "\"shots\": 2"));
    free(text);
    struct err err = ERR_INIT;
    struct strbuf none = { 0 };
    struct task_request q = request(TASK_FIXTURES "/quiz.lua", NULL);
    q.shots = 4;
    assert_false(task_freeze(&q, 2, &none, &err));
    assert_non_null(strstr(err.msg, "only 2 examples"));
    strbuf_release(&none);
}

static const char LABELS[] =
    "return choice { name = 'moods', version = 1, data = hub 'org/moods' {},\n"
    "  doc = function(row) return { query = row.text .. ' is', gold = row.label,\n"
    "    choices = { 'sad', row:name 'label' } } end }\n";
static const char CARD[] = "---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n"
                           "  - name: label\n    dtype:\n      class_label:\n        names:\n"
                           "          '0': sad\n          '1': glad\n---\n";

static void names_of_class_labels_are_kept(void **state) {
    char *dir = folder_make(), *path = path_join(dir, "moods.lua"),
         *test = path_join(dir, "moods.test.jsonl");
    (void)state;
    folder_text(dir, "moods.lua", LABELS);
    folder_text(dir, "README.md", CARD);
    folder_text(dir, "test.jsonl",
        "{\"text\": \"this\", \"label\": 1}\n{\"text\": \"that\", \"label\": 0}\n");
    char *text = freeze(path, dir, -1, 5);
    assert_non_null(strstr(text, "\"1\": \"glad\""));
    folder_text(dir, "moods.test.jsonl", text);
    json_t *report = report_of(path, test);
    assert_int_equal(json_array_size(json_object_get(report, "differences")), 0);
    json_decref(report);
    free(text);
    free(path);
    free(test);
    folder_remove(dir);
}

/* A task over a file of its own folder, so that its text can be changed. */
static const char SUMS[] =
    "return choice { name = 'sums', version = 1, data = file 'sums.jsonl' {},\n"
    "  doc = function(row) return { query = 'What is ' .. row.q .. '?',\n"
    "    choices = { 'one', 'two', 'three' }, gold = row.a } end }\n";

static json_t *first_difference_of(const char *dir, const char *task, size_t *n) {
    char *path = path_join(dir, "sums.lua"), *test = path_join(dir, "sums.test.jsonl");
    folder_text(dir, "sums.lua", task);
    json_t *report = report_of(path, test), *list = json_object_get(report, "differences"),
           *first = json_incref(json_array_get(list, 0));
    *n = json_array_size(list);
    json_decref(report);
    free(path);
    free(test);
    return first;
}

static void a_change_is_told_by_document_field_and_character(void **state) {
    char *dir = folder_make(), *path = path_join(dir, "sums.lua");
    size_t n;
    (void)state;
    folder_text(dir, "sums.lua", SUMS);
    folder_text(dir, "sums.jsonl", "{\"q\": \"é+1\", \"a\": 0}\n{\"q\": \"2+1\", \"a\": 2}\n");
    char *text = freeze(path, NULL, -1, 9);
    folder_text(dir, "sums.test.jsonl", text);
    json_t *d = first_difference_of(dir, SUMS, &n);
    assert_int_equal(n, 0);
    char *changed = xstrdup(SUMS);
    memcpy(strstr(changed, "'?'"), "'!'", 3);
    d = first_difference_of(dir, changed, &n);
    assert_int_equal(n, 2);
    assert_string_equal(json_get_string(d, "field", ""), "contexts[0]");
    assert_int_equal(json_get_int(d, "at", -1), 11);
    assert_string_equal(json_get_string(d, "expected", ""), "What is é+1?");
    assert_string_equal(json_get_string(d, "got", ""), "What is é+1!");
    json_decref(d);
    snprintf(changed, sizeof SUMS, "%s", SUMS);
    memcpy(strstr(changed, "'two'"), "'twa'", 5);
    d = first_difference_of(dir, changed, &n);
    assert_string_equal(json_get_string(d, "field", ""), "choices[1].text");
    json_decref(d);
    snprintf(changed, sizeof SUMS, "%s", SUMS);
    memcpy(strstr(changed, "row.a }"), "0     }", 7);
    d = first_difference_of(dir, changed, &n);
    assert_int_equal(n, 1);
    assert_int_equal(json_get_int(d, "document", -1), 1);
    assert_string_equal(json_get_string(d, "field", ""), "gold[0]");
    assert_int_equal(json_get_int(d, "expected", -1), 2);
    json_decref(d);
    /* A document more. */
    char *last = strstr(text, "{\"doc\": 1");
    *last = 0;
    folder_text(dir, "sums.test.jsonl", text);
    d = first_difference_of(dir, SUMS, &n);
    assert_int_equal(n, 1);
    assert_true(json_is_null(json_object_get(d, "expected")));
    json_decref(d);
    free(changed);
    free(text);
    free(path);
    folder_remove(dir);
}

static void what_is_no_test_is_refused(void **state) {
    static const struct {
        const char *text, *says;
    } CASES[] = {
        { "", "is empty" },
        { "{\"schema\": \"assay.eval/1\"}\n", "does not begin with" },
        { "{\"schema\": \"assay.task-test/1\", \"task\": \"quiz\"}\nnonsense\n", "x.test.jsonl" },
        { "{\"schema\": \"assay.task-test/1\", \"task\": \"quiz\"}\n{\"row\": {}}\n",
            "neither a row nor a document" },
        { "{\"schema\": \"assay.task-test/1\", \"task\": \"quiz\"}\n", "no frozen rows of part" },
        { "{\"schema\": \"assay.task-test/1\", \"task\": \"other\"}\n"
          "{\"part\": \"0  \", \"row\": {\"q\": \"a\", \"options\": [\"b\", \"c\"], \"answer\": 0, "
          "\"topic\": \"t\"}}\n",
            "a test of task 'other', not of 'quiz'" },
    };
    char *dir = folder_make(), *test = path_join(dir, "x.test.jsonl");
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err err = ERR_INIT;
        struct task_request q = request(TASK_FIXTURES "/quiz.lua", NULL);
        json_t *report;
        folder_text(dir, "x.test.jsonl", CASES[i].text);
        assert_false(task_test(&q, test, &report, &err));
        if (!strstr(err.msg, CASES[i].says)) {
            fail_msg("'%s' does not say '%s'", err.msg, CASES[i].says);
        }
    }
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    struct task_request q = request(TASK_FIXTURES "/lookup.lua", NULL);
    assert_false(task_freeze(&q, 3, &text, &err));
    assert_non_null(strstr(err.msg, "it reads no data"));
    strbuf_release(&text);
    free(test);
    folder_remove(dir);
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_says_of_its_rows_what_it_said),
        cmocka_unit_test(examples_come_from_frozen_rows_as_well),
        cmocka_unit_test(names_of_class_labels_are_kept),
        cmocka_unit_test(a_change_is_told_by_document_field_and_character),
        cmocka_unit_test(what_is_no_test_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
