#include "tests/db/fixture.h"

#include <libpq-fe.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/embed.h"
#include "base/hash.h"

extern const struct embedded db_migrations[];

/* How many there are up to a version. */
static int n_to(int version) {
    int n = 0;
    while (db_migrations[n].name && atoi(db_migrations[n].name) <= version)
        n++;
    return n;
}

static int n_migrations(void) {
    return n_to(INT_MAX);
}

static int latest(void) {
    return atoi(db_migrations[n_migrations() - 1].name);
}

/* A fresh database in the fixture's cluster. */
static void database_make(struct fixture *f, const char *name, char conninfo[300]) {
    char sql[100];
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s", name);
    fixture_sql(f, sql);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", name);
    fixture_sql(f, sql);
    snprintf(conninfo, 300, "host=%s user=assay dbname=%s", f->cluster.socket_dir, name);
}

static struct db *open_raw(const char *conninfo) {
    struct db_options o = { .conninfo = conninfo, .any_schema = true };
    struct db *db;
    assert_ok(db = db_open(&o, &err));
    return db;
}

static int migrate_count(const char *conninfo) {
    struct db_options o = { .conninfo = conninfo, .any_schema = true };
    struct err err = ERR_INIT;
    struct db *db = db_open(&o, &err);
    int n = 0;
    bool ok = db && db_migrate(db, &n, &err);
    if (!ok)
        fprintf(stderr, "%s\n", err.msg);
    db_close(db);
    return ok ? n : 100;
}

static int version_of(const char *conninfo) {
    struct db *db = open_raw(conninfo);
    json_t *status;
    assert_ok(status = db_status(db, &err));
    int version = (int)json_integer_value(json_object_get(status, "version"));
    assert_int_equal(json_array_size(json_object_get(status, "migrations")), n_to(version));
    json_decref(status);
    db_close(db);
    return version;
}

static void fault_42_eight_migrators_apply_each_file_once(void **state) {
    char conninfo[300];
    pid_t children[8];
    int total = 0;
    database_make(*state, "eight", conninfo);
    for (int i = 0; i < 8; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(migrate_count(conninfo));
    }
    for (int i = 0; i < 8; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        total += WEXITSTATUS(status);
    }
    assert_int_equal(total, n_migrations());
    assert_int_equal(version_of(conninfo), latest());
}

static void fault_42_a_migrator_killed_in_the_middle_leaves_whole_steps(void **state) {
    char conninfo[300];
    database_make(*state, "killed", conninfo);
    for (useconds_t us = 2000; us < 200000; us *= 2) {
        pid_t child = fork();
        if (child == 0)
            _exit(migrate_count(conninfo));
        usleep(us);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_in_range(version_of(conninfo), 0, latest());
    }
    assert_true(migrate_count(conninfo) <= n_migrations());
    assert_int_equal(version_of(conninfo), latest());
    assert_int_equal(migrate_count(conninfo), 0);
}

static void schema_is_refused(const char *conninfo, const char *word) {
    struct db *db = open_raw(conninfo);
    struct err err = ERR_INIT;
    assert_false(db_migrate(db, NULL, &err));
    assert_int_equal(err.class, ERR_SCHEMA);
    assert_non_null(strstr(err.msg, word));
    db_close(db);
}

static void a_migration_that_was_changed_is_an_error(void **state) {
    char conninfo[300];
    database_make(*state, "changed", conninfo);
    assert_int_equal(migrate_count(conninfo), n_migrations());
    struct fixture other = **(struct fixture **)state;
    other.cluster.conninfo = conninfo;
    fixture_sql(&other, "UPDATE schema_migrations SET sha256 = repeat('0', 64) WHERE version = 3");
    schema_is_refused(conninfo, "migration 3");
}

static void a_database_that_is_ahead_is_an_error(void **state) {
    char conninfo[300];
    database_make(*state, "ahead", conninfo);
    assert_int_equal(migrate_count(conninfo), n_migrations());
    struct fixture other = **(struct fixture **)state;
    other.cluster.conninfo = conninfo;
    fixture_sql(&other, "INSERT INTO schema_migrations (version, name, sha256) SELECT "
                        "max(version) + 1, 'x', repeat('0', 64) FROM schema_migrations");
    char ahead[32];
    snprintf(ahead, sizeof ahead, "migration %d", latest() + 1);
    schema_is_refused(conninfo, ahead);
    struct db *db = open_raw(conninfo);
    struct err err = ERR_INIT;
    assert_false(db_check_schema(db, &err));
    assert_int_equal(err.class, ERR_SCHEMA);
    db_close(db);
}

static void a_database_without_a_schema_says_what_to_do(void **state) {
    char conninfo[300];
    database_make(*state, "empty", conninfo);
    struct db_options o = { .conninfo = conninfo };
    struct err err = ERR_INIT;
    assert_null(db_open(&o, &err));
    assert_int_equal(err.class, ERR_SCHEMA);
    assert_non_null(strstr(err.hint, "assay db migrate"));
}

/* ---- from every released schema ---- */

/* What a release's database holds: written by the functions that it had. `from` is the first schema
 * that has them. */
