/* The queue from C: each function is one statement of db/sql/, which calls one function of
 * migrations/005 to 007. What is decided is decided there, in the transaction; here are names,
 * time-outs and the worker's own deadline. */
#include "db/conn.h"

#include <poll.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define LEASE_DEFAULT_S 90
#define MESSAGE_MAX 1000

static const char *const answer_names[QUEUE_N_ANSWERS] = {
    [QUEUE_OK] = "ok",
    [QUEUE_OK_LATE] = "ok-late",
    [QUEUE_ALREADY] = "already",
    [QUEUE_CANCEL] = "cancel",
    [QUEUE_STALE] = "stale",
    [QUEUE_GONE] = "gone",
    [QUEUE_WAITING] = "waiting",
    [QUEUE_QUEUED] = "queued",
    [QUEUE_DEAD] = "dead",
    [QUEUE_CANCELLED] = "cancelled",
    [QUEUE_ASKED] = "asked",
};

const char *queue_answer_name(enum queue_answer answer) {
    BUG_IF((unsigned)answer >= QUEUE_N_ANSWERS);
    return answer_names[answer];
}

static bool answer_read(
    const struct rows *rows, const char *name, enum queue_answer *answer, struct err *err) {
    const char *text = rows->n == 1 ? rows_text(rows, 0, "answer") : "";
    int i = 0;
    while (i < QUEUE_N_ANSWERS && strcmp(text, answer_names[i]) != 0)
        i++;
    if (i == QUEUE_N_ANSWERS)
        return err_set(err, ERR_SCHEMA, "the database answered '%s' to '%s'", text, name);
    *answer = (enum queue_answer)i;
    return true;
}

bool conn_ask(struct db *db, const char *name, const struct db_arg *args, size_t n_args,
    enum queue_answer *answer, struct err *err) {
    struct rows rows;
    if (!db_query(db, name, args, n_args, &rows, err))
        return false;
    bool known = answer_read(&rows, name, answer, err);
    rows_release(&rows);
    return known;
}

/* The lease as the worker sees it ends early: by 15 s, or a third of a short lease. It counts from
 * before the call, so it ends before the database's whatever the network did. */
static long long deadline_after(long long sent_ms, unsigned lease_s) {
    long long margin_ms = lease_s >= 45 ? 15000 : (long long)lease_s * 1000 / 3;
    return sent_ms + (long long)lease_s * 1000 - margin_ms;
}

static bool job_read(struct job *job, const struct worker *worker, struct err *err) {
    const struct rows *r = &job->rows;
    job->key.job = rows_int(r, 0, "job_id");
    job->key.attempt = (int)rows_int(r, 0, "attempt");
    snprintf(job->key.worker, sizeof job->key.worker, "%s", worker->id);
    snprintf(job->key.epoch, sizeof job->key.epoch, "%s", rows_text(r, 0, "epoch"));
    job->purpose = rows_text(r, 0, "purpose");
    job->model = rows_text(r, 0, "model");
    job->kind = rows_text(r, 0, "kind");
    job->commit = rows_text(r, 0, "commit");
    job->task = rows_text(r, 0, "task");
    job->task_sha256 = rows_text(r, 0, "task_sha256");
    job->task_version = (int)rows_int(r, 0, "task_version");
    job->revision_id = rows_int(r, 0, "revision_id");
    job->config_id = rows_int(r, 0, "config_id");
    job->config = rows_json(r, 0, "config", err);
    job->manifest = job->config ? rows_json(r, 0, "manifest", err) : NULL;
    return job->manifest != NULL;
}

void job_release(struct job *job) {
    json_decref(job->config);
    json_decref(job->manifest);
    rows_release(&job->rows);
    job->config = job->manifest = NULL;
    job->purpose = job->model = job->kind = job->commit = job->task = job->task_sha256 = NULL;
}

/* What the worker's machine has, as the last five arguments of claiming. */
struct machine {
    struct db_arg memory_mb, disk_mb, gpus, device, dtypes;
};

