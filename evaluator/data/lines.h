/* Lines of a stream, without their "\n" or "\r\n", each at most ROW_MAX_BYTES long. */
#ifndef ASSAY_DATA_LINES_H
#define ASSAY_DATA_LINES_H

#include "base/strbuf.h"
#include "evaluator/data/stream.h"

struct lines {
    struct stream stream;
    struct strbuf joined;      /* a line that lies in more than one piece */
    unsigned long long number; /* of the line last given, from 1 */
};

MUST_CHECK bool lines_open(struct lines *l, const char *path, struct err *err);
/* The view is valid until the next call. False at the end (err->class stays ERR_NONE) and on
 * failure. */
bool lines_next(struct lines *l, const char **text, size_t *n, struct err *err);
void lines_close(struct lines *l);

#endif
