/* The door of the database room: connections, statements by name, the queue, results, the private
 * cluster, the spool.
 *
 * A struct db is one connection, used by one thread at a time; a heartbeat thread opens its own.
 * Every call may be repeated: each statement is idempotent or fenced by the job's attempt, so a
 * connection that is lost in the middle of a COMMIT is answered by calling again, which this layer
 * does by itself until `retry_s` is over. Statements are the files of db/sql/, by name; their head
 * comments say what goes in and what comes out. No SQL is ever built from values. Errors are ERR_DB
 * where waiting may help, ERR_SCHEMA for a schema that this program doesn't know, ERR_INPUT,
 * ERR_NOT_FOUND and ERR_NUMERIC for what the database refused, ERR_BUG for the rest.
 *
 * Promises (the states of a job: migrations/002_queue.sql): a result that was answered ok, ok-late
 * or already survives a crash of anything; a superseded attempt writes nothing; execution is at
 * least once, effect exactly once. */
#ifndef ASSAY_DB_H
#define ASSAY_DB_H

#include <jansson.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"

/* ---- connections ---- */

struct db;

struct db_options {
    const char *conninfo; /* libpq string or URL; NULL: ASSAY_DATABASE_URL, DATABASE_URL, PG*, the
                             private cluster */
    const char *home;     /* where the private cluster lives; NULL: assay_home() */
    const char *role;     /* become this role: assay_worker, assay_site, ...; NULL: stay */
    const char *app;      /* shown in pg_stat_activity; NULL: "assay" */
    unsigned retry_s; /* how long a call waits for a database that is away; 0: 30 (3 for the first
                         connection) */
    unsigned statement_s; /* statement_timeout; 0: 30 */
    bool any_schema; /* don't check (or, in the private cluster, migrate) the schema: for db_migrate
                        and status */
    const atomic_bool
        *stop; /* set from elsewhere, it ends all waiting with ERR_INTERRUPTED; NULL: never */
};

/* Options may be NULL. The private cluster is started if it is down, migrated if it is behind, and
 * left running. */
MUST_CHECK struct db *db_open(const struct db_options *options, struct err *err);
void db_close(struct db *db); /* NULL is fine */
bool db_is_private(const struct db *db);
unsigned db_reconnects(const struct db *db); /* how often the connection was lost and made again */

/* Applies what is missing, each file in a transaction, one migrator at a time. *n_applied may be
 * NULL. */
MUST_CHECK bool db_migrate(struct db *db, int *n_applied, struct err *err);
/* ERR_SCHEMA unless the schema is exactly the one this program was built with. */
MUST_CHECK bool db_check_schema(struct db *db, struct err *err);
/* Server, durability, schema: one JSON object (server, database, private, fsync, synchronous,
 * standby, size_bytes, version, latest, migrations[]). The caller owns it. */
MUST_CHECK json_t *db_status(struct db *db, struct err *err);

/* The whole schema with all its rows, in pg_dump's custom format; `file` appears whole or not at
 * all.
 */
MUST_CHECK bool db_dump(const char *conninfo, const char *file, struct err *err);
/* Puts a dump into a database that has no schema of assay, or, with `replace`, in its place. All of
 * it and a new epoch are one transaction: claims from before are stale from then on. */
MUST_CHECK bool db_restore(const char *conninfo, const char *file, bool replace, struct err *err);

/* ---- statements by name ---- */

enum db_type { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BYTES };
struct db_arg {
    enum db_type type;
    long long i;
    double d;
    const void *data;
    size_t n;
};
struct db_arg db_null(void);
struct db_arg db_int(long long v);
struct db_arg db_real(double v);
struct db_arg db_text(
    const char *s); /* NULL is SQL's NULL; the text must live until the call returns */
struct db_arg db_bytes(const void *data, size_t n);
#define DB_ARGS(...)                                                                               \
    (const struct db_arg[]) { __VA_ARGS__ },                                                       \
        sizeof((struct db_arg[]) { __VA_ARGS__ }) / sizeof(struct db_arg)
#define DB_NO_ARGS NULL, 0

struct rows {
    void *result; /* a PGresult */
    int n;
};

