/* The strings and numbers of JSON text, taken where they stand: what every reader of JSON in this
 * program has in common.
 *
 * The text is worked on in place and ends with a NUL at `end`, so that no loop looks for its end;
 * JSONSCAN_SLACK bytes behind it can be read. */
#ifndef ASSAY_JSONSCAN_H
#define ASSAY_JSONSCAN_H

#include <stdint.h>

#include "base/err.h"

enum { JSONSCAN_SLACK = 8 };

struct jsonscan {
    char *at, *end;
    const char *what; /* is wrong at `at` */
};

/* Says what is wrong, unless something is already; false. */
bool jsonscan_bad(struct jsonscan *s, const char *what);

/* A string, whose opening quote is under s->at, unescaped; it may hold NUL. Control characters,
 * lone surrogates and what is not UTF-8 are refused. */
MUST_CHECK bool jsonscan_string(struct jsonscan *s, char **text, size_t *n);

struct jsonscan_number {
    enum jsonscan_kind { JSONSCAN_INT, JSONSCAN_WIDE_INT, JSONSCAN_REAL } kind;
    int64_t i;
    double d; /* of a real, and of an integer past 64 bits */
};
/* A number, whose first character is under s->at. One too large for a double is refused. */
MUST_CHECK bool jsonscan_number(struct jsonscan *s, struct jsonscan_number *out);

#endif