static const struct {
    int from;
    const char *sql;
} rows_of_releases[] = {
    { 1, "INSERT INTO models (name) VALUES ('org/old'); INSERT INTO revisions (model_id, commit) "
         "VALUES (1, repeat('a', 40)); "
         "INSERT INTO tasks (name, version, sha256, kind, main) VALUES ('task0', 1, repeat('b', "
         "64), 'choice', 'acc'); INSERT INTO "
         "configurations (precision, weight_type, template, profile, shots, sample_limit, seed) "
         "SELECT 'auto', 'auto', 'auto', "
         "'lm-eval/0.4.13', -1, 0, i FROM generate_series(0, 9) i" },
    { 2, "INSERT INTO jobs (revision_id, task_id, config_id) SELECT 1, 1, i FROM "
         "generate_series(1, 5) i; INSERT INTO workers "
         "(worker_id, host, pid, build) VALUES ('00000000-0000-4000-8000-000000000001', 'old', 1, "
         "'old')" },
    { 5, "SELECT count(*) FROM claim_job('00000000-0000-4000-8000-000000000001', 90, 2147483647, "
         "0)" },
    { 6, "SELECT finish_job('00000000-0000-4000-8000-000000000001', 1, 1, (SELECT epoch FROM "
         "settings), '{\"task_sha256\": \"' || "
         "repeat('b', 64) || '\", \"data_sha256\": \"' || repeat('c', 64) || '\", "
         "\"harness_build\": \"old\", \"main\": \"acc\", "
         "\"n\": 4, \"metrics\": [{\"name\": \"acc\", \"value\": 0.25}]}')" },
    { 7, "SELECT count(*) FROM claim_job('00000000-0000-4000-8000-000000000001', 90, 2147483647, "
         "0)" },
    { 7, "SELECT retry_job(1, 'canary')" },
};

static void sql_in(PGconn *conn, const char *sql) {
    PGresult *r = PQexec(conn, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(r);
}

/* A database as a release whose newest migration was `version` made and used it. */
static void release_make(const char *conninfo, int version) {
    PGconn *conn = PQconnectdb(conninfo);
    sql_in(conn, "SET client_min_messages = error; CREATE SCHEMA assay; SET search_path = assay, "
                 "pg_temp; CREATE TABLE "
                 "schema_migrations (version integer PRIMARY KEY, name text NOT NULL, sha256 text "
                 "NOT NULL, applied_at timestamptz "
                 "NOT NULL DEFAULT clock_timestamp())");
    for (int v = 1; v <= version; v++) {
        char hex[65], sql[300];
        sha256_hex(db_migrations[v - 1].data, db_migrations[v - 1].size, hex);
        sql_in(conn, (const char *)db_migrations[v - 1].data);
        snprintf(sql, sizeof sql, "INSERT INTO schema_migrations VALUES (%d, '%s', '%s')", v,
            db_migrations[v - 1].name, hex);
        sql_in(conn, sql);
    }
    for (size_t i = 0; i < sizeof rows_of_releases / sizeof *rows_of_releases; i++)
        if (rows_of_releases[i].from <= version && version < 12)
            sql_in(conn, rows_of_releases[i].sql);
    PQfinish(conn);
}

static void release_is_brought_up_to_date(struct fixture *f, int version) {
    char conninfo[300];
    struct worker w;
    struct job job;
    bool found;
    enum queue_answer answer;
    database_make(f, "release", conninfo);
    release_make(conninfo, version);
    assert_int_equal(migrate_count(conninfo), n_migrations() - version);
    struct db_options o = { .conninfo = conninfo };
    struct db *db;
    assert_ok(db = db_open(&o, &err));
    struct fixture other = *f;
    other.cluster.conninfo = conninfo;
    if (version < 12) {
        assert_string_equal(
            fixture_sql(&other, "SELECT name FROM models WHERE model_id = 1"), "org/old");
        assert_int_equal(fixture_int(&other, "SELECT count(*) FROM jobs"), version >= 2 ? 5 : 0);
        assert_int_equal(fixture_int(&other, "SELECT count(*) FROM site_board"), 0);
        assert_int_equal(
            fixture_int(&other, "SELECT count(*) FROM runs r JOIN standing_runs USING (run_id)"),
            version >= 6);
    }
    if (version >= 2 &&
        version < 12) { /* what was queued then is done now; what was claimed is still claimed */
        worker_init(&w);
        assert_ok(worker_register(db, &w, "new", NULL, &err));
        assert_ok(queue_claim(db, &w, NULL, &job, &found, &err));
        assert_true(found);
        char *text = fixture_record(job.task_sha256, 0.5);
        assert_ok(queue_finish(db, &job.key, text, &answer, &err));
        assert_int_equal(answer, QUEUE_OK);
        assert_int_equal(fixture_int(&other, "SELECT count(*) FROM jobs WHERE state = 'leased'"),
            version == 5 || version >= 7);
        free(text);
        job_release(&job);
    }
    db_close(db);
}

static void every_released_schema_goes_forward_with_its_rows(void **state) {
    for (int version = 1; version < n_migrations(); version++)
        release_is_brought_up_to_date(*state, version);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_42_eight_migrators_apply_each_file_once),
        cmocka_unit_test(fault_42_a_migrator_killed_in_the_middle_leaves_whole_steps),
        cmocka_unit_test(every_released_schema_goes_forward_with_its_rows),
        cmocka_unit_test(a_migration_that_was_changed_is_an_error),
        cmocka_unit_test(a_database_that_is_ahead_is_an_error),
        cmocka_unit_test(a_database_without_a_schema_says_what_to_do),
    };
    return FIXTURE_MAIN("db.migrate", tests);
}
