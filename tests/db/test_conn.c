#include "tests/db/fixture.h"

#include "db/conn.h"

#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a proxy between client and server that can lose a reply ---- */

struct proxy {
    char dir[64];
    const char *server_dir;
    int listener;
    atomic_int cut_replies; /* so many answers are swallowed, and the connection is cut */
    atomic_bool stop;
    pthread_t thread;
};

static int unix_socket(const char *dir, struct sockaddr_un *a) {
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    snprintf(a->sun_path, sizeof a->sun_path, "%s/.s.PGSQL.5432", dir);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Copies what is there; false at the end of the stream. */
static bool copy(int from, int to) {
    char bytes[65536];
    ssize_t n = read(from, bytes, sizeof bytes);
    for (ssize_t done = 0; done < n;) {
        ssize_t w = send(to, bytes + done, (size_t)(n - done), MSG_NOSIGNAL);
        if (w <= 0)
            return false;
        done += w;
    }
    return n > 0;
}

static void serve(struct proxy *p, int client) {
    struct sockaddr_un a;
    int server = unix_socket(p->server_dir, &a);
    bool open = connect(server, (struct sockaddr *)&a, sizeof a) == 0;
    while (open && !atomic_load(&p->stop)) {
        struct pollfd fds[2] = { { .fd = client, .events = POLLIN },
            { .fd = server, .events = POLLIN } };
        poll(fds, 2, 50);
        if (fds[1].revents && atomic_load(&p->cut_replies) > 0) {
            atomic_fetch_sub(&p->cut_replies, 1); /* the server has done it, and nobody will hear */
            break;
        }
        if (fds[0].revents)
            open = copy(client, server);
        if (open && fds[1].revents)
            open = copy(server, client);
    }
    close(server);
    close(client);
}

static void *proxy_main(void *arg) {
    struct proxy *p = arg;
    while (!atomic_load(&p->stop)) {
        struct pollfd fd = { .fd = p->listener, .events = POLLIN };
        if (poll(&fd, 1, 50) > 0)
            serve(p, accept(p->listener, NULL, NULL));
    }
    return NULL;
}

static void proxy_start(struct proxy *p, const char *server_dir) {
    struct sockaddr_un a;
    memset(p, 0, sizeof *p);
    strcpy(p->dir, "/tmp/assay-proxy-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->server_dir = server_dir;
    p->listener = unix_socket(p->dir, &a);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(p->listener, 8), 0);
    assert_int_equal(pthread_create(&p->thread, NULL, proxy_main, p), 0);
}

static void proxy_stop(struct proxy *p) {
    struct sockaddr_un a;
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    close(p->listener);
    close(unix_socket(p->dir, &a));
    unlink(a.sun_path);
    rmdir(p->dir);
}

static void a_lost_reply_to_a_commit_is_answered_already(void **state) {
    struct fixture *f = *state;
    struct proxy p;
    struct worker w;
    struct job job;
    enum queue_answer answer;
    char conninfo[200];
    json_decref(fixture_submit(f, "org/a", 1));
    proxy_start(&p, f->cluster.socket_dir);
    snprintf(conninfo, sizeof conninfo, "host=%s user=assay dbname=assay", p.dir);
    struct db_options o = { .conninfo = conninfo };
    struct db *db;
    assert_ok(db = db_open(&o, &err));
    worker_init(&w);
    atomic_store(&p.cut_replies, 1);
    assert_ok(worker_register(db, &w, "test", NULL, &err));
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM workers"), 1);
    struct claim_options c = { 0 };
    bool found = false;
    atomic_store(&p.cut_replies, 1);
    assert_ok(queue_claim(db, &w, &c, &job, &found, &err));
    assert_true(found);
    assert_int_equal(job.key.attempt, 1);
    char *text = fixture_record(job.task_sha256, 0.5);
    atomic_store(&p.cut_replies, 1);
    assert_ok(queue_finish(db, &job.key, text, &answer, &err));
    assert_int_equal(answer, QUEUE_ALREADY);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 1);
    assert_true(db_reconnects(db) >= 2);
    free(text);
    job_release(&job);
    db_close(db);
    proxy_stop(&p);
}

