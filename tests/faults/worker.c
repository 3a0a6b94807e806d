/* A worker that measures nothing but does everything else that one does: registers, claims, beats,
 * stores chunks, spools, delivers, fails now and then, gives back on SIGTERM. Some of its jobs are
 * zombies: they outlive their lease without a heartbeat and then write, as after a long suspension.
 */
#include "tests/faults/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"

static atomic_bool stop; /* set by SIGTERM */

static void on_term(int signal) {
    (void)signal;
    atomic_store(&stop, true);
}

struct run {
    const struct worker_options *options;
    struct db *db;
    struct worker id;
    unsigned random;
    int tally;
};

static unsigned pick(struct run *r, unsigned n) {
    r->random = r->random * 1664525u + 1013904223u;
    return (r->random >> 8) % n;
}

double chaos_score(const char *model, const char *task) {
    char text[300], hex[65];
    snprintf(text, sizeof text, "%s %s", model, task);
    sha256_hex(text, strlen(text), hex);
    hex[4] = 0;
    return (double)strtol(hex, NULL, 16) / 65536.0;
}

static void note(struct run *r, enum queue_answer answer) {
    static const char letters[QUEUE_N_ANSWERS + 1] = "olacsgwqdxk";
    if (write(r->tally, &letters[answer], 1) != 1)
        abort();
}

static json_t *make_record(const struct run *r, const struct job *job, const json_t *chunks) {
    char data[65];
    double score = chaos_score(job->model, job->task);
    sha256_hex("data", 4, data);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:O, s:[{s:s,s:f}, "
                     "{s:s,s:f}, {s:s,s:s,s:f}]}",
        "task_sha256", job->task_sha256, "data_sha256", data, "harness_build", "chaos", "backend",
        "none", "isa", "none", "device", "none", "dtype", "f32", "main", "acc", "n", 4, "worker",
        r->id.id, "chunks", chunks, "metrics", "name", "acc", "value", score, "name", "f1", "value",
        score / 2, "subset", "a", "name", "acc", "value", 1 - score);
}

/* Half of the samples each; what an earlier attempt stored is taken over. */
static bool make_chunks(struct run *r, struct job *job, struct chunk chunks[2], json_t *list) {
    struct err err = ERR_INIT;
    struct chunk *old;
    size_t n_old;
    enum queue_answer answer;
    if (!chunk_list(r->db, &job->key, &old, &n_old, &err))
        return false;
    bool resumed = n_old > 0;
    for (size_t i = 0; i < n_old; i++)
        chunk_release(&old[i]);
    free(old);
    bool ok = true;
    for (int i = 0; ok && i < 2; i++) {
        char lines[200];
        int len = snprintf(lines, sizeof lines, "{\"id\":%d}\n{\"task\":\"%s\"}\n", i, job->task);
        ok = chunk_pack(&chunks[i], i, 2, "chaos", lines, (size_t)len, &err);
        json_array_append_new(
            list, json_pack("{s:i, s:s}", "chunk", i, "sha256", chunks[i].sha256));
        /* The first is stored on the way, the second travels in the spool. */
        if (ok && i == 0 && !resumed)
            ok = chunk_put(r->db, &job->key, &chunks[i], &answer, &err);
    }
    return ok;
}

/* Pretends to work; false if the claim was lost or the job is to be given up. */
static bool work(struct run *r, struct job *job) {
    unsigned rounds = 1 + pick(r, 6);
    if (pick(r, 100) < r->options->zombies) {
        sleep(CHAOS_LEASE_S + 2);
        return true;
    }
    for (unsigned i = 0; i < rounds; i++) {
        struct err err = ERR_INIT;
        enum queue_answer answer = QUEUE_STALE;
        usleep(20000);
        if (atomic_load(&stop))
            return false;
        if (i % 3 == 2 && (!queue_heartbeat(r->db, job, (double)i / rounds, &answer, &err) ||
                              answer != QUEUE_OK)) {
            note(r, answer);
            return false;
        }
    }
    return true;
}

static void give_up(struct run *r, struct job *job, enum err_class class) {
    struct err err = ERR_INIT, why = ERR_INIT;
    enum queue_answer answer;
    err_set(&why, class, "chaos");
    if (queue_fail(r->db, &job->key, &why, NULL, &answer, &err))
        note(r, answer);
}

