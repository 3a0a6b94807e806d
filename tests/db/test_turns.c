/* Who is served when: turns between submitters, ageing, machines, and the turn that finishes and
 * claims. */
#include "tests/db/fixture.h"

#include <libpq-fe.h>
#include <string.h>
#include <unistd.h>

static void submit_as(struct fixture *f, const char *who, const char *model, int n, json_t *needs) {
    json_t *request = fixture_request(model, n), *answer;
    json_object_set_new(request, "submitter", json_string(who));
    if (needs)
        json_object_set_new(request, "needs", needs);
    assert_ok(answer = db_submit(f->db, request, &err));
    json_decref(request);
    json_decref(answer);
}

/* Claims by a worker of its own and keeps it; the model's name in a buffer, "" where there is
 * nothing. */
static const char *next_model(struct fixture *f, const struct claim_options *o) {
    static char name[64];
    struct worker w;
    struct job job;
    bool found;
    fixture_worker(f, &w);
    assert_ok(queue_claim(f->db, &w, o, &job, &found, &err));
    snprintf(name, sizeof name, "%s", found ? job.model : "");
    job_release(&job);
    return name;
}

static void who_submits_little_is_served_between_who_submitted_much(void **state) {
    struct fixture *f = *state;
    char name[32], order[11] = "";
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "ada/m%d", i);
        submit_as(f, "ada", name, 16, NULL);
    }
    submit_as(f, "bob", "bob/m", 3, NULL);
    fixture_sql(f, "UPDATE settings SET affinity_turns = 0");
    for (int i = 0; i < 10; i++)
        order[i] = next_model(f, NULL)[0];
    fixture_sql(f, "UPDATE settings SET affinity_turns = 32");
    order[10] = 0;
    int bobs = 0;
    for (int i = 0; i < 7; i++)
        bobs += order[i] == 'b';
    if (bobs != 3)
        fail_msg("served in the order %s", order);
}

static void cancelling_gives_turns_back(void **state) {
    struct fixture *f = *state;
    struct rows rows;
    submit_as(f, "ada", "ada/m", 16, NULL);
    long long after = fixture_int(f, "SELECT turn FROM submitter_turns WHERE submitter = 'ada'");
    assert_ok(db_query(f->db, "queue_cancel_submission", DB_ARGS(db_int(1)), &rows, &err));
    rows_release(&rows);
    assert_int_equal(
        fixture_int(f, "SELECT turn FROM submitter_turns WHERE submitter = 'ada'"), after - 16);
    submit_as(f, "ada", "ada/m", 16, NULL); /* the same again has no new jobs, and costs nothing */
    assert_int_equal(
        fixture_int(f, "SELECT turn FROM submitter_turns WHERE submitter = 'ada'"), after - 16);
}

static void affinity_is_capped_in_turns(void **state) {
    struct fixture *f = *state;
    submit_as(f, "ada", "ada/m", 16, NULL);
    submit_as(f, "bob", "bob/m", 2, NULL);
    fixture_sql(f, "UPDATE jobs SET turn = turn + 40 WHERE revision_id = 1");
    struct claim_options o = { .resident = 1 };
    assert_string_equal(next_model(f, &o), "bob/m");
    fixture_sql(f, "UPDATE jobs SET turn = turn - 20 WHERE revision_id = 1");
    assert_string_equal(next_model(f, &o), "ada/m");
}

static void who_waits_long_rises_to_the_first_priority_but_one(void **state) {
    struct fixture *f = *state;
    int n;
    submit_as(f, "ada", "ada/m", 1, NULL);
    fixture_sql(f, "UPDATE jobs SET priority = 9");
    for (int hour = 1; hour <= 10; hour++) {
        fixture_sql(f, "UPDATE jobs SET queued_at = queued_at - interval '61 min', aged_at = "
                       "aged_at - interval '61 min'");
        assert_ok(queue_reap(f->db, &n, &err));
        assert_int_equal(fixture_int(f, "SELECT priority FROM jobs"), hour < 8 ? 9 - hour : 1);
    }
    assert_ok(queue_reap(f->db, &n, &err));
    submit_as(f, "bob", "bob/m", 1, NULL);
    assert_string_equal(next_model(f, NULL), "ada/m");
}

