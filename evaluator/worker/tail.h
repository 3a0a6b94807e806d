/* The last lines of a job, for who submitted it: what its process wrote to standard error, and what
 * its worker noted. The bytes may be a stranger's: they are cleaned, cut and bounded. What comes
 * from the process goes on to this program's own standard error, a mebibyte of it at most. Private
 * to the worker room. */
#ifndef ASSAY_WORKER_TAIL_H
#define ASSAY_WORKER_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { TAIL_LINES = 50, TAIL_LINE_MAX = 240, TAIL_PASSED_MAX = 1 << 20 };

struct tail {
    char lines[TAIL_LINES][TAIL_LINE_MAX + 1];
    unsigned n;                   /* ever added; the last TAIL_LINES are there */
    char part[TAIL_LINE_MAX + 1]; /* of a line that has no end yet */
    size_t part_n;
    uint64_t seen; /* bytes of the process */
    bool silenced; /* more of it than is passed on */
};

void tail_reset(struct tail *t);
/* Bytes of the process's standard error. */
void tail_take(struct tail *t, const char *bytes, size_t n);
/* A line of the worker's own, with the time in front. */
void tail_note(struct tail *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* All that is kept, a line each; the caller frees. */
char *tail_text(struct tail *t);

#endif
