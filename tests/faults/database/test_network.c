/* Faults 34 to 36, 38, 40: what happens between a worker and the server. */
#include "tests/faults/database/setup.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/database/proxy.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct db *open_through(const struct proxy *p) {
    char conninfo[200];
    proxy_conninfo(p, conninfo);
    return connect_to(conninfo, 30);
}

/* A worker on a connection through the proxy, and so many jobs. */
static struct db *begin_through(struct fixture *f, struct proxy *p, int n_jobs, struct worker *w) {
    proxy_start(p, f->cluster.socket_dir);
    struct db *db = open_through(p);
    begin(f, db, n_jobs, w);
    return db;
}

/* The answer to finishing is cut behind each of its bytes in turn: the server has committed, the
 * worker asks again. */
static void fault_34_a_commit_whose_answer_is_cut_anywhere_is_told_once(void **state) {
    struct fixture *f = *state;
    struct proxy p;
    struct worker w;
    int already = 0;
    struct db *db = begin_through(f, &p, 60, &w);
    for (int bytes = 0; bytes < 60; bytes++) {
        struct job job;
        assert_true(take(db, &w, 90, &job));
        atomic_store(&p.reply_bytes, bytes);
        enum queue_answer answer = finish(db, &job);
        atomic_store(&p.reply_bytes, -1);
        assert_true(answer == QUEUE_OK || answer == QUEUE_ALREADY);
        already += answer == QUEUE_ALREADY;
        job_release(&job);
    }
    assert_true(already >= 30);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 60);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM attempts WHERE outcome = 'ok'"), 60);
    db_close(db);
    proxy_stop(&p);
}

/* The same of a turn: the result is there once, and the job that it took is the one that the
 * repeated call gives. */
static void fault_34_a_turn_whose_answer_is_cut_gives_the_same_job_again(void **state) {
    struct fixture *f = *state;
    struct proxy p;
    struct worker w;
    struct job job, next;
    bool found;
    enum queue_answer answer;
    struct db *db = begin_through(f, &p, 20, &w);
    assert_true(take(db, &w, 90, &job));
    for (int i = 0; i < 19; i++) {
        char *text = fixture_record(job.task_sha256, 0.5);
        atomic_store(&p.reply_bytes, i * 20);
        assert_ok(queue_turn(db, &w, &job.key, text, NULL, &answer, &next, &found, &err));
        atomic_store(&p.reply_bytes, -1);
        assert_true(found && (answer == QUEUE_OK || answer == QUEUE_ALREADY));
        assert_int_equal(next.key.attempt, 1);
        free(text);
        job_release(&job);
        memcpy(&job, &next, sizeof job);
    }
    job_release(&job);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 19);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM attempts"), 20);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'leased'"), 1);
    db_close(db);
    proxy_stop(&p);
}

/* No reset, no refusal, nothing: the heartbeat gives up while there is still time to stop the work.
 */
static void fault_35_a_black_hole_is_noticed_before_the_lease_ends(void **state) {
    struct fixture *f = *state;
    struct proxy p;
    struct worker w;
    struct job job;
    enum queue_answer answer;
    struct db *db = begin_through(f, &p, 1, &w);
    assert_true(take(db, &w, 9, &job));
    atomic_store(&p.swallow, true);
    struct err why = ERR_INIT;
    assert_false(queue_heartbeat(db, &job, 0.5, &answer, &why));
    assert_int_equal(why.class, ERR_DB);
    assert_true(job_ms_left(&job) > 0); /* and so the worker stops before anybody else may start */
    poll(NULL, 0, (int)job_ms_left(&job) + 1);
    assert_true(job_ms_left(&job) <= 0);
    assert_int_equal(
        fixture_int(f, "SELECT count(*) FROM jobs WHERE lease_until > clock_timestamp()"), 1);
    atomic_store(&p.swallow, false);
    job_release(&job);
    db_close(db);
    proxy_stop(&p);
}

