#include "tests/db/fixture.h"

#include <libpq-fe.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"

int fixture_setup(void **state) {
    static const char *const names[] = { "ASSAY_DATABASE_URL", "DATABASE_URL", "PGHOST",
        "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGUSER", "PGOPTIONS" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->home, "/tmp/assay-test-XXXXXX");
    assert_non_null(mkdtemp(f->home));
    assert_int_equal(chmod(f->home, 0755), 0); /* root's cluster runs as somebody else */
    struct db_options o = { .home = f->home };
    assert_ok(f->db = db_open(&o, &err));
    assert_ok(cluster_status(f->home, &f->cluster, &err));
    *state = f;
    return 0;
}

int fixture_teardown(void **state) {
    struct fixture *f = *state;
    db_close(f->db);
    assert_ok(cluster_down(f->home, NULL, &err));
    assert_ok(dir_remove(f->home, &err));
    rmdir(f->cluster.socket_dir);
    cluster_release(&f->cluster);
    free(f);
    return 0;
}

int fixture_reset(void **state) {
    fixture_sql(*state,
        "UPDATE publication SET frozen_at = NULL, reason = NULL; "
        "TRUNCATE corpus_overlaps, revision_prints, canaries, nights, standings, held_submissions, "
        "copies, "
        "api_tokens, requests, "
        "votes, webhooks, "
        "models, revisions, tasks, suites, "
        "suite_tasks, configurations, workers, "
        "submissions, "
        "jobs, submission_jobs, attempts, events, runs, run_origins, standing_runs, results, "
        "sample_chunks, submitter_turns, archived_chunks "
        "RESTART IDENTITY");
    fixture_sql(*state, "UPDATE settings SET retry_backoff_s = 0, crash_backoff_s = 0, "
                        "max_failures = 5, max_crashes = 3, "
                        "affinity_s = 900");
    return 0;
}

int fixture_run(const char *group, const struct CMUnitTest *tests, size_t n) {
    char *initdb = cluster_program("initdb");
    if (!initdb) {
        print_message("skipped: PostgreSQL is not installed\n");
        return 77;
    }
    free(initdb);
    return _cmocka_run_group_tests(group, tests, n, fixture_setup, fixture_teardown);
}

static PGresult *exec(struct fixture *f, const char *sql) {
    char info[300];
    snprintf(info, sizeof info, "%s options='-c search_path=assay -c client_min_messages=error'",
        f->cluster.conninfo);
    PGconn *conn = PQconnectdb(info);
    PGresult *r = PQexec(conn, sql);
    PQfinish(conn);
    return r;
}

const char *fixture_sql(struct fixture *f, const char *sql) {
    static char text[4096];
    PGresult *r = exec(f, sql);
    ExecStatusType s = PQresultStatus(r);
    if (s != PGRES_TUPLES_OK && s != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQresultErrorMessage(r));
    snprintf(text, sizeof text, "%s", PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    return text;
}

long long fixture_int(struct fixture *f, const char *sql) {
    return atoll(fixture_sql(f, sql));
}

const char *fixture_sqlstate(struct fixture *f, const char *sql) {
    static char state[6];
    PGresult *r = exec(f, sql);
    const char *s = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    snprintf(state, sizeof state, "%s", s ? s : "");
    PQclear(r);
    return state;
}

void *fixture_begin(struct fixture *f, const char *sql) {
    char info[300];
    snprintf(info, sizeof info,
        "%s options='-c search_path=assay -c client_min_messages=error "
        "-c idle_in_transaction_session_timeout=20s'",
        f->cluster.conninfo);
    PGconn *conn = PQconnectdb(info);
    PQclear(PQexec(conn, "BEGIN"));
    PGresult *r = PQexec(conn, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQresultErrorMessage(r));
    PQclear(r);
    return conn;
}

void fixture_commit(void *transaction) {
    PQclear(PQexec(transaction, "COMMIT"));
    PQfinish(transaction);
}

struct db *fixture_open(struct fixture *f, const char *role) {
    struct db_options o = { .home = f->home, .role = role };
    struct db *db;
    assert_ok(db = db_open(&o, &err));
    return db;
}

static void hash_of(const char *text, char hex[65]) {
    sha256_hex(text, strlen(text), hex);
}

static json_t *task_json(int i) {
    char name[32], hex[65];
    snprintf(name, sizeof name, "task%d", i);
    hash_of(name, hex);
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:{s:i}}", "name", name, "version", 1, "sha256",
        hex, "kind", "choice", "main", "acc", "config", "shots", 5);
}

json_t *fixture_request(const char *model, int n_tasks) {
    char suite[65], commit[65], name[32];
    snprintf(name, sizeof name, "suite%d", n_tasks);
    hash_of(name, suite);
    hash_of(model, commit);
    commit[40] = 0;
    json_t *tasks = json_array();
    for (int i = 0; i < n_tasks; i++)
        json_array_append_new(tasks, task_json(i));
    return json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:I}, s:{s:s, s:i, s:s, s:o}}", "submitter",
        "ada", "model", "name", model, "commit", commit, "requested", "main", "licence", "mit",
        "params", (json_int_t)135000000, "suite", "name", name, "version", 1, "sha256", suite,
        "tasks", tasks);
}

json_t *fixture_submit(struct fixture *f, const char *model, int n_tasks) {
    json_t *request = fixture_request(model, n_tasks), *answer;
    assert_ok(answer = db_submit(f->db, request, &err));
    json_decref(request);
    return answer;
}

void fixture_worker(struct fixture *f, struct worker *w) {
    worker_init(w);
    assert_ok(worker_register(f->db, w, "test", NULL, &err));
}

void fixture_claim(struct fixture *f, const struct worker *w, unsigned lease_s, struct job *job) {
    struct claim_options o = { .lease_s = lease_s };
    bool found = false;
    assert_ok(queue_claim(f->db, w, &o, job, &found, &err));
    assert_true(found);
}

json_t *fixture_record_json(const char *task_sha256, double value) {
    char data[65];
    hash_of("data", data);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:{s:i,s:i,s:i,s:i}, "
        "s:[{s:s,s:f,s:f,s:i}, {s:s,s:f,s:i}]}",
        "schema", "assay.record/1", "task_sha256", task_sha256, "data_sha256", data,
        "harness_build", "build1", "backend", "cpu", "isa", "avx2", "device", "cpu", "dtype", "f32",
        "main", "acc", "n", 100, "tokens_asked", 1000, "tokens_computed", 400, "seconds", 1.5,
        "audit", "ties", 1, "truncated", 2, "empty", 0, "nan", 0, "metrics", "name", "acc", "value",
        value, "stderr", 0.01, "n", 100, "name", "acc_norm", "value", value / 2, "n", 100);
}

char *fixture_record(const char *task_sha256, double value) {
    json_t *record = fixture_record_json(task_sha256, value);
    char *text;
    assert_non_null(record);
    assert_ok(text = record_text(record, &err));
    json_decref(record);
    return text;
}

void fixture_lose_lease(struct fixture *f, long long job) {
    char sql[200];
    int n = 0;
    /* The server has been up for less than a lease; a short lease is one that it may reap. */
    snprintf(sql, sizeof sql,
        "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 s', lease_s = 0 "
        "WHERE job_id = %lld",
        job);
    fixture_sql(f, sql);
    assert_ok(queue_reap(f->db, &n, &err));
    assert_int_equal(n, 1);
}
