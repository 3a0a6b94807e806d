/* Chat templates: the part of Jinja that models on hubs use, rendered to the byte as transformers
 * does it (trim_blocks, lstrip_blocks, the immutable sandbox, its tojson, loop controls, generation
 * blocks). A template is a stranger's program: it can't change what it is given, reaches nothing
 * but its variables, and runs under ceilings on work, memory, nesting and text.
 *
 * Private to the harness; commands reach it through harness.h. */
#ifndef ASSAY_HARNESS_TEMPLATE_H
#define ASSAY_HARNESS_TEMPLATE_H

#include "base/json.h"

struct template;

#define TEMPLATE_BYTES_MAX (1u << 20)

/* Parses a template; NULL with the line of what is wrong. */
MUST_CHECK struct template *template_parse(const char *text, size_t n, struct err *err);
void template_free(struct template *t);

/* Names of filters and tests that the text asks for and nobody here knows, each once: a template
 * that has any may still render. Borrowed. */
const char *const *template_unknown(const struct template *t, size_t *n);

/* Appends the text. `variables` is an object whose nulls are None; `now` is seconds since 1970 in
 * UTC, for strftime_now. On failure *out holds nothing more than before. */
MUST_CHECK bool template_render(const struct template *t, const json_t *variables, int64_t now,
    struct strbuf *out, struct err *err);

#endif