/* ---- clients and servers that die ---- */

/* Sends the finish and dies before it can hear the answer, after `us` microseconds. */
static void die_while_finishing(
    struct fixture *f, const struct job_key *k, const char *text, useconds_t us) {
    pid_t child = fork();
    if (child == 0) {
        char job[32], attempt[16];
        snprintf(job, sizeof job, "%lld", k->job);
        snprintf(attempt, sizeof attempt, "%d", k->attempt);
        const char *values[] = { k->worker, job, attempt, k->epoch, text };
        PGconn *conn = PQconnectdb(f->cluster.conninfo);
        PQsendQueryParams(conn,
            "SELECT assay.finish_job($1::uuid, $2::bigint, $3::integer, $4::uuid, $5)", 5, NULL,
            values, NULL, NULL, 0);
        PQflush(conn);
        usleep(us);
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
}

static void a_client_killed_in_the_middle_of_finishing_leaves_one_run(void **state) {
    struct fixture *f = *state;
    struct worker w;
    json_decref(fixture_submit(f, "org/a", 12));
    for (useconds_t i = 0; i < 12; i++) {
        struct job job;
        enum queue_answer answer;
        fixture_worker(f, &w);
        fixture_claim(f, &w, 90, &job);
        char *text = fixture_record(job.task_sha256, 0.5);
        die_while_finishing(f, &job.key, text, i * 300);
        assert_ok(queue_finish(f->db, &job.key, text, &answer, &err));
        assert_true(answer == QUEUE_OK || answer == QUEUE_ALREADY);
        free(text);
        job_release(&job);
    }
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 12);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM results"), 24);
}

static void *stop_server_at_once(void *arg) {
    struct fixture *f = arg;
    for (int i = 0; i < 3; i++) {
        struct cluster c;
        usleep(150000);
        assert_ok(cluster_status(f->home, &c, &err));
        if (c.pid)
            kill(c.pid, SIGQUIT); /* as pg_ctl stop -m immediate */
        cluster_release(&c);
    }
    return NULL;
}

static void fault_30_an_immediate_stop_loses_no_result_and_doubles_none(void **state) {
    struct fixture *f = *state;
    struct worker w;
    pthread_t killer;
    json_decref(fixture_submit(f, "org/a", 150));
    fixture_worker(f, &w);
    assert_int_equal(pthread_create(&killer, NULL, stop_server_at_once, f), 0);
    for (int i = 0; i < 150; i++) {
        struct job job;
        enum queue_answer answer;
        fixture_claim(f, &w, 90, &job);
        char *text = fixture_record(job.task_sha256, 0.5);
        assert_ok(queue_finish(f->db, &job.key, text, &answer, &err));
        assert_true(answer == QUEUE_OK || answer == QUEUE_ALREADY);
        free(text);
        job_release(&job);
        usleep(3000);
    }
    pthread_join(killer, NULL);
    struct rows rows; /* the last stop may have come after the last job */
    assert_ok(db_query(f->db, "queue_stats", DB_NO_ARGS, &rows, &err));
    assert_int_equal(rows_int(&rows, 0, "done"), 150);
    rows_release(&rows);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 150);
    assert_int_equal(
        fixture_int(f, "SELECT count(*) FROM attempts WHERE outcome = 'ok' AND attempt = 1"), 150);
}

/* ---- statements are prepared ---- */

static void a_statement_that_the_server_forgot_is_run_all_the_same(void **state) {
    struct fixture *f = *state;
    struct db *db = fixture_open(f, NULL);
    struct rows rows;
    for (int i = 0; i < 4; i++) {
        assert_ok(db_query(db, "queue_stats", DB_NO_ARGS, &rows, &err));
        assert_int_equal(rows.n, 1);
        rows_release(&rows);
        if (i == 2) /* as behind a pooler, which hands out another connection */
            PQclear(PQexec(db->conn, "DEALLOCATE ALL"));
    }
    assert_int_equal(db_reconnects(db), 0);
    db_close(db);
}

