/* assay task test: what a task makes of frozen rows, held against what it made of them when they
 * were frozen. */
#include <fnmatch.h>
#include <string.h>

#include "base/json.h"
#include "base/file.h"
#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/task/library.h"

static const struct option options_test[] = {
    { "freeze", 0, "N", "write the test from the first N rows of each split that the task reads" },
    { "shots", 'n', "K", "with --freeze: examples before each question (drawn from these rows)" },
    { "force", 'f', NULL, "with --freeze: replace a test that is there" },
    { "file", 0, "FILE", "the test (default: <task>.test.jsonl beside the task file)" },
    { "hub", 0, "DIR|URL", "with --freeze: where the data set is found (default: HF_ENDPOINT)" },
    OPTION_STREAM_DATA,
    { NULL, 0, NULL, NULL },
};

struct testing {
    const struct args *args;
    json_t *reports; /* of tests that were run */
    size_t n_failed;
};

/* Where the test of a task lies; the caller frees. */
static char *path_of(const struct testing *t, const struct task_request *q, struct err *err) {
    const char *named = args_get(t->args, "file", NULL);
    struct task *task = named ? NULL : task_describe(q, err);
    char *path = named ? xstrdup(named) : task ? task_test_path(q, task) : NULL;
    if (task && !path) {
        err_set(err, ERR_NOT_FOUND, "task '%s' is built into the program, which holds no tests",
            q->name);
        err_hint(err, "--tasks names the library as a folder, --file a test");
    }
    task_free(task);
    return path;
}

/* ---- freezing ---- */

static bool freeze(
    struct testing *t, const struct task_request *q, unsigned long n, struct err *err) {
    struct strbuf text = { 0 };
    char *path = path_of(t, q, err);
    bool ok = path != NULL;
    if (ok && file_exists(path) && !args_has(t->args, "force")) {
        ok = err_set(err, ERR_USAGE, "'%s' is there already", path);
        err_hint(err, "--force replaces it");
    }
    if (ok && !task_freeze(q, n, &text, err)) {
        ok = err_wrap(err, "cannot freeze");
    }
    ok = ok && file_write_atomic(path, strbuf_str(&text), text.len, err);
    if (ok && args_has(t->args, "json")) {
        json_t *document = json_pack("{s:s, s:s}", "schema", "assay.task-freeze/1", "file", path);
        print_document(document, true);
        json_decref(document);
    } else if (ok) {
        printf("%s: written; 'assay task test %s' runs it\n", path, q->name);
    }
    free(path);
    strbuf_release(&text);
    return ok;
}

/* ---- testing ---- */

static void print_side(const char *label, const json_t *v) {
    char *text = json_text(v, JSON_ENCODE_ANY | JSON_COMPACT),
         *plain = printable(text ? text : "?", 1000);
    printf("    %-9s %s\n", label, plain);
    free(plain);
    free(text);
}

static void print_difference(const char *task, const json_t *d) {
    const json_t *at = json_object_get(d, "at");
    printf("  %s: document %lld: %s differs", task, json_get_int(d, "document", 0),
        json_get_string(d, "field", ""));
    if (at) {
        printf(" at character %lld", (long long)json_integer_value(at));
    }
    puts("");
    print_side("expected", json_object_get(d, "expected"));
    print_side("got", json_object_get(d, "got"));
}

static void print_report(const json_t *report) {
    const json_t *differences = json_object_get(report, "differences"), *d;
    const char *task = json_get_string(report, "task", "");
    size_t i, n = json_array_size(differences);
    long long docs = json_get_int(report, "documents", 0);
    if (n == 0) {
        printf("ok    %s: %lld documents as they were\n", task, docs);
        return;
    }
    printf("FAIL  %s: %zu of %lld documents differ from %s\n", task, n, docs,
        json_get_string(report, "file", ""));
    json_array_foreach(differences, i, d) {
        print_difference(task, d);
    }
}

