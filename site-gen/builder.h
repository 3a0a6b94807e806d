/* What the builder knows while it makes a site (build.c), and hands that make parts of it side by
 * side (hands.c). */
#ifndef ASSAY_SITE_BUILDER_H
#define ASSAY_SITE_BUILDER_H

#include "site-gen/memory.h"
#include "site-gen/outlet.h"
#include "site-gen/plot.h"
#include "site-gen/press.h"
#include "site-gen/sign.h"
#include "site-gen/site.h"
#include "site-gen/world.h"

struct builder {
    const struct site_options *options;
    struct shelf *shelf; /* or NULL: then there is no memory, either */
    struct memory memory;
    struct signer signer;
    json_t *snapshot;
    const char *below; /* where in the tree the site is: "" or "s/NAME/" */
    struct world world;
    json_t *globals; /* what all templates see as `site` */
    struct press *press;
    struct tree *tree;
    struct plots plots;
    json_t *boards;
    json_t *paths;    /* of all pages, for the site map */
    json_t *listed;   /* what is for downloading (outlet.h) */
    json_t *compared; /* paths of models that have scores, without what all have */
    struct outlet outlet;
    struct strbuf page;
    char *root; /* path part of base_url: "/" or "/path/" */
    int n_pages;
    int pages_before;    /* the part that is being made */
    size_t paths_before; /* the same, of paths */
    size_t n_figures;    /* of a page that has any */
};

/* A file, and a page at a file, within the site; `path` is what the page is linked by. */
MUST_CHECK bool put_file(
    struct builder *b, const char *file, const void *data, size_t n, struct err *err);
MUST_CHECK bool put_page(struct builder *b, const char *template, const char *path,
    const char *file, const json_t *data, const struct strbuf *plots, struct err *err);
MUST_CHECK bool put_json(struct builder *b, const char *file, const json_t *data, struct err *err);
/* The page at a folder's path and its data under /api/v1/; takes `data`. */
MUST_CHECK bool put_view(struct builder *b, const char *template, const char *path, json_t *data,
    const struct strbuf *plots, struct err *err);
/* What others put their files by (outlet.h); the builder stays where it is. */
void builder_open_outlet(struct builder *b);

/* Hands are builders with a press, a page and runs of their own; what they have made of an item is
 * the builder's as if it had made the items itself, one after the other. There are as many as
 * processors where runs come off a shelf, else one. */
struct hands;
MUST_CHECK struct hands *hands_open(struct builder *b, struct err *err);
void hands_close(struct hands *h);
size_t hands_at_once(const struct hands *h); /* how many items are worth a call */
typedef bool hand_fn(struct builder *hand, void *arg, size_t item, struct err *err);
/* The error is that of the first item that failed. */
MUST_CHECK bool hands_run(struct hands *h, size_t n_items, hand_fn *fn, void *arg, struct err *err);

/* parts.c: models with their runs, and tasks, each with the list of them. */
MUST_CHECK bool put_models(struct builder *b, struct hands *hands, struct err *err);
MUST_CHECK bool put_tasks(struct builder *b, struct hands *hands, struct err *err);

#endif
