#include "tests/db/fixture.h"

/* Claims and finishes everything in the queue; each run scores `value`. */
static void drain(struct fixture *f, double value) {
    struct worker w;
    bool found = true;
    fixture_worker(f, &w);
    while (found) {
        struct job job;
        enum queue_answer answer;
        assert_ok(queue_claim(f->db, &w, NULL, &job, &found, &err));
        if (!found)
            break;
        char *text = fixture_record(job.task_sha256, value);
        assert_ok(queue_finish(f->db, &job.key, text, &answer, &err));
        free(text);
        job_release(&job);
    }
}

static struct rows board(struct db *db, const char *suite) {
    struct rows rows;
    assert_ok(db_query(db, "site_board", DB_ARGS(db_text(suite)), &rows, &err));
    return rows;
}

static void the_board_has_a_row_a_model_and_task_with_its_error(void **state) {
    struct fixture *f = *state;
    struct db *site = fixture_open(f, "assay_site");
    json_decref(fixture_submit(f, "org/a", 2));
    json_decref(fixture_submit(f, "org/b", 2));
    drain(f, 0.5);
    struct rows rows = board(site, "suite2");
    assert_int_equal(rows.n, 4);
    assert_string_equal(rows_text(&rows, 0, "model"), "org/a");
    assert_string_equal(rows_text(&rows, 1, "task"), "task1");
    assert_true(rows_real(&rows, 0, "value") == 0.5);
    assert_true(rows_real(&rows, 0, "stderr") == 0.01);
    assert_true(rows_null(&rows, 0, "low"));
    assert_true(rows_bool(&rows, 3, "newest"));
    assert_int_equal(rows_int(&rows, 0, "params"), 135000000);
    rows_release(&rows);
    db_close(site);
}

static void a_withdrawn_run_gives_way_and_a_canary_stands_beside(void **state) {
    struct fixture *f = *state;
    enum queue_answer answer;
    json_decref(fixture_submit(f, "org/a", 1));
    drain(f, 0.5);
    assert_ok(queue_retry(f->db, 1, "eval", &answer, &err));
    drain(f, 0.6);
    assert_ok(queue_retry(f->db, 1, "canary", &answer, &err));
    drain(f, 0.7);
    struct rows rows = board(f->db, NULL);
    assert_int_equal(rows.n, 1);
    assert_int_equal(rows_int(&rows, 0, "run_id"), 2);
    rows_release(&rows);
    assert_ok(db_run(f->db, "run_supersede", DB_ARGS(db_int(2), db_text("bad")), &err));
    rows = board(f->db, NULL);
    assert_int_equal(rows.n, 1);
    assert_int_equal(rows_int(&rows, 0, "run_id"), 1);
    rows_release(&rows);
    assert_ok(
        db_query(f->db, "site_runs", DB_ARGS(db_text("org/a"), db_null(), db_null()), &rows, &err));
    assert_int_equal(rows.n, 3);
    rows_release(&rows);
}

static void limited_runs_are_not_on_the_board(void **state) {
    struct fixture *f = *state;
    json_t *request = fixture_request("org/a", 1), *answer;
    json_object_set_new(request, "config", json_pack("{s:i}", "limit", 10));
    assert_ok(answer = db_submit(f->db, request, &err));
    drain(f, 0.5);
    struct rows rows = board(f->db, NULL);
    assert_int_equal(rows.n, 0);
    rows_release(&rows);
    json_decref(request);
    json_decref(answer);
}

static void a_snapshot_is_of_one_moment(void **state) {
    struct fixture *f = *state;
    struct db *site = fixture_open(f, "assay_site");
    json_decref(fixture_submit(f, "org/a", 1));
    assert_ok(db_snapshot_begin(site, &err));
    struct rows rows = board(site, NULL);
    assert_int_equal(rows.n, 0);
    rows_release(&rows);
    drain(f, 0.5);
    rows = board(site, NULL);
    assert_int_equal(rows.n, 0);
    rows_release(&rows);
    db_snapshot_end(site);
    rows = board(site, NULL);
    assert_int_equal(rows.n, 1);
    rows_release(&rows);
    db_close(site);
}

static void every_published_list_answers_and_turns_into_json(void **state) {
    struct fixture *f = *state;
    struct db *site = fixture_open(f, "assay_site");
    json_decref(fixture_submit(f, "org/a", 2));
    drain(f, 0.5);
    json_decref(fixture_submit(f, "org/b", 2));
    static const struct {
        const char *name;
        int n_args, n;
    } lists[] = { { "site_suites", 0, 1 }, { "site_suite_tasks", 1, 2 }, { "site_board", 1, 2 },
        { "site_models", 0, 2 }, { "site_tasks", 0, 2 }, { "site_runs", 3, 2 },
        { "site_results", 1, 4 }, { "site_samples", 1, 0 }, { "site_queue", 0, 4 },
        { "site_workers", 0, 1 }, { "queue_stats", 0, 1 } };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct db_arg nulls[3] = { db_null(), db_null(), db_null() };
        struct rows rows;
        json_t *json;
        assert_ok(db_query(site, lists[i].name, nulls, (size_t)lists[i].n_args, &rows, &err));
        assert_int_equal(rows.n, lists[i].n);
        assert_ok(json = rows_to_json(&rows, &err));
        assert_int_equal(json_array_size(json), lists[i].n);
        for (int row = 0; row < rows.n; row++) { /* what rows share is what each of them says */
            json_t *alone;
            assert_ok(alone = row_to_json(&rows, row, NULL, &err));
            assert_true(json_equal(alone, json_array_get(json, (size_t)row)));
            json_decref(alone);
        }
        json_decref(json);
        rows_release(&rows);
    }
    struct rows rows;
    assert_ok(db_query(site, "queue_stats", DB_NO_ARGS, &rows, &err));
    assert_int_equal(rows_int(&rows, 0, "done"), 2);
    assert_int_equal(rows_int(&rows, 0, "queued"), 2);
    rows_release(&rows);
    db_close(site);
}

static void numbers_survive_the_way_there_and_back(void **state) {
    struct fixture *f = *state;
    json_decref(fixture_submit(f, "org/a", 1));
    const double value = 0.1 + 0.2;
    drain(f, value);
    struct rows rows = board(f->db, NULL);
    assert_true(rows_real(&rows, 0, "value") == value);
    rows_release(&rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_board_has_a_row_a_model_and_task_with_its_error, fixture_reset),
        cmocka_unit_test_setup(a_withdrawn_run_gives_way_and_a_canary_stands_beside, fixture_reset),
        cmocka_unit_test_setup(limited_runs_are_not_on_the_board, fixture_reset),
        cmocka_unit_test_setup(a_snapshot_is_of_one_moment, fixture_reset),
        cmocka_unit_test_setup(every_published_list_answers_and_turns_into_json, fixture_reset),
        cmocka_unit_test_setup(numbers_survive_the_way_there_and_back, fixture_reset),
    };
    return FIXTURE_MAIN("db.site", tests);
}
