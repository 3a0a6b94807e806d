/* Frames between a worker and its job's child: a tag byte, a 32-bit little-endian length, the
 * payload. The reader is the parent of a process that read a stranger's bytes: lengths and counts
 * are bounded. Private to the worker room. */
#ifndef ASSAY_WORKER_FRAME_H
#define ASSAY_WORKER_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum frame_tag {
    FRAME_PROGRESS = 'P', /* {"label", "done", "total"} */
    FRAME_RESULT = 'R',   /* one assay.eval/1 result */
    FRAME_SAMPLES = 'S',  /* JSON lines of the samples of the next result */
    FRAME_SKIPPED = 'K',  /* {"task", "why"}: a task of a suite that can't be asked of this model */
    FRAME_PLAN = 'L',     /* {"task", ...}: what it would take (a dry run) */
    FRAME_MODEL = 'M',    /* {"identity"?, "revision"?}: which model it is, for its memos and for
                             the record */
    FRAME_PRINTS = 'T',   /* of its tensors (policy/lineage.h), before it is evaluated */
    FRAME_MEMO = 'A',     /* a byte, which store (store.h), then records for it */
    FRAME_MARK = 'X',     /* a record that is kept once the next result has been taken */
    FRAME_WAITS = 'W',    /* the task that was asked for is done: which is next? */
    FRAME_ERROR = 'E',    /* {"class", "message", "hint", "needs_mb"?} */
    FRAME_SHUT = 'C',     /* the doors are closed: what follows may be a stranger's word */
    FRAME_DONE = 'D',     /* everything has been sent */
};

#define FRAME_MAX ((uint32_t)64 << 20)

/* Writes a whole frame; larger payloads must be cut by the caller. */
MUST_CHECK bool frame_write(
    int fd, enum frame_tag tag, const void *data, size_t n, struct err *err);

/* Bytes as they come in, taken apart into frames. */
struct frame_reader {
    struct strbuf bytes;
    size_t taken;
};
struct frame {
    enum frame_tag tag;
    const char *data; /* until the next call */
    size_t n;
};
/* Reads what is there: false on failure, *end at the end of the stream. */
MUST_CHECK bool frame_reader_fill(struct frame_reader *r, int fd, bool *end, struct err *err);
/* *found is false where no whole frame is there yet. */
MUST_CHECK bool frame_reader_next(
    struct frame_reader *r, struct frame *frame, bool *found, struct err *err);
void frame_reader_release(struct frame_reader *r);

#endif
