/* Frames between a task's child process and its parent: one JSON object a line. */
#ifndef ASSAY_WIRE_H
#define ASSAY_WIRE_H

#include <time.h>

#include "base/json.h"

enum {
    WIRE_MAX_FRAME = 1 << 20,
    WIRE_MAX_FRAMES = 10 * 1000 * 1000,
};

struct wire {
    int fd;
    struct timespec deadline; /* CLOCK_MONOTONIC; zero: wait for ever */
    struct strbuf in;
    size_t used; /* of `in`, already handed out */
    size_t n_frames;
};

void wire_init(struct wire *w, int fd, unsigned wall_s);
void wire_release(struct wire *w);

/* The next frame (the caller's). NULL with err->class ERR_NONE at the end of the stream; ERR_TASK
 * where the deadline has passed, ERR_INPUT for a frame that breaks a bound. */
json_t *wire_read(struct wire *w, struct err *err);

MUST_CHECK bool wire_write(int fd, const json_t *frame, struct err *err);

#endif
