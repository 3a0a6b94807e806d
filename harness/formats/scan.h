/* A scanner for JSON whose shape is known: the caller asks for what must come next. Nothing is
 * built, so the memory used doesn't depend on the text; strings are decoded into one buffer that is
 * used again and again. */
#ifndef ASSAY_HARNESS_FORMATS_SCAN_H
#define ASSAY_HARNESS_FORMATS_SCAN_H

#include <stdint.h>

#include "base/strbuf.h"
#include "harness/formats/quoted.h"

struct scan {
    const char *start, *at, *end;
    struct strbuf string; /* the last string or key */
};

void scan_init(struct scan *s, const char *text, size_t n); /* valid UTF-8 that outlives the scan */
void scan_release(struct scan *s);

/* Takes the character if it is next (white space before it is passed over). */
bool scan_take(struct scan *s, char c);

/* Takes the character, or fails saying that it was expected. */
MUST_CHECK bool scan_expect(struct scan *s, char c, struct err *err);

/* A string, decoded into s->string. */
MUST_CHECK bool scan_string(struct scan *s, struct err *err);

/* A number without sign, fraction, exponent or leading zero that fits 64 bits; for anything else
 * false, and nothing is taken. */
MUST_CHECK bool scan_uint(struct scan *s, uint64_t *out);

/* [1, 2, 3]: *n numbers of at most `max`; false for anything else, *n numbers having been read. */
MUST_CHECK bool scan_uints(struct scan *s, uint64_t *out, size_t max, size_t *n);

/* An object: `each` is called at every value, the key in s->string, and takes the value. */
typedef bool scan_field_fn(struct scan *s, void *arg, struct err *err);
MUST_CHECK bool scan_object(struct scan *s, scan_field_fn *each, void *arg, struct err *err);

/* Any value, nested at most `depth` deep. */
MUST_CHECK bool scan_skip(struct scan *s, int depth, struct err *err);

/* Nothing but white space is left. */
MUST_CHECK bool scan_end(struct scan *s, struct err *err);

/* The few characters that come next, for messages. */
const char *scan_excerpt(struct scan *s, struct quoted *q);

#endif
