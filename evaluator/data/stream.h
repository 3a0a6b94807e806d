/* The bytes of a file, plain or unpacked from gzip (.gz) or zstd (.zst), in pieces that the reader
 * walks through.
 *
 * Unpacking is bounded: an output that is both over 2 MiB and over 250 times the input read so far
 * is a bomb, as is one over 64 GiB. gzip members may follow one another; trailing zeros are
 * padding, anything else is an error. */
#ifndef ASSAY_DATA_STREAM_H
#define ASSAY_DATA_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"

struct unpacker;

struct stream {
    const uint8_t *at, *end; /* what has been read and not yet taken */
    bool failed;             /* a refill failed; *err says why */
    struct file_map map;
    struct unpacker *unpacker; /* NULL: a plain file, all of it between at and end */
};

/* By the path's ending. A leading UTF-8 byte order mark is skipped. */
MUST_CHECK bool stream_open(struct stream *s, const char *path, struct err *err);
void stream_close(struct stream *s); /* a zeroed struct is fine */

/* The next piece into at..end once it is used up; false at the end of the file, and on failure with
 * s->failed set. */
bool stream_refill(struct stream *s, struct err *err);

/* The next byte, or -1 at the end or on failure; stream_peek leaves it there. */
static inline int stream_peek(struct stream *s, struct err *err) {
    return s->at < s->end || stream_refill(s, err) ? *s->at : -1;
}

static inline int stream_get(struct stream *s, struct err *err) {
    return s->at < s->end || stream_refill(s, err) ? *s->at++ : -1;
}

#endif