/* Runs db/sql/<name>.sql: db_query(db, "site_board", DB_ARGS(db_text("mteb")), &rows, err). */
MUST_CHECK bool db_query(struct db *db, const char *name, const struct db_arg *args, size_t n_args,
    struct rows *rows, struct err *err);
/* The same where the rows don't matter. */
MUST_CHECK bool db_run(
    struct db *db, const char *name, const struct db_arg *args, size_t n_args, struct err *err);
void rows_release(struct rows *rows); /* a zeroed struct is fine */

/* Fields by column name; a column that is not there is our own mistake. NULL reads as "", 0,
 * NAN-free 0.0 and false: ask rows_null where it matters. Text lives until rows_release. */
bool rows_null(const struct rows *rows, int row, const char *column);
const char *rows_text(const struct rows *rows, int row, const char *column);
long long rows_int(const struct rows *rows, int row, const char *column);
double rows_real(const struct rows *rows, int row, const char *column);
bool rows_bool(const struct rows *rows, int row, const char *column);
MUST_CHECK json_t *rows_json(
    const struct rows *rows, int row, const char *column, struct err *err); /* caller owns */
void *rows_bytes(
    const struct rows *rows, int row, const char *column, size_t *n); /* caller frees */
/* One object a row, numbers as numbers, jsonb as itself, bytes left out. The caller owns it. Values
 * that are those of the row above are shared with what was made of it (or NULL): they are for
 * reading. */
MUST_CHECK json_t *row_to_json(
    const struct rows *rows, int row, const json_t *above, struct err *err);
MUST_CHECK json_t *rows_to_json(const struct rows *rows, struct err *err);

/* Everything read between the two is of one moment; a lost connection in between is an error, not a
 * retry. */
MUST_CHECK bool db_snapshot_begin(struct db *db, struct err *err);
void db_snapshot_end(struct db *db);

/* ---- submissions ---- */

/* The request, as JSON:
 *   {"submitter": "who", "priority": 0..9 (0 first; 5), "needs": {"memory_mb", "disk_mb", "gpus",
 * "device": "cpu|cuda", "dtype"}, all optional,
 *    "model": {"name": "org/name", "kind": "hub|local|api", "requested": "what was typed",
 * "commit": "40 hex (or the 64 hex of a folder's content)", "licence", "architecture", "dtype",
 * "params", "size_bytes", "card": {...}, "manifest": {...}}, "suite": {"name", "version", "sha256",
 * "definition": {...}, "tasks": [
 *              {"name", "version", "sha256", "kind", "main", "definition": {...}, "config":
 * CONFIG}, ...]}, "config": CONFIG that overrides the tasks' own} CONFIG is {"precision",
 * "weights", "template", "profile", "shots", "limit", "seed"}, all optional (auto, auto, auto,
 * lm-eval/0.4.13, -1 = the task's own, 0 = all, 0). The answer: {"submission": id, "created": bool,
 * "jobs": [{"job", "task", "state", "created"}]}; the same request again answers the same ids. The
 * caller owns it. */
MUST_CHECK json_t *db_submit(struct db *db, const json_t *request, struct err *err);

/* ---- the queue, as a worker sees it ---- */

enum queue_answer {
    QUEUE_OK,        /* done as asked */
    QUEUE_OK_LATE,   /* the lease had run out, but nobody had claimed the job since */
    QUEUE_ALREADY,   /* it was so before: the reply got lost, or it is told twice */
    QUEUE_CANCEL,    /* heartbeat: ok, but give the job up */
    QUEUE_STALE,     /* this claim was superseded: stop, write nothing */
    QUEUE_GONE,      /* no such job */
    QUEUE_WAITING,   /* the job's new state after a failure: again later */
    QUEUE_QUEUED,    /* again at once */
    QUEUE_DEAD,      /* never again */
    QUEUE_CANCELLED, /* it had been cancelled meanwhile */
    QUEUE_ASKED,     /* cancel: the worker will be told */
    QUEUE_N_ANSWERS,
};
const char *queue_answer_name(enum queue_answer answer); /* "ok-late" */

