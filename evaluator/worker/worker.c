/* The worker's loop: deliver what is spooled, claim, run the job in its child, spool, finish (see
 * worker.h and db.h). */
#include "evaluator/worker/worker.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "db/db.h"
#include "version.h"

#define HEARTBEAT_S 20.0
#define REAP_S 15.0
#define POLL_MS 2000
#define DB_AWAY_S 1800.0 /* how long the worker waits for its database */
#define DB_PAUSE_MIN_S 1.0
#define DB_PAUSE_MAX_S 30.0

struct loop {
    const struct worker_options *options;
    struct db *db;
    struct worker worker;
    char *spool;
    bool undelivered; /* something lies in the spool */
    double reaped;
    double away_since, pause_s; /* since when the database is away; 0: it is there */
};

/* One job on its way. */
struct run {
    struct loop *loop;
    struct job *job;
    double beaten;         /* when the last heartbeat went out */
    double share;          /* of the work that is done */
    bool cancelled, stale; /* why tick ended the child */
    struct progress_series progress;
    json_t *record;
    struct chunk *chunks;
    size_t n_chunks;
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool stopping(const struct loop *l) {
    return l->options->stop && atomic_load(l->options->stop);
}

/* ---- while the child runs ---- */

static bool beat(struct run *r) {
    enum queue_answer answer;
    struct err err = ERR_INIT;
    r->beaten = now_s();
    if (!queue_heartbeat(r->loop->db, r->job, r->share, &answer, &err)) {
        log_line(LOG_WARN, "heartbeat of job %lld: %s", r->job->key.job, err.msg);
        r->stale = job_ms_left(r->job) <= 0; /* until then the database may come back */
        return !r->stale;
    }
    r->cancelled = answer == QUEUE_CANCEL;
    r->stale = answer == QUEUE_STALE || answer == QUEUE_GONE;
    return !r->cancelled && !r->stale;
}

static bool tick(void *arg) {
    struct run *r = arg;
    if (stopping(r->loop)) {
        return false;
    }
    if (job_ms_left(r->job) <= 0) {
        r->stale = true; /* somebody else may have it by now */
        return false;
    }
    double every = r->job->lease_s / 4.5 < HEARTBEAT_S ? r->job->lease_s / 4.5 : HEARTBEAT_S;
    return now_s() - r->beaten < every || beat(r);
}

static void show(const char *label, uint64_t done, uint64_t total, void *arg) {
    struct run *r = arg;
    if (total) {
        r->share = (double)done / (double)total;
    }
    progress_series_set(&r->progress, label, done, total, "tok");
}

/* ---- what the child made ---- */

/* Cuts JSON lines into packed chunks. */
static bool pack_samples(struct run *r, const char *text, size_t n, struct err *err) {
    size_t capacity = 0;
    while (n) {
        int lines;
        size_t len = samples_cut(text, n, &lines);
        mem_grow(&r->chunks, &capacity, r->n_chunks + 1, sizeof *r->chunks);
        if (!chunk_pack(
                &r->chunks[r->n_chunks], (int)r->n_chunks, lines, ASSAY_BUILD, text, len, err)) {
            return false;
        }
        r->n_chunks++;
        text += len;
        n -= len;
    }
    return true;
}

static json_t *chunk_index(const struct run *r) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->n_chunks; i++) {
        json_array_append_new(list,
            json_pack("{s:i, s:s}", "chunk", r->chunks[i].number, "sha256", r->chunks[i].sha256));
    }
    return list;
}

static bool take_result(
    const json_t *result, const char *samples, size_t n, void *arg, struct err *err) {
    struct run *r = arg;
    if (r->record) {
        return err_set(err, ERR_CRASH, "the job's process sent more than one result");
    }
    if (!pack_samples(r, samples, n, err)) {
        return false;
    }
    json_t *chunks = chunk_index(r);
    const struct job *job = r->job;
    json_t *command =
        strcmp(job->kind, "hub")
            ? record_command(json_get_string(job->manifest, "path", job->model), NULL, result)
            : record_command(job->model, job->commit, result);
    r->record = record_from_result(result, chunks, command, r->job->manifest);
    json_decref(command);
    json_decref(chunks);
    return r->record || err_set(err, ERR_CRASH, "the job's process sent a result that is not one");
}

/* ---- one job ---- */

