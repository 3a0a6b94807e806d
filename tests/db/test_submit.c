#include "tests/db/fixture.h"

#include <pthread.h>

static void the_same_submission_again_is_the_same_rows(void **state) {
    struct fixture *f = *state;
    json_t *first = fixture_submit(f, "org/a", 3), *again = fixture_submit(f, "org/a", 3);
    assert_true(json_is_true(json_object_get(first, "created")));
    assert_true(json_is_false(json_object_get(again, "created")));
    assert_int_equal(json_integer_value(json_object_get(first, "submission")),
        json_integer_value(json_object_get(again, "submission")));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(json_integer_value(json_object_get(
                             json_array_get(json_object_get(first, "jobs"), i), "job")),
            json_integer_value(
                json_object_get(json_array_get(json_object_get(again, "jobs"), i), "job")));
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs"), 3);
    json_decref(first);
    json_decref(again);
}

static void *submit_often(void *arg) {
    struct fixture *f = arg;
    struct db *db = fixture_open(f, "assay_submitter");
    json_t *request = fixture_request("org/popular", 4);
    for (int i = 0; i < 10; i++) {
        json_t *answer;
        assert_ok(answer = db_submit(db, request, &err));
        json_decref(answer);
    }
    json_decref(request);
    db_close(db);
    return NULL;
}

static void fault_48_a_hundred_duplicates_at_once_are_one_row_set(void **state) {
    struct fixture *f = *state;
    pthread_t threads[10];
    for (int i = 0; i < 10; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_often, f), 0);
    for (int i = 0; i < 10; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM submissions"), 1);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs"), 4);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM submission_jobs"), 4);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM models"), 1);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM suite_tasks"), 4);
}

static void another_submitter_shares_the_jobs_and_may_hurry_them(void **state) {
    struct fixture *f = *state;
    json_decref(fixture_submit(f, "org/a", 2));
    json_t *request = fixture_request("org/a", 2), *answer;
    json_object_set_new(request, "submitter", json_string("bob"));
    json_object_set_new(request, "priority", json_integer(1));
    assert_ok(answer = db_submit(f->db, request, &err));
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM submissions"), 2);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs WHERE priority = 1"), 2);
    json_decref(request);
    json_decref(answer);
}

static void an_override_of_the_configuration_makes_other_jobs(void **state) {
    struct fixture *f = *state;
    json_decref(fixture_submit(f, "org/a", 2));
    json_t *request = fixture_request("org/a", 2), *answer;
    json_object_set_new(request, "config", json_pack("{s:i}", "limit", 10));
    assert_ok(answer = db_submit(f->db, request, &err));
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs"), 4);
    assert_int_equal(
        fixture_int(f, "SELECT count(*) FROM configurations WHERE shots = 5 AND sample_limit = 10"),
        1);
    json_decref(request);
    json_decref(answer);
}

static void a_request_is_refused(struct fixture *f, json_t *request, enum err_class class) {
    struct err err = ERR_INIT;
    assert_null(db_submit(f->db, request, &err));
    assert_int_equal(err.class, class);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs"), 0);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM models"), 0);
    json_decref(request);
}

static void fault_98_names_outside_the_grammar_are_refused_by_the_database(void **state) {
    static const char *const names[] = { "a/b/c", "../x", "-rf/x", "x;id/y", "$(id)/x", "a\nb/c",
        "noslash", "a/b--c", "a/..", "a/b.git", "<img>/x", "'; DROP/x" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        a_request_is_refused(*state, fixture_request(names[i], 1), ERR_INPUT);
}

static void a_branch_is_no_revision(void **state) {
    json_t *request = fixture_request("org/a", 1);
    json_object_set_new(json_object_get(request, "model"), "commit", json_string("main"));
    a_request_is_refused(*state, request, ERR_INPUT);
}

static void a_submission_without_its_parts_is_refused(void **state) {
    static const char *const parts[] = { "submitter", "model", "suite" };
    for (size_t i = 0; i < 3; i++) {
        json_t *request = fixture_request("org/a", 1);
        json_object_del(request, parts[i]);
        a_request_is_refused(*state, request, ERR_INPUT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_same_submission_again_is_the_same_rows, fixture_reset),
        cmocka_unit_test_setup(
            fault_48_a_hundred_duplicates_at_once_are_one_row_set, fixture_reset),
        cmocka_unit_test_setup(another_submitter_shares_the_jobs_and_may_hurry_them, fixture_reset),
        cmocka_unit_test_setup(an_override_of_the_configuration_makes_other_jobs, fixture_reset),
        cmocka_unit_test_setup(
            fault_98_names_outside_the_grammar_are_refused_by_the_database, fixture_reset),
        cmocka_unit_test_setup(a_branch_is_no_revision, fixture_reset),
        cmocka_unit_test_setup(a_submission_without_its_parts_is_refused, fixture_reset),
    };
    return FIXTURE_MAIN("db.submit", tests);
}
