/* Inside the data room: JSON text to a row, fast. */
#ifndef ASSAY_DATA_JSONROW_H
#define ASSAY_DATA_JSONROW_H

#include "base/jsonscan.h"
#include "evaluator/data/row.h"

enum { JSONROW_SLACK = JSONSCAN_SLACK };

/* Both from 1. */
struct jsonrow_place {
    unsigned long long line;
    size_t column;
};

/* One JSON object, added to `row`. `place` is where it begins in its file, and after a failure
 * where that was found; NULL: a line's text, which begins with its first column. The text is worked
 * on in place and must outlive the row's use; JSONROW_SLACK bytes behind it can be read, and
 * text[n] is overwritten. What is refused is what RFC 8259 refuses, but for the words NaN, Infinity
 * and -Infinity, which Python's json writes and which become null as any such number does; and lone
 * surrogates, keys that stand twice or hold NUL, reals too large for a double, and nesting deeper
 * than 512; integers past 64 bits become reals. */
MUST_CHECK bool jsonrow_parse(
    struct row *row, char *text, size_t n, struct jsonrow_place *place, struct err *err);

#endif
