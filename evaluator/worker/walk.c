/* A process for a job (see walk.h). */
#include "evaluator/worker/walk.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* ---- what a process is told ---- */

static json_t *task_spec(const char *name, const char *sha256, const json_t *config) {
    json_t *task = json_pack("{s:s, s:I, s:I, s:I, s:s, s:s}", "name", name, "limit",
        (json_int_t)json_get_int(config, "limit", 0), "shots",
        (json_int_t)json_get_int(config, "shots", -1), "seed",
        (json_int_t)json_get_int(config, "seed", 0), "profile",
        json_get_string(config, "profile", "lm-eval/0.4.13"), "task_sha256", sha256);
    if (json_get_int(config, "seed", 0) == 0) {
        json_object_del(task, "seed"); /* 0 in a configuration means the protocol's own */
    }
    return task;
}

static void set_text(json_t *spec, const char *key, const char *text) {
    json_object_set_new(spec, key, text ? json_string(text) : json_null());
}

static void set_model(json_t *spec, const struct job *job) {
    bool from_hub = strcmp(job->kind, "hub") == 0;
    struct strbuf model = { 0 };
    if (from_hub) {
        strbuf_addf(&model, "%s@%s", job->model, job->commit);
    } else {
        strbuf_adds(&model, json_get_string(job->manifest, "path", job->model));
    }
    set_text(spec, "model", strbuf_str(&model));
    set_text(spec, "revision", job->commit);
    json_object_set_new(spec, "revision_checked", json_boolean(!from_hub));
    strbuf_release(&model);
}

static json_t *make_spec(const struct worker_options *o, const struct job *job) {
    const char *precision = json_get_string(job->config, "precision", "auto");
    json_t *spec = json_pack("{s:[o], s:s, s:s, s:b, s:b, s:b, s:i, s:i}", "tasks",
        task_spec(job->task, job->task_sha256, job->config), "dtype",
        strcmp(precision, "auto") ? precision
        : o->dtype                ? o->dtype
                                  : "auto",
        "device", o->device ? o->device : "auto", "samples", 1, "admit", 1, "prints", 1, "threads",
        (int)o->threads, "memory_mb", (int)o->memory_mb);
    if (o->tensor_parallel > 1) {
        json_object_set_new(spec, "tensor_parallel", json_integer(o->tensor_parallel));
    }
    const char *template = json_get_string(job->config, "template", "auto");
    if (strcmp(template, "auto")) {
        set_text(spec, "template", template);
    }
    set_model(spec, job);
    set_text(spec, "hub", o->hub);
    set_text(spec, "stream_data", o->stream_data);
    set_text(spec, "tasks_dir", o->tasks_dir);
    json_object_set_new(spec, "memo",
        json_pack("{s:b, s:b}", "vectors", !o->no_cache, "resume", job->key.attempt > 1));
    return spec;
}

/* ---- which jobs it may be asked for ---- */

static void forget_jobs(struct walk *w) {
    for (size_t i = 0; i < w->n; i++) {
        free(w->jobs[i].task);
    }
    w->n = 0;
}

static void remember_job(struct walk *w, long long job, const char *task) {
    w->jobs[w->n].job = job;
    w->jobs[w->n].task = xstrdup(task);
    w->jobs[w->n].left_out = false;
    w->n++;
}

/* Jobs beside this one, into the spec. Without them it is a process for one job, which is no error.
 * One of them that was begun before has answers to go on from. */
static void add_beside(struct walk *w, struct db *db, const struct job *job, json_t *spec) {
    struct rows rows = { 0 };
    struct err err = ERR_INIT;
    if (strcmp(job->purpose, "eval") != 0 ||
        !db_query(db, "queue_beside", DB_ARGS(db_int(job->key.job), db_int(WALK_JOBS_MAX - 1)),
            &rows, &err)) {
        return;
    }
    for (int i = 0; i < rows.n && w->n < WALK_JOBS_MAX; i++) {
        json_t *config = rows_json(&rows, i, "config", &err);
        const char *task = rows_text(&rows, i, "task");
        json_array_append_new(json_object_get(spec, "tasks"),
            task_spec(task, rows_text(&rows, i, "task_sha256"), config));
        remember_job(w, rows_int(&rows, i, "job_id"), task);
        if (rows_int(&rows, i, "attempt") > 0) {
            json_object_set_new(json_object_get(spec, "memo"), "resume", json_true());
        }
        json_decref(config);
    }
    rows_release(&rows);
    json_object_set_new(spec, "walk", json_boolean(w->n > 1));
}

/* ---- the process ---- */

static bool find(const struct walk *w, long long job, size_t *which) {
    for (size_t i = 0; i < w->n; i++) {
        if (w->jobs[i].job == job && !w->jobs[i].left_out) {
            *which = i;
            return true;
        }
    }
    return false;
}

bool walk_to(struct walk *w, struct db *db, const struct worker_options *options,
    const struct job *job, size_t *which, struct err *err) {
    if (w->child && child_waits(w->child) && strcmp(job->purpose, "eval") == 0 &&
        find(w, job->key.job, which)) {
        w->jobs[*which].left_out =
            true; /* tried again, it gets a process that knows nothing of it */
        return true;
    }
    walk_end(w);
    json_t *spec = make_spec(options, job);
    remember_job(w, job->key.job, job->task);
    w->jobs[0].left_out = true;
    add_beside(w, db, job, spec);
    w->child = child_open(spec, options->program, &w->tail, err);
    json_decref(spec);
    *which = 0;
    return w->child != NULL;
}

void walk_skip(struct walk *w, const char *task) {
    for (size_t i = 1; i < w->n; i++) {
        if (strcmp(w->jobs[i].task, task) == 0) {
            w->jobs[i].left_out = true;
        }
    }
}

void walk_end(struct walk *w) {
    if (w->child) {
        child_close(w->child);
    }
    w->child = NULL;
    forget_jobs(w);
}
