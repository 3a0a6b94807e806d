#include "tests/db/fixture.h"

#include <stdlib.h>

#include "base/file.h"

static const char lines[] = "{\"id\":0}\n{\"id\":1}\n";

/* A finished run with one chunk of samples, as if it had ended so many days ago. */
static void make_run(struct fixture *f, int days_ago) {
    struct worker w;
    struct job job;
    struct chunk chunk;
    enum queue_answer answer;
    char sql[200];
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_ok(chunk_pack(&chunk, 0, 2, "build1", lines, sizeof lines - 1, &err));
    assert_ok(chunk_put(f->db, &job.key, &chunk, &answer, &err));
    json_t *record = fixture_record_json(job.task_sha256, 0.5);
    json_object_set_new(
        record, "chunks", json_pack("[{s:i, s:s}]", "chunk", 0, "sha256", chunk.sha256));
    char *text;
    assert_ok(text = record_text(record, &err));
    assert_ok(queue_finish(f->db, &job.key, text, &answer, &err));
    assert_int_equal(answer, QUEUE_OK);
    snprintf(sql, sizeof sql,
        "ALTER TABLE runs DISABLE TRIGGER runs_are_final; UPDATE runs SET finished_at = "
        "finished_at - interval '%d d'; ALTER TABLE runs ENABLE TRIGGER runs_are_final",
        days_ago);
    fixture_sql(f, sql);
    free(text);
    json_decref(record);
    chunk_release(&chunk);
    job_release(&job);
}

static long long only_run(struct fixture *f) {
    return fixture_int(f, "SELECT run_id FROM runs");
}

static void archived_samples_are_read_back_and_held_against_their_hash(void **state) {
    struct fixture *f = *state;
    struct strbuf out = { 0 };
    struct archive_counts n;
    char dir[100], cmd[300];
    struct err why = ERR_INIT;
    snprintf(dir, sizeof dir, "%s/archive", f->home);
    setenv("ASSAY_ARCHIVE", dir, 1);
    make_run(f, 100);
    struct archive_options o = { .days = 90 };
    assert_ok(db_archive(f->db, &o, &n, &err));
    assert_int_equal(n.chunks, 1);
    assert_int_equal(n.samples, 2);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM sample_chunks"), 0);
    assert_int_equal(fixture_int(f, "SELECT n_chunks FROM runs"), 1); /* the record stays */
    assert_ok(run_samples(f->db, only_run(f), &out, &err));
    assert_string_equal(strbuf_str(&out), lines);
    strbuf_release(&out);
    assert_ok(db_archive(f->db, &o, &n, &err)); /* again: there is nothing left to do */
    assert_int_equal(n.chunks, 0);
    char sha[65];
    snprintf(sha, sizeof sha, "%s", fixture_sql(f, "SELECT sha256 FROM archived_chunks"));
    snprintf(cmd, sizeof cmd, "%s/%.2s/%s.zst", dir, sha, sha);
    assert_ok(file_write_atomic(cmd, "damaged", 7, &err));
    out = (struct strbuf) { 0 };
    assert_false(run_samples(f->db, only_run(f), &out, &why));
    assert_int_equal(why.class, ERR_INPUT);
    strbuf_release(&out);
    unsetenv("ASSAY_ARCHIVE");
}

static void young_samples_stay_and_dropped_ones_say_so(void **state) {
    struct fixture *f = *state;
    struct strbuf out = { 0 };
    struct archive_counts n;
    struct err why = ERR_INIT;
    make_run(f, 10);
    struct archive_options o = { .days = 90, .drop = true };
    assert_ok(db_archive(f->db, &o, &n, &err));
    assert_int_equal(n.chunks, 0);
    o.days = 5;
    assert_ok(db_archive(f->db, &o, &n, &err));
    assert_int_equal(n.chunks, 1);
    assert_false(run_samples(f->db, only_run(f), &out, &why));
    assert_int_equal(why.class, ERR_NOT_FOUND);
    assert_non_null(strstr(why.msg, "dropped"));
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM results"), 2);
    strbuf_release(&out);
}

static void old_events_go_alarms_and_young_ones_stay(void **state) {
    struct fixture *f = *state;
    struct rows rows;
    fixture_sql(f, "INSERT INTO events (kind, at) VALUES ('retry', now() - interval '100 d'), "
                   "('alarm.bits', now() - "
                   "interval '100 d'), ('retry', now())");
    assert_ok(db_query(f->db, "collect", DB_ARGS(db_real(90), db_real(30)), &rows, &err));
    assert_int_equal(rows_int(&rows, 0, "events"), 1);
    rows_release(&rows);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM events"), 2);
}

static void checkpoints_of_a_job_that_died_long_ago_go_those_of_one_that_waits_stay(void **state) {
    struct fixture *f = *state;
    struct rows rows;
    json_decref(fixture_submit(f, "org/a", 2));
    fixture_sql(
        f, "INSERT INTO sample_chunks SELECT set_id, 0, 1, 'b', 1, repeat('0', 64), 'x' FROM jobs");
    fixture_sql(f,
        "UPDATE jobs SET state = 'dead', finished_at = now() - interval '40 d' WHERE task_id = 1");
    assert_ok(db_query(f->db, "collect", DB_ARGS(db_real(90), db_real(30)), &rows, &err));
    assert_int_equal(rows_int(&rows, 0, "checkpoints"), 1);
    rows_release(&rows);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM sample_chunks"), 1);
}

static void a_monitor_sees_ages_causes_of_death_and_sizes(void **state) {
    struct fixture *f = *state;
    json_t *m;
    json_decref(fixture_submit(f, "org/a", 3));
    fixture_sql(f, "UPDATE jobs SET state = 'dead', finished_at = now(), error_class = 'input' "
                   "WHERE task_id = 1");
    fixture_sql(f, "UPDATE jobs SET queued_at = now() - interval '1 h' WHERE task_id = 2");
    assert_ok(m = queue_monitor(f->db, &err));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(m, "dead_by_class"), "input")), 1);
    assert_true(json_number_value(json_object_get(m, "oldest_queued_s")) >= 3599);
    assert_true(json_is_integer(json_object_get(m, "xmin_age")));
    assert_true(
        json_integer_value(json_object_get(json_object_get(m, "index_bytes"), "jobs_claim")) > 0);
    assert_non_null(json_object_get(json_object_get(m, "dead_rows"), "jobs"));
    assert_int_equal(json_integer_value(json_object_get(m, "queued")), 2);
    json_decref(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(
            archived_samples_are_read_back_and_held_against_their_hash, fixture_reset),
        cmocka_unit_test_setup(young_samples_stay_and_dropped_ones_say_so, fixture_reset),
        cmocka_unit_test_setup(old_events_go_alarms_and_young_ones_stay, fixture_reset),
        cmocka_unit_test_setup(
            checkpoints_of_a_job_that_died_long_ago_go_those_of_one_that_waits_stay, fixture_reset),
        cmocka_unit_test_setup(a_monitor_sees_ages_causes_of_death_and_sizes, fixture_reset),
    };
    return FIXTURE_MAIN("db.archive", tests);
}
