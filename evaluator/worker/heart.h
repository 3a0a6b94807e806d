/* The heart of a worker: a thread with a connection of its own that beats the lease of the job in
 * hand, whatever the thread that works is waiting for. The two share a deadline and a verdict.
 *
 * The deadline is the worker's own, by CLOCK_BOOTTIME, counted from before the last beat was sent:
 * past it the job may be another's, and whoever works on it stops by itself (the fence in the
 * database holds all the same). Private to the worker room. */
#ifndef ASSAY_WORKER_HEART_H
#define ASSAY_WORKER_HEART_H

#include "db/db.h"

struct heart;

enum heart_verdict {
    HEART_OK,
    HEART_CANCELLED, /* somebody asked that the job be given up */
    HEART_LOST,      /* the lease is over, or the claim was superseded */
};

/* `database` as in worker_options. NULL with *err where there is no connection. */
MUST_CHECK struct heart *heart_new(const char *database, struct err *err);
void heart_free(struct heart *h); /* NULL is fine */

/* Beats for this job from now on, a quarter of its lease apart or so. One job at a time. */
void heart_take(struct heart *h, struct job *job);
void heart_drop(struct heart *h);

/* What the next beat says of the work that is done, 0 to 1. */
void heart_share(struct heart *h, double share);
enum heart_verdict heart_verdict(struct heart *h);

#endif
