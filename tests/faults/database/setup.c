#include "tests/faults/database/setup.h"

#include <unistd.h>

#include "base/file.h"

struct db *connect_to(const char *conninfo, unsigned retry_s) {
    struct db_options o = { .conninfo = conninfo, .retry_s = retry_s };
    struct db *db;
    assert_ok(db = db_open(&o, &err));
    return db;
}

void begin(struct fixture *f, struct db *db, int n_jobs, struct worker *w) {
    json_decref(fixture_submit(f, "org/a", n_jobs));
    worker_init(w);
    assert_ok(worker_register(db, w, "test", NULL, &err));
}

bool take(struct db *db, const struct worker *w, unsigned lease_s, struct job *job) {
    struct claim_options o = { .lease_s = lease_s };
    bool found = false;
    assert_ok(queue_claim(db, w, &o, job, &found, &err));
    return found;
}

enum queue_answer finish(struct db *db, const struct job *job) {
    enum queue_answer answer;
    char *text = fixture_record(job->task_sha256, 0.5);
    assert_ok(queue_finish(db, &job->key, text, &answer, &err));
    free(text);
    return answer;
}

void spool_one(struct fixture *f, const char *name, const struct job *job, char path[100]) {
    char *text = fixture_record(job->task_sha256, 0.5);
    snprintf(path, 100, "%s/%s", f->home, name);
    assert_ok(dir_make(path, &err));
    assert_ok(spool_write(path, &job->key, text, NULL, 0, &err));
    free(text);
}

long long entries_read(struct fixture *f) {
    struct rows rows;
    usleep(1200000); /* a session reports once a second, when it ends a statement */
    assert_ok(db_query(f->db, "queue_left", DB_NO_ARGS, &rows, &err));
    rows_release(&rows);
    return fixture_int(f,
        "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE indexrelname IN "
        "('jobs_claim', 'jobs_of_model', 'jobs_of_worker')");
}

void turns(struct fixture *f, struct worker *w, struct job *job, int n) {
    for (int i = 0; i < n; i++) {
        struct claim_options o = { .resident = job->revision_id };
        struct job next;
        bool found;
        enum queue_answer answer;
        char *text = fixture_record(job->task_sha256, 0.5);
        assert_ok(queue_turn(f->db, w, &job->key, text, &o, &answer, &next, &found, &err));
        assert_true(found);
        free(text);
        job_release(job);
        memcpy(job, &next, sizeof next);
    }
}
