/* Tasks by name, glob, path and suite (see tasks.h). */
#include "evaluator/cli/tasks.h"

#include <fnmatch.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/hub/hub.h"
#include "evaluator/task/library.h"

const struct option options_tasks[] = {
    { "task", 't', "T",
        "a task: a name, a glob, or the path of a .lua file (may be repeated, or a comma list)" },
    { "suite", 's', "S", "all tasks of a suite" },
    { "limit", 'l', "N", "the first N documents of each task" },
    { "shots", 'n', "K", "examples before each question" },
    { "seed", 0, "N", "seed of the draws (default: the protocol's)" },
    { "subset", 0, "A,B", "only these subsets, in this order" },
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones" },
    { NULL, 0, NULL, NULL },
};

static bool is_path(const char *name) {
    size_t n = strlen(name);
    return name[0] == '.' || name[0] == '/' || (n > 4 && !strcmp(name + n - 4, ".lua"));
}

/* ERR_NOT_FOUND for a name that the library doesn't have. */
static bool refuse_unknown(const json_t *list, const char *name, struct err *err) {
    const char *nearest = NULL;
    unsigned best = 4;
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        unsigned d = edit_distance(name, json_get_string(entry, "name", ""), 3);
        if (d < best) {
            best = d;
            nearest = json_get_string(entry, "name", "");
        }
    }
    err_set(err, ERR_NOT_FOUND, "unknown task '%.100s'", name);
    return nearest ? err_hint(err, "did you mean '%s'? 'assay task ls' lists all", nearest)
                   : err_hint(err, "'assay task ls' lists all");
}

static void add_task(json_t *out, const char *name, bool of_suite) {
    size_t i;
    json_t *entry;
    json_array_foreach(out, i, entry) {
        if (!strcmp(json_get_string(entry, "name", ""), name)) {
            return;
        }
    }
    json_array_append_new(out, json_pack("{s:s, s:b}", "name", name, "of_suite", (int)of_suite));
}

/* A name, a glob or a path, as one or several entries. */
static bool add_named(
    json_t *out, const json_t *list, const char *name, bool of_suite, struct err *err) {
    if (is_path(name)) {
        add_task(out, name, of_suite);
        return true;
    }
    bool any = false;
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        const char *known = json_get_string(entry, "name", "");
        if (fnmatch(name, known, 0) == 0) {
            add_task(out, known, of_suite);
            any = true;
        }
    }
    return any || refuse_unknown(list, name, err);
}

struct task *task_describe_named(const struct args *args, const char *name, struct err *err) {
    struct task_request r = TASK_REQUEST_INIT;
    task_library_fill(&r, args_get(args, "tasks", NULL));
    r.name = name;
    return task_describe(&r, err);
}

static bool add_suite(json_t *out, const json_t *list, const struct args *args, const char *name,
    json_t **definition, struct err *err) {
    struct task *suite = task_describe_named(args, name, err);
    if (!suite) {
        return false;
    }
    const struct task_info *info = task_info(suite);
    bool ok = info->kind == TASK_SUITE ||
              err_set(err, ERR_USAGE, "'%s' is a task, not a suite: use --task", name);
    for (size_t i = 0; ok && i < info->tasks.n; i++) {
        ok = add_named(out, list, info->tasks.items[i], true, err);
    }
    if (ok && definition) {
        *definition = json_pack("{s:s, s:I, s:s, s:O*}", "name", info->name, "version",
            (json_int_t)info->version, "sha256", info->task_sha256, "definition", info->described);
    }
    task_free(suite);
    return ok;
}

/* The options that go to every task alike. */
static bool add_settings(json_t *tasks, const struct args *args, struct err *err) {
    static const char *const NUMBERS[] = { "limit", "shots", "seed" };
    json_t *subsets = json_array();
    for (unsigned i = 0;; i++) {
        char *item = args_item(args, "subset", i);
        if (!item) {
            break;
        }
        json_array_append_new(subsets, json_string(item));
        free(item);
    }
    bool ok = true;
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

static json_t *library_of(const struct args *args, struct err *err) {
    return task_list(task_library_dir(args_get(args, "tasks", NULL)), task_files, err);
}

json_t *tasks_of_suite(
    const struct args *args, const char *suite, json_t **definition, struct err *err) {
    json_t *list = library_of(args, err), *out = json_array();
    if (definition) {
        *definition = NULL;
    }
    bool ok =
        list && add_suite(out, list, args, suite, definition, err) && add_settings(out, args, err);
    json_decref(list);
    if (!ok) {
        json_decref(out);
        out = NULL;
    }
    return out;
}

json_t *tasks_from_args(const struct args *args, struct err *err) {
    static const char *const KINDS[] = { "task", "suite" };
    json_t *list = library_of(args, err), *out = json_array();
    bool ok = list != NULL;
    for (int kind = 0; ok && kind < 2; kind++) {
        for (unsigned i = 0; ok; i++) {
            char *name = args_item(args, KINDS[kind], i);
            if (!name) {
                break;
            }
            ok = kind == 0 ? add_named(out, list, name, false, err)
                           : add_suite(out, list, args, name, NULL, err);
            free(name);
        }
    }
    if (ok && json_array_size(out) == 0) {
        ok = err_set(err, ERR_USAGE, "no task given");
        err_hint(
            err, "name one with --task T, or a suite with --suite S; 'assay task ls' lists them");
    }
    ok = ok && add_settings(out, args, err);
    json_decref(list);
    if (!ok) {
        json_decref(out);
        out = NULL;
    }
    return out;
}
