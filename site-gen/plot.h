/* The large figures, drawn by gnuplot: score against size, one for each suite that has sizes.
 *
 * gnuplot is handed numbers and our own words, never a stranger's text. What it prints is rewritten
 * by an allow-list of SVG: elements and attributes that are not on it do not reach a page. Where
 * gnuplot is absent or answers otherwise, there are no figures; the tables have the numbers. */
#ifndef ASSAY_SITE_PLOT_H
#define ASSAY_SITE_PLOT_H

#include <jansson.h>

#include "base/strbuf.h"

struct plots {
    struct strbuf *svg; /* one for each board; empty: no figure */
    size_t n_boards;
    int n;
    char note[160]; /* why there are none */
};
/* program as in site_options. Never fails: it leaves a note. */
void plots_draw(struct plots *plots, const char *program, const json_t *boards);
void plots_take(struct plots *plots, size_t board, struct strbuf *svg);
void plots_release(struct plots *plots);

/* gnuplot's SVG to what is put into a page, under ids that begin with `id`. False: not what we
 * know. */
MUST_CHECK bool plot_clean(const char *svg, size_t n, const char *id, const char *title,
    struct strbuf *out, struct err *err);

#endif
