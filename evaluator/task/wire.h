/* Frames between a task's child process and its parent: one JSON object a line, and behind some of
 * them bytes as they are. */
#ifndef ASSAY_WIRE_H
#define ASSAY_WIRE_H

#include <time.h>

#include "base/json.h"

enum {
    WIRE_MAX_FRAME = 1 << 20,
    WIRE_MAX_BYTES = 4 << 20, /* that follow one frame as they are */
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

/* The n bytes that follow the frame last read. */
MUST_CHECK bool wire_read_bytes(struct wire *w, void *into, size_t n, struct err *err);

MUST_CHECK bool wire_write(int fd, const json_t *frame, struct err *err);

/* Frames that go out many at a time, so that whoever reads them is woken up less often. What waits
 * for an answer, or is the last, flushes. */
struct wire_out {
    int fd;
    struct strbuf waiting;
};
MUST_CHECK bool wire_put(struct wire_out *w, const json_t *frame, struct err *err);
MUST_CHECK bool wire_flush(struct wire_out *w, struct err *err);

/* The same, and bytes, where the descriptor does not block and the reader has until `deadline`. */
MUST_CHECK bool wire_write_by(
    int fd, const struct timespec *deadline, const json_t *frame, struct err *err);
MUST_CHECK bool wire_write_bytes(
    int fd, const struct timespec *deadline, const void *data, size_t n, struct err *err);

#endif
