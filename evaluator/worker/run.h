/* One claimed job, from its process to the queue's answer. Private to the worker room. */
#ifndef ASSAY_WORKER_RUN_H
#define ASSAY_WORKER_RUN_H

#include "db/db.h"
#include "evaluator/worker/heart.h"
#include "evaluator/worker/walk.h"

/* What a worker has for all of its jobs. */
struct bench {
    const struct worker_options *options;
    struct db *db;
    struct heart *heart;
    struct walk walk;
    const char *spool;
    bool undelivered; /* something lies in the spool */
    /* With a result that is handed in, the next job is taken: one commit for both. NULL: it is
     * not, as nobody would do it. */
    const struct worker *taker;
    struct claim_options claim;
    struct job next;
    bool has_next;
};

/* The next job, if there is one, may be in b->next afterwards: the caller's to do or to release.
 * False where the worker itself can't go on, or its database is away; what is wrong with the job is
 * told to the queue. */
MUST_CHECK bool run_job(struct bench *b, struct job *job, struct err *err);

bool bench_stopping(const struct bench *b);

#endif