static void a_job_that_waited_less_than_an_hour_stays_where_it_is(void **state) {
    struct fixture *f = *state;
    int n;
    submit_as(f, "ada", "ada/m", 1, NULL);
    fixture_sql(f, "UPDATE jobs SET queued_at = queued_at - interval '50 min'");
    assert_ok(queue_reap(f->db, &n, &err));
    assert_int_equal(fixture_int(f, "SELECT priority FROM jobs"), 5);
}

static void a_job_goes_to_a_machine_that_can_run_it(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *needs;
        struct claim_options too_little, enough;
    } cases[] = {
        { "{\"memory_mb\": 8000}", { .memory_mb = 4000 }, { .memory_mb = 8000 } },
        { "{\"disk_mb\": 50000}", { .disk_mb = 40000 }, { .disk_mb = 50000 } },
        { "{\"device\": \"cuda\"}", { .device = "cpu" }, { .device = "cuda", .gpus = 1 } },
        { "{\"gpus\": 2}", { .device = "cuda", .gpus = 1 }, { .device = "cuda", .gpus = 2 } },
        { "{\"dtype\": \"bf16\"}", { .dtypes = "f32,f16" }, { .dtypes = "f32,bf16" } },
        { "{\"dtype\": \"bf16\"}", { .dtypes = "f32" }, { 0 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_reset(state);
        submit_as(f, "ada", "ada/m", 1, json_loads(cases[i].needs, 0, NULL));
        assert_string_equal(next_model(f, &cases[i].too_little), "");
        assert_string_equal(next_model(f, &cases[i].enough), "ada/m");
    }
}

static void what_does_not_fit_one_machine_does_not_hide_what_does(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "big/m%d", i);
        submit_as(f, "ada", name, 16, json_pack("{s:i}", "memory_mb", 80000));
    }
    submit_as(f, "ada", "small/m", 1, json_pack("{s:i}", "memory_mb", 10));
    struct claim_options o = { .memory_mb = 100 };
    assert_string_equal(next_model(f, &o), "small/m");
    assert_string_equal(next_model(f, &o), "");
    assert_string_equal(next_model(f, NULL), "big/m0");
}

static void a_need_that_turned_out_larger_is_remembered(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    enum queue_answer answer;
    struct err why = { .class = ERR_RESOURCE, .msg = "out of memory" };
    struct fail_options o = { .needs_mb = 9000 };
    submit_as(f, "ada", "ada/m", 1, NULL);
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_ok(queue_fail(f->db, &job.key, &why, &o, &answer, &err));
    assert_int_equal(answer, QUEUE_WAITING);
    struct claim_options little = { .memory_mb = 8000 }, enough = { .memory_mb = 9000 };
    assert_string_equal(next_model(f, &little), "");
    assert_string_equal(next_model(f, &enough), "ada/m");
    job_release(&job);
}

static void out_of_bounds_is_refused(void **state) {
    struct fixture *f = *state;
    submit_as(f, "ada", "ada/m", 1, NULL);
    assert_string_equal(fixture_sqlstate(f, "UPDATE jobs SET priority = 10"), "23514");
    assert_string_equal(fixture_sqlstate(f, "UPDATE jobs SET needs_gpus = -1"), "23514");
    assert_string_equal(fixture_sqlstate(f, "UPDATE jobs SET purpose = 'fun'"), "23514");
    assert_string_equal(fixture_sqlstate(f, "DELETE FROM jobs"), "ZA003");
    assert_string_equal(fixture_sqlstate(f, "DELETE FROM revisions"), "ZA003");
}

static void what_a_job_has_fits_its_state(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    submit_as(f, "ada", "ada/m", 2, NULL);
    assert_string_equal(fixture_sqlstate(f, "UPDATE jobs SET state = 'leased'"), "23514");
    assert_string_equal(fixture_sqlstate(f, "UPDATE jobs SET state = 'done'"), "23514");
    assert_string_equal(
        fixture_sqlstate(f, "UPDATE jobs SET state = 'done', finished_at = now()"), "23514");
    assert_string_equal(fixture_sqlstate(f, "UPDATE jobs SET finished_at = now()"), "23514");
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_string_equal(
        fixture_sqlstate(f, "UPDATE jobs SET lease_owner = NULL WHERE state = 'leased'"), "23514");
    assert_string_equal(
        fixture_sqlstate(f, "UPDATE jobs SET lease_until = NULL WHERE state = 'leased'"), "23514");
    job_release(&job);
}

