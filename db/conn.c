/* The libpq layer. Nothing here blocks without a deadline: connecting and querying are non-blocking
 * calls and poll(). A call that failed for a reason that may pass (no connection, restart,
 * deadlock, lock or resource limits) is made again with growing pauses, because every statement is
 * idempotent or fenced; a lost COMMIT needs nothing else. */
#include "db/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "db/cluster.h"

#define CONNECT_MS 10000
#define ARGS_MAX 16

long long clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool conn_stopped(const struct db *db) {
    return db->stop && atomic_load(db->stop);
}

void conn_sleep(const struct db *db, long long ms) {
    long long end = clock_ms() + ms;
    for (long long left = ms; left > 0 && !conn_stopped(db); left = end - clock_ms())
        poll(NULL, 0, left < 100 ? (int)left : 100);
}

void conn_drop(struct db *db) {
    PQfinish(db->conn);
    db->conn = NULL;
    db->listening = false;
    db->n_prepared = 0;
}

/* Waits for the socket; false when the deadline passed. Asked to stop, a call that is on its way
 * still ends. */
static bool wait_socket(PGconn *conn, short events, long long deadline_ms) {
    for (;;) {
        long long left = deadline_ms - clock_ms();
        struct pollfd p = { .fd = PQsocket(conn), .events = events };
        if (left <= 0 || p.fd < 0)
            return false;
        int n = poll(&p, 1, left < 60000 ? (int)left : 60000);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

/* At most `ms` from now, and never past what the caller gave the call. */
static long long deadline_in(const struct db *db, long long ms) {
    long long at = clock_ms() + ms;
    return db->until_ms && db->until_ms < at ? db->until_ms : at;
}

static bool finish_connecting(const struct db *db, PGconn *conn) {
    long long deadline_ms = deadline_in(db, CONNECT_MS);
    PostgresPollingStatusType s = PGRES_POLLING_WRITING;
    while (s != PGRES_POLLING_OK) {
        if (s == PGRES_POLLING_FAILED ||
            !wait_socket(conn, s == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms))
            return false;
        s = PQconnectPoll(conn);
    }
    return PQsetnonblocking(conn, 1) == 0;
}

static void ignore_notice(void *arg, const PGresult *notice) {
    (void)arg, (void)notice;
}

/* Ours come first, so that what the user's own string says wins. */
static PGconn *start_connecting(const struct db *db) {
    const char *keys[] = { "connect_timeout", "tcp_user_timeout", "keepalives_idle",
        "keepalives_interval", "keepalives_count", "target_session_attrs", "client_encoding",
        "fallback_application_name", "options", db->conninfo ? "dbname" : NULL, NULL };
    const char *values[] = { "5", "20000", "15", "5", "3", "read-write", "UTF8", db->app,
        db->options, db->conninfo, NULL };
    return PQconnectStartParams(keys, values, 1);
}

/* libpq's messages come in lines; ours is one. */
static void copy_line(char *to, size_t size, const char *from) {
    size_t n = strcspn(from, "\n");
    if (n >= size)
        n = size - 1;
    memcpy(to, from, n);
    to[n] = 0;
}

static bool connect_once(struct db *db, struct err *err) {
    PGconn *conn = start_connecting(db);
    if (!conn)
        return err_set(err, ERR_RESOURCE, "could not connect to the database: out of memory");
    if (!finish_connecting(db, conn)) {
        char why[400];
        copy_line(why, sizeof why, PQerrorMessage(conn));
        PQfinish(conn);
        return err_set(
            err, ERR_DB, "could not connect to the database: %s", *why ? why : "no answer");
    }
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    db->conn = conn;
    return true;
}

/* 50 ms, doubling, at most 10 s, with jitter so that a fleet does not come back all at once. */
static long long pause_ms(unsigned round) {
    long long ms = 50LL << (round < 8 ? round : 8);
    if (ms > 10000)
        ms = 10000;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return ms / 2 + (t.tv_nsec / 1000) % (ms / 2 + 1);
}

static bool interrupted(struct err *err) {
    return err_set(err, ERR_INTERRUPTED, "stopped while waiting for the database");
}

bool conn_ensure(struct db *db, unsigned wait_s, struct err *err) {
    if (db->conn && PQstatus(db->conn) == CONNECTION_OK)
        return true;
    bool again = db->conn != NULL;
    conn_drop(db);
    long long deadline_ms = deadline_in(db, (long long)wait_s * 1000);
    for (unsigned round = 0;; round++) {
        struct err e = ERR_INIT;
        if (connect_once(db, &e) ||
            (db->home && cluster_wake(db->home, &e) && connect_once(db, &e))) {
            db->reconnects += again || round > 0;
            return true;
        }
        if (conn_stopped(db))
            return interrupted(err);
        long long pause = pause_ms(round);
        if (e.class != ERR_DB || clock_ms() + pause > deadline_ms) {
            if (err)
                *err = e;
            return false;
        }
        conn_sleep(db, pause);
    }
}

/* What libpq takes, made from ours. Numbers are printed into `text`. */
struct params {
    const char *values[ARGS_MAX];
    int lengths[ARGS_MAX], formats[ARGS_MAX];
    char text[ARGS_MAX][40];
};

static void params_fill(struct params *p, const struct db_arg *args, size_t n) {
    BUG_IF(n > ARGS_MAX);
    memset(p, 0, sizeof *p);
    for (size_t i = 0; i < n; i++) {
        const struct db_arg *a = &args[i];
        BUG_IF(a->n > INT32_MAX);
        p->lengths[i] = (int)a->n;
        p->formats[i] = a->type == DB_BYTES;
        p->values[i] = a->type == DB_NULL ? NULL : a->type == DB_TEXT ? a->data : p->text[i];
        if (a->type == DB_BYTES)
            p->values[i] = a->n ? a->data : "";
        else if (a->type == DB_INT)
            snprintf(p->text[i], sizeof p->text[i], "%lld", a->i);
        else if (a->type == DB_REAL)
            snprintf(p->text[i], sizeof p->text[i], "%.17g", a->d);
    }
}

static bool flush_out(PGconn *conn, long long deadline_ms) {
    int left;
    while ((left = PQflush(conn)) == 1) {
        if (!wait_socket(conn, POLLIN | POLLOUT, deadline_ms) || !PQconsumeInput(conn))
            return false;
    }
    return left == 0;
}

/* The first failure among the results, else the last of them; NULL if the connection is gone. */
static PGresult *collect(PGconn *conn, long long deadline_ms) {
    PGresult *kept = NULL;
    for (;;) {
        while (PQisBusy(conn)) {
            if (!wait_socket(conn, POLLIN, deadline_ms) || !PQconsumeInput(conn)) {
                PQclear(kept);
                return NULL;
            }
        }
        PGresult *r = PQgetResult(conn);
        if (!r)
            return kept;
        if (kept && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
            PQclear(r);
            continue;
        }
        PQclear(kept);
        kept = r;
    }
}

static bool is_success(const PGresult *r) {
    ExecStatusType s = PQresultStatus(r);
    return s == PGRES_TUPLES_OK || s == PGRES_COMMAND_OK || s == PGRES_EMPTY_QUERY;
}

/* ---- prepared statements ---- */

static struct prepared *prepared_find(struct db *db, const char *sql) {
    for (unsigned i = 0; i < db->n_prepared; i++)
        if (db->prepared[i].name == sql)
            return &db->prepared[i];
    return NULL;
}

/* Whether the statement is prepared under its name by now. Statements are embedded, so the address
 * of their text is their identity. */
static bool is_prepared(
    struct db *db, const char *sql, const char *what, size_t n, long long deadline_ms) {
    struct prepared *s = prepared_find(db, sql);
    if (s && s->ready)
        return true;
    if (!s) { /* the first time */
        if (db->n_prepared < PREPARED_MAX)
            db->prepared[db->n_prepared++] = (struct prepared) { .name = sql };
        return false;
    }
    PGresult *r =
        PQsendPrepare(db->conn, what, sql, (int)n, NULL) && flush_out(db->conn, deadline_ms)
            ? collect(db->conn, deadline_ms)
            : NULL;
    s->ready = r && is_success(r);
    db->plain = !s->ready;
    PQclear(r);
    return s->ready;
}

/* A pooler gave us another server connection, or the schema changed under a plan: from now on
 * without them. */
static bool forgets_prepared(const struct db *db, const PGresult *r) {
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return db->n_prepared > 0 && !db->plain && state &&
           (!strcmp(state, "26000") || !strcmp(state, "42P05") || !strcmp(state, "0A000"));
}

static bool send_query(struct db *db, const char *sql, const char *what, const struct params *p,
    size_t n, long long deadline_ms) {
    if (!p)
        return PQsendQuery(db->conn, sql);
    if (!db->plain && !db->in_transaction && is_prepared(db, sql, what, n, deadline_ms))
        return PQsendQueryPrepared(db->conn, what, (int)n, p->values, p->lengths, p->formats, 0);
    return PQsendQueryParams(db->conn, sql, (int)n, NULL, p->values, p->lengths, p->formats, 0);
}

/* One try. On failure *again says whether the same call may succeed later. */
static PGresult *try_once(struct db *db, const char *sql, const char *what, const struct params *p,
    size_t n, bool *again, struct err *err) {
    long long deadline_ms = deadline_in(db, ((long long)db->statement_s + 10) * 1000);
    bool sent = send_query(db, sql, what, p, n, deadline_ms);
    PGresult *r = sent && flush_out(db->conn, deadline_ms) ? collect(db->conn, deadline_ms) : NULL;
    if (r && is_success(r))
        return r;
    *again = true;
    if (!r) {
        err_set(err, ERR_DB, "lost the connection to the database in '%s'", what);
        conn_drop(db);
        return NULL;
    }
    *again = conn_error(r, what, err);
    if (forgets_prepared(db, r))
        *again = db->plain = true;
    PQclear(r);
    if (PQstatus(db->conn) != CONNECTION_OK) {
        *again = true;
        conn_drop(db);
    }
    return NULL;
}

static PGresult *run(struct db *db, const char *sql, const char *what, const struct params *p,
    size_t n, struct err *err) {
    long long deadline_ms = deadline_in(db, (long long)db->retry_s * 1000);
    for (unsigned round = 0;; round++) {
        bool repeatable = !db->in_transaction;
        long long left_s = (deadline_ms - clock_ms()) / 1000;
        if (!repeatable && !db->conn) {
            err_set(err, ERR_DB,
                "lost the connection to the database within a transaction, at '%s'", what);
            return NULL;
        }
        if (!conn_ensure(db, left_s > 0 ? (unsigned)left_s : 0, err))
            return NULL;
        bool again = false;
        struct err e = ERR_INIT;
        PGresult *r = try_once(db, sql, what, p, n, &again, &e);
        if (r)
            return r;
        db->reconnects += db->conn == NULL;
        long long pause = pause_ms(round);
        if (conn_stopped(db) && again) {
            interrupted(err);
            return NULL;
        }
        if (!again || !repeatable || clock_ms() + pause > deadline_ms) {
            if (err)
                *err = e;
            return NULL;
        }
        conn_sleep(db, pause);
    }
}

const char *statement_find(const char *name) {
    char file[100];
    int n = snprintf(file, sizeof file, "%s.sql", name);
    const struct embedded *e = n < (int)sizeof file ? embedded_find(db_sql, file) : NULL;
    BUG_IF(!e);
    return (const char *)e->data;
}

bool db_query(struct db *db, const char *name, const struct db_arg *args, size_t n_args,
    struct rows *rows, struct err *err) {
    struct params p;
    params_fill(&p, args, n_args);
    PGresult *r = run(db, statement_find(name), name, &p, n_args, err);
    *rows = (struct rows) { .result = r, .n = r ? PQntuples(r) : 0 };
    return r != NULL;
}

bool db_run(
    struct db *db, const char *name, const struct db_arg *args, size_t n_args, struct err *err) {
    struct rows rows;
    if (!db_query(db, name, args, n_args, &rows, err))
        return false;
    rows_release(&rows);
    return true;
}

bool conn_script(struct db *db, const char *sql, struct err *err) {
    PGresult *r = run(db, sql, "migration", NULL, 0, err);
    PQclear(r);
    return r != NULL;
}

/* Who reads a moment may think about what was read for longer than a lost client may hold a lock.
 */
bool db_snapshot_begin(struct db *db, struct err *err) {
    if (!db_run(db, "begin_snapshot", DB_NO_ARGS, err))
        return false;
    db->in_transaction = true;
    if (db_run(db, "snapshot_patience", DB_NO_ARGS, err))
        return true;
    db_snapshot_end(db);
    return false;
}

void db_snapshot_end(struct db *db) {
    struct err ignored = ERR_INIT;
    if (db->conn && !db_run(db, "commit", DB_NO_ARGS, &ignored))
        conn_drop(db);
    db->in_transaction = false;
}
