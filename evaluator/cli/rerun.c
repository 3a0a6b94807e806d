/* See rerun.h. */
#include "evaluator/cli/rerun.h"

#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "evaluator/cli/stop.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/hub/hub.h"
#include "evaluator/task/library.h"
#include "evaluator/worker/worker.h"

const struct option options_rerun[] = {
    { "model", 0, "MODEL", "where the model lies now (it must be the one of the record)" },
    { "task-file", 0, "FILE", "where the task file lies now (it must be the one of the record)" },
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones" },
    { "hub", 0, "DIR|URL",
        "where org/name is found: a mirror tree or a hub (default: HF_ENDPOINT)" },
    OPTION_STREAM_DATA,
    { "device", 'd', "DEVICE", "auto, cpu, cuda or cuda:N" },
    { "threads", 'j', "N", "threads (default: the processors that may be used)" },
    { "max-mem", 0, "MIB", "ceiling for the model's weights, keys, values and activations" },
    { "weights", 0, "FORM",
        "auto, expanded or file: whether matrices are expanded in memory, or read from the file "
        "whenever they are used (auto: expanded as far as memory goes)" },
    { NULL, 0, NULL, NULL },
};

void rerun_release(struct rerun *r) {
    json_decref(r->result);
    free(r->samples);
    free(r->model);
    *r = (struct rerun) { 0 };
}

/* ---- what the record says ---- */

/* The model at its commit, or the path where a local one lay. The caller frees. */
static char *model_of(const struct args *args, const struct evidence *e) {
    const char *named = args_get(args, "model", NULL),
               *model = json_get_string(e->result, "model", "");
    const char *path = json_get_string(e->row, "model_path", NULL);
    bool hub =
        e->row ? !strcmp(json_get_string(e->row, "model_kind", ""), "hub") : !hub_is_path(model);
    struct strbuf out = { 0 };
    if (named || !hub) {
        return xstrdup(named ? named : path ? path : model);
    }
    strbuf_addf(&out, "%.*s@%s", (int)strcspn(model, "@"), model,
        json_get_string(e->result, "revision", ""));
    return strbuf_take(&out);
}

/* What follows -t in the command that the record has. */
static const char *task_of_command(const struct evidence *e) {
    const json_t *command = json_object_get(json_object_get(e->row, "record"), "command"), *word;
    size_t i;
    json_array_foreach(command, i, word) {
        const char *text = json_string_value(word);
        if (text && !strcmp(text, "-t")) {
            return json_string_value(json_array_get(command, i + 1));
        }
    }
    return NULL;
}

static const char *task_of(const struct args *args, const struct evidence *e) {
    const char *file = args_get(args, "task-file", NULL);
    const char *path = json_get_string(e->result, "task_path", task_of_command(e));
    return file ? file : path && file_exists(path) ? path : json_get_string(e->result, "task", "");
}

/* A record without these could be of anything. */
static bool is_whole(const struct evidence *e, struct err *err) {
    static const char *const FIELDS[] = { "model", "revision", "task", "task_sha256", "data_sha256",
        "dtype", "profile" };
    if (!strcmp(json_get_string(e->result, "device", ""), "remote")) {
        err_set(err, ERR_UNSUPPORTED,
            "%s is of a remote model: nobody can say that the same one answers now", e->name);
        return err_hint(err, "'assay eval' asks it anew, with --no-cache what is known as well");
    }
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        if (!*json_get_string(e->result, FIELDS[i], "")) {
            return err_set(err, ERR_INPUT, "%s does not say its '%s': it cannot be done again",
                e->name, FIELDS[i]);
        }
    }
    return true;
}

static bool is_same_task(
    const struct args *args, const struct evidence *e, const char *name, struct err *err) {
    const char *was = json_get_string(e->result, "task_sha256", "");
    struct task *task = task_describe_named(args, name, err);
    bool same = task && !strcmp(task_info(task)->task_sha256, was);
    if (task && !same) {
        err_set(err, ERR_INPUT,
            "%s: task '%s' is not the one of the record: task_sha256 is %.12s, the record says "
            "%.12s",
            e->name, name, task_info(task)->task_sha256, was);
        err_hint(err,
            "--task-file or --tasks name the task as it was; a task is its file, what that "
            "includes, and its kind's protocol");
    }
    task_free(task);
    return same;
}

/* ---- the job ---- */

static json_t *task_spec(const struct evidence *e, const char *name) {
    static const char *const COPIED[] = { "limit", "shots", "seed", "bootstrap", "profile",
        "task_sha256", "data_sha256" };
    json_t *task = json_pack("{s:s}", "name", name);
    for (size_t i = 0; i < sizeof COPIED / sizeof *COPIED; i++) {
        json_t *v = json_object_get(e->result, COPIED[i]);
        if (v && !json_is_null(v)) {
            json_object_set(task, COPIED[i], v);
        }
    }
    json_t *subsets = json_object_get(json_object_get(e->result, "settings"), "subsets");
    if (subsets) {
        json_object_set(task, "subsets", subsets);
    }
    return task;
}