struct worker {
    char id[37];    /* random, made by worker_init; one worker holds one job at a time */
    char epoch[37]; /* of the database; filled by worker_register */
};
void worker_init(struct worker *worker);
/* Refuses a server that could lose a commit (fsync or synchronous_commit off) or that is a standby.
 * `info` may be NULL. */
MUST_CHECK bool worker_register(
    struct db *db, struct worker *worker, const char *build, const json_t *info, struct err *err);
/* Gives back a job that it still holds, without a penalty. */
MUST_CHECK bool worker_stop(struct db *db, const struct worker *worker, struct err *err);

/* Who may write for a job: what finish, chunks and the spool need, plain data that may be copied.
 */
struct job_key {
    long long job;
    int attempt;
    char worker[37], epoch[37];
};

struct job {
    struct job_key key;
    unsigned lease_s;
    atomic_llong deadline_ms; /* CLOCK_BOOTTIME; past it the worker must stop by itself. Set by
                                 claim and heartbeat */
    const char *purpose; /* eval, canary, reproduce; this text and the next until job_release */
    const char *model, *kind, *commit;
    const char *task, *task_sha256;
    int task_version;
    long long revision_id, config_id;
    json_t *config, *manifest;
    struct rows rows; /* what holds the text */
};

struct claim_options {
    unsigned lease_s;            /* 0: 90. Beat every quarter of it or so */
    unsigned memory_mb, disk_mb; /* jobs that need more are left to others; 0: any */
    const char *device;          /* cpu or cuda: others' jobs are left to them; NULL: any */
    unsigned gpus;               /* where a device is named */
    const char *dtypes;          /* "f32,bf16": what it computes in; NULL: any */
    long long resident;          /* revision that is loaded already, to be preferred; 0: none */
};
/* False only on errors; *found says whether there was a job. Claiming again before finishing
 * returns the same job. */
MUST_CHECK bool queue_claim(struct db *db, const struct worker *worker,
    const struct claim_options *options, struct job *job, bool *found, struct err *err);
void job_release(struct job *job); /* frees; gives nothing back to the queue */

/* QUEUE_OK, QUEUE_CANCEL or QUEUE_STALE. May run in another thread than the one that works on the
 * job. It gives up after a third of the lease (ERR_DB), so that a network that swallows everything
 * leaves time to stop the work. */
MUST_CHECK bool queue_heartbeat(
    struct db *db, struct job *job, double progress, enum queue_answer *answer, struct err *err);
/* Milliseconds left until the deadline; negative when it is past. */
long long job_ms_left(struct job *job);

/* The job ended with `why`: its class decides (err_info) whether it is dead, retried, quarantined
 * or given back. */
struct fail_options {
    double retry_after_s; /* what the hub asked for */
    unsigned needs_mb;    /* what it turned out to need */
};
MUST_CHECK bool queue_fail(struct db *db, const struct job_key *key, const struct err *why,
    const struct fail_options *options, enum queue_answer *answer, struct err *err);
/* Given back untouched, as on SIGTERM. */
MUST_CHECK bool queue_give_back(
    struct db *db, const struct job_key *key, enum queue_answer *answer, struct err *err);

/* Puts back jobs whose lease ran out. Any worker calls it, every 15 s or so, with jitter. */
MUST_CHECK bool queue_reap(struct db *db, int *n, struct err *err);
/* Until jobs were submitted, or timeout_ms; the wait is a hint, poll in any case. */
MUST_CHECK bool queue_wait(struct db *db, unsigned timeout_ms, struct err *err);

/* ---- the queue, as people see it (lists: db_query with queue_list, queue_show, queue_attempts,
 * queue_stats, ...) ---- */

MUST_CHECK bool queue_cancel(
    struct db *db, long long job, enum queue_answer *answer, struct err *err);
/* purpose: eval, canary, reproduce, or NULL to leave it. A job that was done makes a further run.
 */
MUST_CHECK bool queue_retry(
    struct db *db, long long job, const char *purpose, enum queue_answer *answer, struct err *err);

