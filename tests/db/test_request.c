/* Requests of the submission service, as the database keeps them. */
#include "tests/db/fixture.h"

#include <pthread.h>

#include "base/json.h"

static long long accept(struct fixture *f, const char *more) {
    char sql[1200], hash[65];
    memset(hash, 'a', 64);
    hash[64] = 0;
    snprintf(sql, sizeof sql,
        "SELECT request_id FROM accept_request('{\"submitter\": \"ada\", \"owner\": \"user:ada\", "
        "\"model\": \"org/a\", "
        "\"suite\": \"s\", \"body_sha256\": \"%s\"}'::jsonb || '%s'::jsonb)",
        hash, more);
    return fixture_int(f, sql);
}

/* Claims the next request and makes fixture_request of it. */
static void resolve(struct fixture *f, const char *model) {
    struct rows rows;
    assert_ok(db_query(f->db, "request_claim", DB_ARGS(db_int(60)), &rows, &err));
    assert_int_equal(rows.n, 1);
    json_t *request = fixture_request(model, 2);
    char *text = json_dumps(request, 0);
    assert_ok(db_run(f->db, "request_resolve",
        DB_ARGS(db_int(rows_int(&rows, 0, "request_id")), db_int(rows_int(&rows, 0, "tries")),
            db_text(text)),
        &err));
    free(text);
    json_decref(request);
    rows_release(&rows);
}

static json_t *view(struct fixture *f, long long id) {
    struct rows rows;
    json_t *v;
    assert_ok(db_query(f->db, "request_view", DB_ARGS(db_int(id)), &rows, &err));
    assert_ok(v = rows_json(&rows, 0, "view", &err));
    rows_release(&rows);
    return v;
}

static void assert_state(struct fixture *f, long long id, const char *state) {
    json_t *v = view(f, id);
    assert_string_equal(json_string_value(json_object_get(v, "state")), state);
    json_decref(v);
}

static int sweep(struct fixture *f) {
    return (int)fixture_int(f, "SELECT sweep_requests(100)");
}

static void a_request_becomes_a_submission_and_ends_with_its_jobs(void **state) {
    struct fixture *f = *state;
    long long id = accept(f, "{\"webhook\": \"https://example.org/\"}");
    assert_state(f, id, "pending");
    resolve(f, "org/a");
    assert_state(f, id, "queued");
    assert_int_equal(sweep(f), 0);
    struct worker w;
    struct job job = { 0 };
    enum queue_answer answer;
    fixture_worker(f, &w);
    for (int i = 0; i < 2; i++) {
        fixture_claim(f, &w, 60, &job);
        assert_state(f, id, "running");
        char *text = fixture_record(job.task_sha256, 0.5);
        assert_ok(queue_finish(f->db, &job.key, text, &answer, &err));
        free(text);
        job_release(&job);
    }
    assert_int_equal(sweep(f), 1);
    assert_int_equal(sweep(f), 0);
    assert_state(f, id, "done");
    assert_int_equal(
        fixture_int(
            f, "SELECT count(*) FROM webhooks WHERE body -> 'submission' ->> 'state' = 'done'"),
        1);
}

static void what_is_superseded_resolves_nothing(void **state) {
    struct fixture *f = *state;
    accept(f, "{}");
    assert_int_equal(fixture_int(f, "SELECT tries FROM claim_request(0)"), 1);
    assert_int_equal(fixture_int(f, "SELECT tries FROM claim_request(60)"), 2);
    assert_string_equal(fixture_sql(f, "SELECT resolve_request(1, 1, '{}')"), "stale");
    assert_string_equal(
        fixture_sql(f, "SELECT fail_request(1, 1, 'input', 'x', NULL, NULL)"), "stale");
    assert_state(f, 1, "pending");
    assert_string_equal(fixture_sql(f, "SELECT cancel_request(1, NULL, true)"), "cancelled");
    assert_string_equal(fixture_sql(f, "SELECT resolve_request(1, 2, '{}')"), "stale");
}