static struct db_arg limit(unsigned mb) {
    return mb && mb < INT32_MAX ? db_int(mb) : db_null();
}

static struct machine machine_of(const struct claim_options *o) {
    return (struct machine) { .memory_mb = limit(o->memory_mb),
        .disk_mb = limit(o->disk_mb),
        .gpus = o->device ? db_int(o->gpus) : db_null(),
        .device = db_text(o->device),
        .dtypes = db_text(o->dtypes) };
}

/* Takes rows that hold a job. The deadline counts from the first try: a call that had to be
 * repeated leaves less time, never more. */
static bool job_take(struct job *job, const struct worker *worker, unsigned lease_s,
    long long sent_ms, struct err *err) {
    job->lease_s = lease_s;
    atomic_store(&job->deadline_ms, deadline_after(sent_ms, lease_s));
    if (job_read(job, worker, err))
        return true;
    job_release(job);
    return false;
}

bool queue_claim(struct db *db, const struct worker *worker, const struct claim_options *options,
    struct job *job, bool *found, struct err *err) {
    struct claim_options o = options ? *options : (struct claim_options) { 0 };
    unsigned lease_s = o.lease_s ? o.lease_s : LEASE_DEFAULT_S;
    struct machine m = machine_of(&o);
    memset(job, 0, sizeof *job);
    long long sent_ms = clock_ms();
    if (!db_query(db, "queue_claim",
            DB_ARGS(db_text(worker->id), db_int(lease_s), db_int(o.resident), m.memory_mb,
                m.disk_mb, m.gpus, m.device, m.dtypes),
            &job->rows, err))
        return false;
    *found = job->rows.n == 1;
    if (*found)
        return job_take(job, worker, lease_s, sent_ms, err);
    job_release(job);
    return true;
}

bool queue_turn(struct db *db, const struct worker *worker, const struct job_key *key,
    const char *text, const struct claim_options *options, enum queue_answer *answer,
    struct job *next, bool *found, struct err *err) {
    struct claim_options o = options ? *options : (struct claim_options) { 0 };
    unsigned lease_s = o.lease_s ? o.lease_s : LEASE_DEFAULT_S;
    struct machine m = machine_of(&o);
    memset(next, 0, sizeof *next);
    *found = false;
    long long sent_ms = clock_ms();
    if (!db_query(db, "queue_turn",
            DB_ARGS(db_text(key->worker), db_int(key->job), db_int(key->attempt),
                db_text(key->epoch), db_text(text), db_int(lease_s), db_int(o.resident),
                m.memory_mb, m.disk_mb, m.gpus, m.device, m.dtypes),
            &next->rows, err))
        return false;
    bool known = answer_read(&next->rows, "queue_turn", answer, err);
    *found = known && !rows_null(&next->rows, 0, "job_id");
    if (*found)
        return job_take(next, worker, lease_s, sent_ms, err);
    job_release(next);
    return known;
}

bool queue_heartbeat(
    struct db *db, struct job *job, double progress, enum queue_answer *answer, struct err *err) {
    long long sent_ms = clock_ms();
    const struct job_key *k = &job->key;
    db->until_ms = sent_ms + (long long)job->lease_s * 1000 / 3;
    bool ok = conn_ask(db, "queue_heartbeat",
        DB_ARGS(db_text(k->worker), db_int(k->job), db_int(k->attempt), db_int(job->lease_s),
            db_real(progress)),
        answer, err);
    db->until_ms = 0;
    if (!ok)
        return false;
    if (*answer == QUEUE_OK || *answer == QUEUE_CANCEL)
        atomic_store(&job->deadline_ms, deadline_after(sent_ms, job->lease_s));
    return true;
}

long long job_ms_left(struct job *job) {
    return atomic_load(&job->deadline_ms) - clock_ms();
}

