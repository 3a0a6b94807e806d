/* Faults 32, 33, 37, 39, 41, 43 to 46: the server itself goes away, refuses, is full, or is put
 * back to yesterday. */
#include "tests/faults/database/setup.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <unistd.h>

#include "base/file.h"

/* ---- away ---- */

/* A finished job lies in the spool while the server is down for longer than the lease, and is
 * delivered when it is back. */
static void fault_32_a_result_outlives_a_server_that_is_down_past_the_lease(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    struct spool_counts counts;
    struct err why = ERR_INIT;
    char spool[100];
    begin(f, f->db, 1, &w);
    assert_true(take(f->db, &w, 1, &job));
    spool_one(f, "spool", &job, spool);
    assert_ok(cluster_down(f->home, NULL, &err));
    struct db_options o = { .conninfo = f->cluster.conninfo, .retry_s = 1 };
    assert_null(db_open(&o, &why));
    assert_int_equal(why.class, ERR_DB);
    usleep(3000000);
    assert_ok(cluster_up(f->home, NULL, &err));
    fixture_lose_lease(f, job.key.job);
    assert_ok(spool_deliver(spool, f->db, &counts, &err));
    assert_int_equal(counts.delivered, 1);
    assert_string_equal(fixture_sql(f, "SELECT state FROM jobs"), "done");
    assert_int_equal(finish(f->db, &job), QUEUE_ALREADY);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 1);
    job_release(&job);
}

static void *cycle(void *arg) {
    struct fixture *f = arg;
    struct db *db = fixture_open(f, "assay_worker");
    struct worker w;
    worker_init(&w);
    assert_ok(worker_register(db, &w, "test", NULL, &err));
    for (struct job job; take(db, &w, 90, &job); job_release(&job)) {
        enum queue_answer answer = finish(db, &job);
        assert_true(answer == QUEUE_OK || answer == QUEUE_ALREADY);
    }
    db_close(db);
    return NULL;
}

static void fault_33_connections_that_are_cut_at_random_cost_a_repeated_call(void **state) {
    struct fixture *f = *state;
    pthread_t threads[4];
    json_decref(fixture_submit(f, "org/a", 100));
    json_decref(fixture_submit(f, "org/b", 100));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, cycle, f), 0);
    for (int i = 0; i < 30; i++) {
        fixture_sql(f, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                       "application_name = 'assay' "
                       "AND pid <> pg_backend_pid() AND random() < 0.5");
        usleep(50000);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'done'"), 200);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 200);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM attempts WHERE outcome = 'ok'"), 200);
}

/* ---- refusing ---- */

/* From now on finish_job raises `state` so many times before it does its work. */
static void break_finishing(struct fixture *f, const char *state, int times) {
    char sql[1200];
    snprintf(sql, sizeof sql,
        "CREATE SEQUENCE tries; GRANT ALL ON tries TO PUBLIC; ALTER FUNCTION finish_job RENAME TO "
        "finish_job_well;"
        "CREATE FUNCTION finish_job(w uuid, jid bigint, att integer, its_epoch uuid, text_of text) "
        "RETURNS text "
        "LANGUAGE plpgsql AS $$ BEGIN IF nextval('tries') <= %d THEN RAISE 'broken' USING ERRCODE "
        "= '%s'; END IF; "
        "RETURN finish_job_well(w, jid, att, its_epoch, text_of); END $$",
        times, state);
    fixture_sql(f, sql);
}

static int mend_finishing(struct fixture *f) {
    int tries = (int)fixture_int(f, "SELECT last_value FROM tries");
    fixture_sql(f, "DROP SEQUENCE tries; DROP FUNCTION finish_job; ALTER FUNCTION finish_job_well "
                   "RENAME TO finish_job");
    return tries;
}

