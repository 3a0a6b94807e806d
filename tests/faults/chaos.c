/* Chaos: workers are killed, stopped and asked to end at random, connections are cut, the server is
 * stopped as if its plug were pulled; jobs are submitted and run again meanwhile. Then everything
 * may calm down, and the invariants of invariants.c must hold.
 *
 *   chaos [--seconds N] [--seed N] [--workers N] [--zombies PERCENT] [--break FILE.sql]
 *
 * The seed replays the schedule of faults, not the interleaving. With --break the file is run on
 * the schema first and a violation is expected: the proof that the run would see one. Exit code 0:
 * as expected; 1: not; 77: no PostgreSQL. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "tests/faults/invariants.h"
#include "tests/faults/worker.h"

#define WORKERS_MAX 32
#define TASKS 8
#define DRAIN_S 240 /* a hang guard */

struct chaos {
    char home[64], spool[80], tally[80];
    unsigned seconds, seed, n_workers, zombies;
    const char *broken;
    struct db *db;
    struct cluster cluster;
    unsigned random, n_models;
    struct {
        pid_t pid;
        double resume_at; /* stopped until then; 0: running */
    } workers[WORKERS_MAX];
    int kills, stops, terms, cuts, restarts, retries, spawned, findings;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static unsigned pick(struct chaos *c, unsigned n) {
    c->random = c->random * 1664525u + 1013904223u;
    return (c->random >> 8) % n;
}

static void die(const char *what, const struct err *err) {
    fprintf(stderr, "chaos: %s: %s (%s)\n", what, err->msg, err->hint);
    exit(1);
}

/* SQL of the test's own, as the owner, tried again while the server is away. */
static long long sql_int(struct chaos *c, const char *sql) {
    char info[300];
    snprintf(info, sizeof info, "%s options='-c search_path=assay -c client_min_messages=error'",
        c->cluster.conninfo);
    for (int i = 0; i < 200; i++) {
        PGconn *conn = PQconnectdb(info);
        PGresult *r = PQexec(conn, sql);
        ExecStatusType s = PQresultStatus(r);
        bool ok = s == PGRES_TUPLES_OK || s == PGRES_COMMAND_OK;
        bool lost = PQstatus(conn) != CONNECTION_OK;
        long long v = ok && PQntuples(r) > 0 ? atoll(PQgetvalue(r, 0, 0)) : 0;
        if (!ok && !lost)
            fprintf(stderr, "chaos: %s: %s\n", sql, PQerrorMessage(conn));
        PQclear(r);
        PQfinish(conn);
        if (ok)
            return v;
        if (!lost)
            exit(1);
        usleep(100000);
    }
    fprintf(stderr, "chaos: the server does not come back\n");
    exit(1);
}

/* ---- jobs ---- */

static void hash_of(const char *text, char hex[65]) {
    sha256_hex(text, strlen(text), hex);
}

static void submit(struct chaos *c) {
    char model[40], commit[65], suite[65], name[20], task_hash[65];
    struct err err = ERR_INIT;
    snprintf(model, sizeof model, "org/model%u", c->n_models++);
    hash_of(model, commit);
    hash_of("suite", suite);
    commit[40] = 0;
    json_t *tasks = json_array();
    for (int i = 0; i < TASKS; i++) {
        snprintf(name, sizeof name, "task%d", i);
        hash_of(name, task_hash);
        json_array_append_new(tasks, json_pack("{s:s, s:s, s:s, s:s}", "name", name, "sha256",
                                         task_hash, "kind", "choice", "main", "acc"));
    }
    json_t *request =
        json_pack("{s:s, s:{s:s, s:s}, s:{s:s, s:s, s:o}}", "submitter", "chaos", "model", "name",
            model, "commit", commit, "suite", "name", "suite", "sha256", suite, "tasks", tasks);
    json_t *answer = db_submit(c->db, request, &err);
    if (!answer)
        die("submit", &err);
    json_decref(request);
    json_decref(answer);
}

static long long open_jobs(struct chaos *c) {
    struct rows rows;
    struct err err = ERR_INIT;
    if (!db_query(c->db, "queue_stats", DB_NO_ARGS, &rows, &err))
        die("stats", &err);
    long long n =
        rows_int(&rows, 0, "waiting") + rows_int(&rows, 0, "queued") + rows_int(&rows, 0, "leased");
    rows_release(&rows);
    return n;
}

static void retry_some_job(struct chaos *c) {
    enum queue_answer answer;
    struct err err = ERR_INIT;
    long long job = sql_int(c, "SELECT coalesce((SELECT job_id FROM jobs WHERE state = 'done' "
                               "ORDER BY md5(job_id::text || "
                               "finished_at::text) LIMIT 1), 0)");
    if (!queue_retry(c->db, job, "canary", &answer, &err))
        die("retry", &err);
    c->retries += answer == QUEUE_QUEUED;
}

/* ---- workers ---- */

extern char **environ;

static void spawn_one(struct chaos *c, unsigned i) {
    char seed[16], zombies[16];
    snprintf(seed, sizeof seed, "%u", c->seed * 1000 + (unsigned)c->spawned++);
    snprintf(zombies, sizeof zombies, "%u", c->zombies);
    char *argv[] = { (char[]) { "chaos" }, (char[]) { "--worker" }, c->home, c->spool, c->tally,
        seed, zombies, NULL };
    c->workers[i].resume_at = 0;
    if (posix_spawn(&c->workers[i].pid, "/proc/self/exe", NULL, NULL, argv, environ) != 0) {
        perror("chaos: spawn");
        exit(1);
    }
}

/* Killed by us is as well as ending in order; SIGTERM may come before there is a handler for it. */
static bool ended_badly(int status) {
    if (WIFEXITED(status))
        return WEXITSTATUS(status) != 0;
    return WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM;
}

static void reap_children(struct chaos *c) {
    for (unsigned i = 0; i < c->n_workers; i++) {
        int status;
        if (c->workers[i].pid <= 0 || waitpid(c->workers[i].pid, &status, WNOHANG) <= 0)
            continue;
        c->workers[i].pid = 0;
        c->findings += ended_badly(status);
    }
}

static void respawn(struct chaos *c) {
    reap_children(c);
    for (unsigned i = 0; i < c->n_workers; i++)
        if (c->workers[i].pid == 0)
            spawn_one(c, i);
}

static void resume(struct chaos *c, double until) {
    for (unsigned i = 0; i < c->n_workers; i++) {
        if (c->workers[i].resume_at > 0 && c->workers[i].resume_at <= until) {
            if (c->workers[i].pid > 0)
                kill(c->workers[i].pid, SIGCONT);
            c->workers[i].resume_at = 0;
        }
    }
}

static void stop_workers(struct chaos *c) {
    for (unsigned i = 0; i < c->n_workers; i++)
        if (c->workers[i].pid > 0)
            kill(c->workers[i].pid, SIGTERM);
    for (unsigned i = 0; i < c->n_workers; i++) {
        int status = 0;
        if (c->workers[i].pid <= 0)
            continue;
        waitpid(c->workers[i].pid, &status, 0);
        c->findings += ended_badly(status);
        c->workers[i].pid = 0;
    }
}

/* ---- faults ---- */

/* As pg_ctl stop -m immediate, or, one time in three, kill -9: whoever needs the server next starts
 * it again. */
static void pull_the_plug(struct chaos *c) {
    struct cluster now_up;
    struct err err = ERR_INIT;
    if (!cluster_status(c->home, &now_up, &err))
        die("status", &err);
    if (now_up.pid)
        kill(now_up.pid, pick(c, 3) ? SIGQUIT : SIGKILL);
    c->restarts += now_up.pid != 0;
    cluster_release(&now_up);
}

static void fault(struct chaos *c) {
    unsigned luck = pick(c, 100), i = pick(c, c->n_workers);
    pid_t pid = c->workers[i].pid;
    bool running = pid > 0 && c->workers[i].resume_at <= 0;
    if (luck < 45 && running) {
        kill(pid, SIGKILL);
        c->kills++;
    } else if (luck < 57 && running) {
        kill(pid, SIGSTOP);
        c->workers[i].resume_at = now() + 0.5 + pick(c, 60) / 10.0;
        c->stops++;
    } else if (luck < 70 && running) {
        kill(pid, SIGTERM);
        c->terms++;
    } else if (luck < 90) {
        sql_int(c, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                   "application_name = 'chaos' AND "
                   "random() < 0.5");
        c->cuts++;
    } else {
        retry_some_job(c);
    }
}

static void rage(struct chaos *c) {
    double end = now() + c->seconds, next_plug = now() + 3 + pick(c, 4);
    while (now() < end) {
        resume(c, now());
        respawn(c);
        if (open_jobs(c) < 4 * c->n_workers)
            submit(c);
        if (!c->broken)
            fault(c);
        if (!c->broken && now() > next_plug) {
            pull_the_plug(c);
            next_plug = now() + 4 + pick(c, 6);
        }
        usleep((100 + pick(c, 300)) * 1000);
    }
    resume(c, end + 1e9);
}

static void calm_down(struct chaos *c) {
    double end = now() + DRAIN_S;
    while (open_jobs(c) > 0 && now() < end) {
        respawn(c);
        usleep(100000);
    }
    stop_workers(c);
}

/* ---- afterwards ---- */

static long long count_spool(struct chaos *c) {
    struct spool_counts n = { 0 };
    struct err err = ERR_INIT;
    if (!spool_deliver(c->spool, c->db, &n, &err))
        fprintf(stderr, "chaos: spool: %s\n", err.msg);
    return n.left;
}

static void print_tally(const struct chaos *c) {
    struct strbuf b = { 0 };
    struct err err = ERR_INIT;
    int counts[256] = { 0 };
    if (file_read(c->tally, 1 << 26, &b, &err))
        for (size_t i = 0; i < b.len; i++)
            counts[(unsigned char)b.text[i]]++;
    printf("answers: ok %d, ok-late %d, already %d, stale %d, queued %d, waiting %d\n", counts['o'],
        counts['l'], counts['a'], counts['s'], counts['q'], counts['w']);
    strbuf_release(&b);
}

static int check(struct chaos *c) {
    int violated = 0;
    long long left = count_spool(c);
    for (const struct invariant *i = invariants; i->name; i++) {
        long long n = sql_int(c, i->sql);
        violated += n != 0;
        if (n)
            printf("violated, %lld times: %s\n", n, i->name);
    }
    if (left)
        printf("violated: I9 %lld files are left in the spool\n", left);
    if (c->findings)
        printf("violated: %d workers ended badly\n", c->findings);
    return violated + (left != 0) + (c->findings != 0);
}

static void begin(struct chaos *c) {
    struct err err = ERR_INIT;
    strcpy(c->home, "/tmp/assay-chaos-XXXXXX");
    if (!mkdtemp(c->home) || chmod(c->home, 0755) != 0) {
        perror("chaos");
        exit(1);
    }
    snprintf(c->spool, sizeof c->spool, "%s/spool", c->home);
    snprintf(c->tally, sizeof c->tally, "%s/tally", c->home);
    if (!dir_make(c->spool, &err) || !file_write_atomic(c->tally, "", 0, &err))
        die("files", &err);
    struct db_options o = { .home = c->home, .app = "driver", .retry_s = 60 };
    if (!(c->db = db_open(&o, &err)) || !cluster_status(c->home, &c->cluster, &err))
        die("database", &err);
    sql_int(c, "UPDATE settings SET crash_backoff_s = 0, retry_backoff_s = 0, max_failures = "
               "30000, max_crashes = 30000");
    if (c->broken) {
        struct strbuf b = { 0 };
        if (!file_read(c->broken, 1 << 16, &b, &err))
            die("--break", &err);
        sql_int(c, strbuf_str(&b));
        strbuf_release(&b);
    }
}

static void end(struct chaos *c) {
    struct err err = ERR_INIT;
    db_close(c->db);
    if (!cluster_down(c->home, NULL, &err) || !dir_remove(c->home, &err))
        fprintf(stderr, "chaos: %s\n", err.msg);
    rmdir(c->cluster.socket_dir);
    cluster_release(&c->cluster);
}

static void parse(struct chaos *c, int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned v = (unsigned)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seconds") == 0)
            c->seconds = v;
        else if (strcmp(argv[i], "--seed") == 0)
            c->seed = v;
        else if (strcmp(argv[i], "--workers") == 0)
            c->n_workers = v < 1 ? 1 : v < WORKERS_MAX ? v : WORKERS_MAX;
        else if (strcmp(argv[i], "--zombies") == 0)
            c->zombies = v;
        else if (strcmp(argv[i], "--break") == 0)
            c->broken = argv[i + 1];
        else
            argc = 0;
    }
    if (argc % 2 == 0) {
        fprintf(stderr, "usage: chaos [--seconds N] [--seed N] [--workers N] [--zombies PERCENT] "
                        "[--break FILE.sql]\n");
        exit(2);
    }
}

