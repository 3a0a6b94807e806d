/* Lines of a stream, without their "\n" or "\r\n", each at most ROW_MAX_BYTES long. */
#ifndef ASSAY_DATA_LINES_H
#define ASSAY_DATA_LINES_H

#include "base/strbuf.h"
#include "evaluator/data/stream.h"

struct lines {
    struct stream stream;
    struct strbuf joined;      /* a line that lies in more than one window */
    unsigned long long number; /* of the line last given, from 1 */
};

MUST_CHECK bool lines_open(struct lines *l, struct bytes *bytes, const char *name, struct err *err);
/* The text is valid until the next call and may be changed; STREAM_SLACK / 2 bytes behind it can be
 * read, and written where it ends. False at the end (err->class stays ERR_NONE) and on failure. */
bool lines_next(struct lines *l, char **text, size_t *n, struct err *err);
void lines_close(struct lines *l);

#endif