static void fault_37_deadlocks_conflicts_and_lock_timeouts_are_tried_again(void **state) {
    struct fixture *f = *state;
    static const char *const states[] = { "40P01", "40001", "55P03" };
    struct worker w;
    begin(f, f->db, 3, &w);
    for (int i = 0; i < 3; i++) {
        struct job job;
        assert_true(take(f->db, &w, 90, &job));
        break_finishing(f, states[i], 3);
        enum queue_answer answer = finish(f->db, &job);
        assert_int_equal(mend_finishing(f), 4);
        assert_int_equal(answer, QUEUE_OK);
        job_release(&job);
    }
}

static void fault_37_a_lock_that_never_comes_is_given_up_within_ten_tries(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    enum queue_answer answer;
    struct err why = ERR_INIT;
    begin(f, f->db, 1, &w);
    assert_true(take(f->db, &w, 90, &job));
    char *text = fixture_record(job.task_sha256, 0.5);
    struct db *db = connect_to(f->cluster.conninfo, 2);
    break_finishing(f, "55P03", 1000);
    assert_false(queue_finish(db, &job.key, text, &answer, &why));
    assert_in_range(mend_finishing(f), 3, 10);
    assert_int_equal(why.class, ERR_DB); /* the database's fault, never the job's */
    assert_string_equal(fixture_sql(f, "SELECT state FROM jobs"), "leased");
    db_close(db);
    free(text);
    job_release(&job);
}

static void fault_39_a_full_disk_of_the_server_keeps_the_spool(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    struct spool_counts counts;
    struct err why = ERR_INIT;
    char spool[100];
    begin(f, f->db, 1, &w);
    assert_true(take(f->db, &w, 90, &job));
    spool_one(f, "full", &job, spool);
    struct db *db = connect_to(f->cluster.conninfo, 1);
    break_finishing(f, "53100", 1000);
    assert_false(spool_deliver(spool, db, &counts, &why));
    mend_finishing(f);
    assert_int_equal(why.class, ERR_DB);
    assert_int_equal(counts.left, 1);
    assert_ok(spool_deliver(spool, db, &counts, &err));
    assert_int_equal(counts.delivered, 1);
    db_close(db);
    job_release(&job);
}

/* ---- another schema ---- */

static void fault_41_a_schema_that_is_behind_or_ahead_stops_a_worker_and_says_what_to_do(
    void **state) {
    struct fixture *f = *state;
    struct db_options o = { .conninfo = f->cluster.conninfo };
    struct err behind = ERR_INIT, ahead = ERR_INIT;
    fixture_sql(f, "CREATE TABLE kept AS SELECT * FROM schema_migrations");
    fixture_sql(f, "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM "
                   "schema_migrations)");
    struct db *db = db_open(&o, &behind);
    fixture_sql(f,
        "TRUNCATE schema_migrations; INSERT INTO schema_migrations SELECT * FROM kept; INSERT INTO "
        "schema_migrations SELECT max(version) + 1, 'x', repeat('0', 64) FROM kept");
    struct db *db2 = db_open(&o, &ahead);
    fixture_sql(f, "TRUNCATE schema_migrations; INSERT INTO schema_migrations SELECT * FROM kept; "
                   "DROP TABLE kept");
    assert_null(db);
    assert_null(db2);
    assert_int_equal(behind.class, ERR_SCHEMA);
    assert_non_null(strstr(behind.hint, "assay db migrate"));
    assert_int_equal(ahead.class, ERR_SCHEMA);
    assert_non_null(strstr(ahead.hint, "newer"));
}

/* ---- an idle snapshot ---- */

/* Dead entries cannot be removed while the snapshot is open; claims don't walk over them again and
 * again, by whichever plans a worker began with: statistics that came meanwhile would have them
 * made anew. */