static void a_refusal_ends_and_a_hub_away_does_not(void **state) {
    struct fixture *f = *state;
    accept(f, "{}");
    fixture_sql(f, "SELECT tries FROM claim_request(60)");
    assert_string_equal(
        fixture_sql(f, "SELECT fail_request(1, 1, 'network', 'the hub is away', NULL, 0)"), "ok");
    assert_state(f, 1, "pending");
    fixture_sql(f, "SELECT tries FROM claim_request(60)");
    assert_string_equal(
        fixture_sql(f, "SELECT fail_request(1, 2, 'not_found', 'no such model', 'look', NULL)"),
        "ok");
    assert_state(f, 1, "rejected");
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM claim_request(60)"), 0);
}

static void a_hub_that_never_comes_back_is_given_up(void **state) {
    struct fixture *f = *state;
    accept(f, "{}");
    for (int i = 1; i <= 20; i++) {
        char sql[100];
        assert_int_equal(fixture_int(f, "SELECT tries FROM claim_request(60)"), i);
        snprintf(sql, sizeof sql, "SELECT fail_request(1, %d, 'network', 'away', NULL, 0)", i);
        fixture_sql(f, sql);
    }
    assert_state(f, 1, "rejected");
}

static void *accept_often(void *arg) {
    struct db *db = fixture_open(arg, "assay_submitter");
    static const char ASK[] =
        "{\"submitter\": \"ada\", \"owner\": \"user:ada\", \"model\": \"org/a\", \"suite\": \"s\", "
        "\"key\": \"k\", \"body_sha256\": "
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}";
    for (int i = 0; i < 25; i++)
        assert_ok(db_run(db, "request_accept", DB_ARGS(db_text(ASK)), &err));
    db_close(db);
    return NULL;
}

static void a_key_that_comes_a_hundred_times_at_once_is_one_request(void **state) {
    struct fixture *f = *state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, accept_often, f), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM requests"), 1);
}

static void one_of_two_that_want_the_same_may_go(void **state) {
    struct fixture *f = *state;
    long long a = accept(f, "{}"), b = accept(f, "{\"submitter\": \"ada\"}");
    resolve(f, "org/a");
    resolve(f, "org/a");
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM submissions"), 1);
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT cancel_request(%lld, NULL, true)", a);
    assert_string_equal(fixture_sql(f, sql), "cancelled");
    assert_state(f, a, "cancelled");
    assert_state(f, b, "queued");
    snprintf(sql, sizeof sql, "SELECT cancel_request(%lld, NULL, true)", b);
    fixture_sql(f, sql);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'cancelled'"), 2);
}

static void the_time_that_is_left_comes_from_what_such_jobs_took(void **state) {
    struct fixture *f = *state;
    accept(f, "{\"model\": \"org/past\"}");
    resolve(f, "org/past");
    struct worker w;
    struct job job = { 0 };
    enum queue_answer answer;
    fixture_worker(f, &w);
    for (int i = 0; i < 2; i++) {
        fixture_claim(f, &w, 60, &job);
        char *text = fixture_record(job.task_sha256, 0.5);
        assert_ok(queue_finish(f->db, &job.key, text, &answer, &err));
        free(text);
        job_release(&job);
    }
    fixture_sql(f, "UPDATE attempts SET started_at = ended_at - interval '100 s'");
    long long id = accept(f, "{}");
    resolve(f, "org/a");
    json_t *v = view(f, id), *eta = json_object_get(v, "eta");
    double low = json_number_value(json_object_get(eta, "low_s")),
           high = json_number_value(json_object_get(eta, "high_s"));
    assert_int_equal(json_integer_value(json_object_get(eta, "workers")), 1);
    assert_true(
        low >= 90 &&
        low <= 110); /* two jobs of 100 s, half of that where one run is all that is known */
    assert_true(high >= 390 && high <= 410);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(json_object_get(v, "jobs"), 1), "ahead")),
        1);
    json_decref(v);
    fixture_sql(f, "UPDATE workers SET stopped_at = clock_timestamp()");
    v = view(f, id);
    assert_string_equal(json_string_value(json_object_get(json_object_get(v, "eta"), "unknown")),
        "no worker is running");
    json_decref(v);
}

