/* Measures the queue against a million jobs, beside the reference prototype in the same cluster,
 * which is made here with fsync and synchronous_commit on. Both do the same work: a claim, and a
 * result of two metrics, each durable before it is answered. Ours is driven by the functions that a
 * worker calls, the prototype by prepared statements. Rounds alternate, so that a machine that
 * changes its speed changes it for both.
 *
 *   bench_queue HOME [--jobs N] [--round-s N] [--rounds N] [--pace-s N] [--snapshot-s N]
 * [--prototype FILE.sql] [--only pace,rates,waiters,snapshot] [--clients 1,8,16] [--hows 012]
 *
 * One JSON document on stdout, progress on stderr; script/bench queue makes a table of it. */
#include <libpq-fe.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/proc.h"
#include "db/db.h"

#define CLIENTS_MAX 16
#define SAMPLES_MAX 400000
#define PACE_PER_S 20
#define WARM_S 1.0

enum how { PROTOTYPE, APART, TURN, N_HOWS };
static const char *const how_names[N_HOWS] = { "prototype", "ours, claim and finish", "ours" };

struct bench {
    const char *home, *prototype;
    const char *only, *clients, *hows; /* NULL: all */
    long long jobs;
    unsigned round_s, rounds, pace_s, snapshot_s;
    pid_t server;
    char ours[200], theirs[200];
};

/* ---- helpers ---- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what, const char *why) {
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

/* How many rows it answered. */
static int sql(const char *conninfo, const char *text) {
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *r = PQexec(conn, text);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
        die(text, PQerrorMessage(conn));
    int n = PQntuples(r);
    PQclear(r);
    PQfinish(conn);
    return n;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- one client ---- */

struct client {
    const struct bench *bench;
    enum how how;
    unsigned number;
    double pace_s;         /* between the beginnings of two cycles; 0: as fast as it goes */
    double from, until;    /* when it begins to count, and stops */
    double *claim_ms;      /* of each cycle, in order */
    double *cycle_ms, *at; /* when it ended */
    size_t n, n_all;       /* n_all: those before it began to count, too */
    char *text;            /* a record; making one is not the queue's work */
    pthread_t thread;
};

static void note(struct client *c, double began, double claimed, double ended) {
    c->n_all++;
    if (began < c->from)
        return;
    if (c->n == SAMPLES_MAX)
        die("client", "too many cycles");
    c->claim_ms[c->n] = (claimed - began) * 1e3;
    c->cycle_ms[c->n] = (ended - began) * 1e3;
    c->at[c->n++] = ended;
}

static void wait_for_turn(const struct client *c, double start, size_t cycle) {
    double due = start + (double)cycle * c->pace_s;
    if (c->pace_s > 0 && due > now())
        usleep((useconds_t)((due - now()) * 1e6));
}

static PGresult *ask(PGconn *conn, const char *name, int n, const char *const *values) {
    PGresult *r = PQexecPrepared(conn, name, n, values, NULL, NULL, 0);
    if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1)
        die(name, PQerrorMessage(conn));
    return r;
}

static void *run_prototype(void *arg) {
    struct client *c = arg;
    PGconn *conn = PQconnectdb(c->bench->theirs);
    PQclear(PQprepare(conn, "register", "SELECT assay.register_worker('bench', 1, 'b')", 0, NULL));
    PQclear(PQprepare(
        conn, "claim", "SELECT job_id, attempt FROM assay.claim_jobs($1, 1, '90s')", 1, NULL));
    PQclear(PQprepare(conn, "finish",
        "SELECT assay.finish_job($1, $2, $3, decode(repeat('ab', 32), 'hex'), ARRAY['acc', "
        "'acc_norm'], "
        "ARRAY[0.5, 0.25]::float8[], ARRAY[100, 100])",
        3, NULL));
    PGresult *w = ask(conn, "register", 0, NULL);
    double start = now();
    for (size_t i = 0; now() < c->until; i++) {
        const char *worker[] = { PQgetvalue(w, 0, 0) };
        wait_for_turn(c, start, i);
        double began = now();
        PGresult *r = ask(conn, "claim", 1, worker);
        double claimed = now();
        const char *key[] = { worker[0], PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1) };
        PGresult *f = ask(conn, "finish", 3, key);
        if (strcmp(PQgetvalue(f, 0, 0), "ok"))
            die("finish", PQgetvalue(f, 0, 0));
        note(c, began, claimed, now());
        PQclear(f);
        PQclear(r);
    }
    PQclear(w);
    PQfinish(conn);
    return NULL;
}

