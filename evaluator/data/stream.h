/* The bytes of a file, plain or unpacked from gzip (.gz) or zstd (.zst), in windows that the reader
 * walks through and may change.
 *
 * Unpacking is bounded: an output that is both over 2 MiB and over 250 times the input read so far
 * is a bomb, as is one over 4 TiB; what begins as one is refused before any of it is given. gzip
 * members and zstd frames may follow one another, the latter with windows of up to 128 MiB;
 * trailing zeros behind a gzip member are padding, anything else is an error. */
#ifndef ASSAY_DATA_STREAM_H
#define ASSAY_DATA_STREAM_H

#include "evaluator/data/bytes.h"

enum { STREAM_WINDOW = 256 << 10, STREAM_SLACK = 16 };

struct unpacker;

struct stream {
    uint8_t *at, *end; /* what has been read and not yet taken; STREAM_SLACK bytes follow */
    bool failed;       /* a refill failed; *err says why */
    uint8_t *window;
    struct bytes *bytes;
    uint64_t taken;            /* of bytes, so far */
    uint64_t before;           /* unpacked, in front of the window */
    struct unpacker *unpacker; /* NULL: a plain file */
};

/* By the name's ending. A leading UTF-8 byte order mark is skipped. */
MUST_CHECK bool stream_open(
    struct stream *s, struct bytes *bytes, const char *name, struct err *err);
void stream_close(struct stream *s); /* a zeroed struct is fine */

/* The next window into at..end once this one is used up; false at the end of the file, and on
 * failure with s->failed set. */
bool stream_refill(struct stream *s, struct err *err);

/* How far the reader has come, in unpacked bytes; and on to a place that lies ahead, which only a
 * plain file reaches without reading what is between. False where the file ends before it too. */
static inline uint64_t stream_tell(const struct stream *s) {
    return s->before + (uint64_t)(s->at - s->window);
}
MUST_CHECK bool stream_seek(struct stream *s, uint64_t to, struct err *err);

/* What unpacking takes beside the window, as the file asks for it. */
size_t stream_memory(const struct stream *s);

/* The next byte, or -1 at the end or on failure; stream_peek leaves it there. */
static inline int stream_peek(struct stream *s, struct err *err) {
    return s->at < s->end || stream_refill(s, err) ? *s->at : -1;
}

static inline int stream_get(struct stream *s, struct err *err) {
    return s->at < s->end || stream_refill(s, err) ? *s->at++ : -1;
}

#endif