static void finish(struct run *r, struct job *job) {
    struct chunk chunks[2] = { 0 };
    struct err err = ERR_INIT;
    enum queue_answer answer;
    json_t *list = json_array(), *record = NULL;
    char *text = NULL;
    if (make_chunks(r, job, chunks, list) && (record = make_record(r, job, list)) &&
        (text = record_text(record, &err)) &&
        spool_write(r->options->spool, &job->key, text, chunks, 2, &err) &&
        spool_deliver_job(r->options->spool, r->db, &job->key, &answer, &err))
        note(r, answer);
    free(text);
    json_decref(record);
    json_decref(list);
    chunk_release(&chunks[0]);
    chunk_release(&chunks[1]);
}

/* Hands the result in and takes the next job in one call, without the spool: whoever is killed on
 * the way loses the result, and the job is done again. True if there is a next one. */
static bool turn(struct run *r, struct job *job, struct job *next) {
    struct claim_options o = { .lease_s = CHAOS_LEASE_S, .resident = job->revision_id };
    struct chunk chunks[2] = { 0 };
    struct err err = ERR_INIT;
    enum queue_answer answer, stored;
    json_t *list = json_array(), *record = NULL;
    char *text = NULL;
    bool found = false;
    if (make_chunks(r, job, chunks, list) &&
        chunk_put(r->db, &job->key, &chunks[0], &stored, &err) &&
        chunk_put(r->db, &job->key, &chunks[1], &stored, &err) &&
        (record = make_record(r, job, list)) && (text = record_text(record, &err)) &&
        queue_turn(r->db, &r->id, &job->key, text, &o, &answer, next, &found, &err))
        note(r, answer);
    free(text);
    json_decref(record);
    json_decref(list);
    chunk_release(&chunks[0]);
    chunk_release(&chunks[1]);
    return found;
}

/* True if *next is the next job. */
static bool do_job(struct run *r, struct job *job, struct job *next) {
    if (!work(r, job)) {
        if (atomic_load(&stop))
            give_up(r, job, ERR_INTERRUPTED);
        return false;
    }
    unsigned luck = pick(r, 100);
    if (luck >= 50)
        return turn(r, job, next);
    if (luck < 3)
        give_up(r, job, ERR_NETWORK);
    else if (luck < 5)
        give_up(r, job, ERR_NODE);
    else
        finish(r, job);
    return false;
}

static void do_jobs(struct run *r, struct job *job) {
    struct job next;
    while (do_job(r, job, &next)) {
        job_release(job);
        memcpy(job, &next, sizeof next);
    }
    job_release(job);
}

static bool loop(struct run *r, struct err *err) {
    struct spool_counts counts;
    if (!worker_register(r->db, &r->id, "chaos", NULL, err) ||
        !spool_deliver(r->options->spool, r->db, &counts, err))
        return false;
    while (!atomic_load(&stop)) {
        struct claim_options o = { .lease_s = CHAOS_LEASE_S };
        struct job job;
        bool found = false;
        int n;
        if (pick(r, 8) == 0 && !queue_reap(r->db, &n, err))
            return false;
        if (!queue_claim(r->db, &r->id, &o, &job, &found, err))
            return false;
        if (found) {
            do_jobs(r, &job);
        } else if (!queue_wait(r->db, 100 + pick(r, 200), err)) {
            return false;
        }
    }
    return worker_stop(r->db, &r->id, err);
}

int worker_main(const struct worker_options *options) {
    struct run r = { .options = options, .random = options->seed };
    struct err err = ERR_INIT;
    signal(SIGTERM, on_term);
    signal(SIGPIPE, SIG_IGN);
    r.tally = open(options->tally, O_WRONLY | O_APPEND | O_CLOEXEC);
    worker_init(&r.id);
    struct db_options o = {
        .home = options->home, .role = "assay_worker", .app = "chaos", .retry_s = 60, .stop = &stop
    };
    r.db = db_open(&o, &err);
    bool ok = r.db && loop(&r, &err);
    db_close(r.db);
    close(r.tally);
    /* Stopped, or the database was away for too long: both may happen here. Anything else is a
     * finding. */
    if (ok || err.class == ERR_INTERRUPTED || err.class == ERR_DB)
        return 0;
    fprintf(stderr, "worker: %s: %s\n", err_info(err.class)->name, err.msg);
    return 3;
}