/* What a monitor watches, as one object: jobs by state, ages, leases past due, dead by class,
 * workers, snapshots, dead rows, sizes (queue_monitor of migrations/013). The caller owns it. */
MUST_CHECK json_t *queue_monitor(struct db *db, struct err *err);

/* ---- results ---- */

/* A record is what a finished job hands in, and what results/ and `assay result export` keep
 * (assay.record/1):
 *   {"schema": "assay.record/1", "task_sha256", "data_sha256", "weights_sha256"?, "harness_build",
 *    "backend", "isa", "device", "dtype", "main": name of a metric below, "n": samples,
 *    "metrics": [{"name", "subset"?, "value", "stderr"?, "low"?, "high"?, "n"?}, ...],
 *    "audit": {"ties", "truncated", "empty", "nan"}, "tokens_asked", "tokens_computed", "seconds",
 *    "chunks": [{"chunk", "sha256"}, ...], "command": [...], "manifest": {...},
 *    "scores"?: of each document, packed, for paired tests (base/stats/scores.h), anything else}
 * Its text is canonical (sorted keys, no spaces), so that two deliveries compare equal. The caller
 * frees. */
MUST_CHECK char *record_text(const json_t *record, struct err *err);

/* Stores the run and all its numbers, and sets the job done: one transaction. OK, OK_LATE, ALREADY,
 * STALE or GONE. */
MUST_CHECK bool queue_finish(struct db *db, const struct job_key *key, const char *text,
    enum queue_answer *answer, struct err *err);

/* Finishes one job and claims the next in one transaction: a round trip and a wait for the disk
 * instead of two of each. Told twice, as after a lost reply, it answers QUEUE_ALREADY and the job
 * that it took the first time. */
MUST_CHECK bool queue_turn(struct db *db, const struct worker *worker, const struct job_key *key,
    const char *text, const struct claim_options *options, enum queue_answer *answer,
    struct job *next, bool *found, struct err *err);

/* A run made without the queue: request = {"model": as in a submission, "task": as there, "config",
 * "purpose"}. set 0: it has no samples. The same record again is the run that is there (*created
 * false). */
MUST_CHECK bool run_record(struct db *db, const json_t *request, const char *text, long long set,
    long long *run, bool *created, struct err *err);

/* How many documents of a task are in a corpus: {"task": as in a submission, "corpus": its name,
 * "corpus_sha256", "data_sha256", "n": words in a row, "words", "documents", "too_short",
 * "contaminated"}. */
MUST_CHECK bool overlap_record(struct db *db, const json_t *overlap, struct err *err);

/* A further run of what run `of` is of. Scored again it stands in the place of `of`, which is
 * withdrawn with the reason `why`; only a run that stands can be replaced so (ERR_INPUT). A
 * reproduction stands beside it, with its verdict ("bits", "tolerance", "different"). */
MUST_CHECK bool run_rescore(struct db *db, long long of, const char *text, long long set,
    const char *why, long long *run, bool *created, struct err *err);
MUST_CHECK bool run_reproduce(struct db *db, long long of, const char *text, long long set,
    const char *verdict, long long *run, bool *created, struct err *err);

/* Per-sample records: JSON lines, a few thousand a chunk, compressed. */
#define CHUNK_BODY_MAX ((size_t)8 << 20)  /* compressed */
#define CHUNK_TEXT_MAX ((size_t)64 << 20) /* JSON lines */
struct chunk {
    int number, n; /* n samples */
    char sha256[65];
    char build[201]; /* harness build that made it: resume only from one's own */
    void *body;
    size_t size;
};
MUST_CHECK bool chunk_pack(struct chunk *chunk, int number, int n, const char *build,
    const char *lines, size_t len, struct err *err);
MUST_CHECK char *chunk_unpack(
    const void *body, size_t size, size_t *len, struct err *err); /* the caller frees */
void chunk_release(struct chunk *chunk);

/* OK, ALREADY, STALE or GONE. */
MUST_CHECK bool chunk_put(struct db *db, const struct job_key *key, const struct chunk *chunk,
    enum queue_answer *answer, struct err *err);
