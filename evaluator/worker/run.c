/* One job on its way (see run.h): the process, what it made, the spool, the queue. */
#include "evaluator/worker/run.h"

#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/progress.h"
#include "evaluator/worker/health.h"
#include "version.h"

struct run {
    struct bench *bench;
    struct job *job;
    enum heart_verdict verdict;
    char label[64]; /* what it was at last */
    struct progress_series progress;
    json_t *record;
    struct chunk *chunks;
    size_t n_chunks;
};

bool bench_stopping(const struct bench *b) {
    return b->options->stop && atomic_load(b->options->stop);
}

/* ---- while the process works ---- */

static bool tick(void *arg) {
    struct run *r = arg;
    notify_alive();
    r->verdict = heart_verdict(r->bench->heart);
    return !bench_stopping(r->bench) && r->verdict == HEART_OK;
}

static void show(const char *label, uint64_t done, uint64_t total, void *arg) {
    struct run *r = arg;
    if (total) {
        heart_share(r->bench->heart, (double)done / (double)total);
    }
    if (strcmp(label, r->label) != 0) {
        snprintf(r->label, sizeof r->label, "%s", label);
        tail_note(&r->bench->walk.tail, "%s", label);
    }
    progress_series_set(&r->progress, label, done, total, "tok");
}

static void skipped(const char *task, const char *why, void *arg) {
    struct run *r = arg;
    (void)why; /* its own job will say */
    walk_skip(&r->bench->walk, task);
}

/* What its tensors are is kept; one that is another model's, which has results, is not evaluated
 * again. A database that is away loses prints, not the job. */
static bool take_prints(const json_t *prints, void *arg, struct err *err) {
    struct run *r = arg;
    const struct job_key *k = &r->job->key;
    struct rows rows = { 0 };
    struct err why = ERR_INIT;
    char *text = json_text(prints, JSON_COMPACT);
    bool told =
        text && db_query(r->bench->db, "put_prints",
                    DB_ARGS(db_text(k->worker), db_int(k->job), db_int(k->attempt), db_text(text)),
                    &rows, &why);
    bool copy = told && rows.n && !rows_null(&rows, 0, "original");
    if (copy) {
        err_set(err, ERR_UNSUPPORTED,
            "its tensors are those of %.150s, which has results: equal where they were sampled, "
            "%.3g %% of all values",
            rows_text(&rows, 0, "original"), 100 * rows_real(&rows, 0, "share"));
        err_hint(err, "'assay queue approve' lets it be evaluated; then try the job again");
    } else if (!told) {
        log_line(LOG_WARN, "prints of %s are not kept: %s", r->job->model, why.msg);
    }
    rows_release(&rows);
    free(text);
    return !copy;
}

/* ---- what it made ---- */

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

/* ---- its end ---- */

/* Whether what went wrong with a finished job says something of the job: the rest is the database's
 * or this machine's, and the result stays in the spool. */
static bool of_the_job(enum err_class class) {
    return class != ERR_DB && class != ERR_NODE && class != ERR_SCHEMA && class != ERR_AUTH &&
           class != ERR_INTERRUPTED;
}

/* Whether a job that is taken now would be done. */
static bool goes_on(const struct bench *b) {
    bool last = b->options->last && atomic_load(b->options->last);
    return b->taker && !last && !bench_stopping(b);
}

static bool hand_in(
    struct bench *b, const struct job_key *key, enum queue_answer *answer, struct err *err) {
    if (!goes_on(b)) {
        return spool_deliver_job(b->spool, b->db, key, answer, err);
    }
    return spool_deliver_turn(
        b->spool, b->db, b->taker, key, &b->claim, answer, &b->next, &b->has_next, err);
}

/* Spools first, so that nothing that is done gets lost; then tells the queue. */
static bool deliver(struct run *r, const char *text, struct err *err) {
    enum queue_answer answer;
    struct bench *b = r->bench;
    (void)fault("done");
    if (!spool_write(b->spool, &r->job->key, text, r->chunks, r->n_chunks, err)) {
        return false;
    }
    if (fault("spooled")) {
        return err_set(err, ERR_DB, "could not deliver: asked to fail");
    }
    struct err why = ERR_INIT;
    if (!hand_in(b, &r->job->key, &answer, &why)) {
        b->undelivered = !of_the_job(why.class); /* what is refused for good is kept aside */
        *err = why;
        return false;
    }
    log_line(LOG_INFO, "job %lld: %s on %s: %s", r->job->key.job, r->job->task, r->job->model,
        queue_answer_name(answer));
    tail_note(&b->walk.tail, "finished: %s", queue_answer_name(answer));
    (void)fault("finished");
    return true;
}