int main(int argc, char **argv) {
    if (argc == 7 && strcmp(argv[1], "--worker") == 0)
        return worker_main(&(struct worker_options) { .home = argv[2],
            .spool = argv[3],
            .tally = argv[4],
            .seed = (unsigned)strtoul(argv[5], NULL, 10),
            .zombies = (unsigned)strtoul(argv[6], NULL, 10) });
    struct chaos c = { .seconds = 20, .seed = 1, .n_workers = 8, .zombies = 2 };
    parse(&c, argc, argv);
    char *initdb = cluster_program("initdb");
    if (!initdb) {
        printf("skipped: PostgreSQL is not installed\n");
        return 77;
    }
    free(initdb);
    c.random = c.seed;
    double began = now();
    setvbuf(stdout, NULL, _IOLBF, 0);
    begin(&c);
    rage(&c);
    calm_down(&c);
    int violated = check(&c);
    print_tally(&c);
    printf("seed %u: %lld jobs, %lld runs, %d workers, %d kill -9, %d stopped, %d terminated, %d "
           "rounds of cut "
           "connections, %d server crashes, %d retries, %.0f s, %d invariants violated\n",
        c.seed, sql_int(&c, "SELECT count(*) FROM jobs"), sql_int(&c, "SELECT count(*) FROM runs"),
        c.spawned, c.kills, c.stops, c.terms, c.cuts, c.restarts, c.retries, now() - began,
        violated);
    if (violated == 0 && !c.broken && c.restarts && c.kills)
        puts("[       OK ] fault_30_a_server_stopped_at_random_loses_and_doubles_nothing");
    end(&c);
    return (violated != 0) == (c.broken != NULL) ? 0 : 1;
}
