/* The task's child process as its parent sees it: started, spoken to, watched, reaped. */
#ifndef ASSAY_RUNNER_H
#define ASSAY_RUNNER_H

#include <sys/types.h>

#include "evaluator/task/wire.h"

enum { RUNNER_MOST_S = 24 * 60 * 60 }; /* of processor time, whatever is granted */

struct runner {
    pid_t pid;
    int to;
    struct wire from;
    unsigned cpu_s;
};

/* Starts `program __task <our pid>` (NULL: this program) with a pipe each way and nothing else. */
MUST_CHECK bool runner_start(
    struct runner *r, const char *program, unsigned cpu_s, unsigned wall_s, struct err *err);

MUST_CHECK bool runner_send(struct runner *r, const json_t *frame, struct err *err);
/* Bytes that follow the frame last sent. */
MUST_CHECK bool runner_send_bytes(struct runner *r, const void *data, size_t n, struct err *err);

/* The next frame, the caller's. NULL is always an error: the child says when it is done. */
json_t *runner_receive(struct runner *r, struct err *err);

/* More processor time and more wall clock than it was started with: what a corpus of millions asks
 * for, and a task that sends nothing does not get. */
void runner_grant(struct runner *r, unsigned seconds);

/* What the parent spent on the child's behalf, since `from` of CLOCK_MONOTONIC, is no time of the
 * child's. */
void runner_forgive(struct runner *r, const struct timespec *from);

/* Kills the child if it still runs, reaps it, closes the pipes. A zeroed struct is fine. */
void runner_stop(struct runner *r);

#endif