/* ---- room ---- */

static void register_machine(struct fixture *f, struct worker *w, const char *machine) {
    struct err parsing = ERR_INIT;
    json_t *info = json_parse(machine, strlen(machine), "machine", &parsing);
    assert_non_null(info);
    worker_init(w);
    assert_ok(worker_register(f->db, w, "test", info, &err));
    json_decref(info);
}

/* What the first job of request 1 lacks: words with commas, "" where there is room. */
static const char *room_of(struct fixture *f) {
    static char text[100];
    json_t *v = view(f, 1), *word;
    const json_t *room = json_object_get(json_array_get(json_object_get(v, "jobs"), 0), "room");
    size_t i;
    snprintf(text, sizeof text, "%s", json_is_null(room) ? "" : "none");
    json_array_foreach(json_object_get(room, "lacks"), i, word) {
        snprintf(text + (i ? strlen(text) : 0), sizeof text - (i ? strlen(text) : 0), "%s%s",
            i ? "," : "", json_string_value(word));
    }
    json_decref(v);
    return text;
}

static void a_job_that_no_worker_has_room_for_is_told(void **state) {
    struct fixture *f = *state;
    struct worker small, large, any;
    accept(f, "{}");
    resolve(f, "org/a");
    fixture_sql(f, "UPDATE jobs SET needs_mb = 64000");
    assert_string_equal(room_of(f), ""); /* there is no worker at all, which is said otherwise */
    register_machine(f, &small,
        "{\"machine\": {\"memory_mb\": 8000, \"disk_mb\": 100, \"gpus\": 0, \"device\": \"cpu\", "
        "\"dtypes\": \"f32,bf16\"}}");
    assert_string_equal(room_of(f), "memory_mb");
    json_t *v = view(f, 1);
    const json_t *room = json_object_get(json_array_get(json_object_get(v, "jobs"), 0), "room");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(room, "needs"), "memory_mb")), 64000);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(room, "most"), "memory_mb")), 8000);
    assert_null(json_object_get(json_object_get(room, "needs"), "device"));
    const char *unknown = json_get_string(json_object_get(v, "eta"), "unknown", "");
    assert_string_equal(unknown, "no worker that is running has room for it");
    json_decref(v);
    fixture_sql(f, "UPDATE jobs SET needs_device = 'cuda', needs_dtype = 'f16', needs_gpus = 1, "
                   "needs_disk_mb = 200");
    assert_string_equal(room_of(f), "device,gpus,memory_mb,dtype,disk_mb");
    fixture_sql(f, "UPDATE jobs SET needs_device = 'cpu', needs_dtype = 'bf16', needs_gpus = 0, "
                   "needs_disk_mb = 100, needs_mb = 8000");
    assert_string_equal(room_of(f), "");
    /* Each has something of it, none all. */
    register_machine(
        f, &large, "{\"machine\": {\"memory_mb\": 99000, \"device\": \"cuda\", \"gpus\": 1}}");
    fixture_sql(f, "UPDATE jobs SET needs_mb = 64000");
    assert_string_equal(room_of(f), "none");
    fixture_sql(f, "UPDATE jobs SET needs_device = NULL");
    assert_string_equal(room_of(f), "");
    fixture_sql(f, "UPDATE jobs SET needs_mb = 100000");
    assert_string_equal(room_of(f), "memory_mb");
    /* One that says nothing of its machine takes any job; one that is gone takes none. */
    register_machine(f, &any, "{\"machine\": {\"memory_mb\": \"much\"}}");
    assert_string_equal(room_of(f), "");
    assert_ok(worker_stop(f->db, &any, &err));
    assert_string_equal(room_of(f), "memory_mb");
    fixture_sql(f, "UPDATE workers SET last_seen = clock_timestamp() - interval '10 min'");
    assert_string_equal(room_of(f), "");
    /* It is as take_job has it. */
    struct job job = { 0 };
    bool found = true;
    struct claim_options o = { .memory_mb = 8000 };
    assert_ok(queue_claim(f->db, &small, &o, &job, &found, &err));
    assert_false(found);
}