static void fault_36_a_slow_line_delays_heartbeats_and_loses_no_lease(void **state) {
    struct fixture *f = *state;
    struct proxy p;
    struct worker w;
    struct job job;
    enum queue_answer answer;
    struct db *db = begin_through(f, &p, 1, &w);
    assert_true(take(db, &w, 15, &job));
    atomic_store(&p.delay_ms, 2000);
    for (int i = 0; i < 3; i++) {
        int n = -1;
        assert_ok(queue_heartbeat(db, &job, 0.1 * i, &answer, &err));
        assert_int_equal(answer, QUEUE_OK);
        assert_true(job_ms_left(&job) > 0);
        assert_ok(queue_reap(f->db, &n, &err));
        assert_int_equal(n, 0);
    }
    assert_int_equal(db_reconnects(db), 0);
    atomic_store(&p.delay_ms, 0);
    job_release(&job);
    db_close(db);
    proxy_stop(&p);
}

static void fault_38_a_full_server_is_waited_for(void **state) {
    struct fixture *f = *state;
    struct proxy p;
    proxy_start(&p, f->cluster.socket_dir);
    atomic_store(&p.too_many, 4);
    struct db *db = open_through(&p);
    assert_int_equal(atomic_load(&p.too_many), 0);
    assert_in_range(atomic_load(&p.n_connections), 5, 6);
    db_close(db);
    proxy_stop(&p);
}

static void fault_40_a_server_that_only_reads_is_refused(void **state) {
    struct fixture *f = *state;
    struct err why = ERR_INIT;
    struct db_options o = { .conninfo = f->cluster.conninfo, .retry_s = 1 };
    fixture_sql(f, "ALTER DATABASE assay SET default_transaction_read_only = on");
    struct db *db = db_open(&o, &why);
    fixture_sql(
        f, "BEGIN READ WRITE; ALTER DATABASE assay RESET default_transaction_read_only; COMMIT");
    assert_null(db);
    assert_int_equal(why.class, ERR_DB);
    db_close(connect_to(f->cluster.conninfo, 1));
}

static void fault_40_of_several_hosts_the_one_that_answers_is_taken(void **state) {
    struct fixture *f = *state;
    struct proxy alive;
    char conninfo[200];
    proxy_start(&alive, f->cluster.socket_dir);
    snprintf(conninfo, sizeof conninfo,
        "host=127.0.0.1,127.0.0.1 port=1,%u user=assay dbname=assay", alive.port);
    db_close(connect_to(conninfo, 0));
    proxy_stop(&alive);
}

/* Down when the worker starts: it waits, and waiting costs nothing. */
static void fault_31_a_database_that_is_down_at_first_is_waited_for_without_spinning(void **state) {
    struct fixture *f = *state;
    struct proxy p;
    proxy_start(&p, "/nonexistent");
    char conninfo[200];
    proxy_conninfo(&p, conninfo);
    struct db_options o = { .conninfo = conninfo, .retry_s = 2 };
    struct err why = ERR_INIT;
    double wall = now();
    assert_null(db_open(&o, &why));
    assert_int_equal(why.class, ERR_DB);
    wall = now() - wall;
    assert_in_range(
        atomic_load(&p.n_connections), 3, 12); /* 50 ms, doubling: not a hundred times */
    p.socket_dir = f->cluster.socket_dir;
    db_close(connect_to(conninfo, 30));
    proxy_stop(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(
            fault_31_a_database_that_is_down_at_first_is_waited_for_without_spinning,
            fixture_reset),
        cmocka_unit_test_setup(
            fault_34_a_commit_whose_answer_is_cut_anywhere_is_told_once, fixture_reset),
        cmocka_unit_test_setup(
            fault_34_a_turn_whose_answer_is_cut_gives_the_same_job_again, fixture_reset),
        cmocka_unit_test_setup(
            fault_35_a_black_hole_is_noticed_before_the_lease_ends, fixture_reset),
        cmocka_unit_test_setup(
            fault_36_a_slow_line_delays_heartbeats_and_loses_no_lease, fixture_reset),
        cmocka_unit_test_setup(fault_38_a_full_server_is_waited_for, fixture_reset),
        cmocka_unit_test_setup(fault_40_a_server_that_only_reads_is_refused, fixture_reset),
        cmocka_unit_test_setup(
            fault_40_of_several_hosts_the_one_that_answers_is_taken, fixture_reset),
    };
    return FIXTURE_MAIN("fault.database.network", tests);
}