static void fault_43_an_idle_snapshot_does_not_make_claims_longer(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    char name[32];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "org/m%d", i);
        json_decref(fixture_submit(f, name, 16));
    }
    fixture_sql(f, "ALTER TABLE jobs SET (autovacuum_enabled = off)");
    PGconn *holder = PQconnectdb(f->cluster.conninfo);
    PQclear(
        PQexec(holder, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM assay.jobs"));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    turns(f, &w, &job, 700);
    long long before = entries_read(f);
    turns(f, &w, &job, 40);
    long long read = entries_read(f) - before;
    PQfinish(holder);
    job_release(&job);
    fixture_sql(f, "ALTER TABLE jobs RESET (autovacuum_enabled)");
    if (read > 14000) /* walking over 700 dead entries each time would be 28,000 at least */
        fail_msg("40 claims read %lld entries of the index", read);
}

/* ---- notices, roles ---- */

static void fault_44_who_hears_no_notice_finds_the_job_by_polling(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    bool found = false;
    struct db *db = fixture_open(f, NULL);
    worker_init(&w);
    assert_ok(worker_register(db, &w, "test", NULL, &err));
    assert_ok(queue_wait(db, 0, &err));
    PGconn *other = PQconnectdb(f->cluster.conninfo); /* the notices of this connection are lost */
    fixture_sql(f,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'");
    json_decref(fixture_submit(f, "org/a", 1));
    for (int polls = 0; polls < 5 && !found; polls++) {
        assert_ok(queue_wait(db, 1000, &err));
        assert_ok(queue_claim(db, &w, NULL, &job, &found, &err));
    }
    assert_true(found);
    PQfinish(other);
    job_release(&job);
    db_close(db);
}

/* A login of a worker's own, which this cluster lets in without asking. */
static PGconn *connect_as_host(struct fixture *f) {
    char path[200], conninfo[200];
    struct strbuf hba = { 0 };
    struct err err = ERR_INIT;
    fixture_sql(f, "DO $$ BEGIN CREATE ROLE host1 LOGIN IN ROLE assay_worker; EXCEPTION WHEN "
                   "duplicate_object THEN NULL; END $$");
    snprintf(path, sizeof path, "%s/pg_hba.conf", f->cluster.data);
    strbuf_adds(&hba, "local all host1 trust\n");
    assert_true(file_read(path, 1 << 20, &hba, &err));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(strbuf_str(&hba), file);
    fclose(file);
    strbuf_release(&hba);
    fixture_sql(f, "SELECT pg_reload_conf()");
    snprintf(conninfo, sizeof conninfo, "host=%s user=host1 dbname=assay", f->cluster.socket_dir);
    PGconn *conn = NULL;
    for (int i = 0; i < 100; i++) { /* the postmaster reads its files when it gets round to it */
        conn = PQconnectdb(conninfo);
        if (PQstatus(conn) == CONNECTION_OK)
            return conn;
        PQfinish(conn);
        usleep(100000);
    }
    fail_msg("no login as host1");
    return NULL;
}

static void fault_45_a_worker_cannot_read_write_change_its_role_or_run_programs(void **state) {
    static const char *const tried[] = { "UPDATE assay.jobs SET state = 'queued'",
        "SELECT * FROM assay.results", "DELETE FROM assay.runs", "SET ROLE assay_owner",
        "SET ROLE assay_ops", "SET SESSION AUTHORIZATION assay_ops",
        "COPY (SELECT 1) TO PROGRAM 'cat'", "COPY assay.jobs TO '/tmp/x'",
        "CREATE TABLE assay.mine ()", "ALTER ROLE assay_worker SUPERUSER",
        "SELECT assay.put_run(1, 1, 1, 'eval', NULL, NULL, NULL, 1, NULL, '{}')",
        "SELECT assay.new_epoch()", "SELECT pg_read_file('/etc/passwd')",
        "CREATE FUNCTION assay.f() RETURNS int LANGUAGE sql AS 'SELECT 1'" };
    PGconn *conn = connect_as_host(*state);
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        PGresult *r = PQexec(conn, tried[i]);
        const char *why = PQresultErrorField(r, PG_DIAG_SQLSTATE);
        if (!why || strcmp(why, "42501") != 0)
            fail_msg("a worker may: %s (%s)", tried[i], why ? why : "");
        PQclear(r);
    }
    PGresult *r = PQexec(conn, "SELECT assay.reap()");
    assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
    PQclear(r);
    PQfinish(conn);
}

/* ---- yesterday ---- */

/* Dump, go on, restore: who holds a claim of the timeline that ended writes nothing; its attempt's
 * number is given out anew. */
static void fault_46_a_restored_dump_makes_running_workers_stale(void **state) {
    struct fixture *f = *state;
    struct worker w, later;
    struct job job, again;
    enum queue_answer answer;
    char dump[100];
    snprintf(dump, sizeof dump, "%s/yesterday.dump", f->home);
    begin(f, f->db, 2, &w);
    assert_ok(db_dump(f->cluster.conninfo, dump, &err));
    assert_true(take(f->db, &w, 90, &job));
    assert_ok(db_restore(f->cluster.conninfo, dump, true, &err));
    assert_ok(queue_heartbeat(f->db, &job, 0.5, &answer, &err));
    assert_int_equal(answer, QUEUE_STALE);
    assert_int_equal(finish(f->db, &job), QUEUE_STALE);
    fixture_worker(f, &later);
    assert_true(take(f->db, &later, 90, &again));
    assert_int_equal(again.key.job, job.key.job);
    assert_int_equal(again.key.attempt, job.key.attempt);
    assert_string_not_equal(again.key.epoch, job.key.epoch);
    assert_int_equal(finish(f->db, &job), QUEUE_STALE);
    assert_int_equal(finish(f->db, &again), QUEUE_OK);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 1);
    job_release(&job);
    job_release(&again);
}

