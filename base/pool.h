/* A team of threads of fixed size that runs one list of work items at a time.
 *
 * Items are handed out in order, one by one, to whichever thread is free, so which thread runs an
 * item is not fixed: an item must depend on nothing but its index. The calling thread takes part as
 * thread 0. Idle threads spin for some microseconds and then sleep. */
#ifndef ASSAY_POOL_H
#define ASSAY_POOL_H

#include <stddef.h>

#include "base/err.h"

struct pool;

typedef void pool_fn(void *arg, unsigned thread, size_t item);

MUST_CHECK struct pool *pool_new(unsigned n_threads, struct err *err);
void pool_free(struct pool *p);
unsigned pool_n_threads(const struct pool *p);

/* Runs fn for items 0 .. n_items - 1 and returns when all are done. One caller at a time. */
void pool_run(struct pool *p, size_t n_items, pool_fn *fn, void *arg);

/* How many threads this process may use: ASSAY_THREADS, else the processors of its affinity mask,
 * cut by the quota of its control group. */
unsigned pool_default_threads(void);

#endif