/* The job failed with `why`: tells the queue. Only what concerns the worker itself is an error
 * here. */
static bool give_up(struct run *r, const struct err *why, struct err *err) {
    enum queue_answer answer;
    struct bench *b = r->bench;
    const struct job_key *key = &r->job->key;
    if (r->verdict == HEART_LOST) {
        log_line(LOG_WARN, "job %lld: the lease is over, another worker may have it", key->job);
        return true;
    }
    if (bench_stopping(b)) {
        tail_note(&b->walk.tail, "given back: the worker was asked to stop");
        return queue_give_back(b->db, key, &answer, err);
    }
    log_line(LOG_ERROR, "job %lld: %s on %s: %s", key->job, r->job->task, r->job->model, why->msg);
    tail_note(&b->walk.tail, "%s: %s", err_info(why->class)->name, why->msg);
    struct fail_options options = { .needs_mb = b->walk.child ? child_needs_mb(b->walk.child) : 0 };
    if (!queue_fail(b->db, key, why, &options, &answer, err)) {
        return false;
    }
    if (why->class == ERR_NODE) {
        *err = *why;
        return false;
    }
    return true;
}

/* The last lines, for who submitted it. It goes without where the database is away. */
static void keep_log(struct run *r) {
    const struct job_key *k = &r->job->key;
    struct err err = ERR_INIT;
    char *text = tail_text(&r->bench->walk.tail);
    if (!db_run(r->bench->db, "queue_log",
            DB_ARGS(db_text(k->worker), db_int(k->job), db_int(k->attempt), db_text(text)), &err)) {
        log_line(LOG_WARN, "the last lines of job %lld are not kept: %s", k->job, err.msg);
    }
    free(text);
}

static bool work(struct run *r, struct err *err) {
    struct bench *b = r->bench;
    struct child_watch watch = { .tick = tick,
        .progress = show,
        .skipped = skipped,
        .prints = take_prints,
        .result = take_result,
        .arg = r,
        .stall_s = b->options->stall_s };
    size_t which;
    bool ok = walk_to(&b->walk, b->db, b->options, r->job, &which, err) &&
              child_work(b->walk.child, which, &watch, err);
    progress_series_end(&r->progress);
    return ok && (r->record || err_set(err, ERR_CRASH, "the job's process ended without a result"));
}

/* Where the machine is blamed, it is looked at; where the model is, its files are. */
static void look_at_machine(const struct run *r, struct err *why) {
    const struct bench *b = r->bench;
    struct err sick = ERR_INIT;
    bool blamed = b->walk.child && child_blames_machine(b->walk.child);
    if ((blamed && !device_is_well(b->options, &sick)) ||
        ((blamed || why->class == ERR_INPUT) && !model_is_whole(r->job, &sick))) {
        *why = sick;
    }
}

static bool finish(struct run *r, struct err *err) {
    struct err why = ERR_INIT;
    bool ok = work(r, &why);
    if (!ok) {
        look_at_machine(r, &why);
    }
    char *text = ok ? record_text(r->record, &why) : NULL;
    ok = text && deliver(r, text, &why);
    if (!ok && text && !of_the_job(why.class)) {
        *err = why;
    } else if (!ok) {
        ok = give_up(r, &why, err);
    }
    free(text);
    return ok;
}

static void begin(struct run *r) {
    const struct job *job = r->job;
    log_line(LOG_INFO, "job %lld: %s on %s (attempt %d)", job->key.job, job->task, job->model,
        job->key.attempt);
    notify_status("job %lld: %s on %s", job->key.job, job->task, job->model);
    tail_reset(&r->bench->walk.tail);
    tail_note(&r->bench->walk.tail, "attempt %d of %s on %s, by assay %s", job->key.attempt,
        job->task, job->model, ASSAY_BUILD);
}

bool run_job(struct bench *b, struct job *job, struct err *err) {
    struct run r = { .bench = b, .job = job };
    begin(&r);
    heart_take(b->heart, job);
    bool ok = finish(&r, err);
    heart_drop(b->heart);
    if (ok) {
        keep_log(&r);
    }
    if (b->walk.child && !child_waits(b->walk.child)) {
        walk_end(&b->walk);
    }
    for (size_t i = 0; i < r.n_chunks; i++) {
        chunk_release(&r.chunks[i]);
    }
    free(r.chunks);
    json_decref(r.record);
    return ok;
}
