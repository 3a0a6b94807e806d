#include "tests/db/fixture.h"

#include "base/file.h"

struct late {
    struct fixture *f;
    struct worker a, b;
    struct job job; /* claimed by a */
    char *text;
};

static void late_begin(struct late *l, void **state) {
    l->f = *state;
    json_decref(fixture_submit(l->f, "org/a", 1));
    fixture_worker(l->f, &l->a);
    fixture_worker(l->f, &l->b);
    fixture_claim(l->f, &l->a, 90, &l->job);
    l->text = fixture_record(l->job.task_sha256, 0.5);
}

static void late_end(struct late *l) {
    job_release(&l->job);
    free(l->text);
}

static void finish_answers(
    struct late *l, const struct job_key *key, const char *text, enum queue_answer expected) {
    enum queue_answer answer = QUEUE_N_ANSWERS;
    assert_ok(queue_finish(l->f->db, key, text, &answer, &err));
    assert_string_equal(queue_answer_name(answer), queue_answer_name(expected));
}

static void a_result_is_stored_once_with_all_its_numbers(void **state) {
    struct late l;
    late_begin(&l, state);
    finish_answers(&l, &l.job.key, l.text, QUEUE_OK);
    finish_answers(&l, &l.job.key, l.text, QUEUE_ALREADY);
    assert_int_equal(fixture_int(l.f, "SELECT count(*) FROM runs"), 1);
    assert_int_equal(
        fixture_int(l.f, "SELECT count(*) FROM results WHERE stderr = 0.01 AND value = 0.5"), 1);
    assert_int_equal(fixture_int(l.f, "SELECT count(*) FROM results"), 2);
    assert_int_equal(fixture_int(l.f, "SELECT ties + 10 * truncated FROM runs"), 21);
    assert_string_equal(fixture_sql(l.f, "SELECT outcome FROM attempts"), "ok");
    assert_string_equal(fixture_sql(l.f, "SELECT state FROM jobs"), "done");
    late_end(&l);
}

static void a_late_result_is_taken_while_nobody_has_claimed_since(void **state) {
    struct late l;
    late_begin(&l, state);
    fixture_lose_lease(l.f, l.job.key.job);
    assert_string_equal(fixture_sql(l.f, "SELECT outcome FROM attempts"), "lost");
    finish_answers(&l, &l.job.key, l.text, QUEUE_OK_LATE);
    finish_answers(&l, &l.job.key, l.text, QUEUE_ALREADY);
    assert_string_equal(fixture_sql(l.f, "SELECT outcome FROM attempts"), "ok");
    late_end(&l);
}

static void other_bytes_of_the_same_attempt_are_stale(void **state) {
    struct late l;
    late_begin(&l, state);
    finish_answers(&l, &l.job.key, l.text, QUEUE_OK);
    char *other = fixture_record(l.job.task_sha256, 0.75);
    finish_answers(&l, &l.job.key, other, QUEUE_STALE);
    assert_int_equal(fixture_int(l.f, "SELECT count(*) FROM results WHERE value = 0.75"), 0);
    free(other);
    late_end(&l);
}

static void a_superseded_attempt_writes_nothing(void **state) {
    struct late l;
    struct job job_b;
    enum queue_answer answer;
    late_begin(&l, state);
    fixture_lose_lease(l.f, l.job.key.job);
    fixture_claim(l.f, &l.b, 90, &job_b);
    assert_int_equal(job_b.key.attempt, 2);
    finish_answers(&l, &l.job.key, l.text, QUEUE_STALE);
    assert_ok(queue_heartbeat(l.f->db, &l.job, 0.5, &answer, &err));
    assert_int_equal(answer, QUEUE_STALE);
    assert_ok(queue_give_back(l.f->db, &l.job.key, &answer, &err));
    assert_int_equal(answer, QUEUE_STALE);
    struct chunk chunk;
    assert_ok(chunk_pack(&chunk, 0, 1, "build1", "{}\n", 3, &err));
    assert_ok(chunk_put(l.f->db, &l.job.key, &chunk, &answer, &err));
    assert_int_equal(answer, QUEUE_STALE);
    chunk_release(&chunk);
    assert_int_equal(fixture_int(l.f, "SELECT count(*) FROM runs") +
                         fixture_int(l.f, "SELECT count(*) FROM sample_chunks"),
        0);
    assert_string_equal(fixture_sql(l.f, "SELECT state FROM jobs"), "leased");
    finish_answers(&l, &job_b.key, l.text, QUEUE_OK);
    job_release(&job_b);
    late_end(&l);
}