static json_t *make_spec(const struct loop *l, const struct job *job) {
    const json_t *c = job->config;
    const char *precision = json_get_string(c, "precision", "auto");
    json_t *task = json_pack("{s:s, s:I, s:I, s:I, s:s}", "name", job->task, "limit",
        (json_int_t)json_get_int(c, "limit", 0), "shots", (json_int_t)json_get_int(c, "shots", -1),
        "seed", (json_int_t)json_get_int(c, "seed", 0), "profile",
        json_get_string(c, "profile", "lm-eval/0.4.13"));
    json_object_set_new(task, "task_sha256", json_string(job->task_sha256));
    if (json_get_int(c, "seed", 0) == 0) {
        json_object_del(task, "seed"); /* 0 in a configuration means the protocol's own */
    }
    json_t *spec = json_pack("{s:[o], s:s, s:s, s:b, s:i}", "tasks", task, "dtype",
        strcmp(precision, "auto") ? precision
        : l->options->dtype       ? l->options->dtype
                                  : "auto",
        "device", l->options->device ? l->options->device : "auto", "samples", 1, "threads",
        (int)l->options->threads);
    if (l->options->tensor_parallel > 1) {
        json_object_set_new(spec, "tensor_parallel", json_integer(l->options->tensor_parallel));
    }
    struct strbuf model = { 0 };
    if (strcmp(job->kind, "hub")) {
        strbuf_adds(&model, json_get_string(job->manifest, "path", job->model));
    } else {
        strbuf_addf(&model, "%s@%s", job->model, job->commit);
    }
    json_object_set_new(spec, "model", json_string(strbuf_str(&model)));
    json_object_set_new(spec, "revision", json_string(job->commit));
    json_object_set_new(spec, "revision_checked", json_boolean(strcmp(job->kind, "hub") != 0));
    json_object_set_new(spec, "hub", l->options->hub ? json_string(l->options->hub) : json_null());
    json_object_set_new(spec, "stream_data",
        l->options->stream_data ? json_string(l->options->stream_data) : json_null());
    json_object_set_new(spec, "tasks_dir",
        l->options->tasks_dir ? json_string(l->options->tasks_dir) : json_null());
    json_object_set_new(spec, "memory_mb", json_integer(l->options->memory_mb));
    json_object_set_new(spec, "memo",
        json_pack("{s:b, s:b}", "vectors", !l->options->no_cache, "resume", job->key.attempt > 1));
    strbuf_release(&model);
    return spec;
}

/* Whether what went wrong with a finished job says something of the job: the rest is the database's
 * or this machine's, and the result stays in the spool. */
static bool of_the_job(enum err_class class) {
    return class != ERR_DB && class != ERR_NODE && class != ERR_SCHEMA && class != ERR_AUTH &&
           class != ERR_INTERRUPTED;
}

/* Spools first, so that nothing that is done gets lost; then tells the queue. */
static bool deliver(struct run *r, const char *text, struct err *err) {
    enum queue_answer answer;
    struct loop *l = r->loop;
    if (!spool_write(l->spool, &r->job->key, text, r->chunks, r->n_chunks, err)) {
        return false;
    }
    struct err why = ERR_INIT;
    if (!spool_deliver_job(l->spool, l->db, &r->job->key, &answer, &why)) {
        l->undelivered = !of_the_job(why.class); /* what is refused for good is kept aside */
        *err = why;
        return false;
    }
    log_line(LOG_INFO, "job %lld: %s on %s: %s", r->job->key.job, r->job->task, r->job->model,
        queue_answer_name(answer));
    return true;
}

/* The job failed with `why`: tells the queue. Only what concerns the worker itself is an error
 * here. */
static bool give_up(struct run *r, const struct err *why, struct err *err) {
    enum queue_answer answer;
    const struct job_key *key = &r->job->key;
    if (r->stale) {
        log_line(LOG_WARN, "job %lld: the lease is over, another worker may have it", key->job);
        return true;
    }
    if (stopping(r->loop)) {
        return queue_give_back(r->loop->db, key, &answer, err);
    }
    log_line(LOG_ERROR, "job %lld: %s on %s: %s", key->job, r->job->task, r->job->model, why->msg);
    struct fail_options options = { 0 };
    if (!queue_fail(r->loop->db, key, why, &options, &answer, err)) {
        return false;
    }
    if (why->class == ERR_NODE) {
        *err = *why;
        return false;
    }
    return true;
}

static bool run_job(struct loop *l, struct job *job, struct err *err) {
    struct run r = { .loop = l, .job = job, .beaten = now_s() };
    struct child_watch watch = { .tick = tick,
        .progress = show,
        .result = take_result,
        .arg = &r,
        .program = l->options->program };
    struct err why = ERR_INIT;
    log_line(LOG_INFO, "job %lld: %s on %s (attempt %d)", job->key.job, job->task, job->model,
        job->key.attempt);
    json_t *spec = make_spec(l, job);
    bool ok = child_run(spec, &watch, &why);
    progress_series_end(&r.progress);
    json_decref(spec);
    if (ok && !r.record) {
        ok = err_set(&why, ERR_CRASH, "the job's process ended without a result");
    }
    char *text = ok ? record_text(r.record, &why) : NULL;
    ok = text && deliver(&r, text, &why);
    if (!ok && text && !of_the_job(why.class)) {
        *err = why;
    } else if (!ok) {
        ok = give_up(&r, &why, err);
    }
    free(text);
    for (size_t i = 0; i < r.n_chunks; i++) {
        chunk_release(&r.chunks[i]);
    }
    free(r.chunks);
    json_decref(r.record);
    return ok;
}

/* ---- the loop ---- */

