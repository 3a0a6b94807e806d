/* See suites.h. */
#include "evaluator/cli/suites.h"

#include <string.h>

#include "db/db.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/task/library.h"

json_t *suites_of_library(const struct args *args, struct err *err) {
    json_t *names = json_array(), *entry;
    json_t *list = task_list(task_library_dir(args_get(args, "tasks", NULL)), task_files, err);
    size_t i;
    json_array_foreach(list, i, entry) {
        if (strstr(json_get_string(entry, "file", ""), "suite/")) {
            json_array_append_new(names, json_string(json_get_string(entry, "name", "")));
        }
    }
    if (!list) {
        json_decref(names);
        names = NULL;
    }
    json_decref(list);
    return names;
}

/* A suite's file may lie anywhere in the library; a path is no suite's name. */
static bool in_library(const struct args *args, const char *name) {
    struct err ignored = ERR_INIT;
    struct task *task = task_is_path(name) ? NULL : task_describe_named(args, name, &ignored);
    bool suite = task && task_info(task)->kind == TASK_SUITE;
    task_free(task);
    return suite;
}

/* The suites of the database: [{"name"}], as the library's list has it; the caller's. */
static json_t *submitted_suites(struct db *db, struct err *err) {
    struct rows rows = { 0 };
    json_t *names = json_array();
    if (!db_query(db, "site_suites", DB_NO_ARGS, &rows, err)) {
        json_decref(names);
        return NULL;
    }
    for (int i = 0; i < rows.n; i++) {
        json_array_append_new(names, json_pack("{s:s}", "name", rows_text(&rows, i, "suite")));
    }
    rows_release(&rows);
    return names;
}

static bool is_listed(const json_t *list, const char *name) {
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        if (!strcmp(json_get_string(entry, "name", ""), name)) {
            return true;
        }
    }
    return false;
}

/* The nearest of the list, if it is nearer than `best`: among tasks, those that are suites. */
static const char *nearer(const json_t *list, const char *name, const struct args *tasks_by,
    unsigned *best, const char *otherwise) {
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        const char *other = json_get_string(entry, "name", "");
        unsigned d = edit_distance(name, other, 3);
        if (d < *best && (!tasks_by || in_library(tasks_by, other))) {
            *best = d;
            otherwise = other;
        }
    }
    return otherwise;
}

static bool refuse(
    const struct args *args, const json_t *submitted, const char *name, struct err *err) {
    struct err ignored = ERR_INIT;
    json_t *tasks =
        task_list(task_library_dir(args_get(args, "tasks", NULL)), task_files, &ignored);
    unsigned best = 4;
    const char *nearest = nearer(submitted, name, NULL, &best, NULL);
    nearest = nearer(tasks, name, args, &best, nearest);
    err_set(err, ERR_USAGE, "there is no suite '%.100s' to keep private", name);
    if (nearest) {
        err_hint(err, "did you mean '%s'? 'assay suite ls' lists the library's", nearest);
    } else {
        err_hint(err, "'assay suite ls' lists the library's");
    }
    json_decref(tasks);
    return false;
}

bool suites_check_closed(
    const struct args *args, struct db *db, const char *const *names, struct err *err) {
    json_t *submitted = NULL;
    bool ok = true;
    for (; ok && *names; names++) {
        if (in_library(args, *names)) {
            continue; // the database's list may be none of this user's to read
        }
        submitted = submitted ? submitted : submitted_suites(db, err);
        ok = submitted && (is_listed(submitted, *names) || refuse(args, submitted, *names, err));
    }
    json_decref(submitted);
    return ok;
}

bool suites_check_closed_in(
    const struct args *args, const json_t *snapshot, const char *const *names, struct err *err) {
    json_t *submitted = json_array(), *suite;
    size_t i;
    bool ok = true;
    json_array_foreach(json_object_get(snapshot, "suites"), i, suite) {
        json_array_append_new(
            submitted, json_pack("{s:s}", "name", json_get_string(suite, "suite", "")));
    }
    for (; ok && *names; names++) {
        ok = in_library(args, *names) || is_listed(submitted, *names) ||
             refuse(args, submitted, *names, err);
    }
    json_decref(submitted);
    return ok;
}