static void another_worker_cannot_finish_for_the_owner(void **state) {
    struct late l;
    late_begin(&l, state);
    struct job_key key = l.job.key;
    strcpy(key.worker, l.b.id);
    finish_answers(&l, &key, l.text, QUEUE_STALE);
    finish_answers(&l, &l.job.key, l.text, QUEUE_OK);
    finish_answers(&l, &key, l.text, QUEUE_STALE); /* not even as a repetition */
    late_end(&l);
}

static void a_claim_of_an_earlier_epoch_is_stale(void **state) {
    struct late l;
    late_begin(&l, state);
    assert_ok(db_run(l.f->db, "epoch_new", DB_NO_ARGS, &err));
    finish_answers(&l, &l.job.key, l.text, QUEUE_STALE);
    late_end(&l);
}

static void a_job_that_is_not_there_is_gone(void **state) {
    struct late l;
    late_begin(&l, state);
    struct job_key key = l.job.key;
    key.job = 4711;
    finish_answers(&l, &key, l.text, QUEUE_GONE);
    late_end(&l);
}

/* The old delivery may come again even after an operator had the job run anew. */
static void a_retried_job_makes_a_second_run_and_keeps_the_first(void **state) {
    struct late l;
    struct job second;
    enum queue_answer answer;
    late_begin(&l, state);
    finish_answers(&l, &l.job.key, l.text, QUEUE_OK);
    assert_ok(queue_retry(l.f->db, l.job.key.job, "canary", &answer, &err));
    assert_int_equal(answer, QUEUE_QUEUED);
    finish_answers(&l, &l.job.key, l.text, QUEUE_ALREADY);
    assert_string_equal(fixture_sql(l.f, "SELECT state FROM jobs"), "queued");
    fixture_claim(l.f, &l.b, 90, &second);
    assert_string_equal(second.purpose, "canary");
    finish_answers(&l, &second.key, l.text, QUEUE_OK);
    assert_int_equal(fixture_int(l.f, "SELECT count(*) FROM runs"), 2);
    assert_int_equal(fixture_int(l.f, "SELECT max(ordinal) FROM runs"), 2);
    assert_int_equal(fixture_int(l.f, "SELECT count(*) FROM events WHERE kind = 'alarm.bits'"), 0);
    job_release(&second);
    late_end(&l);
}

static void different_bits_of_the_same_measurement_raise_an_alarm(void **state) {
    struct late l;
    struct job second;
    enum queue_answer answer;
    late_begin(&l, state);
    finish_answers(&l, &l.job.key, l.text, QUEUE_OK);
    assert_ok(queue_retry(l.f->db, l.job.key.job, "canary", &answer, &err));
    fixture_claim(l.f, &l.b, 90, &second);
    char *other = fixture_record(second.task_sha256, 0.5000000000000001);
    finish_answers(&l, &second.key, other, QUEUE_OK);
    assert_int_equal(fixture_int(l.f, "SELECT count(*) FROM events WHERE kind = 'alarm.bits'"), 1);
    free(other);
    job_release(&second);
    late_end(&l);
}

/* A record is text to the database; somebody else's client could send anything. */
static void refused(struct late *l, const char *text, enum err_class class) {
    struct err err = ERR_INIT;
    enum queue_answer answer;
    assert_false(queue_finish(l->f->db, &l->job.key, text, &answer, &err));
    assert_int_equal(err.class, class);
    assert_int_equal(fixture_int(l->f, "SELECT count(*) FROM runs"), 0);
    assert_string_equal(fixture_sql(l->f, "SELECT state FROM jobs"), "leased");
}

static void fault_96_what_is_no_finite_number_is_refused(void **state) {
    static const char *const bad[] = { "NaN", "Infinity", "-Infinity" };
    static const char *const keys[] = { "value", "stderr", "low", "high" };
    struct late l;
    late_begin(&l, state);
    for (size_t i = 0; i < 12; i++) {
        json_t *record = fixture_record_json(l.job.task_sha256, 0.5);
        json_t *metric = json_array_get(json_object_get(record, "metrics"), 1);
        json_object_set_new(metric, keys[i % 4], json_string(bad[i / 4]));
        struct err err = ERR_INIT;
        assert_null(record_text(record, &err));
        assert_int_equal(err.class, ERR_NUMERIC);
        char *text = json_dumps(record, JSON_COMPACT);
        refused(&l, text, ERR_NUMERIC);
        free(text);
        json_decref(record);
    }
    late_end(&l);
}