static void the_last_fifty_lines_are_shown(void **state) {
    struct fixture *f = *state;
    long long id = accept(f, "{}");
    resolve(f, "org/a");
    struct worker w;
    struct job job = { 0 };
    fixture_worker(f, &w);
    fixture_claim(f, &w, 60, &job);
    fixture_sql(f, "UPDATE attempts SET log = (SELECT string_agg('line ' || g, E'\\n') FROM "
                   "generate_series(1, 80) g)");
    json_t *v = view(f, id),
           *log = json_object_get(json_array_get(json_object_get(v, "jobs"), 0), "log");
    assert_int_equal(json_array_size(log), 50);
    assert_string_equal(json_string_value(json_array_get(log, 0)), "line 31");
    assert_string_equal(json_string_value(json_array_get(log, 49)), "line 80");
    json_decref(v);
    job_release(&job);
}

static void the_service_may_do_what_it_needs_and_no_more(void **state) {
    assert_string_equal(
        fixture_sql(*state, "SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc "
                            "WHERE pronamespace = 'assay'::regnamespace "
                            "AND has_function_privilege('assay_submitter', oid, 'EXECUTE')"),
        "accept_request cancel_request cancel_submission claim_request claim_webhook "
        "discover_known fail_request find_token hold_submission list_ended list_queue "
        "list_requests note_copy original_of queue_monitor request_view resolve_request "
        "schema_version service_key service_stats standing_of submit sweep_requests tell_webhook "
        "vote_request");
    assert_int_equal(
        fixture_int(*state,
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'assay'::regnamespace AND relkind "
            "= 'r' "
            "AND has_table_privilege('assay_submitter', oid, 'SELECT, INSERT, UPDATE, DELETE')"),
        0);
}

static void a_webhook_is_tried_twelve_times(void **state) {
    struct fixture *f = *state;
    accept(f, "{\"webhook\": \"https://example.org/\"}");
    fixture_sql(f, "SELECT cancel_request(1, NULL, true)");
    for (int i = 1; i <= 12; i++) {
        char sql[100];
        assert_int_equal(fixture_int(f, "SELECT tries FROM claim_webhook(60)"), i);
        assert_int_equal(fixture_int(f, "SELECT count(*) FROM claim_webhook(60)"), 0);
        snprintf(sql, sizeof sql, "SELECT tell_webhook(1, %d, 'no', 0)", i);
        fixture_sql(f, sql);
    }
    assert_string_equal(fixture_sql(f, "SELECT state FROM webhooks"), "given-up");
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM claim_webhook(60)"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(
            a_request_becomes_a_submission_and_ends_with_its_jobs, fixture_reset),
        cmocka_unit_test_setup(what_is_superseded_resolves_nothing, fixture_reset),
        cmocka_unit_test_setup(a_refusal_ends_and_a_hub_away_does_not, fixture_reset),
        cmocka_unit_test_setup(a_hub_that_never_comes_back_is_given_up, fixture_reset),
        cmocka_unit_test_setup(
            a_key_that_comes_a_hundred_times_at_once_is_one_request, fixture_reset),
        cmocka_unit_test_setup(one_of_two_that_want_the_same_may_go, fixture_reset),
        cmocka_unit_test_setup(the_time_that_is_left_comes_from_what_such_jobs_took, fixture_reset),
        cmocka_unit_test_setup(a_job_that_no_worker_has_room_for_is_told, fixture_reset),
        cmocka_unit_test_setup(the_last_fifty_lines_are_shown, fixture_reset),
        cmocka_unit_test_setup(the_service_may_do_what_it_needs_and_no_more, fixture_reset),
        cmocka_unit_test_setup(a_webhook_is_tried_twelve_times, fixture_reset),
    };
    return FIXTURE_MAIN("db.request", tests);
}
