/* A job's process from its parent's side, as more than one call: a worker whose next job is about
 * the same model asks the process that has it open (worker.h's child_run is all of it at once).
 *
 * A process that walks ("walk": true in its spec) loads the tasks of its spec, shuts its doors and
 * opens the model; then each child_work is one of these tasks, by its place in the spec, until
 * child_close. Behind its doors it can load no other: who has another job ends it and starts a new
 * one. Its first error is its end. Private to the worker room. */
#ifndef ASSAY_WORKER_CHILD_H
#define ASSAY_WORKER_CHILD_H

#include "evaluator/worker/tail.h"
#include "evaluator/worker/worker.h"

struct child;

/* `tail` gets what it writes to standard error, until child_close; its caller may change its
 * contents between calls. */
MUST_CHECK struct child *child_open(
    const json_t *spec, const char *program, struct tail *tail, struct err *err);

/* One task to its result, after which the process waits or has ended well; of one that doesn't
 * walk, all of them to its end. False with its error, or ERR_CRASH where it died: then nothing is
 * left but child_close. */
MUST_CHECK bool child_work(
    struct child *c, size_t which, const struct child_watch *watch, struct err *err);

/* Whether it waits for another task. */
bool child_waits(const struct child *c);
/* Of an error that it reported: what it would need of memory, where it said so; else 0. */
unsigned child_needs_mb(const struct child *c);
/* Whether it said, when its word was not to be believed any more, that this machine is sick. */
bool child_blames_machine(const struct child *c);

/* Ends it, by its own will where it waits, else by signals, with all that it left behind; frees. */
void child_close(struct child *c);

#endif