static char *make_record(const struct job *job) {
    char data[65];
    struct err err = ERR_INIT;
    sha256_hex("data", 4, data);
    json_t *record = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:{s:i,s:i,s:i,s:i}, "
        "s:[{s:s,s:f,s:f,s:i}, {s:s,s:f,s:i}]}",
        "schema", "assay.record/1", "task_sha256", job->task_sha256, "data_sha256", data,
        "harness_build", "bench", "backend", "cpu", "isa", "avx2", "device", "cpu", "dtype", "f32",
        "main", "acc", "n", 100, "tokens_asked", 1000, "tokens_computed", 400, "seconds", 1.5,
        "audit", "ties", 1, "truncated", 2, "empty", 0, "nan", 0, "metrics", "name", "acc", "value",
        0.5, "stderr", 0.01, "n", 100, "name", "acc_norm", "value", 0.25, "n", 100);
    char *text = record_text(record, &err);
    json_decref(record);
    return text;
}

/* The client's record, of this job's task. */
static const char *record_of(struct client *c, const struct job *job) {
    static const char KEY[] = "\"task_sha256\":\"";
    if (!c->text)
        c->text = make_record(job);
    char *at = c->text ? strstr(c->text, KEY) : NULL;
    if (!at)
        die("record", "could not be made");
    memcpy(at + sizeof KEY - 1, job->task_sha256, 64);
    return c->text;
}

/* Claims, then finishes: two calls. */
static void cycle_apart(struct client *c, struct db *db, struct worker *w, long long *resident) {
    struct claim_options o = { .resident = *resident };
    struct err err = ERR_INIT;
    struct job job;
    bool found;
    enum queue_answer answer;
    double began = now();
    if (!queue_claim(db, w, &o, &job, &found, &err) || !found)
        die("claim", err.msg);
    double claimed = now();
    if (!queue_finish(db, &job.key, record_of(c, &job), &answer, &err) || answer != QUEUE_OK)
        die("finish", err.msg);
    note(c, began, claimed, now());
    *resident = job.revision_id;
    job_release(&job);
}

/* Finishes the one at hand and claims the next: one call, which is all of the cycle. */
static void cycle_turn(struct client *c, struct db *db, struct worker *w, struct job *job) {
    struct claim_options o = { .resident = job->revision_id };
    struct err err = ERR_INIT;
    struct job next;
    bool found;
    enum queue_answer answer;
    const char *text = record_of(c, job);
    double began = now();
    if (!queue_turn(db, w, &job->key, text, &o, &answer, &next, &found, &err) || !found ||
        answer != QUEUE_OK)
        die("turn", err.msg);
    double ended = now();
    note(c, began, ended, ended);
    job_release(job);
    memcpy(job, &next, sizeof next);
}

static void *run_ours(void *arg) {
    struct client *c = arg;
    struct err err = ERR_INIT;
    struct worker w;
    struct job job;
    bool found;
    struct db_options o = { .conninfo = c->bench->ours };
    struct db *db = db_open(&o, &err);
    long long resident = 0;
    worker_init(&w);
    if (!db || !worker_register(db, &w, "bench", NULL, &err) ||
        (c->how == TURN && (!queue_claim(db, &w, NULL, &job, &found, &err) || !found)))
        die("open", err.msg);
    double start = now();
    for (size_t i = 0; now() < c->until; i++) {
        wait_for_turn(c, start, i);
        if (c->how == TURN)
            cycle_turn(c, db, &w, &job);
        else
            cycle_apart(c, db, &w, &resident);
    }
    if (c->how == TURN)
        job_release(&job);
    if (!worker_stop(db, &w, &err))
        die("stop", err.msg);
    db_close(db);
    return NULL;
}