/* What earlier attempts of this job stored; the caller releases each and frees the array. */
MUST_CHECK bool chunk_list(
    struct db *db, const struct job_key *key, struct chunk **chunks, size_t *n, struct err *err);
/* For run_record: *set 0 opens a new set. */
MUST_CHECK bool run_chunk(
    struct db *db, long long *set, const struct chunk *chunk, struct err *err);
/* All samples of a run as JSON lines, appended; every chunk is held against its hash. */
MUST_CHECK bool run_samples(struct db *db, long long run, struct strbuf *out, struct err *err);

/* The body of row `row` of "site_samples", wherever it is by now: in the database, or in the
 * archive, where it is held against its hash. The caller frees; NULL on errors. */
MUST_CHECK void *chunk_body(const struct rows *rows, int row, size_t *n, struct err *err);

/* Samples of runs older than `days` leave the database: to files, or, with `drop`, for good. Their
 * records stay, with the hashes. May be interrupted and run again at any time. */
struct archive_options {
    double days;
    bool drop;
    const char *dir; /* NULL: ASSAY_ARCHIVE, or HOME/archive */
};
struct archive_counts {
    long long chunks, samples, bytes;
};
MUST_CHECK bool db_archive(struct db *db, const struct archive_options *options,
    struct archive_counts *counts, struct err *err);

/* ---- the spool: finished work, safe on disk before the first attempt to deliver it ---- */

/* Writes DIR/<job>.<attempt>.res: fsync, rename, fsync of the directory. Chunks are those not
 * stored yet. */
MUST_CHECK bool spool_write(const char *dir, const struct job_key *key, const char *record,
    const struct chunk *chunks, size_t n_chunks, struct err *err);

struct spool_item {
    struct job_key key;
    char *record; /* NUL-terminated */
    struct chunk *chunks;
    size_t n_chunks;
};
MUST_CHECK bool spool_parse(
    struct spool_item *item, const void *data, size_t size, const char *name, struct err *err);
void spool_item_release(struct spool_item *item);

struct spool_counts {
    int delivered, refused, left;
};
/* Delivers every file, whoever wrote it. What the database refuses for good, and what is damaged,
 * goes to DIR/refused/ and is kept 30 days; where the database is away, files stay and ERR_DB comes
 * back. */
MUST_CHECK bool spool_deliver(
    const char *dir, struct db *db, struct spool_counts *counts, struct err *err);
/* Delivers the one file; *answer as of queue_finish, QUEUE_ALREADY if another worker took it. */
MUST_CHECK bool spool_deliver_job(const char *dir, struct db *db, const struct job_key *key,
    enum queue_answer *answer, struct err *err);

/* The same as queue_turn does it: the next job is taken along (*found; it is the caller's to
 * release). None is taken where another worker delivered the file. */
MUST_CHECK bool spool_deliver_turn(const char *dir, struct db *db, const struct worker *worker,
    const struct job_key *key, const struct claim_options *claim, enum queue_answer *answer,
    struct job *next, bool *found, struct err *err);

/* ---- the private cluster: HOME/pg, one Unix socket, no TCP ---- */

struct cluster {
    char *home, *data, *socket_dir, *log, *conninfo, *bin; /* bin: where initdb and pg_ctl are */
    uid_t uid; /* whom the server runs as: ourselves, or `postgres` when we are root */
    gid_t gid;
    bool initialised, running;
    pid_t pid;
};
/* Each fills *cluster, which may be NULL, for cluster_release. home NULL: assay_home().
 * Up: makes the cluster if there is none, clears what a crash left, starts it; one command at a
 * time, idempotent. Down: stops it and keeps it down for programs that lost their connection; the
 * next cluster_up undoes that. */
MUST_CHECK bool cluster_up(const char *home, struct cluster *cluster, struct err *err);
MUST_CHECK bool cluster_down(const char *home, struct cluster *cluster, struct err *err);
MUST_CHECK bool cluster_status(const char *home, struct cluster *cluster, struct err *err);
void cluster_release(struct cluster *cluster);
/* The full path of a PostgreSQL program (psql, pg_dump, ...); the caller frees. NULL if it is not
 * installed. */
char *cluster_program(const char *name);

#endif
