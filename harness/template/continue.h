/* The model goes on with the last message: it is rendered with a mark behind its text, and the
 * whole is cut at the mark. Private to this folder. */
#ifndef ASSAY_HARNESS_TEMPLATE_CONTINUE_H
#define ASSAY_HARNESS_TEMPLATE_CONTINUE_H

#include "base/json.h"

/* Puts the mark into the last of `messages`, which the caller owns alone; *out is the text that is
 * gone on with. `asked` is true or the name of a field; `source` is the template, which must use
 * that field. */
MUST_CHECK bool continue_mark(
    json_t *messages, const json_t *asked, const char *source, struct strbuf *out, struct err *err);

/* Cuts what was rendered. */
MUST_CHECK bool continue_cut(struct strbuf *rendered, const struct strbuf *final, struct err *err);

#endif
