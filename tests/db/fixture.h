/* A database for tests: a private cluster in a temporary home, made once per test program and
 * removed at its end. Statements that only a test would run go through fixture_sql on a connection
 * of their own. */
#ifndef ASSAY_TESTS_DB_FIXTURE_H
#define ASSAY_TESTS_DB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db/db.h"

struct fixture {
    char home[64];
    struct cluster cluster;
    struct db *db; /* as the owner */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Empties the queue and the results, and makes backoff short; a cmocka setup. */
int fixture_reset(void **state);

/* 77 (skipped) where PostgreSQL is not installed. */
int fixture_run(const char *group, const struct CMUnitTest *tests, size_t n);
#define FIXTURE_MAIN(group, tests) fixture_run(group, tests, sizeof(tests) / sizeof(*(tests)))

/* The first field of the first row; fails the test on an error. In a buffer that the next call
 * overwrites. */
const char *fixture_sql(struct fixture *f, const char *sql);
long long fixture_int(struct fixture *f, const char *sql);
/* The SQLSTATE, "" on success. */
const char *fixture_sqlstate(struct fixture *f, const char *sql);

/* A transaction that has run the script and is not over yet: somebody who is in the middle of it.
 */
void *fixture_begin(struct fixture *f, const char *sql);
void fixture_commit(void *transaction);

struct db *fixture_open(struct fixture *f, const char *role);

/* A submission of `model` with tasks task0..task<n-1>; the answer of db_submit, or the request
 * alone. */
json_t *fixture_request(const char *model, int n_tasks);
json_t *fixture_submit(struct fixture *f, const char *model, int n_tasks);
/* A registered worker, and a claim that must succeed. */
void fixture_worker(struct fixture *f, struct worker *w);
void fixture_claim(struct fixture *f, const struct worker *w, unsigned lease_s, struct job *job);
/* The text of a record for the task, scoring `value`; the caller frees. */
char *fixture_record(const char *task_sha256, double value);
json_t *fixture_record_json(const char *task_sha256, double value);
/* Ends the lease of the job and reaps it. */
void fixture_lose_lease(struct fixture *f, long long job);

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct err err = ERR_INIT;                                                                 \
        if (!(call))                                                                               \
            fail_msg("%s (%s)", err.msg, err.hint);                                                \
    } while (0)

#endif
