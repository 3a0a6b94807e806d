/* The press: templates and their library, compiled once, that print one page after another.
 *
 * Templates see `d` (what they are given), `site` (set once), `page` (a table of their own for each
 * page, where the body says what the layout needs), the functions of lib.lua, and include(name, d),
 * which gives markup. They run in the sandbox; each page has a fresh instruction budget. */
#ifndef ASSAY_SITE_PRESS_H
#define ASSAY_SITE_PRESS_H

#include <jansson.h>

#include "base/embed.h"
#include "site-gen/escape.h"

struct press;

/* Compiles every *.html of the table and runs lib.lua, which sees `site`. */
MUST_CHECK struct press *press_open(
    const struct embedded *templates, const json_t *site, struct err *err);
void press_close(struct press *press);

struct print_job {
    const char *template; /* "board.html"; it is put into "layout.html" */
    const char *path;     /* of the page: "/s/x/" */
    struct link_base links;
    const json_t *data;
    const struct strbuf
        *plots; /* markup of our own making, as d.plots[i]; empty ones are left out */
    size_t n_plots;
};
/* Appends the page to *out. Errors are ours or the template's: they name template and line. */
MUST_CHECK bool press_print(
    struct press *press, const struct print_job *job, struct strbuf *out, struct err *err);
/* One template without the layout around it, for files that are not pages. */
MUST_CHECK bool press_print_bare(
    struct press *press, const struct print_job *job, struct strbuf *out, struct err *err);

#endif
