#include "tests/db/fixture.h"

#include <libpq-fe.h>
#include <pthread.h>

#define CLAIMERS 64

struct claimer {
    struct fixture *f;
    long long jobs[8];
    int n;
};

static void *claim_and_finish(void *arg) {
    struct claimer *c = arg;
    struct db *db = fixture_open(c->f, "assay_worker");
    struct worker w;
    worker_init(&w);
    assert_ok(worker_register(db, &w, "test", NULL, &err));
    while (c->n < 8) {
        struct job job;
        bool found = false;
        enum queue_answer answer;
        assert_ok(queue_claim(db, &w, NULL, &job, &found, &err));
        if (!found)
            break;
        c->jobs[c->n++] = job.key.job;
        char *text = fixture_record(job.task_sha256, 0.5);
        assert_ok(queue_finish(db, &job.key, text, &answer, &err));
        assert_int_equal(answer, QUEUE_OK);
        free(text);
        job_release(&job);
    }
    db_close(db);
    return NULL;
}

static void sixty_four_claimers_never_share_a_job(void **state) {
    static struct claimer claimers[CLAIMERS];
    pthread_t threads[CLAIMERS];
    struct fixture *f = *state;
    for (int m = 0; m < 12; m++) {
        char name[32];
        snprintf(name, sizeof name, "org/model%d", m);
        json_decref(fixture_submit(f, name, 16));
    }
    for (int i = 0; i < CLAIMERS; i++) {
        claimers[i] = (struct claimer) { .f = f };
        assert_int_equal(pthread_create(&threads[i], NULL, claim_and_finish, &claimers[i]), 0);
    }
    bool seen[193] = { false };
    int total = 0;
    for (int i = 0; i < CLAIMERS; i++) {
        pthread_join(threads[i], NULL);
        for (int k = 0; k < claimers[i].n; k++, total++) {
            assert_in_range(claimers[i].jobs[k], 1, 192);
            assert_false(seen[claimers[i].jobs[k]]);
            seen[claimers[i].jobs[k]] = true;
        }
    }
    assert_int_equal(total, 192);
    assert_int_equal(
        fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'done' AND attempt = 1"), 192);
}

static void claiming_again_returns_the_job_that_is_held(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job first, again;
    json_decref(fixture_submit(f, "org/a", 2));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &first);
    fixture_claim(f, &w, 90, &again);
    assert_int_equal(first.key.job, again.key.job);
    assert_int_equal(again.key.attempt, 1);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM attempts"), 1);
    job_release(&first);
    job_release(&again);
}

static void a_claim_says_what_is_to_be_done(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_string_equal(job.model, "org/a");
    assert_string_equal(job.kind, "hub");
    assert_int_equal(strlen(job.commit), 40);
    assert_string_equal(job.task, "task0");
    assert_int_equal(json_integer_value(json_object_get(job.config, "shots")), 5);
    assert_string_equal(
        json_string_value(json_object_get(job.config, "profile")), "lm-eval/0.4.13");
    assert_in_range(job_ms_left(&job), 1, 75000);
    job_release(&job);
}

static void an_empty_queue_and_a_full_one_that_does_not_fit_give_nothing(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    bool found = true;
    fixture_worker(f, &w);
    assert_ok(queue_claim(f->db, &w, NULL, &job, &found, &err));
    assert_false(found);
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_sql(f, "UPDATE jobs SET needs_mb = 8000");
    struct claim_options o = { .memory_mb = 4000 };
    assert_ok(queue_claim(f->db, &w, &o, &job, &found, &err));
    assert_false(found);
    o.memory_mb = 8000;
    assert_ok(queue_claim(f->db, &w, &o, &job, &found, &err));
    assert_true(found);
    job_release(&job);
}

