/* application/x-www-form-urlencoded, read under a ceiling: strangers' bytes. Private to the room.
 */
#ifndef ASSAY_SERVE_FORM_H
#define ASSAY_SERVE_FORM_H

#include "base/strbuf.h"

/* One field, decoded. Neither text is the callee's to keep; the name holds no NUL. */
typedef bool form_field_fn(
    void *arg, const struct strbuf *name, const struct strbuf *value, struct err *err);

/* Every field in its order; a value has `value_max` bytes at most (a longer one has overflow set).
 * ERR_INPUT where the body is no form. */
MUST_CHECK bool form_read(
    const char *body, size_t n, size_t value_max, form_field_fn *each, void *arg, struct err *err);

#endif