/* ---- how a turn looks things up ---- */

static long long scans(struct fixture *f) {
    struct rows rows;
    usleep(1200000); /* a session reports once a second, when it ends a statement */
    assert_ok(db_query(f->db, "queue_left", DB_NO_ARGS, &rows, &err));
    rows_release(&rows);
    return fixture_int(f,
        "SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname IN ('jobs', 'attempts', "
        "'runs', 'results', 'standing_runs', 'sample_chunks')");
}

/* A worker's plans are kept from its first turn on, when there may be nothing yet to look
 * through. */
static void a_turn_goes_by_keys_from_the_first_on(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    submit_as(f, "ada", "ada/m", 16, NULL);
    fixture_worker(f, &w);
    fixture_sql(f, "ANALYZE"); /* to say that there is nothing */
    long long before = scans(f);
    fixture_claim(f, &w, 90, &job);
    for (int i = 0; i < 12; i++) {
        struct claim_options o = { .resident = job.revision_id };
        struct job next;
        bool found;
        enum queue_answer answer;
        char *text = fixture_record(job.task_sha256, 0.5);
        assert_ok(queue_turn(f->db, &w, &job.key, text, &o, &answer, &next, &found, &err));
        assert_true(found);
        free(text);
        job_release(&job);
        memcpy(&job, &next, sizeof job);
    }
    job_release(&job);
    assert_true(scans(f) - before < 12); /* what was submitted may be counted late */
}

/* ---- what is shown ---- */

/* The order of a page is the order of claims: those of one turn may go to whom they suit better. */
static void a_list_of_the_queue_is_in_the_order_of_claims(void **state) {
    struct fixture *f = *state;
    struct rows rows;
    char sql[80];
    submit_as(f, "ada", "ada/m", 16, NULL);
    submit_as(f, "ada", "ada/n", 16, NULL);
    submit_as(f, "bob", "bob/m", 2, NULL);
    fixture_sql(f, "UPDATE settings SET affinity_turns = 0");
    assert_ok(db_query(f->db, "site_queue", DB_NO_ARGS, &rows, &err));
    assert_int_equal(rows.n, 34);
    for (int i = 0; i < rows.n; i++) {
        struct worker w;
        struct job job;
        fixture_worker(f, &w);
        fixture_claim(f, &w, 90, &job);
        snprintf(sql, sizeof sql, "SELECT turn FROM jobs WHERE job_id = %lld", job.key.job);
        assert_int_equal(rows_int(&rows, i, "turn"), fixture_int(f, sql));
        job_release(&job);
    }
    rows_release(&rows);
    fixture_sql(f, "UPDATE settings SET affinity_turns = 32");
}

/* A session that has just looked knows where the queue begins; what comes in front of that is seen
 * all the same. */
static void a_more_urgent_job_is_seen_by_who_has_just_looked(void **state) {
    struct fixture *f = *state;
    submit_as(f, "ada", "ada/m", 4, NULL);
    assert_string_equal(next_model(f, NULL), "ada/m");
    json_t *request = fixture_request("urgent/m", 1), *answer;
    json_object_set_new(request, "priority", json_integer(0));
    assert_ok(answer = db_submit(f->db, request, &err));
    json_decref(request);
    json_decref(answer);
    assert_string_equal(next_model(f, NULL), "urgent/m");
    submit_as(f, "bob", "later/m", 1, NULL);
    fixture_sql(f, "UPDATE jobs SET priority = 9 WHERE job_id = (SELECT max(job_id) FROM jobs)");
    assert_string_equal(next_model(f, NULL), "ada/m");
    fixture_sql(f, "UPDATE jobs SET priority = 1 WHERE job_id = (SELECT max(job_id) FROM jobs)");
    assert_string_equal(next_model(f, NULL), "later/m");
}