static void a_record_of_another_task_or_without_its_main_metric_is_refused(void **state) {
    struct late l;
    late_begin(&l, state);
    json_t *record = fixture_record_json(l.job.task_sha256, 0.5);
    json_object_set_new(record, "main", json_string("f1"));
    char *text = json_dumps(record, JSON_COMPACT);
    refused(&l, text, ERR_INPUT);
    free(text);
    json_decref(record);
    char *other =
        fixture_record("0000000000000000000000000000000000000000000000000000000000000000", 0.5);
    refused(&l, other, ERR_INPUT);
    free(other);
    late_end(&l);
}

static void results_are_never_updated(void **state) {
    struct late l;
    late_begin(&l, state);
    finish_answers(&l, &l.job.key, l.text, QUEUE_OK);
    assert_string_equal(fixture_sqlstate(l.f, "UPDATE results SET value = 1"), "ZA003");
    assert_string_equal(fixture_sqlstate(l.f, "UPDATE runs SET seconds = 1"), "ZA003");
    assert_string_equal(
        fixture_sqlstate(l.f, "UPDATE runs SET superseded_at = now(), seconds = 1"), "ZA003");
    assert_ok(db_run(l.f->db, "run_supersede", DB_ARGS(db_int(1), db_text("wrong data")), &err));
    assert_int_equal(fixture_int(l.f, "SELECT count(*) FROM current_runs"), 0);
    late_end(&l);
}

static void the_text_of_a_record_does_not_depend_on_key_order(void **state) {
    (void)state;
    json_t *a = json_loads("{\"b\":1,\"metrics\":[{\"value\":0.1,\"name\":\"x\"}]}", 0, NULL);
    json_t *b = json_loads("{\"metrics\":[{\"name\":\"x\",\"value\":0.1}],\"b\":1}", 0, NULL);
    char *ta, *tb;
    assert_ok(ta = record_text(a, &err));
    assert_ok(tb = record_text(b, &err));
    assert_string_equal(ta, tb);
    assert_string_equal(
        ta, "{\"b\":1,\"metrics\":[{\"name\":\"x\",\"value\":0.10000000000000001}]}");
    free(ta);
    free(tb);
    json_decref(a);
    json_decref(b);
}

static void a_run_without_the_queue_is_recorded_once(void **state) {
    struct fixture *f = *state;
    json_t *request = fixture_request("org/eval", 1),
           *task = json_array_get(json_object_get(json_object_get(request, "suite"), "tasks"), 0);
    json_t *run_request = json_pack("{s:O, s:O, s:{s:i}}", "model",
        json_object_get(request, "model"), "task", task, "config", "shots", 5);
    char *text = fixture_record(json_string_value(json_object_get(task, "sha256")), 0.25);
    long long first = 0, again = 0;
    bool created = false;
    assert_ok(run_record(f->db, run_request, text, 0, &first, &created, &err));
    assert_true(created);
    assert_ok(run_record(f->db, run_request, text, 0, &again, &created, &err));
    assert_false(created);
    assert_int_equal(first, again);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM current_runs WHERE job_id IS NULL"), 1);
    free(text);
    json_decref(run_request);
    json_decref(request);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_result_is_stored_once_with_all_its_numbers, fixture_reset),
        cmocka_unit_test_setup(
            a_late_result_is_taken_while_nobody_has_claimed_since, fixture_reset),
        cmocka_unit_test_setup(other_bytes_of_the_same_attempt_are_stale, fixture_reset),
        cmocka_unit_test_setup(a_superseded_attempt_writes_nothing, fixture_reset),
        cmocka_unit_test_setup(another_worker_cannot_finish_for_the_owner, fixture_reset),
        cmocka_unit_test_setup(a_claim_of_an_earlier_epoch_is_stale, fixture_reset),
        cmocka_unit_test_setup(a_job_that_is_not_there_is_gone, fixture_reset),
        cmocka_unit_test_setup(a_retried_job_makes_a_second_run_and_keeps_the_first, fixture_reset),
        cmocka_unit_test_setup(
            different_bits_of_the_same_measurement_raise_an_alarm, fixture_reset),
        cmocka_unit_test_setup(fault_96_what_is_no_finite_number_is_refused, fixture_reset),
        cmocka_unit_test_setup(
            a_record_of_another_task_or_without_its_main_metric_is_refused, fixture_reset),
        cmocka_unit_test_setup(results_are_never_updated, fixture_reset),
        cmocka_unit_test_setup(the_text_of_a_record_does_not_depend_on_key_order, fixture_reset),
        cmocka_unit_test_setup(a_run_without_the_queue_is_recorded_once, fixture_reset),
    };
    return FIXTURE_MAIN("db.finish", tests);
}
