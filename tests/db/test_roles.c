#include "tests/db/fixture.h"

static void as_role_fails(struct fixture *f, const char *role, const char *sql) {
    char script[300];
    snprintf(script, sizeof script, "SET ROLE %s; %s", role, sql);
    if (strcmp(fixture_sqlstate(f, script), "42501") != 0)
        fail_msg("%s may: %s", role, sql);
}

static void a_worker_has_no_right_on_any_table(void **state) {
    struct fixture *f = *state;
    assert_string_equal(
        fixture_sql(f,
            "SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class "
            "WHERE relnamespace = 'assay'::regnamespace AND relkind IN ('r', 'v', 'S') "
            "AND CASE relkind WHEN 'S' THEN has_sequence_privilege('assay_worker', oid, 'USAGE') "
            "ELSE has_table_privilege('assay_worker', oid, 'SELECT, INSERT, UPDATE, DELETE, "
            "TRUNCATE') END"),
        "");
    as_role_fails(f, "assay_worker", "UPDATE assay.jobs SET state = 'queued'");
    as_role_fails(f, "assay_worker", "SELECT * FROM assay.results");
    as_role_fails(f, "assay_worker", "COPY assay.jobs TO PROGRAM 'cat'");
    as_role_fails(f, "assay_worker", "CREATE TABLE assay.mine ()");
}

static void a_worker_may_execute_its_own_functions_and_no_others(void **state) {
    assert_string_equal(
        fixture_sql(*state, "SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc "
                            "WHERE pronamespace = 'assay'::regnamespace "
                            "AND has_function_privilege('assay_worker', oid, 'EXECUTE')"),
        "claim_job estimate_job fail_job finish_and_claim finish_job get_chunks heartbeat "
        "jobs_beside keep_log put_chunk put_prints queue_depth reap register_worker schema_version "
        "stop_worker work_left");
}

static void no_function_is_open_to_everybody(void **state) {
    assert_int_equal(fixture_int(*state,
                         "SELECT count(*) FROM pg_proc p, aclexplode(coalesce(proacl, "
                         "acldefault('f', proowner))) a WHERE pronamespace = 'assay'::regnamespace "
                         "AND a.grantee = 0"),
        0);
}

static void functions_that_run_as_their_owner_fix_their_search_path(void **state) {
    assert_int_equal(fixture_int(*state,
                         "SELECT count(*) FROM pg_proc WHERE pronamespace = 'assay'::regnamespace "
                         "AND prosecdef AND NOT coalesce(proconfig::text LIKE "
                         "'%search_path=assay, pg_temp%', false)"),
        0);
}

static void the_site_reads_views_and_writes_nothing(void **state) {
    static const char *const lists[] = { "site_suites", "site_models", "site_tasks", "queue_stats",
        "queue_dead" };
    struct fixture *f = *state;
    struct db *db = fixture_open(f, "assay_site");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct rows rows;
        assert_ok(db_query(db, lists[i], DB_NO_ARGS, &rows, &err));
        rows_release(&rows);
    }
    struct err why = ERR_INIT;
    assert_false(db_run(db, "queue_show", DB_ARGS(db_int(1)), &why));
    assert_int_equal(why.class, ERR_AUTH);
    assert_false(db_run(db, "queue_reap", DB_NO_ARGS, &why));
    assert_int_equal(why.class, ERR_AUTH);
    as_role_fails(f, "assay_site", "INSERT INTO assay.models (name) VALUES ('a/b')");
    as_role_fails(f, "assay_site", "SELECT * FROM assay.workers");
    db_close(db);
}

static void a_submitter_submits_and_no_more(void **state) {
    struct fixture *f = *state;
    struct db *db = fixture_open(f, "assay_submitter");
    json_t *request = fixture_request("org/a", 1), *answer;
    assert_ok(answer = db_submit(db, request, &err));
    as_role_fails(f, "assay_submitter", "SELECT assay.reap()");
    as_role_fails(f, "assay_submitter", "SELECT * FROM assay.submissions");
    json_decref(request);
    json_decref(answer);
    db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_has_no_right_on_any_table),
        cmocka_unit_test(a_worker_may_execute_its_own_functions_and_no_others),
        cmocka_unit_test(no_function_is_open_to_everybody),
        cmocka_unit_test(functions_that_run_as_their_owner_fix_their_search_path),
        cmocka_unit_test(the_site_reads_views_and_writes_nothing),
        cmocka_unit_test_setup(a_submitter_submits_and_no_more, fixture_reset),
    };
    return FIXTURE_MAIN("db.roles", tests);
}