/* ---- several, for a while ---- */

struct crew {
    struct client clients[CLIENTS_MAX];
    unsigned n;
};

static void crew_start(struct crew *crew, const struct bench *b, enum how how, unsigned n,
    double seconds, double pace_s) {
    double from = now() + WARM_S; /* a connection's first calls make its plans */
    memset(crew, 0, sizeof *crew);
    crew->n = n;
    for (unsigned i = 0; i < n; i++) {
        struct client *c = &crew->clients[i];
        *c = (struct client) { .bench = b,
            .how = how,
            .number = i,
            .pace_s = pace_s,
            .from = from,
            .until = from + seconds };
        c->claim_ms = xmalloc(SAMPLES_MAX * sizeof(double));
        c->cycle_ms = xmalloc(SAMPLES_MAX * sizeof(double));
        c->at = xmalloc(SAMPLES_MAX * sizeof(double));
        if (pthread_create(&c->thread, NULL, how == PROTOTYPE ? run_prototype : run_ours, c))
            die("client", "no thread");
    }
}

static void crew_join(struct crew *crew) {
    for (unsigned i = 0; i < crew->n; i++)
        pthread_join(crew->clients[i].thread, NULL);
}

static void crew_release(struct crew *crew) {
    for (unsigned i = 0; i < crew->n; i++) {
        free(crew->clients[i].text);
        free(crew->clients[i].claim_ms);
        free(crew->clients[i].cycle_ms);
        free(crew->clients[i].at);
    }
}

/* Latencies of the cycles that ended in [from, to). */
static json_t *latencies(const struct crew *crew, double from, double to, bool claims) {
    size_t n = 0, total = 0;
    for (unsigned i = 0; i < crew->n; i++)
        total += crew->clients[i].n;
    double *ms = xmalloc((total + 1) * sizeof *ms);
    for (unsigned i = 0; i < crew->n; i++) {
        const struct client *c = &crew->clients[i];
        for (size_t k = 0; k < c->n; k++)
            if (c->at[k] >= from && c->at[k] < to)
                ms[n++] = claims ? c->claim_ms[k] : c->cycle_ms[k];
    }
    qsort(ms, n, sizeof *ms, by_size);
    json_t *j = n ? json_pack("{s:I, s:f, s:f, s:f}", "n", (json_int_t)n, "p50_ms", ms[n / 2],
                        "p99_ms", ms[(size_t)((double)(n - 1) * 0.99)], "max_ms", ms[n - 1])
                  : json_pack("{s:i}", "n", 0);
    free(ms);
    return j;
}

static size_t cycles(const struct crew *crew, bool all) {
    size_t n = 0;
    for (unsigned i = 0; i < crew->n; i++)
        n += all ? crew->clients[i].n_all : crew->clients[i].n;
    return n;
}

/* ---- the million ---- */

static void fill_ours(const struct bench *b) {
    char text[2000];
    snprintf(text, sizeof text,
        "SET search_path = assay; SET statement_timeout = 0;"
        "INSERT INTO models (name) SELECT 'org/m' || i FROM generate_series(1, 10000) i;"
        "INSERT INTO revisions (model_id, commit) SELECT i, substr(encode(sha256(i::text::bytea), "
        "'hex'), 1, 40) "
        "FROM generate_series(1, 10000) i;"
        "INSERT INTO tasks (name, version, sha256, kind, main) SELECT 't' || i, 1, "
        "encode(sha256(i::text::bytea), "
        "'hex'), 'choice', 'acc' FROM generate_series(1, 100) i;"
        "SELECT put_config(jsonb_build_object('seed', i)) FROM generate_series(1, 10) i;"
        "INSERT INTO jobs (revision_id, task_id, config_id, turn) SELECT 1 + (i / 100) %% 10000, 1 "
        "+ i %% 100, "
        "1 + i / 1000000, i FROM generate_series(0, %lld - 1) i",
        b->jobs);
    sql(b->ours, text);
    sql(b->ours, "VACUUM ANALYZE");
}

