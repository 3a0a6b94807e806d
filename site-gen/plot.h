/* The large figures, drawn by gnuplot: score against size, one for each section of a board.
 *
 * gnuplot is handed numbers and our own words, never a stranger's text: it runs commands that stand
 * in back-ticks. Of what it prints, three things are read, lines, marks and texts, and written
 * anew; so nothing else of it can reach a page. Where gnuplot is absent or answers otherwise there
 * is no figure; the tables have the numbers. */
#ifndef ASSAY_SITE_PLOT_H
#define ASSAY_SITE_PLOT_H

#include <jansson.h>

#include "site-gen/escape.h"

#define PLOT_SECTIONS_MAX 4 /* of a board */

struct plots {
    struct strbuf (*svg)[PLOT_SECTIONS_MAX]; /* by board and section; empty: no figure */
    size_t n_boards;
    int n;
    char note[160]; /* why there are none */
};
/* program as in site_options; `links` as of a board's page. Never fails: it leaves a note. */
void plots_draw(
    struct plots *plots, const char *program, const json_t *boards, const struct link_base *links);
void plots_release(struct plots *plots);

/* What gnuplot prints when it is told `script`: SVG documents, one after another. `program` as in
 * site_options. */
MUST_CHECK bool plot_run(
    const char *program, const struct strbuf *script, struct strbuf *out, struct err *err);

/* One figure: a point for each row that has a mean and a size. */
struct plot_point {
    double size, value, low, high; /* value as shown */
    const json_t *row;
};
/* Appends commands for gnuplot that draw the points (sorted by size). */
void plot_script(const struct plot_point *points, size_t n, struct strbuf *out);
/* From gnuplot's SVG to ours, each mark a link to its row's model. False: it is not what we know.
 */
MUST_CHECK bool plot_rewrite(const char *svg, size_t len, const struct plot_point *points, size_t n,
    const struct link_base *links, struct strbuf *out, struct err *err);

#endif
