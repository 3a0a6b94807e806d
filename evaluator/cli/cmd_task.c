/* assay task ls | show, and suite ls | show. */
#include "base/log.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/task/library.h"

/* ---- ls ---- */

static void add_row(struct table *t, const struct task_info *info, bool suites) {
    table_cell(t, info->name);
    table_cellf(t, "%lld", info->version);
    if (suites) {
        table_cellf(t, "%zu", info->tasks.n);
        table_cell(t, info->mean);
    } else {
        table_cell(t, task_kind_name(info->kind));
        table_cell(t, info->main);
        table_cell(t, info->data_repo);
    }
}

static json_t *entry_json(const struct task_info *info, bool suites) {
    json_t *o = json_pack("{s:s, s:I, s:s}", "name", info->name, "version",
        (json_int_t)info->version, "task_sha256", info->task_sha256);
    if (suites) {
        json_object_set_new(o, "tasks", json_integer((json_int_t)info->tasks.n));
    } else {
        json_object_set_new(o, "kind", json_string(task_kind_name(info->kind)));
        json_object_set_new(o, "main", info->main ? json_string(info->main) : json_null());
        json_object_set_new(
            o, "data", info->data_repo ? json_string(info->data_repo) : json_null());
    }
    return o;
}

static void print_listed(struct table *t, json_t *listed, bool suites, bool json) {
    if (!json) {
        table_print(t, false);
        json_decref(listed);
        return;
    }
    table_free(t);
    json_t *document = json_pack("{s:s, s:o}", "schema",
        suites ? "assay.suites/1" : "assay.tasks/1", suites ? "suites" : "tasks", listed);
    print_document(document, true);
    json_decref(document);
}

/* Names of the library whose description is (or isn't) a suite's. A file that can't be described is
 * said and left out. */
static bool list_kind(const struct args *args, bool suites, struct err *err) {
    json_t *list = task_list(task_library_dir(args_get(args, "tasks", NULL)), task_files, err),
           *entry;
    if (!list) {
        return false;
    }
    struct table *t = suites ? table_new("Suite", ">Version", ">Tasks", "Mean", NULL)
                             : table_new("Task", ">Version", "Kind", "Metric", "Data", NULL);
    json_t *listed = json_array();
    size_t i;
    json_array_foreach(list, i, entry) {
        struct err why = ERR_INIT;
        struct task *task = task_describe_named(args, json_get_string(entry, "name", ""), &why);
        const struct task_info *info = task ? task_info(task) : NULL;
        if (!info) {
            log_line(LOG_WARN, "%s", why.msg);
        } else if ((info->kind == TASK_SUITE) == suites) {
            add_row(t, info, suites);
            json_array_append_new(listed, entry_json(info, suites));
        }
        task_free(task);
    }
    print_listed(t, listed, suites, args_has(args, "json"));
    json_decref(list);
    return true;
}

static bool run_ls(const struct args *args, struct err *err) {
    return list_kind(args, false, err);
}

static bool run_suite_ls(const struct args *args, struct err *err) {
    return list_kind(args, true, err);
}

const struct command cmd_task_ls = {
    .name = "task ls",
    .operands = "",
    .summary = "list the tasks of the library",
    .options = { options_library },
    .run = run_ls,
};

const struct command cmd_suite_ls = {
    .name = "suite ls",
    .operands = "",
    .summary = "list the suites of the library",
    .options = { options_library },
    .run = run_suite_ls,
};

/* ---- show ---- */

static bool run_show(const struct args *args, struct err *err) {
    struct task *task = task_describe_named(args, args->operands[0], err);
    if (!task) {
        return false;
    }
    const struct task_info *info = task_info(task);
    json_t *out =
        json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:O*}", "schema", "assay.task/1", "name",
            info->name, "version", (json_int_t)info->version, "kind", task_kind_name(info->kind),
            "task_sha256", info->task_sha256, "file", info->path, "fields", info->described);
    print_document(out, args_has(args, "json"));
    json_decref(out);
    task_free(task);
    return true;
}

const struct command cmd_task_show = {
    .name = "task show",
    .operands = "TASK",
    .summary = "what a task file says: data, metric, licence, identity",
    .options = { options_library },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_show,
};

const struct command cmd_suite_show = {
    .name = "suite show",
    .operands = "SUITE",
    .summary = "the tasks of a suite and how they are averaged",
    .options = { options_library },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_show,
};