/* A description of the architecture that was given must still be that one. */
static bool check_arch(const struct evidence *e, const json_t *settings, struct err *err) {
    const char *arch = json_get_string(settings, "arch", NULL),
               *was = json_get_string(settings, "arch_sha256", "");
    char hex[65];
    return !arch || (sha256_file(arch, hex, err) &&
                        (!strcmp(hex, was) ||
                            err_set(err, ERR_INPUT,
                                "%s: '%s' is not the one of the record: it is %.12s, the record "
                                "says %.12s",
                                e->name, arch, hex, was)));
}

static void set_text(json_t *spec, const char *key, const char *text) {
    if (text) {
        json_object_set_new(spec, key, json_string(text));
    }
}

static json_t *make_spec(const struct args *args, const struct evidence *e, const char *model,
    const char *task, const json_t *only) {
    const json_t *settings = json_object_get(e->result, "settings");
    json_t *spec = json_pack("{s:s, s:[o], s:b, s:b, s:O}", "model", model, "tasks",
        task_spec(e, task), "samples", 1, "revision_checked", 1, "revision",
        json_object_get(e->result, "revision"));
    json_object_set_new(spec, "packs", json_false()); /* evidence rests on the model's own files */
    set_text(spec, "dtype", json_get_string(e->result, "dtype", NULL));
    set_text(spec, "device", args_get(args, "device", NULL));
    set_text(spec, "weights", args_get(args, "weights", NULL));
    set_text(spec, "hub", args_get(args, "hub", NULL));
    set_text(spec, "stream_data", args_get(args, "stream-data", NULL));
    set_text(spec, "tasks_dir", task_library_dir(args_get(args, "tasks", NULL)));
    set_text(spec, "template", json_get_string(e->result, "template", NULL));
    set_text(spec, "add_bos", json_get_string(e->result, "add_bos", NULL));
    set_text(spec, "gemm", json_get_string(settings, "gemm", NULL));
    set_text(spec, "arch", json_get_string(settings, "arch", NULL));
    if (json_get_int(settings, "tensor_parallel", 1) > 1) { /* sums of so many devices */
        json_object_set(spec, "tensor_parallel", json_object_get(settings, "tensor_parallel"));
    }
    set_text(spec, "base_revision", json_get_string(e->result, "base_revision", NULL));
    json_object_set_new(
        spec, "threads", json_integer(strtol(args_get(args, "threads", "0"), NULL, 10)));
    json_object_set_new(
        spec, "max_mem_mb", json_integer(strtol(args_get(args, "max-mem", "0"), NULL, 10)));
    if (only) {
        json_object_set(spec, "only", (json_t *)(uintptr_t)only);
    }
    return spec;
}

/* ---- running it ---- */

struct running {
    struct rerun *r;
    struct progress_series progress;
    const atomic_bool *stop;
};

static bool keep_going(void *arg) {
    const struct running *run = arg;
    return !atomic_load(run->stop);
}

static void show(const char *label, uint64_t done, uint64_t total, void *arg) {
    struct running *run = arg;
    progress_series_set(&run->progress, label, done, total, "tok");
}

static bool take(const json_t *result, const char *samples, size_t n, void *arg, struct err *err) {
    struct rerun *r = ((struct running *)arg)->r;
    if (r->result) {
        return err_set(err, ERR_CRASH, "the job's process sent more than one result");
    }
    r->result = json_incref((json_t *)(uintptr_t)result);
    r->samples = xstrndup(samples, n);
    r->samples_n = n;
    return true;
}

bool rerun(struct rerun *r, const struct args *args, const struct evidence *e, const json_t *only,
    struct err *err) {
    struct running running = { .r = r, .stop = stop_on_signals() };
    struct child_watch watch = {
        .tick = keep_going, .progress = show, .result = take, .arg = &running
    };
    const char *task = task_of(args, e);
    *r = (struct rerun) { 0 };
    if (!evidence_is_measured(e, err) || !is_whole(e, err) || !is_same_task(args, e, task, err) ||
        !check_arch(e, json_object_get(e->result, "settings"), err)) {
        return false;
    }
    r->model = model_of(args, e);
    json_t *spec = make_spec(args, e, r->model, task, only);
    bool ok = child_run(spec, &watch, err);
    progress_series_end(&running.progress);
    json_decref(spec);
    ok = ok && (r->result || err_set(err, ERR_CRASH, "the job's process ended without a result"));
    if (!ok) {
        rerun_release(r);
        err_wrap(err, "%s", e->name);
    }
    return ok;
}