static bool deliver_spool(struct loop *l, struct err *err) {
    struct spool_counts counts = { 0 };
    if (!dir_make(l->spool, err) || !spool_deliver(l->spool, l->db, &counts, err)) {
        return false;
    }
    l->undelivered = false;
    if (counts.delivered || counts.refused) {
        log_line(LOG_INFO, "delivered %d spooled results, %d were refused", counts.delivered,
            counts.refused);
    }
    return true;
}

static bool reap_now_and_then(struct loop *l, struct err *err) {
    int n;
    if (now_s() - l->reaped < REAP_S) {
        return true;
    }
    l->reaped =
        now_s() + (double)(getpid() % 4000) / 1000.0; /* so that workers don't all do it at once */
    return queue_reap(l->db, &n, err);
}

/* *left says whether anything is queued, waiting or with another worker. */
static bool anything_left(struct loop *l, bool *left, struct err *err) {
    struct rows rows = { 0 };
    if (!db_query(l->db, "queue_stats", DB_NO_ARGS, &rows, err)) {
        return false;
    }
    *left = rows.n && rows_int(&rows, 0, "queued") + rows_int(&rows, 0, "leased") +
                              rows_int(&rows, 0, "waiting") - rows_int(&rows, 0, "held") >
                          0; /* what a person paused is not waited for */
    rows_release(&rows);
    return true;
}

/* True if the error is that the database is away and there is time left to wait for it: then it has
 * waited a little. */
static bool wait_for_database(struct loop *l, const struct err *why) {
    if (why->class != ERR_DB || l->options->once || stopping(l)) {
        return false;
    }
    if (l->away_since == 0) {
        l->away_since = now_s();
        l->pause_s = DB_PAUSE_MIN_S;
    }
    if (now_s() - l->away_since > DB_AWAY_S) {
        return false;
    }
    log_line(LOG_WARN, "%s; trying again in %.0f s", why->msg, l->pause_s);
    for (double until = now_s() + l->pause_s; now_s() < until && !stopping(l);) {
        nanosleep(&(struct timespec) { .tv_nsec = 100000000 }, NULL);
    }
    l->pause_s = l->pause_s * 2 < DB_PAUSE_MAX_S ? l->pause_s * 2 : DB_PAUSE_MAX_S;
    return true;
}

/* One turn: what lies in the spool, what others lost, a job. *found says whether there was one. */
static bool take_turn(struct loop *l, struct claim_options *claim, bool *found, struct err *err) {
    struct job job;
    if ((l->undelivered && !deliver_spool(l, err)) || !reap_now_and_then(l, err) ||
        !queue_claim(l->db, &l->worker, claim, &job, found, err)) {
        return false;
    }
    l->away_since = 0;
    if (!*found) {
        return true;
    }
    claim->resident = job.revision_id;
    bool ok = run_job(l, &job, err);
    job_release(&job);
    return ok;
}

/* Nothing to do just now: *end says whether that is the end. */
static bool idle(struct loop *l, double since, bool *end, struct err *err) {
    bool left = true;
    *end = false;
    if (l->options->drain && !anything_left(l, &left, err)) {
        return false;
    }
    *end = !left || (l->options->idle_s && now_s() - since > l->options->idle_s);
    return *end || queue_wait(l->db, POLL_MS, err);
}

static bool take_jobs(struct loop *l, struct err *err) {
    struct claim_options claim = { .memory_mb = l->options->memory_mb,
        .lease_s = l->options->lease_s };
    double idle_since = now_s();
    for (bool end = false; !end && !stopping(l);) {
        struct err why = ERR_INIT;
        bool found = false, ok = take_turn(l, &claim, &found, &why);
        if (ok && l->options->once) {
            return found || err_set(err, ERR_BUSY, "there is no job to do");
        }
        if (found) {
            idle_since = now_s();
        } else if (ok) {
            ok = idle(l, idle_since, &end, &why);
        }
        if (!ok && !wait_for_database(l, &why)) {
            *err = why;
            return stopping(l) && (why.class == ERR_DB || why.class == ERR_INTERRUPTED);
        }
    }
    return true;
}

bool worker_loop(const struct worker_options *options, struct err *err) {
    struct loop l = { .options = options };
    struct db_options db_options = { .conninfo = options->database, .stop = options->stop };
    char *home = assay_home(err);
    l.db = home ? db_open(&db_options, err) : NULL;
    l.spool = home ? path_join(home, "spool") : NULL;
    worker_init(&l.worker);
    json_t *info = json_pack("{s:i, s:s}", "pid", (int)getpid(), "build", ASSAY_BUILD);
    bool ok = l.db && worker_register(l.db, &l.worker, ASSAY_BUILD, info, err) &&
              deliver_spool(&l, err) && take_jobs(&l, err);
    struct err last = ERR_INIT;
    if (l.db && l.worker.epoch[0] && !worker_stop(l.db, &l.worker, &last)) {
        log_line(LOG_WARN, "could not sign off: %s", last.msg);
    }
    json_decref(info);
    db_close(l.db);
    free(l.spool);
    free(home);
    return ok;
}
