/* See submission.h. */
#include "evaluator/cli/submission.h"

#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "evaluator/cli/admission.h"
#include "evaluator/cli/report.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/hub/hub.h"

/* Refused before anything is written: what no worker could run. */
static bool check_runnable(const json_t *model, struct err *err) {
    const json_t *manifest = json_object_get(model, "manifest");
    const char *name = json_get_string(model, "name", "");
    if (!json_is_string(json_object_get(manifest, "format"))) {
        err_set(
            err, ERR_UNSUPPORTED, "'%s' has no weights as safetensors, GGUF or PyTorch's", name);
        return err_hint(
            err, "files that must be run are never fetched: ask its author for safetensors");
    }
    if (json_is_true(json_object_get(manifest, "gated")) && !getenv("HF_TOKEN")) {
        err_set(err, ERR_AUTH, "'%s' is gated", name);
        return err_hint(
            err, "accept its licence on the hub, and set HF_TOKEN here and for the workers");
    }
    return true;
}

static bool able(const json_t *model, bool embeds) {
    size_t i;
    json_t *a;
    json_array_foreach(json_object_get(json_object_get(model, "manifest"), "abilities"), i, a) {
        if (!strcmp(json_string_value(a), embeds ? "embed" : "score")) {
            return true;
        }
    }
    return false;
}

/* A suite is another one once its file or one of its tasks has changed: its board starts anew. */
static void identify_suite(json_t *suite, const json_t *tasks) {
    char hex[65];
    struct strbuf all = { 0 };
    size_t i;
    json_t *task;
    strbuf_addf(&all, "%s\n", json_get_string(suite, "sha256", ""));
    json_array_foreach(tasks, i, task) {
        strbuf_addf(&all, "%s %s\n", json_get_string(task, "name", ""),
            json_get_string(task, "sha256", ""));
    }
    sha256_hex(strbuf_str(&all), all.len, hex);
    json_object_set_new(suite, "sha256", json_string(hex));
    strbuf_release(&all);
}

json_t *submission_suite(const struct args *args, struct err *err) {
    json_t *suite = NULL, *tasks = json_array(), *wanted;
    json_t *list = tasks_of_suite(args, args_get(args, "suite", ""), &suite, err);
    bool ok = list != NULL;
    size_t i;
    json_array_foreach(list, i, wanted) {
        struct task *task =
            ok ? task_describe_named(args, json_get_string(wanted, "name", ""), err) : NULL;
        ok = task != NULL;
        if (!ok) {
            break;
        }
        json_t *described = submission_task(task, wanted);
        json_object_set_new(
            described, "embeds", json_boolean(task_kind_embeds(task_info(task)->kind)));
        json_array_append_new(tasks, described);
        task_free(task);
    }
    json_decref(list);
    if (!ok) {
        json_decref(tasks);
        json_decref(suite);
        return NULL;
    }
    identify_suite(suite, tasks);
    json_object_set_new(suite, "tasks", tasks);
    return suite;
}

/* A copy in which the tasks that can't be asked of this model are marked: they make no job. */
static json_t *suite_for(const json_t *described, const json_t *model, size_t *n_jobs) {
    json_t *suite = json_copy((json_t *)(uintptr_t)described), *tasks = json_array(), *task;
    size_t i;
    *n_jobs = 0;
    json_array_foreach(json_object_get(described, "tasks"), i, task) {
        bool skip = !able(model, json_get_bool(task, "embeds", false));
        json_t *marked = json_copy(task);
        json_object_set_new(marked, "skip", json_boolean(skip));
        json_object_del(marked, "embeds");
        json_array_append_new(tasks, marked);
        *n_jobs += !skip;
    }
    json_object_set_new(suite, "tasks", tasks);
    return suite;
}

static bool refuse_unable(const json_t *suite, const char *model, struct err *err) {
    err_set(err, ERR_UNSUPPORTED, "none of the tasks of suite '%s' can be asked of '%s'",
        json_get_string(suite, "name", ""), model);
    return err_hint(
        err, "embedding tasks need sentence-transformers modules, the others a language model");
}

json_t *submission_make(const struct args *args, const char *name, const json_t *described,
    const struct submission_by *by, struct err *err) {
    size_t n_jobs = 0;
    json_t *model = by->model ? json_incref((json_t *)(uintptr_t)by->model)
                              : submission_model(args_get(args, "hub", NULL), name, NULL, err);
    json_t *made = NULL;
    bool ok = model && check_runnable(model, err);
    json_t *suite = ok ? suite_for(described, model, &n_jobs) : NULL;
    if (ok && (n_jobs || refuse_unable(suite, name, err))) {
        made = json_pack("{s:s, s:i, s:O, s:O, s:O*}", "submitter", by->submitter, "priority",
            by->priority, "model", model, "suite", suite, "config", by->config);
    }
    struct admission_by admission = {
        .db = by->db, .policy = by->policy, .look_only = by->look_only
    };
    if (made && !admission_check(args, &admission, made, err)) {
        json_decref(made);
        made = NULL;
    }
    json_decref(suite);
    json_decref(model);
    return made;
}