static void a_connection_that_is_new_prepares_anew(void **state) {
    struct fixture *f = *state;
    struct db *db = fixture_open(f, NULL);
    for (int i = 0; i < 6; i++) {
        assert_ok(db_run(db, "queue_stats", DB_NO_ARGS, &err));
        if (i == 2)
            fixture_sql(f, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                           "application_name = 'assay' AND pid <> pg_backend_pid()");
    }
    assert_true(db_reconnects(db) >= 1);
    db_close(db);
}

/* ---- errors ---- */

static void asked_to_stop_it_does_not_wait_for_a_database_that_is_away(void **state) {
    (void)state;
    atomic_bool stop = true;
    struct db_options o = { .conninfo = "host=/nonexistent", .retry_s = 600, .stop = &stop };
    struct err err = ERR_INIT;
    assert_null(db_open(&o, &err));
    assert_int_equal(err.class, ERR_INTERRUPTED);
}

static void a_database_that_is_not_there_is_an_error_of_the_database(void **state) {
    (void)state;
    struct db_options o = { .conninfo = "host=/nonexistent", .retry_s = 1 };
    struct err err = ERR_INIT;
    assert_null(db_open(&o, &err));
    assert_int_equal(err.class, ERR_DB);
    assert_non_null(strstr(err.hint, "ASSAY_DATABASE_URL"));
}

static void a_worker_refuses_a_database_that_could_lose_a_commit(void **state) {
    struct fixture *f = *state;
    char conninfo[300];
    struct worker w;
    struct err why = ERR_INIT;
    snprintf(conninfo, sizeof conninfo,
        "%s options='-c search_path=assay -c synchronous_commit=off'", f->cluster.conninfo);
    struct db_options o = { .conninfo = conninfo };
    struct db *db;
    assert_ok(db = db_open(&o, &err));
    worker_init(&w);
    assert_false(worker_register(db, &w, "test", NULL, &why));
    assert_int_equal(why.class, ERR_NODE);
    assert_non_null(strstr(why.msg, "synchronous_commit"));
    db_close(db);
}

static void a_lock_that_is_held_is_waited_for(void **state) {
    struct fixture *f = *state;
    enum queue_answer answer;
    json_decref(fixture_submit(f, "org/a", 1));
    PGconn *holder = PQconnectdb(f->cluster.conninfo);
    PQclear(PQexec(holder, "BEGIN"));
    PQclear(PQexec(holder, "SELECT * FROM assay.jobs FOR UPDATE"));
    struct db_options o = { .home = f->home, .retry_s = 1 };
    struct db *db;
    assert_ok(db = db_open(&o, &err));
    struct err why = ERR_INIT;
    assert_false(queue_cancel(
        db, 1, &answer, &why)); /* lock_timeout, tried again, given up as the database's fault */
    assert_int_equal(why.class, ERR_DB);
    PQfinish(holder);
    assert_ok(queue_cancel(db, 1, &answer, &err));
    assert_int_equal(answer, QUEUE_CANCELLED);
    db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_lost_reply_to_a_commit_is_answered_already, fixture_reset),
        cmocka_unit_test_setup(
            a_client_killed_in_the_middle_of_finishing_leaves_one_run, fixture_reset),
        cmocka_unit_test_setup(
            fault_30_an_immediate_stop_loses_no_result_and_doubles_none, fixture_reset),
        cmocka_unit_test_setup(
            a_statement_that_the_server_forgot_is_run_all_the_same, fixture_reset),
        cmocka_unit_test_setup(a_connection_that_is_new_prepares_anew, fixture_reset),
        cmocka_unit_test(asked_to_stop_it_does_not_wait_for_a_database_that_is_away),
        cmocka_unit_test(a_database_that_is_not_there_is_an_error_of_the_database),
        cmocka_unit_test_setup(a_worker_refuses_a_database_that_could_lose_a_commit, fixture_reset),
        cmocka_unit_test_setup(a_lock_that_is_held_is_waited_for, fixture_reset),
    };
    return FIXTURE_MAIN("db.conn", tests);
}