static void fill_prototype(const struct bench *b) {
    char *psql = cluster_program("psql"), text[2000];
    struct proc_result result = { 0 };
    struct err err = ERR_INIT;
    const char *argv[] = { psql, "-X", "-q", "-d", b->theirs, "-f", b->prototype, NULL };
    if (!psql || !proc_run(argv, NULL, &result, &err) || result.exit_code)
        die("the prototype", strbuf_str(&result.err));
    proc_result_release(&result);
    free(psql);
    snprintf(text, sizeof text,
        "SET search_path = assay;"
        "INSERT INTO models (repo_id, revision) SELECT 'org/m' || i, "
        "substr(encode(sha256(i::text::bytea), 'hex'), 1, 40) "
        "FROM generate_series(1, 10000) i;"
        "INSERT INTO tasks (name, version, def_sha256) SELECT 't' || i, 1, sha256(i::text::bytea) "
        "FROM "
        "generate_series(1, 100) i;"
        "INSERT INTO jobs (model_id, task_id, config_hash) SELECT 1 + (i / 100) %% 10000, 1 + i %% "
        "100, "
        "sha256((i / 1000000)::text::bytea) FROM generate_series(0, %lld - 1) i",
        b->jobs);
    sql(b->theirs, text);
    sql(b->theirs, "VACUUM ANALYZE");
}

/* ---- what is measured ---- */

static bool measured(const struct bench *b, enum how how) {
    return (how != PROTOTYPE || b->prototype) && (!b->hows || strchr(b->hows, '0' + (int)how));
}

/* At twenty cycles a second: what a claim takes, and, where it is one with finishing, the turn. */
static json_t *measure_pace(const struct bench *b, double seconds) {
    json_t *all = json_object();
    for (enum how how = 0; how < N_HOWS; how++) {
        struct crew crew;
        if (!measured(b, how))
            continue;
        fprintf(stderr, "bench: %d cycles a second, %s\n", PACE_PER_S, how_names[how]);
        crew_start(&crew, b, how, 1, seconds, 1.0 / PACE_PER_S);
        crew_join(&crew);
        json_object_set_new(all, how_names[how],
            json_pack("{s:o, s:o}", "claim", latencies(&crew, 0, INFINITY, true), "cycle",
                latencies(&crew, 0, INFINITY, false)));
        crew_release(&crew);
    }
    return all;
}

