/* Fault 47: a million jobs, and a hundred thousand that wait. What a claim reads does not grow with
 * them; how long it takes is measured by script/bench queue. */
#include "tests/faults/database/setup.h"

/* Jobs `from` to `to` - 1 of ten thousand models on a hundred tasks. */
static void fill(struct fixture *f, int from, int to) {
    char sql[700];
    snprintf(sql, sizeof sql,
        "SET statement_timeout = 0; INSERT INTO jobs (revision_id, task_id, config_id, turn) "
        "SELECT r.first + i / 100 %% 10000, t.first + i %% 100, c.first, i "
        "FROM generate_series(%d, %d - 1) i, (SELECT min(revision_id) AS first FROM revisions) r, "
        "(SELECT min(task_id) AS first FROM tasks) t, (SELECT min(config_id) AS first FROM "
        "configurations) c",
        from, to);
    fixture_sql(f, sql);
    fixture_sql(f, "VACUUM ANALYZE jobs");
}

static void fill_catalogue(struct fixture *f) {
    fixture_sql(f,
        "WITH m AS (INSERT INTO models (name) SELECT 'org/m' || i FROM generate_series(1, 10000) i "
        "RETURNING model_id) INSERT INTO revisions (model_id, commit) SELECT model_id, "
        "substr(encode(sha256(model_id::text::bytea), 'hex'), 1, 40) FROM m ORDER BY model_id");
    fixture_sql(f,
        "INSERT INTO tasks (name, version, sha256, kind, main) SELECT 't' || i, 1, "
        "encode(sha256(i::text::bytea), 'hex'), 'choice', 'acc' FROM generate_series(1, 100) i");
    fixture_sql(f, "SELECT put_config('{\"seed\": 1}')");
}

static long long forty_turns(struct fixture *f, struct worker *w, struct job *job) {
    long long before = entries_read(f);
    turns(f, w, job, 40);
    return entries_read(f) - before;
}

static void fault_47_of_a_million_jobs_a_claim_reads_no_more_than_of_a_thousand(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    fill_catalogue(f);
    fill(f, 0, 1000);
    fixture_worker(f, &w);
    assert_true(take(f->db, &w, 3600, &job));
    turns(f, &w, &job, 10); /* plans are made */
    long long of_a_thousand = forty_turns(f, &w, &job);
    fill(f, 1000, 1000000);
    turns(f, &w, &job, 10);
    long long of_a_million = forty_turns(f, &w, &job);
    fixture_sql(f,
        "UPDATE jobs SET state = 'waiting', run_at = clock_timestamp() + interval '1 day' "
        "WHERE job_id IN (SELECT job_id FROM jobs WHERE state = 'queued' ORDER BY turn "
        "LIMIT 100000)");
    fixture_sql(f, "VACUUM ANALYZE jobs");
    turns(f, &w, &job, 10);
    long long beside_waiting = forty_turns(f, &w, &job);
    print_message("40 turns read %lld entries of a thousand jobs, %lld of a million, %lld beside "
                  "100,000 that wait\n",
        of_a_thousand, of_a_million, beside_waiting);
    assert_true(of_a_million <= 2 * of_a_thousand + 1000);
    assert_true(beside_waiting <= of_a_million + of_a_million / 10 + 1000);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 150);
    job_release(&job);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup(
        fault_47_of_a_million_jobs_a_claim_reads_no_more_than_of_a_thousand, fixture_reset) };
    return FIXTURE_MAIN("fault.database.million", tests);
}
