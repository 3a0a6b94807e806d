/* Tasks by name, glob, path and suite (see tasks.h). */
#include "evaluator/cli/tasks.h"

#include <stdint.h>

#include "base/mem.h"
#include "evaluator/cli/expand.h"
#include "evaluator/eval/eval.h"
#include "evaluator/hub/hub.h"
#include "evaluator/task/library.h"

const struct option options_tasks[] = {
    { "task", 't', "T",
        "a task: a name, a glob, or the path of a .lua file (may be repeated, or a comma list)" },
    { "suite", 's', "S", "all tasks of a suite" },
    { "limit", 'l', "N", "the first N documents of each task, or of each of its subsets" },
    { "shots", 'n', "K", "examples before each question" },
    { "seed", 0, "N", "seed of the draws (default: the protocol's)" },
    { "bootstrap", 0, "N",
        "resamples for the errors of perplexities, mcc and f1 (default: 1000; lm-eval's own: "
        "100000)" },
    { "subset", 0, "A,B", "only these subsets, in this order" },
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones" },
    OPTION_STREAM_DATA,
    { NULL, 0, NULL, NULL },
};

const struct option options_library[] = {
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones" },
    { NULL, 0, NULL, NULL },
};

static bool open_data(
    const char *repo, const char *revision, void *arg, struct task_data *data, struct err *err) {
    struct hub_data_request q = {
        .hub = args_get(arg, "hub", NULL), .repo = repo, .revision = revision
    };
    return hub_stream_parse(args_get(arg, "stream-data", NULL), &q.stream, err) &&
           task_data_fetch(&q, data, err);
}

bool task_request_from_args(
    struct task_request *request, const struct args *args, const char *name, struct err *err) {
    unsigned long shots;
    if (!args_get_uint(args, "shots", 0, 1000, &shots, err)) {
        return false;
    }
    *request = (struct task_request)TASK_REQUEST_INIT;
    task_library_fill(request, args_get(args, "tasks", NULL));
    request->name = name;
    request->shots = args_has(args, "shots") ? (int)shots : -1;
    request->open = open_data;
    request->resolve_arg = (void *)(uintptr_t)args;
    return true;
}

struct task *task_describe_named(const struct args *args, const char *name, struct err *err) {
    struct task_request r = TASK_REQUEST_INIT;
    task_library_fill(&r, args_get(args, "tasks", NULL));
    r.name = name;
    return task_describe(&r, err);
}

/* The options that go to every task alike. */
static bool add_settings(json_t *tasks, const struct args *args, struct err *err) {
    static const char *const NUMBERS[] = { "limit", "shots", "seed", "bootstrap" };
    json_t *subsets = json_array();
    for (unsigned i = 0;; i++) {
        char *item = args_item(args, "subset", i);
        if (!item) {
            break;
        }
        json_array_append_new(subsets, json_string(item));
        free(item);
    }
    unsigned long resamples;
    bool ok = args_get_uint(args, "bootstrap", EVAL_BOOTSTRAP, 10000000, &resamples, err) &&
              (resamples >= 100 ||
                  err_set(err, ERR_USAGE, "option '--bootstrap' needs at least 100 resamples"));
    size_t i;
    json_t *task;
    json_array_foreach(tasks, i, task) {
        for (size_t k = 0; ok && k < sizeof NUMBERS / sizeof *NUMBERS; k++) {
            unsigned long v;
            ok = args_get_uint(args, NUMBERS[k], 0, UINT32_MAX, &v, err);
            if (ok && args_has(args, NUMBERS[k])) {
                json_object_set_new(task, NUMBERS[k], json_integer((json_int_t)v));
            }
        }
        if (args_has(args, "profile")) {
            json_object_set_new(task, "profile", json_string(args_get(args, "profile", "")));
        }
        if (json_array_size(subsets)) {
            json_object_set(task, "subsets", subsets);
        }
    }
    json_decref(subsets);
    return ok;
}

/* Takes the tasks out of an expansion, with their settings. */
static json_t *take_tasks(struct expansion *e, bool ok, struct err *err) {
    json_t *out = ok && add_settings(e->tasks, e->args, err) ? json_incref(e->tasks) : NULL;
    expansion_release(e);
    return out;
}

json_t *tasks_of_suite(
    const struct args *args, const char *suite, json_t **definition, struct err *err) {
    struct expansion e;
    if (definition) {
        *definition = NULL;
    }
    bool ok = expansion_init(&e, args, err) && expand_suite(&e, suite, definition, err);
    return take_tasks(&e, ok, err);
}

/* Everything that --task and --suite name. */
static bool expand_args(struct expansion *e, const struct args *args, struct err *err) {
    bool ok = expansion_init(e, args, err);
    char *name;
    for (unsigned i = 0; ok && (name = args_item(args, "task", i)); i++) {
        ok = expand_task(e, name, err);
        free(name);
    }
    for (unsigned i = 0; ok && (name = args_item(args, "suite", i)); i++) {
        ok = expand_suite(e, name, NULL, err);
        free(name);
    }
    return ok;
}

json_t *tasks_from_args(const struct args *args, struct err *err) {
    struct expansion e;
    bool ok = expand_args(&e, args, err);
    if (ok && json_array_size(e.tasks) == 0) {
        ok = err_set(err, ERR_USAGE, "no task given");
        err_hint(
            err, "name one with --task T, or a suite with --suite S; 'assay task ls' lists them");
    }
    return take_tasks(&e, ok, err);
}

json_t *suites_from_args(const struct args *args, struct err *err) {
    struct expansion e;
    json_t *trees = expand_args(&e, args, err) ? json_incref(e.trees) : NULL;
    expansion_release(&e);
    return trees;
}