static void an_unknown_worker_gets_nothing(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    bool found;
    struct err err = ERR_INIT;
    worker_init(&w);
    assert_false(queue_claim(f->db, &w, NULL, &job, &found, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
}

/* Finishes the job; leaves the text that it points to. */
static void finish(struct fixture *f, struct job *job) {
    enum queue_answer answer;
    char *text = fixture_record(job->task_sha256, 0.5);
    assert_ok(queue_finish(f->db, &job->key, text, &answer, &err));
    assert_int_equal(answer, QUEUE_OK);
    free(text);
    job_release(job);
}

static void workers_stay_with_their_model_and_keep_off_each_others(void **state) {
    struct fixture *f = *state;
    struct worker w[2];
    long long resident[2] = { 0 };
    int changes = 0;
    json_decref(fixture_submit(f, "org/a", 5));
    json_decref(fixture_submit(f, "org/b", 5));
    fixture_worker(f, &w[0]);
    fixture_worker(f, &w[1]);
    for (int i = 0; i < 10; i += 2) {
        struct job jobs[2];
        for (int k = 0; k < 2; k++) {
            struct claim_options o = { .resident = resident[k] };
            bool found;
            assert_ok(queue_claim(f->db, &w[k], &o, &jobs[k], &found, &err));
            assert_true(found);
            changes += resident[k] != jobs[k].revision_id;
            resident[k] = jobs[k].revision_id;
        }
        finish(f, &jobs[0]);
        finish(f, &jobs[1]);
    }
    assert_int_equal(changes, 2); /* each loaded one model, once */
    assert_true(resident[0] != resident[1]);
}

static void affinity_does_not_overtake_a_job_that_waited_long(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    bool found;
    json_decref(fixture_submit(f, "org/a", 1));
    json_decref(fixture_submit(f, "org/b", 1));
    fixture_worker(f, &w);
    struct claim_options o = { .resident = fixture_int(f,
                                   "SELECT revision_id FROM jobs ORDER BY job_id DESC LIMIT 1") };
    fixture_sql(f, "UPDATE jobs SET queued_at = queued_at - interval '1 h' WHERE job_id = 1");
    assert_ok(queue_claim(f->db, &w, &o, &job, &found, &err));
    assert_int_equal(job.key.job, 1);
    job_release(&job);
}

static void priority_comes_before_age(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    json_decref(fixture_submit(f, "org/a", 2));
    fixture_sql(f, "UPDATE jobs SET priority = 0 WHERE job_id = 2");
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_int_equal(job.key.job, 2);
    job_release(&job);
}

static enum queue_answer fail_with(struct fixture *f, struct job *job, enum err_class class) {
    struct err why = ERR_INIT;
    enum queue_answer answer = QUEUE_N_ANSWERS;
    err_set(&why, class, "broken \xff\x01 thing");
    assert_ok(queue_fail(f->db, &job->key, &why, NULL, &answer, &err));
    return answer;
}

static void a_permanent_error_is_final_and_told_twice_is_the_same(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_int_equal(fail_with(f, &job, ERR_INPUT), QUEUE_DEAD);
    assert_int_equal(fail_with(f, &job, ERR_INPUT), QUEUE_ALREADY);
    assert_string_equal(
        fixture_sql(f, "SELECT concat_ws(' ', state, error_class, failures) FROM jobs"),
        "dead input 0");
    assert_string_equal(fixture_sql(f, "SELECT error FROM jobs"), "broken \xef\xbf\xbd  thing");
    job_release(&job);
}

static void a_transient_error_is_tried_five_times(void **state) {
    struct fixture *f = *state;
    struct worker w;
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_worker(f, &w);
    for (int i = 1; i <= 5; i++) {
        struct job job;
        fixture_claim(f, &w, 90, &job);
        assert_int_equal(job.key.attempt, i);
        assert_int_equal(fail_with(f, &job, ERR_NETWORK), i < 5 ? QUEUE_WAITING : QUEUE_DEAD);
        job_release(&job);
    }
}

static void backoff_grows_and_honours_what_the_hub_asked_for(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    enum queue_answer answer;
    struct err why = { .class = ERR_NETWORK, .msg = "slow down" };
    struct fail_options o = { .retry_after_s = 3600 };
    fixture_sql(f, "UPDATE settings SET retry_backoff_s = 15");
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_ok(queue_fail(f->db, &job.key, &why, &o, &answer, &err));
    assert_in_range(
        fixture_int(f, "SELECT extract(epoch FROM run_at - clock_timestamp())::int FROM jobs"),
        3500, 3600);
    job_release(&job);
    fixture_sql(f, "UPDATE jobs SET run_at = clock_timestamp(), failures = 2");
    fixture_claim(f, &w, 90, &job);
    assert_int_equal(fail_with(f, &job, ERR_NETWORK), QUEUE_WAITING);
    assert_in_range(
        fixture_int(f, "SELECT extract(epoch FROM run_at - clock_timestamp())::int FROM jobs"), 180,
        288);
    job_release(&job);
}

static void a_lost_worker_is_a_failure_and_the_fifth_is_the_last(void **state) {
    struct fixture *f = *state;
    struct worker w;
    json_decref(fixture_submit(f, "org/a", 1));
    for (int i = 1; i <= 5; i++) {
        struct job job;
        fixture_worker(f, &w);
        fixture_claim(f, &w, 90, &job);
        fixture_lose_lease(f, job.key.job);
        assert_string_equal(fixture_sql(f, "SELECT concat_ws(' ', state, crashes) FROM jobs"),
            i < 5 ? "waiting 0" : "dead 0");
        job_release(&job);
    }
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM attempts WHERE outcome = 'lost'"), 5);
}

static void a_model_that_kills_its_process_is_quarantined_after_three(void **state) {
    struct fixture *f = *state;
    struct worker w;
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_worker(f, &w);
    for (int i = 1; i <= 3; i++) {
        struct job job;
        fixture_claim(f, &w, 90, &job);
        assert_int_equal(fail_with(f, &job, ERR_CRASH), i < 3 ? QUEUE_WAITING : QUEUE_DEAD);
        job_release(&job);
    }
    assert_string_equal(
        fixture_sql(f, "SELECT concat_ws(' ', state, crashes, failures) FROM jobs"), "dead 3 0");
}

static void a_lease_that_runs_is_not_reaped_nor_one_just_after_a_restart(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    int n = -1;
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_ok(queue_reap(f->db, &n, &err));
    assert_int_equal(n, 0);
    fixture_sql(
        f, "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 s', lease_s = 3600");
    assert_ok(queue_reap(f->db, &n, &err));
    assert_int_equal(n, 0); /* the server is younger than the lease is long */
    job_release(&job);
}

static void a_reaper_passes_over_a_job_that_somebody_is_writing(void **state) {
    struct fixture *f = *state;
    struct worker w[2];
    struct job jobs[2];
    int n = 0;
    json_decref(fixture_submit(f, "org/a", 2));
    for (int i = 0; i < 2; i++) {
        fixture_worker(f, &w[i]);
        fixture_claim(f, &w[i], 90, &jobs[i]);
        job_release(&jobs[i]);
    }
    fixture_sql(f, "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 s', lease_s = 0");
    PGconn *holder = PQconnectdb(f->cluster.conninfo);
    PQclear(PQexec(holder, "BEGIN; SELECT * FROM assay.jobs WHERE job_id = 1 FOR UPDATE"));
    struct db_options o = { .home = f->home, .retry_s = 1 };
    struct db *db;
    assert_ok(db = db_open(&o, &err));
    assert_ok(queue_reap(db, &n, &err));
    assert_int_equal(n, 1);
    PQfinish(holder);
    db_close(db);
}

static void a_job_given_back_has_no_penalty(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    enum queue_answer answer;
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_ok(queue_give_back(f->db, &job.key, &answer, &err));
    assert_int_equal(answer, QUEUE_QUEUED);
    assert_string_equal(
        fixture_sql(f, "SELECT concat(state, failures, crashes, attempt) FROM jobs"), "queued001");
    job_release(&job);
    fixture_claim(f, &w, 90, &job);
    assert_ok(worker_stop(f->db, &w, &err));
    assert_string_equal(
        fixture_sql(f, "SELECT concat(state, failures, crashes, attempt) FROM jobs"), "queued002");
    assert_int_equal(
        fixture_int(f, "SELECT count(*) FROM workers WHERE stopped_at IS NOT NULL"), 1);
    job_release(&job);
}

static void a_job_that_makes_every_machine_look_sick_is_not_given_back_for_ever(void **state) {
    struct fixture *f = *state;
    struct worker w;
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_worker(f, &w);
    for (int i = 1; i <= 7; i++) {
        struct job job;
        fixture_claim(f, &w, 90, &job);
        assert_int_equal(fail_with(f, &job, ERR_NODE), i <= 2  ? QUEUE_QUEUED
                                                       : i < 7 ? QUEUE_WAITING
                                                               : QUEUE_DEAD);
        job_release(&job);
    }
}

static void a_cancelled_job_is_told_at_the_next_heartbeat(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    enum queue_answer answer;
    json_decref(fixture_submit(f, "org/a", 2));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_ok(queue_cancel(f->db, 1, &answer, &err));
    assert_int_equal(answer, QUEUE_ASKED);
    assert_ok(queue_cancel(f->db, 2, &answer, &err));
    assert_int_equal(answer, QUEUE_CANCELLED);
    assert_ok(queue_cancel(f->db, 2, &answer, &err));
    assert_int_equal(answer, QUEUE_ALREADY);
    assert_ok(queue_cancel(f->db, 99, &answer, &err));
    assert_int_equal(answer, QUEUE_GONE);
    assert_ok(queue_heartbeat(f->db, &job, 0.25, &answer, &err));
    assert_int_equal(answer, QUEUE_CANCEL);
    assert_ok(queue_give_back(f->db, &job.key, &answer, &err));
    assert_int_equal(answer, QUEUE_CANCELLED);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'cancelled'"), 2);
    job_release(&job);
}

static void cancelling_a_submission_spares_jobs_that_another_wants(void **state) {
    struct fixture *f = *state;
    json_decref(fixture_submit(f, "org/a", 3));
    json_t *request = fixture_request("org/a", 2), *answer;
    json_object_set_new(request, "submitter", json_string("bob"));
    assert_ok(answer = db_submit(f->db, request, &err));
    struct rows rows;
    assert_ok(db_query(f->db, "queue_cancel_submission", DB_ARGS(db_int(1)), &rows, &err));
    assert_int_equal(rows_int(&rows, 0, "n"), 1);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'queued'"), 2);
    rows_release(&rows);
    json_decref(request);
    json_decref(answer);
}

static void a_task_that_fails_for_three_models_is_paused(void **state) {
    struct fixture *f = *state;
    struct worker w;
    static const char *const models[] = { "org/a", "org/b", "org/c", "org/d" };
    fixture_worker(f, &w);
    for (int i = 0; i < 4; i++)
        json_decref(fixture_submit(f, models[i], 1));
    for (int i = 0; i < 3; i++) {
        struct job job;
        fixture_claim(f, &w, 90, &job);
        assert_int_equal(fail_with(f, &job, ERR_TASK), QUEUE_DEAD);
        job_release(&job);
    }
    struct job job;
    bool found = true;
    assert_ok(queue_claim(f->db, &w, NULL, &job, &found, &err));
    assert_false(found);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM tasks WHERE paused_at IS NOT NULL"), 1);
    json_decref(fixture_submit(f, "org/e", 1)); /* waits with the rest */
    assert_int_equal(
        fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'waiting' AND run_at = 'infinity'"),
        2);
    assert_ok(db_run(f->db, "task_resume", DB_ARGS(db_text("task0")), &err));
    fixture_claim(f, &w, 90, &job);
    job_release(&job);
}

static void waiting_ends_when_somebody_submits(void **state) {
    struct fixture *f = *state;
    struct db *db = fixture_open(f, NULL);
    assert_ok(
        queue_wait(db, 0, &err)); /* begins to listen, and returns so that the caller polls once */
    json_decref(fixture_submit(f, "org/a", 1));
    assert_ok(queue_wait(db, 600000, &err)); /* hangs if the notice is lost */
    db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sixty_four_claimers_never_share_a_job, fixture_reset),
        cmocka_unit_test_setup(claiming_again_returns_the_job_that_is_held, fixture_reset),
        cmocka_unit_test_setup(a_claim_says_what_is_to_be_done, fixture_reset),
        cmocka_unit_test_setup(
            an_empty_queue_and_a_full_one_that_does_not_fit_give_nothing, fixture_reset),
        cmocka_unit_test_setup(an_unknown_worker_gets_nothing, fixture_reset),
        cmocka_unit_test_setup(
            workers_stay_with_their_model_and_keep_off_each_others, fixture_reset),
        cmocka_unit_test_setup(affinity_does_not_overtake_a_job_that_waited_long, fixture_reset),
        cmocka_unit_test_setup(priority_comes_before_age, fixture_reset),
        cmocka_unit_test_setup(
            a_permanent_error_is_final_and_told_twice_is_the_same, fixture_reset),
        cmocka_unit_test_setup(a_transient_error_is_tried_five_times, fixture_reset),
        cmocka_unit_test_setup(backoff_grows_and_honours_what_the_hub_asked_for, fixture_reset),
        cmocka_unit_test_setup(a_lost_worker_is_a_failure_and_the_fifth_is_the_last, fixture_reset),
        cmocka_unit_test_setup(
            a_model_that_kills_its_process_is_quarantined_after_three, fixture_reset),
        cmocka_unit_test_setup(
            a_lease_that_runs_is_not_reaped_nor_one_just_after_a_restart, fixture_reset),
        cmocka_unit_test_setup(a_reaper_passes_over_a_job_that_somebody_is_writing, fixture_reset),
        cmocka_unit_test_setup(a_job_given_back_has_no_penalty, fixture_reset),
        cmocka_unit_test_setup(
            a_job_that_makes_every_machine_look_sick_is_not_given_back_for_ever, fixture_reset),
        cmocka_unit_test_setup(a_cancelled_job_is_told_at_the_next_heartbeat, fixture_reset),
        cmocka_unit_test_setup(
            cancelling_a_submission_spares_jobs_that_another_wants, fixture_reset),
        cmocka_unit_test_setup(a_task_that_fails_for_three_models_is_paused, fixture_reset),
        cmocka_unit_test_setup(waiting_ends_when_somebody_submits, fixture_reset),
    };
    return FIXTURE_MAIN("db.queue", tests);
}
