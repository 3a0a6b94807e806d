#include "tests/db/fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

/* A second home beside the fixture's, for what a running server would disturb. */
static void home_make(char home[64]) {
    strcpy(home, "/tmp/assay-test-XXXXXX");
    assert_non_null(mkdtemp(home));
    assert_int_equal(chmod(home, 0755), 0);
}

static void home_remove(const char *home) {
    struct cluster c;
    assert_ok(cluster_down(home, &c, &err));
    assert_false(c.running);
    rmdir(c.socket_dir);
    cluster_release(&c);
    assert_ok(dir_remove(home, &err));
}

static int wait_for(pid_t child) {
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void up_again_is_the_same_server(void **state) {
    struct fixture *f = *state;
    struct cluster c;
    assert_ok(cluster_up(f->home, &c, &err));
    assert_true(c.running);
    assert_int_equal(c.pid, f->cluster.pid);
    cluster_release(&c);
}

static void commits_are_durable_and_nothing_listens_on_the_network(void **state) {
    struct fixture *f = *state;
    struct stat st;
    assert_string_equal(fixture_sql(f, "SHOW fsync"), "on");
    assert_string_equal(fixture_sql(f, "SHOW synchronous_commit"), "on");
    assert_string_equal(fixture_sql(f, "SHOW listen_addresses"), "");
    assert_string_equal(fixture_sql(f, "SHOW server_encoding"), "UTF8");
    assert_string_equal(fixture_sql(f, "SHOW lc_collate"), "C.UTF-8");
    assert_int_equal(stat(f->cluster.socket_dir, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    assert_true(strlen(f->cluster.socket_dir) < 60);
}

static void eight_commands_at_once_make_one_cluster(void **state) {
    (void)state;
    char home[64];
    pid_t children[8];
    home_make(home);
    for (int i = 0; i < 8; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct err err = ERR_INIT;
            struct db_options o = { .home = home };
            struct db *db = db_open(&o, &err);
            _exit(db ? 0 : 1);
        }
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(wait_for(children[i]), 0);
    home_remove(home);
}

static void a_connection_outlives_kill_9_of_the_server(void **state) {
    struct fixture *f = *state;
    struct cluster c;
    struct rows rows;
    assert_ok(db_query(f->db, "queue_stats", DB_NO_ARGS, &rows, &err));
    rows_release(&rows);
    for (int i = 0; i < 2; i++) {
        unsigned before = db_reconnects(f->db);
        assert_ok(cluster_status(f->home, &c, &err));
        assert_true(c.running);
        assert_int_equal(kill(c.pid, i ? SIGQUIT : SIGKILL), 0);
        cluster_release(&c);
        while (db_reconnects(f->db) ==
               before) { /* a backend may outlive its postmaster for a moment */
            assert_ok(db_query(f->db, "queue_stats", DB_NO_ARGS, &rows, &err));
            rows_release(&rows);
        }
    }
    assert_true(db_reconnects(f->db) >= 2);
}

/* After a crash the number in postmaster.pid may belong to any process, even to one of the same
 * user. */
static void a_stale_pid_file_of_a_living_stranger_does_not_keep_it_down(void **state) {
    struct fixture *f = *state;
    struct cluster c;
    pid_t stranger = fork();
    if (stranger == 0) {
        if (geteuid() == 0 && setuid(f->cluster.uid) != 0)
            _exit(1);
        pause();
        _exit(0);
    }
    assert_ok(cluster_status(f->home, &c, &err));
    char *file = path_join(c.data, "postmaster.pid"), copy[4096];
    FILE *in = fopen(file, "re");
    size_t n = fread(copy, 1, sizeof copy, in);
    fclose(in);
    assert_ok(cluster_down(f->home, NULL, &err));
    const char *rest = memchr(copy, '\n', n);
    FILE *out = fopen(file, "we");
    fprintf(out, "%d", (int)stranger);
    fwrite(rest, 1, n - (size_t)(rest - copy), out);
    fclose(out);
    assert_int_equal(chown(file, c.uid, c.gid), 0);
    cluster_release(&c);
    assert_ok(cluster_status(f->home, &c, &err));
    assert_false(c.running);
    cluster_release(&c);
    assert_ok(cluster_up(f->home, &c, &err));
    assert_true(c.running);
    cluster_release(&c);
    free(file);
    kill(stranger, SIGKILL);
    waitpid(stranger, NULL, 0);
}

static void a_server_stopped_on_purpose_is_not_woken_by_those_who_lost_it(void **state) {
    struct fixture *f = *state;
    struct db_options o = { .home = f->home, .retry_s = 1 };
    struct err lost = ERR_INIT;
    struct rows rows = { 0 };
    struct db *db;
    assert_ok(db = db_open(&o, &err));
    assert_ok(cluster_down(f->home, NULL, &err));
    assert_false(db_query(db, "queue_stats", DB_NO_ARGS, &rows, &lost));
    assert_int_equal(lost.class, ERR_DB);
    assert_ok(cluster_up(f->home, NULL, &err));
    assert_ok(db_query(db, "queue_stats", DB_NO_ARGS, &rows, &err));
    rows_release(&rows);
    db_close(db);
}

static void what_an_interrupted_initdb_left_is_cleared_away(void **state) {
    (void)state;
    char home[64], dir[100];
    home_make(home);
    snprintf(dir, sizeof dir, "%s/pg", home);
    struct cluster c;
    assert_ok(cluster_status(home, &c, &err));
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(chown(dir, c.uid, c.gid), 0);
    cluster_release(&c);
    strcat(dir, "/data.new/base");
    assert_ok(dir_make(dir, &err));
    assert_ok(cluster_up(home, NULL, &err));
    home_remove(home);
}

static void a_home_that_the_server_cannot_reach_is_explained(void **state) {
    (void)state;
    char home[64];
    if (geteuid() != 0)
        skip(); /* whoever is not root runs it as himself */
    home_make(home);
    assert_int_equal(chmod(home, 0700), 0);
    struct err why = ERR_INIT;
    assert_false(cluster_up(home, NULL, &why));
    assert_non_null(strstr(why.msg, "may not enter"));
    assert_non_null(strstr(why.hint, "chmod o+x"));
    assert_ok(dir_remove(home, &err));
}

static int as_nobody(const char *home) {
    struct err err = ERR_INIT;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 2;
    struct db_options o = { .home = home };
    struct db *db = db_open(&o, &err);
    if (!db)
        fprintf(stderr, "%s (%s)\n", err.msg, err.hint);
    db_close(db);
    return db && cluster_down(home, NULL, &err) ? 0 : 1;
}

static void a_plain_user_runs_it_as_himself(void **state) {
    (void)state;
    char home[64];
    if (geteuid() != 0)
        skip(); /* then every other test shows it */
    home_make(home);
    assert_int_equal(chown(home, 65534, 65534), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(as_nobody(home));
    assert_int_equal(wait_for(child), 0);
    home_remove(home);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_again_is_the_same_server),
        cmocka_unit_test(commits_are_durable_and_nothing_listens_on_the_network),
        cmocka_unit_test(eight_commands_at_once_make_one_cluster),
        cmocka_unit_test(a_connection_outlives_kill_9_of_the_server),
        cmocka_unit_test(a_stale_pid_file_of_a_living_stranger_does_not_keep_it_down),
        cmocka_unit_test(a_server_stopped_on_purpose_is_not_woken_by_those_who_lost_it),
        cmocka_unit_test(what_an_interrupted_initdb_left_is_cleared_away),
        cmocka_unit_test(a_home_that_the_server_cannot_reach_is_explained),
        cmocka_unit_test(a_plain_user_runs_it_as_himself),
    };
    return FIXTURE_MAIN("db.cluster", tests);
}
