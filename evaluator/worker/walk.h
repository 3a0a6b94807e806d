/* Which process does a job: the one that has the job's model open and has loaded its task, else a
 * new one, which is told of the jobs beside it that it may be asked for next. Jobs that are no
 * plain evaluations (a canary, a reproduction) have a process to themselves. Private to the worker
 * room. */
#ifndef ASSAY_WORKER_WALK_H
#define ASSAY_WORKER_WALK_H

#include "db/db.h"
#include "evaluator/worker/child.h"

enum { WALK_JOBS_MAX = 16 };

struct walk {
    struct child *child; /* NULL: none is open */
    struct {
        long long job;
        char *task;
        bool left_out; /* the process could not load it */
    } jobs[WALK_JOBS_MAX];
    size_t n;
    struct tail tail; /* of the job in hand */
};

/* The process is w->child then, and *which the job's place in its spec. */
MUST_CHECK bool walk_to(struct walk *w, struct db *db, const struct worker_options *options,
    const struct job *job, size_t *which, struct err *err);
/* For child_watch. */
void walk_skip(struct walk *w, const char *task);
void walk_end(struct walk *w);

#endif