static void a_turn_that_finds_nothing_more_still_finishes(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job, next;
    bool found = true;
    enum queue_answer answer;
    submit_as(f, "ada", "ada/m", 1, NULL);
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    char *text = fixture_record(job.task_sha256, 0.5);
    assert_ok(queue_turn(f->db, &w, &job.key, text, NULL, &answer, &next, &found, &err));
    assert_int_equal(answer, QUEUE_OK);
    assert_false(found);
    assert_ok(queue_turn(f->db, &w, &job.key, text, NULL, &answer, &next, &found, &err));
    assert_int_equal(answer, QUEUE_ALREADY);
    assert_string_equal(fixture_sql(f, "SELECT state FROM jobs"), "done");
    free(text);
    job_release(&job);
}

static void a_superseded_turn_writes_nothing_and_goes_on_with_another_job(void **state) {
    struct fixture *f = *state;
    struct worker slow, other;
    struct job job, again, next;
    bool found;
    enum queue_answer answer;
    submit_as(f, "ada", "ada/m", 2, NULL);
    fixture_worker(f, &slow);
    fixture_worker(f, &other);
    fixture_claim(f, &slow, 90, &job);
    fixture_lose_lease(f, job.key.job);
    fixture_sql(f, "UPDATE jobs SET priority = 0 WHERE job_id = 1");
    fixture_claim(f, &other, 90, &again);
    char *text = fixture_record(job.task_sha256, 0.5);
    assert_ok(queue_turn(f->db, &slow, &job.key, text, NULL, &answer, &next, &found, &err));
    assert_int_equal(answer, QUEUE_STALE);
    assert_true(found && next.key.job != job.key.job);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 0);
    free(text);
    job_release(&job);
    job_release(&again);
    job_release(&next);
}

/* One notice for a submission, however many jobs it has. */
static void a_submission_notifies_once(void **state) {
    struct fixture *f = *state;
    PGconn *conn = PQconnectdb(f->cluster.conninfo);
    int n = 0;
    PQclear(PQexec(conn, "LISTEN assay_jobs"));
    submit_as(f, "ada", "ada/m", 16, NULL);
    PQclear(PQexec(conn, "SELECT 1"));
    for (PGnotify *x; (x = PQnotifies(conn)); n++)
        PQfreemem(x);
    PQfinish(conn);
    assert_int_equal(n, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(
            who_submits_little_is_served_between_who_submitted_much, fixture_reset),
        cmocka_unit_test_setup(cancelling_gives_turns_back, fixture_reset),
        cmocka_unit_test_setup(affinity_is_capped_in_turns, fixture_reset),
        cmocka_unit_test_setup(who_waits_long_rises_to_the_first_priority_but_one, fixture_reset),
        cmocka_unit_test_setup(
            a_job_that_waited_less_than_an_hour_stays_where_it_is, fixture_reset),
        cmocka_unit_test_setup(a_job_goes_to_a_machine_that_can_run_it, fixture_reset),
        cmocka_unit_test_setup(
            what_does_not_fit_one_machine_does_not_hide_what_does, fixture_reset),
        cmocka_unit_test_setup(a_need_that_turned_out_larger_is_remembered, fixture_reset),
        cmocka_unit_test_setup(out_of_bounds_is_refused, fixture_reset),
        cmocka_unit_test_setup(what_a_job_has_fits_its_state, fixture_reset),
        cmocka_unit_test_setup(a_turn_goes_by_keys_from_the_first_on, fixture_reset),
        cmocka_unit_test_setup(a_list_of_the_queue_is_in_the_order_of_claims, fixture_reset),
        cmocka_unit_test_setup(a_more_urgent_job_is_seen_by_who_has_just_looked, fixture_reset),
        cmocka_unit_test_setup(a_turn_that_finds_nothing_more_still_finishes, fixture_reset),
        cmocka_unit_test_setup(
            a_superseded_turn_writes_nothing_and_goes_on_with_another_job, fixture_reset),
        cmocka_unit_test_setup(a_submission_notifies_once, fixture_reset),
    };
    return FIXTURE_MAIN("db.turns", tests);
}
