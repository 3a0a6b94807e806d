/* Runs that come from other runs: scored again they take their place, reproduced they stand beside
 * them; and what a record is after the database has had it. */
#include "tests/db/fixture.h"

#include <stdlib.h>

#include "base/hash.h"

/* A run of `org/eval` on task0, made without the queue. */
static long long make_run(struct fixture *f, const char *text) {
    json_t *request = fixture_request("org/eval", 1),
           *task = json_array_get(json_object_get(json_object_get(request, "suite"), "tasks"), 0);
    json_t *run_request = json_pack("{s:O, s:O, s:{s:i}}", "model",
        json_object_get(request, "model"), "task", task, "config", "shots", 5);
    long long run = 0;
    bool created = false;
    assert_ok(run_record(f->db, run_request, text, 0, &run, &created, &err));
    json_decref(run_request);
    json_decref(request);
    return run;
}

static char *record_of(double value, const char *build) {
    char hex[65];
    sha256_hex("task0", 5, hex);
    json_t *record = fixture_record_json(hex, value);
    json_object_set_new(record, "harness_build", json_string(build));
    char *text;
    assert_ok(text = record_text(record, &err));
    json_decref(record);
    return text;
}

static void a_rescored_run_takes_its_place_once(void **state) {
    struct fixture *f = *state;
    char *before = record_of(0.25, "build1"), *after = record_of(0.5, "build1 rescored by build2");
    long long old = make_run(f, before), new = 0, again = 0;
    bool created = false;
    assert_ok(run_rescore(f->db, old, after, 0, "a rule changed", &new, &created, &err));
    assert_true(created && new != old);
    assert_ok(run_rescore(f->db, old, after, 0, "a rule changed", &again, &created, &err));
    assert_false(created);
    assert_int_equal(again, new);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 2);
    assert_int_equal(fixture_int(f, "SELECT run_id FROM standing_runs"), new);
    assert_int_equal(
        fixture_int(f, "SELECT run_id FROM runs WHERE superseded_at IS NOT NULL"), old);
    assert_non_null(strstr(
        fixture_sql(f, "SELECT superseded_why FROM runs ORDER BY run_id"), "a rule changed"));
    assert_string_equal(
        fixture_sql(f, "SELECT concat_ws(' ', of_run - run_id, how) FROM run_origins"),
        old + 1 == new ? "-1 rescore" : "");
    /* The numbers of the old one are as they were. */
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM results WHERE value = 0.25"), 2);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM events WHERE kind LIKE 'alarm%'"), 0);
    free(before);
    free(after);
}

static void only_what_stands_is_replaced(void **state) {
    struct fixture *f = *state;
    char *first = record_of(0.25, "build1"), *second = record_of(0.25, "build2"),
         *after = record_of(0.5, "build1 rescored by build3");
    long long old = make_run(f, first), run = 0;
    bool created;
    struct err why = ERR_INIT;
    make_run(f, second);
    assert_false(run_rescore(f->db, old, after, 0, "", &run, &created, &why));
    assert_int_equal(why.class, ERR_INPUT);
    assert_non_null(strstr(why.msg, "does not stand"));
    why = (struct err)ERR_INIT;
    assert_false(run_rescore(f->db, 999999, after, 0, "", &run, &created, &why));
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 2);
    free(first);
    free(second);
    free(after);
}

static void a_reproduction_stands_beside(void **state) {
    struct fixture *f = *state;
    char *before = record_of(0.25, "build1"), *other = record_of(0.5, "build1");
    long long old = make_run(f, before), new = 0, again = 0;
    bool created = false;
    assert_ok(run_reproduce(f->db, old, other, 0, "different", &new, &created, &err));
    assert_true(created);
    assert_ok(run_reproduce(f->db, old, other, 0, "different", &again, &created, &err));
    assert_true(!created && again == new);
    assert_int_equal(fixture_int(f, "SELECT run_id FROM standing_runs"), old);
    assert_string_equal(
        fixture_sql(f, "SELECT purpose FROM runs ORDER BY run_id DESC"), "reproduce");
    assert_string_equal(fixture_sql(f, "SELECT verdict FROM site_origins"), "different");
    /* One build, one instruction set, other bits: somebody should hear of it. */
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM events WHERE kind = 'alarm.bits'"), 1);
    struct err why = ERR_INIT;
    char *third = record_of(0.75, "build9");
    assert_false(run_reproduce(f->db, old, third, 0, "perhaps", &new, &created, &why));
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 2);
    free(before);
    free(other);
    free(third);
}