/* Seconds of processor time of the server's processes that have ended: of a round's connections. */
static double server_s(const struct bench *b) {
    char path[64], line[1000] = "";
    unsigned long long user = 0, system = 0;
    usleep(100000); /* those of the round are ending */
    snprintf(path, sizeof path, "/proc/%d/stat", (int)b->server);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
    line[n] = 0;
    if (f)
        fclose(f);
    const char *rest = strrchr(line, ')');
    if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %llu %llu",
                     &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Cycles a second, and milliseconds of the server's time for each. */
static void measure_round(
    const struct bench *b, enum how how, unsigned clients, json_t *rates, json_t *server) {
    struct crew crew;
    double spent = server_s(b), began = now() + WARM_S;
    crew_start(&crew, b, how, clients, b->round_s, 0);
    crew_join(&crew);
    double rate = (double)cycles(&crew, false) / (now() - began);
    double ms = (server_s(b) - spent) * 1e3 / (double)cycles(&crew, true);
    fprintf(stderr, "bench: %u clients, %s: %.0f cycles/s, %.3f ms of the server's time\n", clients,
        how_names[how], rate, ms);
    json_array_append_new(json_object_get(rates, how_names[how]), json_real(rate));
    json_array_append_new(json_object_get(server, how_names[how]), json_real(ms));
    crew_release(&crew);
}

static void measure_rate(
    const struct bench *b, unsigned clients, json_t *all_rates, json_t *all_server) {
    json_t *rates = json_object(), *server = json_object();
    char name[16];
    for (enum how how = 0; how < N_HOWS; how++) {
        if (measured(b, how)) {
            json_object_set_new(rates, how_names[how], json_array());
            json_object_set_new(server, how_names[how], json_array());
        }
    }
    for (unsigned round = 0; round < b->rounds; round++)
        for (enum how how = 0; how < N_HOWS; how++)
            if (measured(b, how))
                measure_round(b, how, clients, rates, server);
    snprintf(name, sizeof name, "%u", clients);
    json_object_set_new(all_rates, name, rates);
    json_object_set_new(all_server, name, server);
}

/* Somebody's transaction is left open while the queue works; then it ends. Windows of ten seconds.
 */
static json_t *measure_snapshot(
    const struct bench *b, enum how how, unsigned clients, double pace_s) {
    struct crew crew;
    const char *conninfo = how == PROTOTYPE ? b->theirs : b->ours;
    double seconds = b->snapshot_s, after_s = 70;
    fprintf(stderr, "bench: %u clients%s, an idle snapshot for %.0f s, %s\n", clients,
        pace_s > 0 ? " at a pace" : "", seconds, how_names[how]);
    double start = now();
    crew_start(&crew, b, how, clients, 20 + seconds + after_s, pace_s);
    usleep(20000000);
    PGconn *conn = PQconnectdb(conninfo);
    PQclear(PQexec(conn, "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL "
                         "REPEATABLE READ; SELECT count(*) FROM assay.tasks"));
    double from = now();
    usleep((useconds_t)(seconds * 1e6));
    PQclear(PQexec(conn, "COMMIT"));
    double to = now();
    PQfinish(conn);
    crew_join(&crew);
    json_t *windows = json_array();
    for (double t = start; t + 10 <= now(); t += 10) {
        json_t *w = latencies(&crew, t, t + 10, false);
        json_object_set_new(w, "at_s", json_real(t - from));
        json_object_set_new(w, "open", json_boolean(t + 10 > from && t < to));
        json_array_append_new(windows, w);
    }
    json_t *j = json_pack("{s:i, s:f, s:o, s:o, s:o, s:o}", "clients", (int)clients, "pace_s",
        pace_s, "before", latencies(&crew, start, from, false), "open",
        latencies(&crew, from, to, false), "second_minute_after",
        latencies(&crew, to + 50, to + 70, false), "windows", windows);
    crew_release(&crew);
    return j;
}

/* A hundred thousand retries that wait for tomorrow. */
static json_t *measure_waiters(const struct bench *b) {
    json_t *before = measure_pace(b, b->pace_s / 3);
    sql(b->ours,
        "SET search_path = assay; SET statement_timeout = 0; UPDATE jobs SET state = 'waiting', "
        "run_at = "
        "now() + interval '1 day' WHERE job_id IN (SELECT job_id FROM jobs WHERE state = 'queued' "
        "ORDER BY job_id DESC LIMIT 100000)");
    sql(b->ours, "VACUUM ANALYZE assay.jobs");
    return json_pack("{s:o, s:o}", "before", before, "with", measure_pace(b, b->pace_s / 3));
}

/* Some results of each, and statistics of them: plans that were made of empty tables would be what
 * is measured, the prototype's above all. */
static void warm(const struct bench *b) {
    for (enum how how = 0; how < N_HOWS; how++) {
        struct crew crew;
        if (!measured(b, how))
            continue;
        crew_start(&crew, b, how, 8, 5, 0);
        crew_join(&crew);
        crew_release(&crew);
    }
    sql(b->ours, "VACUUM ANALYZE");
    if (b->prototype)
        sql(b->theirs, "VACUUM ANALYZE");
}

static void begin(struct bench *b) {
    struct err err = ERR_INIT;
    struct cluster c;
    struct db_options o = { .home = b->home };
    struct db *db = db_open(&o, &err);
    if (!db || !cluster_status(b->home, &c, &err))
        die("database", err.msg);
    db_close(db);
    snprintf(b->ours, sizeof b->ours, "host=%s user=assay dbname=assay", c.socket_dir);
    snprintf(b->theirs, sizeof b->theirs, "host=%s user=assay dbname=prototype", c.socket_dir);
    b->server = c.pid;
    cluster_release(&c);
    if (sql(b->ours, "SELECT 1 FROM assay.models LIMIT 1")) /* a home that was filled before */
        return;
    fprintf(stderr, "bench: %lld jobs\n", b->jobs);
    fill_ours(b);
    if (b->prototype) {
        sql(b->ours, "CREATE DATABASE prototype");
        fill_prototype(b);
    }
    warm(b);
    sql(b->ours, "CHECKPOINT");
}

static void parse(struct bench *b, int argc, char **argv) {
    b->home = argc > 1 ? argv[1] : NULL;
    for (int i = 2; i + 1 < argc; i += 2) {
        unsigned v = (unsigned)strtoul(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--jobs"))
            b->jobs = v;
        else if (!strcmp(argv[i], "--round-s"))
            b->round_s = v;
        else if (!strcmp(argv[i], "--rounds"))
            b->rounds = v;
        else if (!strcmp(argv[i], "--pace-s"))
            b->pace_s = v;
        else if (!strcmp(argv[i], "--snapshot-s"))
            b->snapshot_s = v;
        else if (!strcmp(argv[i], "--prototype"))
            b->prototype = argv[i + 1];
        else if (!strcmp(argv[i], "--only"))
            b->only = argv[i + 1];
        else if (!strcmp(argv[i], "--clients"))
            b->clients = argv[i + 1];
        else if (!strcmp(argv[i], "--hows"))
            b->hows = argv[i + 1];
        else
            b->home = NULL;
    }
    if (!b->home)
        die("usage", "bench_queue HOME [--jobs N] [--round-s N] [--rounds N] [--snapshot-s N] "
                     "[--prototype FILE.sql]");
}

static bool asked(const char *list, const char *name) {
    return !list || strstr(list, name);
}

static void measure_rates(const struct bench *b, json_t *out) {
    json_t *rates = json_object(), *server = json_object();
    for (const char *at = b->clients ? b->clients : "1,8,16"; at; at = strchr(at, ',')) {
        at += *at == ',';
        unsigned clients = (unsigned)strtoul(at, NULL, 10);
        if (clients < 1 || clients > CLIENTS_MAX)
            die("--clients", at);
        measure_rate(b, clients, rates, server);
    }
    json_object_set_new(out, "rates", rates);
    json_object_set_new(out, "server_ms", server);
}

static json_t *measure_snapshots(const struct bench *b) {
    json_t *snapshots = json_object();
    json_object_set_new(snapshots, "pace", measure_snapshot(b, TURN, 1, 1.0 / PACE_PER_S));
    json_object_set_new(snapshots, "ours", measure_snapshot(b, TURN, 8, 0));
    if (b->prototype)
        json_object_set_new(snapshots, "prototype", measure_snapshot(b, PROTOTYPE, 8, 0));
    return snapshots;
}

static void measure_all(const struct bench *b, json_t *out) {
    if (asked(b->only, "pace"))
        json_object_set_new(out, "pace", measure_pace(b, b->pace_s));
    if (asked(b->only, "rates"))
        measure_rates(b, out);
    if (asked(b->only, "waiters"))
        json_object_set_new(out, "waiters", measure_waiters(b));
    if (b->snapshot_s && asked(b->only, "snapshot"))
        json_object_set_new(out, "snapshot", measure_snapshots(b));
}

int main(int argc, char **argv) {
    struct bench b = {
        .jobs = 1000000, .round_s = 10, .rounds = 3, .pace_s = 60, .snapshot_s = 180
    };
    struct err err = ERR_INIT;
    parse(&b, argc, argv);
    begin(&b);
    json_t *out =
        json_pack("{s:s, s:I}", "schema", "assay.bench-queue/1", "jobs", (json_int_t)b.jobs);
    measure_all(&b, out);
    json_dumpf(out, stdout, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(out);
    return cluster_down(b.home, NULL, &err) ? 0 : 1;
}
