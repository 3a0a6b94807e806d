/* What a site has beside the pages of results: downloads, badges, feeds, the change log, plots.
 * Each part is a file of its own that knows views and this outlet, and nothing of how files are
 * written.
 */
#ifndef ASSAY_SITE_OUTLET_H
#define ASSAY_SITE_OUTLET_H

#include "site-gen/escape.h"
#include "site-gen/site.h"
#include "site-gen/world.h"

struct outlet {
    const struct world *world;
    const json_t *boards; /* rows perhaps without their cells */
    const struct site_options *options;
    struct link_base links; /* of a page at depth 0 */
    json_t *listed;         /* [{"path", "bytes", "sha256", "schema"}] of what is for downloading */
    json_t *paths;          /* of all pages so far */
    void *builder;
    json_t *(*board)(void *builder, size_t i); /* with all cells. New */
    /* From now on the runs of these models are known: their names, as they were submitted. */
    bool (*show)(void *builder, const json_t *models, struct err *err);
    /* The page of a template at a folder's path, and `data`, which it takes, as its JSON. */
    bool (*page)(void *builder, const char *template, const char *path, json_t *data,
        const struct strbuf *plots, size_t n_plots, struct err *err);
    /* A template without the layout, as a file. */
    bool (*bare)(
        void *builder, const char *template, const char *file, const json_t *data, struct err *err);
    bool (*file)(void *builder, const char *file, const void *data, size_t n, struct err *err);
};

/* download.c: a CSV for each section of a board, and the page of all that can be had. Last of all:
 * it lists what the others have put. */
MUST_CHECK bool put_downloads(const struct outlet *o, struct err *err);
/* One section of a board as CSV (RFC 4180). A text that a spreadsheet would take for a formula has
 * a ' before it. */
void section_csv(const json_t *section, struct strbuf *out);

/* badge.c: /badge/ORG/NAME/SUITE.svg and .json of a model for each suite on whose board it is, from
 * its view. */
MUST_CHECK bool put_badges(const struct outlet *o, const json_t *view, struct err *err);
void badge_svg(const char *label, const char *message, struct strbuf *out);

/* feed.c: what is new of one model or task; without an address of the site there are no feeds. The
 * lines are runs as views list them. */
MUST_CHECK bool put_model_feed(const struct outlet *o, const json_t *view, struct err *err);
MUST_CHECK bool put_task_feed(const struct outlet *o, const json_t *view, struct err *err);
/* sitemap.xml, in parts of so many pages as a map may have; opensearch.xml. */
MUST_CHECK bool put_sitemap(const struct outlet *o, struct err *err);

/* changes.c: what was corrected, measured again or taken down; and with an older site at hand, what
 * became of each board since. */
MUST_CHECK bool put_changes(const struct outlet *o, struct err *err);
/* {"entered", "left", "moved": rows} between two documents of one board. New. */
json_t *board_changes(const json_t *before, const json_t *after);

/* charts.c: /s/SUITE/plots/ of each board. Where gnuplot draws nothing, `note` (of 160 bytes) says
 * why. */
MUST_CHECK bool put_charts(const struct outlet *o, int *n_plots, char *note, struct err *err);

#endif
