/* Processes that a job's process left behind, wherever they went: a group of their own, a session
 * of their own, another parent. All have the stamp of the job in the environment that they were
 * started with; what is shut in can start none. Private to the worker room. */
#ifndef ASSAY_WORKER_STRAYS_H
#define ASSAY_WORKER_STRAYS_H

enum { STRAYS_STAMP = 64 };

/* NAME=VALUE, which no other job's process has. */
void strays_stamp(char stamp[STRAYS_STAMP]);
/* Kills all that have it; how many there were. */
unsigned strays_kill(const char *stamp);

#endif
