/* What a submission asks for, read from a form or from JSON: strangers' bytes, all of them.
 *
 * Fields: model (org/name, or org/name@revision), revision, suite, dtype, priority, webhook; a form
 * also has form (its token) and token. Anything else is refused by its name, so that a misspelt
 * field is not one that was ignored. */
#ifndef ASSAY_SERVE_ASK_H
#define ASSAY_SERVE_ASK_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define ASK_BODY_MAX 16384

struct ask {
    char model[200], revision[130], suite[101], dtype[16], webhook[2001];
    char form[200], token[200]; /* of a form alone */
    int priority;               /* -1: not said */
};

/* A flat JSON object. ERR_INPUT where it is no such thing, ERR_UNSUPPORTED where a field can't be
 * taken: the first is the sender's program's mistake, the second his own. */
MUST_CHECK bool ask_read_json(struct ask *ask, const char *body, size_t n, struct err *err);
/* application/x-www-form-urlencoded. Empty fields are absent ones. */
MUST_CHECK bool ask_read_form(struct ask *ask, const char *body, size_t n, struct err *err);
/* The grammar of names, and what goes together. `suites` as in serve_options. */
MUST_CHECK bool ask_check(struct ask *ask, const json_t *suites, struct err *err);

/* The value of a query's field as a positive number; `otherwise` where it is absent, -1 where it is
 * none. */
long long query_number(const char *text, long long otherwise);

#endif
