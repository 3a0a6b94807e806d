#include "tests/db/fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define LATEST 14

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
    assert_int_equal(json_array_size(json_object_get(status, "migrations")), version);
    json_decref(status);
    db_close(db);
    return version;
}

static void eight_migrators_apply_each_file_once(void **state) {
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
    assert_int_equal(total, LATEST);
    assert_int_equal(version_of(conninfo), LATEST);
}

static void a_migrator_killed_in_the_middle_leaves_whole_steps(void **state) {
    char conninfo[300];
    database_make(*state, "killed", conninfo);
    for (useconds_t us = 2000; us < 200000; us *= 2) {
        pid_t child = fork();
        if (child == 0)
            _exit(migrate_count(conninfo));
        usleep(us);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_in_range(version_of(conninfo), 0, LATEST);
    }
    assert_true(migrate_count(conninfo) <= LATEST);
    assert_int_equal(version_of(conninfo), LATEST);
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
    assert_int_equal(migrate_count(conninfo), LATEST);
    struct fixture other = **(struct fixture **)state;
    other.cluster.conninfo = conninfo;
    fixture_sql(&other, "UPDATE schema_migrations SET sha256 = repeat('0', 64) WHERE version = 3");
    schema_is_refused(conninfo, "migration 3");
}

static void a_database_that_is_ahead_is_an_error(void **state) {
    char conninfo[300];
    database_make(*state, "ahead", conninfo);
    assert_int_equal(migrate_count(conninfo), LATEST);
    struct fixture other = **(struct fixture **)state;
    other.cluster.conninfo = conninfo;
    fixture_sql(&other, "INSERT INTO schema_migrations (version, name, sha256) SELECT "
                        "max(version) + 1, 'x', repeat('0', 64) FROM schema_migrations");
    char ahead[32];
    snprintf(ahead, sizeof ahead, "migration %d", LATEST + 1);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_migrators_apply_each_file_once),
        cmocka_unit_test(a_migrator_killed_in_the_middle_leaves_whole_steps),
        cmocka_unit_test(a_migration_that_was_changed_is_an_error),
        cmocka_unit_test(a_database_that_is_ahead_is_an_error),
        cmocka_unit_test(a_database_without_a_schema_says_what_to_do),
    };
    return FIXTURE_MAIN("db.migrate", tests);
}
