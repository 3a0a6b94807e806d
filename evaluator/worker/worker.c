/* The worker's loop: deliver what is spooled, claim, do the job (run.h), again (see worker.h and
 * db.h). */
#include "evaluator/worker/worker.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "db/db.h"
#include "evaluator/worker/run.h"
#include "version.h"

#define REAP_S 15.0
#define POLL_MS 2000
#define DB_AWAY_S 1800 /* how long the worker waits for its database */
#define DB_PAUSE_MIN_S 1.0
#define DB_PAUSE_MAX_S 30.0
#define LEAST_S 30.0 /* with less time left no job is begun */

struct loop {
    const struct worker_options *options;
    struct bench bench;
    struct worker worker;
    char *home, *spool;
    double began, reaped;
    double away_since, pause_s; /* since when the database is away; 0: it is there */
    bool registered, last;      /* last: nothing more is begun */
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool stopping(const struct loop *l) {
    return bench_stopping(&l->bench);
}

/* ---- the machine ---- */

static unsigned disk_left_mb(const char *home) {
    struct statvfs s;
    if (statvfs(home, &s) != 0) {
        return 0; /* not known: any job may try */
    }
    double mb = (double)s.f_bavail * (double)s.f_frsize / 1048576;
    return mb < 1 ? 1 : mb > INT32_MAX ? INT32_MAX : (unsigned)mb;
}

/* What jobs may need of this worker. Of a device that is chosen by itself nothing is said: it takes
 * any. `--dtype` is for jobs that leave it open, and no limit; a device is. */
static struct claim_options describe_machine(const struct loop *l) {
    const struct worker_options *o = l->options;
    struct claim_options claim = {
        .lease_s = o->lease_s, .memory_mb = o->memory_mb, .disk_mb = disk_left_mb(l->home)
    };
    if (o->device && str_begins(o->device, "cuda")) {
        claim.device = "cuda";
        claim.gpus = o->tensor_parallel > 1 ? o->tensor_parallel : 1;
        claim.dtypes = "f32,bf16";
    } else if (o->device && strcmp(o->device, "cpu") == 0) {
        claim.device = "cpu";
        claim.dtypes = "f32,bf16,int8";
    }
    return claim;
}

/* ---- turns ---- */

static bool deliver_spool(struct loop *l, struct err *err) {
    struct spool_counts counts = { 0 };
    if (!dir_make(l->spool, err) || !spool_deliver(l->spool, l->bench.db, &counts, err)) {
        return false;
    }
    l->bench.undelivered = false;
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
    return queue_reap(l->bench.db, &n, err);
}

/* *left says whether anything is queued, waiting or with another worker, but for what is paused. */
static bool anything_left(struct loop *l, bool *left, struct err *err) {
    struct rows rows = { 0 };
    if (!db_query(l->bench.db, "queue_left", DB_NO_ARGS, &rows, err)) {
        return false;
    }
    *left = rows.n && rows_bool(&rows, 0, "something");
    rows_release(&rows);
    return true;
}

static double time_left(const struct loop *l) {
    return l->options->max_s ? l->began + l->options->max_s - now_s() : 1e12;
}

/* Whether the job likely fits what time is left; what nobody knows is tried. */
static bool fits(struct loop *l, const struct job *job, bool *it_fits, struct err *err) {
    struct rows rows = { 0 };
    *it_fits = true;
    if (!l->options->max_s) {
        return true;
    }
    if (!db_query(l->bench.db, "queue_estimate", DB_ARGS(db_int(job->key.job)), &rows, err)) {
        return false;
    }
    *it_fits = !rows.n || rows_real(&rows, 0, "seconds") < time_left(l);
    rows_release(&rows);
    return true;
}

/* Given back for one with more time, and then this one is through: the next in the queue would be
 * the same. */
static bool leave_to_others(struct loop *l, const struct job *job, struct err *err) {
    enum queue_answer answer;
    log_line(LOG_INFO, "job %lld: longer than the %.0f seconds that are left", job->key.job,
        time_left(l));
    l->last = true;
    return queue_give_back(l->bench.db, &job->key, &answer, err);
}

static bool do_job(struct loop *l, struct job *job, struct err *err) {
    bool it_fits;
    (void)fault("claimed");
    if (!fits(l, job, &it_fits, err)) {
        return false;
    }
    return it_fits ? run_job(&l->bench, job, err) : leave_to_others(l, job, err);
}

/* What was taken with the last result, else what the queue has. */
static bool take_job(struct loop *l, struct job *job, bool *found, struct err *err) {
    struct bench *b = &l->bench;
    *found = b->has_next;
    if (!b->has_next) {
        return queue_claim(b->db, &l->worker, &b->claim, job, found, err);
    }
    memcpy(job, &b->next, sizeof *job);
    b->has_next = false;
    return true;
}

/* One turn: what lies in the spool, what others lost, a job. *found says whether there was one. */
static bool take_turn(struct loop *l, bool *found, struct err *err) {
    struct job job;
    if ((l->bench.undelivered && !deliver_spool(l, err)) || !reap_now_and_then(l, err) ||
        !take_job(l, &job, found, err)) {
        return false;
    }
    l->away_since = 0;
    if (!*found) {
        return true;
    }
    l->bench.claim.resident = job.revision_id;
    l->bench.claim.disk_mb = disk_left_mb(l->home);
    bool ok = do_job(l, &job, err);
    job_release(&job);
    return ok;
}

/* Nothing to do just now: *end says whether that is the end. */
static bool idle(struct loop *l, double since, bool *end, struct err *err) {
    bool left = true;
    *end = false;
    walk_end(&l->bench.walk); /* nobody asks for its model */
    notify_status("waiting for jobs");
    notify_alive();
    if (l->options->drain && !anything_left(l, &left, err)) {
        return false;
    }
    *end = !left || (l->options->idle_s && now_s() - since > l->options->idle_s);
    return *end || queue_wait(l->bench.db, POLL_MS, err);
}

/* ---- a database that is away ---- */

static void pause_for(struct loop *l, double seconds) {
    for (double until = now_s() + seconds; now_s() < until && !stopping(l);) {
        notify_alive();
        nanosleep(&(struct timespec) { .tv_nsec = 100000000 }, NULL);
    }
}

/* True if the error is that the database is away and there is time left to wait for it: then it has
 * waited a little. Past that it is the machine that is out of reach. */
static bool wait_for_database(struct loop *l, struct err *why) {
    unsigned away_s = l->options->away_s ? l->options->away_s : DB_AWAY_S;
    if (why->class != ERR_DB || l->options->once || stopping(l)) {
        return false;
    }
    if (l->away_since == 0) {
        l->away_since = now_s();
        l->pause_s = DB_PAUSE_MIN_S;
    }
    if (now_s() - l->away_since > away_s) {
        why->class = ERR_NODE;
        return err_wrap(why, "the database has been away for %u seconds", away_s);
    }
    log_line(LOG_WARN, "%s; trying again in %.0f s", why->msg, l->pause_s);
    pause_for(l, l->pause_s);
    l->pause_s = l->pause_s * 2 < DB_PAUSE_MAX_S ? l->pause_s * 2 : DB_PAUSE_MAX_S;
    return true;
}

/* ---- from beginning to end ---- */

static bool is_through(const struct loop *l) {
    bool told = l->options->last && atomic_load(l->options->last);
    return l->last || told || stopping(l) || time_left(l) < LEAST_S;
}

static bool take_jobs(struct loop *l, struct err *err) {
    double idle_since = now_s();
    for (bool end = false; !end && !is_through(l);) {
        struct err why = ERR_INIT;
        bool found = false, ok = take_turn(l, &found, &why);
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

/* As a claim says it; what is left open is absent. For who wonders why no worker takes a job
 * (db/migrations/022_room.sql). */
static json_t *machine_json(const struct loop *l) {
    struct claim_options claim = describe_machine(l);
    json_t *machine = json_pack("{s:s*, s:s*}", "device", claim.device, "dtypes", claim.dtypes);
    if (claim.memory_mb) {
        json_object_set_new(machine, "memory_mb", json_integer(claim.memory_mb));
    }
    if (claim.disk_mb) {
        json_object_set_new(machine, "disk_mb", json_integer(claim.disk_mb));
    }
    if (claim.device) {
        json_object_set_new(machine, "gpus", json_integer(claim.gpus));
    }
    return machine;
}

static json_t *describe(const struct loop *l) {
    const char *slurm = getenv("SLURM_JOB_ID");
    json_t *info = json_pack("{s:i, s:s, s:s, s:i, s:o}", "pid", (int)getpid(), "build",
        ASSAY_BUILD, "device", l->options->device ? l->options->device : "auto", "memory_mb",
        (int)l->options->memory_mb, "machine", machine_json(l));
    struct strbuf boot = { 0 };
    struct err ignored = ERR_INIT;
    if (file_read("/proc/sys/kernel/random/boot_id", 64, &boot, &ignored) && boot.len >= 36) {
        json_object_set_new(info, "boot_id", json_stringn(boot.text, 36));
    }
    if (slurm) {
        json_object_set_new(info, "slurm_job_id", json_string(slurm));
    }
    strbuf_release(&boot);
    return info;
}

/* Each step is done once, however often the database goes away between them. */
static bool begin(struct loop *l, struct err *err) {
    struct bench *b = &l->bench;
    struct db_options o = { .conninfo = l->options->database, .stop = l->options->stop };
    if (!b->db && !(b->db = db_open(&o, err))) {
        return false;
    }
    if (!l->registered) {
        json_t *info = describe(l);
        l->registered = worker_register(b->db, &l->worker, ASSAY_BUILD, info, err);
        json_decref(info);
    }
    return l->registered && (b->heart || (b->heart = heart_new(l->options->database, err))) &&
           deliver_spool(l, err);
}

static bool begin_in_the_end(struct loop *l, struct err *err) {
    struct err why = ERR_INIT;
    while (!begin(l, &why)) {
        if (!wait_for_database(l, &why)) {
            *err = why;
            return false;
        }
        why = (struct err)ERR_INIT;
    }
    l->away_since = 0;
    return true;
}

static void end(struct loop *l) {
    struct err last = ERR_INIT;
    notify_stopping();
    walk_end(&l->bench.walk);
    if (l->bench.has_next) { /* signing off gives it back */
        job_release(&l->bench.next);
    }
    if (l->registered && !worker_stop(l->bench.db, &l->worker, &last)) {
        log_line(LOG_WARN, "could not sign off: %s", last.msg);
    }
    heart_free(l->bench.heart);
    db_close(l->bench.db);
    free(l->spool);
    free(l->home);
}

bool worker_loop(const struct worker_options *options, struct err *err) {
    struct loop l = { .options = options, .bench = { .options = options }, .began = now_s() };
    signal(SIGXFSZ, SIG_IGN); /* a limit of files' sizes is an error of writing, and no death */
    l.home = assay_home(err);
    l.spool = l.home ? path_join(l.home, "spool") : NULL;
    l.bench.spool = l.spool;
    worker_init(&l.worker);
    if (l.home) {
        l.bench.claim = describe_machine(&l);
    }
    /* With a limit of time each job is looked at before it is taken. */
    l.bench.taker = options->once || options->max_s ? NULL : &l.worker;
    bool ok = l.home && begin_in_the_end(&l, err);
    if (ok) {
        notify_ready();
        ok = take_jobs(&l, err);
    }
    end(&l);
    return ok;
}