/* A claim that the dump itself holds: the worker's id and attempt fit, and only the epoch says that
 * time was turned back. */
static void fault_46_a_claim_that_the_dump_remembers_is_stale_too(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    char dump[100];
    snprintf(dump, sizeof dump, "%s/claimed.dump", f->home);
    begin(f, f->db, 1, &w);
    assert_true(take(f->db, &w, 90, &job));
    assert_ok(db_dump(f->cluster.conninfo, dump, &err));
    assert_ok(db_restore(f->cluster.conninfo, dump, true, &err));
    assert_int_equal(finish(f->db, &job), QUEUE_STALE);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 0);
    job_release(&job);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(
            fault_32_a_result_outlives_a_server_that_is_down_past_the_lease, fixture_reset),
        cmocka_unit_test_setup(
            fault_33_connections_that_are_cut_at_random_cost_a_repeated_call, fixture_reset),
        cmocka_unit_test_setup(
            fault_37_deadlocks_conflicts_and_lock_timeouts_are_tried_again, fixture_reset),
        cmocka_unit_test_setup(
            fault_37_a_lock_that_never_comes_is_given_up_within_ten_tries, fixture_reset),
        cmocka_unit_test_setup(fault_39_a_full_disk_of_the_server_keeps_the_spool, fixture_reset),
        cmocka_unit_test_setup(
            fault_41_a_schema_that_is_behind_or_ahead_stops_a_worker_and_says_what_to_do,
            fixture_reset),
        cmocka_unit_test_setup(
            fault_43_an_idle_snapshot_does_not_make_claims_longer, fixture_reset),
        cmocka_unit_test_setup(
            fault_44_who_hears_no_notice_finds_the_job_by_polling, fixture_reset),
        cmocka_unit_test_setup(
            fault_45_a_worker_cannot_read_write_change_its_role_or_run_programs, fixture_reset),
        cmocka_unit_test_setup(fault_46_a_restored_dump_makes_running_workers_stale, fixture_reset),
        cmocka_unit_test_setup(
            fault_46_a_claim_that_the_dump_remembers_is_stale_too, fixture_reset),
    };
    return FIXTURE_MAIN("fault.database.server", tests);
}