static const char *action_name(enum err_action action) {
    switch (action) {
    case ERR_ACTION_DEAD:
        return "dead";
    case ERR_ACTION_RETRY:
        return "retry";
    case ERR_ACTION_QUARANTINE:
        return "quarantine";
    case ERR_ACTION_RELEASE:
        return "release";
    }
    return "retry";
}

/* At most MESSAGE_MAX bytes of valid UTF-8 without control characters: it will stand on a web page.
 */
static char *clean_message(const char *s) {
    size_t n;
    char *text = utf8_repair(s, strlen(s), &n);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
    if (n > MESSAGE_MAX) {
        n = MESSAGE_MAX;
        while (((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
        text[n] = 0;
    }
    return text;
}

static bool fail(struct db *db, const struct job_key *k, const char *class, const char *action,
    const char *message, const struct fail_options *o, enum queue_answer *answer, struct err *err) {
    char *clean = clean_message(message);
    bool ok = conn_ask(db, "queue_fail",
        DB_ARGS(db_text(k->worker), db_int(k->job), db_int(k->attempt), db_text(class),
            db_text(action), db_text(clean),
            o && o->retry_after_s > 0 ? db_real(o->retry_after_s) : db_null(),
            o && o->needs_mb ? db_int(o->needs_mb) : db_null()),
        answer, err);
    free(clean);
    return ok;
}

bool queue_fail(struct db *db, const struct job_key *key, const struct err *why,
    const struct fail_options *options, enum queue_answer *answer, struct err *err) {
    const struct err_info *info = err_info(why->class);
    return fail(db, key, info->name, action_name(info->action), why->msg, options, answer, err);
}

bool queue_give_back(
    struct db *db, const struct job_key *key, enum queue_answer *answer, struct err *err) {
    return fail(db, key, "interrupted", "release", "", NULL, answer, err);
}

bool queue_reap(struct db *db, int *n, struct err *err) {
    struct rows rows;
    if (!db_query(db, "queue_reap", DB_NO_ARGS, &rows, err))
        return false;
    *n = (int)rows_int(&rows, 0, "n");
    rows_release(&rows);
    return true;
}

/* Takes what arrived; true if somebody enqueued. */
static bool drain_notifies(struct db *db) {
    bool any = false;
    if (!PQconsumeInput(db->conn))
        return true; /* the connection is lost: the next call will see to it */
    for (PGnotify *n; (n = PQnotifies(db->conn)); any = true)
        PQfreemem(n);
    return any;
}

bool queue_wait(struct db *db, unsigned timeout_ms, struct err *err) {
    bool was_listening = db->listening;
    if (!was_listening) {
        if (!db_run(db, "queue_listen", DB_NO_ARGS, err))
            return false;
        db->listening = true;
        return true; /* what was enqueued before we listened is found by polling at once */
    }
    long long end = clock_ms() + timeout_ms;
    while (db->conn && !conn_stopped(db) && !drain_notifies(db)) {
        long long left = end - clock_ms();
        if (left <= 0)
            break;
        struct pollfd p = { .fd = PQsocket(db->conn), .events = POLLIN };
        poll(&p, 1, left < 200 ? (int)left : 200); /* so that a stop is seen soon */
    }
    return true;
}

bool queue_cancel(struct db *db, long long job, enum queue_answer *answer, struct err *err) {
    return conn_ask(db, "queue_cancel", DB_ARGS(db_int(job)), answer, err);
}

bool queue_retry(
    struct db *db, long long job, const char *purpose, enum queue_answer *answer, struct err *err) {
    return conn_ask(db, "queue_retry", DB_ARGS(db_int(job), db_text(purpose)), answer, err);
}

json_t *queue_monitor(struct db *db, struct err *err) {
    struct rows rows;
    if (!db_query(db, "queue_monitor", DB_NO_ARGS, &rows, err))
        return NULL;
    json_t *monitor = rows_json(&rows, 0, "monitor", err);
    rows_release(&rows);
    return monitor;
}