/* `must`: a task that was named must have a test; of all the library's, those are run that have. */
static bool test(struct testing *t, const struct task_request *q, bool must, struct err *err) {
    json_t *report = NULL;
    char *path = path_of(t, q, err);
    if (path && !must && !file_exists(path)) {
        free(path);
        return true;
    }
    bool ok = path != NULL;
    if (ok && !file_exists(path)) {
        ok = err_set(err, ERR_NOT_FOUND, "task '%s' has no test: there is no '%s'", q->name, path);
        err_hint(err, "assay task test %s --freeze 5 writes one", q->name);
    }
    ok = ok && task_test(q, path, &report, err);
    if (ok) {
        t->n_failed += json_array_size(json_object_get(report, "differences")) > 0;
        json_array_append(t->reports, report);
        if (!args_has(t->args, "json")) {
            print_report(report);
        }
    }
    json_decref(report);
    free(path);
    return ok;
}

static bool act(struct testing *t, const char *name, bool must, struct err *err) {
    struct task_request q;
    unsigned long n;
    if (!task_request_from_args(&q, t->args, name, err) ||
        !args_get_uint(t->args, "freeze", 0, 10000, &n, err)) {
        return false;
    }
    if (args_has(t->args, "freeze")) {
        return n ? freeze(t, &q, n, err)
                 : err_set(err, ERR_USAGE, "--freeze needs at least one row");
    }
    return test(t, &q, must, err);
}

/* Tasks of the library by a glob; NULL: all of them. */
static bool act_on_library(struct testing *t, const char *glob, struct err *err) {
    json_t *list = task_list(task_library_dir(args_get(t->args, "tasks", NULL)), task_files, err);
    bool ok = list != NULL;
    size_t i, n = 0;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        const char *name = json_get_string(entry, "name", "");
        if (ok && (!glob || fnmatch(glob, name, 0) == 0)) {
            n++;
            ok = act(t, name, false, err);
        }
    }
    json_decref(list);
    return ok && (n || err_set(err, ERR_NOT_FOUND, "no task of the library is like '%s'", glob));
}

static bool act_on_operand(struct testing *t, const char *operand, struct err *err) {
    return strpbrk(operand, "*?[") ? act_on_library(t, operand, err) : act(t, operand, true, err);
}

static bool finish(const struct testing *t, struct err *err) {
    size_t n = json_array_size(t->reports);
    if (args_has(t->args, "freeze")) {
        return true;
    }
    if (args_has(t->args, "json")) {
        json_t *document =
            json_pack("{s:s, s:O}", "schema", "assay.task-tests/1", "tests", t->reports);
        print_document(document, true);
        json_decref(document);
    }
    if (n == 0) {
        return err_set(err, ERR_NOT_FOUND, "none of these tasks has a test");
    }
    return t->n_failed == 0 ||
           err_set(err, ERR_NEGATIVE, "%zu of %zu tests failed", t->n_failed, n);
}

static bool run(const struct args *args, struct err *err) {
    struct testing t = { .args = args, .reports = json_array() };
    bool ok = true;
    if (args->n_operands == 0 && args_has(args, "freeze")) {
        ok = err_set(err, ERR_USAGE, "--freeze needs a task");
    } else if (args->n_operands == 0) {
        ok = act_on_library(&t, NULL, err);
    }
    for (unsigned i = 0; ok && i < args->n_operands; i++) {
        ok = act_on_operand(&t, args->operands[i], err);
    }
    ok = ok && finish(&t, err);
    json_decref(t.reports);
    return ok;
}

const struct command cmd_task_test = {
    .name = "task test",
    .operands = "[TASK...]",
    .summary = "hold a task's prompts against those of frozen rows",
    .details =
        "A test is a file of JSON lines, <task>.test.jsonl beside the task file: rows of the\n"
        "task's data, and the prompts, choices and right answers that the task made of them. It\n"
        "needs no data set and no model, so that a change of a task's functions shows at once,\n"
        "anywhere. Without an operand, every task of the library that has one. Exit code 10 if\n"
        "a document differs, with the field and the character.\n\n"
        "  assay task test ./my_task.lua --freeze 5         write it\n"
        "  assay task test ./my_task.lua                    run it\n"
        "  assay task test 'arc_*' --tasks ./tasks\n",
    .options = { options_test, options_library },
    .max_operands = ARGS_MAX_VALUES,
    .run = run,
};