static void where_a_run_comes_from_is_never_changed(void **state) {
    struct fixture *f = *state;
    char *before = record_of(0.25, "build1"), *after = record_of(0.5, "b");
    long long run, old = make_run(f, before);
    bool created;
    assert_ok(run_rescore(f->db, old, after, 0, "", &run, &created, &err));
    assert_string_equal(fixture_sqlstate(f, "UPDATE run_origins SET how = 'reproduce'"), "ZA003");
    free(before);
    free(after);
}

/* jsonb keeps decimals as digits: numbers of every size come back as what they were, and so does
 * the hash of the whole. */
static void a_record_comes_back_with_the_hash_it_had(void **state) {
    static const double VALUES[] = { 0.1, 1, 100, 1e15, 123456789012345680.0, 1e17, 1.5e22,
        -7.25e+30, 1e300, 5e-324, 1e-7, 2.2250738585072014e-308 };
    struct fixture *f = *state;
    char task[65], stored[65], hex[65];
    sha256_hex("task0", 5, task);
    json_t *record = fixture_record_json(task, 0.5), *metrics = json_object_get(record, "metrics");
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        char name[24];
        snprintf(name, sizeof name, "m%zu", i);
        json_array_append_new(metrics,
            json_pack("{s:s, s:f, s:f}", "name", name, "value", VALUES[i], "low", -VALUES[i]));
    }
    json_object_set_new(record, "note", json_string("\"123456789012345678901\" \\ é {1e400}"));
    json_object_set_new(record, "zip", json_integer(123456789012345678 / 10));
    char *text, *back;
    assert_ok(text = record_text(record, &err));
    long long run = make_run(f, text);
    snprintf(stored, sizeof stored, "%s", fixture_sql(f, "SELECT record_sha256 FROM runs"));
    struct rows rows;
    assert_ok(db_query(f->db, "run_evidence", DB_ARGS(db_int(run)), &rows, &err));
    json_t *read;
    assert_ok(read = rows_json(&rows, 0, "record", &err));
    assert_ok(back = record_text(read, &err));
    sha256_hex(back, strlen(back), hex);
    assert_string_equal(back, text);
    assert_string_equal(hex, stored);
    assert_string_equal(rows_text(&rows, 0, "bits_now"), rows_text(&rows, 0, "bits_sha256"));
    json_t *all;
    assert_ok(all = rows_to_json(&rows, &err)); /* lists go the same way */
    json_decref(all);
    json_decref(read);
    json_decref(record);
    rows_release(&rows);
    free(text);
    free(back);
}

static void a_number_that_was_tampered_with_shows(void **state) {
    struct fixture *f = *state;
    char *text = record_of(0.25, "build1");
    long long run = make_run(f, text);
    struct rows rows;
    fixture_sql(f, "ALTER TABLE results DISABLE TRIGGER results_are_final");
    fixture_sql(f, "UPDATE results SET value = 0.26 WHERE metric = 'acc'");
    fixture_sql(f, "ALTER TABLE results ENABLE TRIGGER results_are_final");
    assert_ok(db_query(f->db, "run_evidence", DB_ARGS(db_int(run)), &rows, &err));
    assert_string_not_equal(rows_text(&rows, 0, "bits_now"), rows_text(&rows, 0, "bits_sha256"));
    rows_release(&rows);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_rescored_run_takes_its_place_once, fixture_reset),
        cmocka_unit_test_setup(only_what_stands_is_replaced, fixture_reset),
        cmocka_unit_test_setup(a_reproduction_stands_beside, fixture_reset),
        cmocka_unit_test_setup(where_a_run_comes_from_is_never_changed, fixture_reset),
        cmocka_unit_test_setup(a_record_comes_back_with_the_hash_it_had, fixture_reset),
        cmocka_unit_test_setup(a_number_that_was_tampered_with_shows, fixture_reset),
    };
    return FIXTURE_MAIN("origins", tests);
}
