/* The door of the site room: from the published views of the database to a folder of static pages.
 *
 * site_load reads one moment of the database into a plain document, "assay.site/1"; site_build
 * knows nothing else, so a document from a file or a test makes the same pages. The output depends
 * on the document and the options alone: no clock, no network, the same bytes each time. All text
 * in the document is a stranger's; templates escape it by default (template.h).
 *
 *     {"schema": "assay.site/1", "suites": [...], "suite_tasks": [...], "board": [...], "models":
 * [...], "tasks": [...], "runs": [...], "results": [...], "queue": [...], "workers": [...],
 * "tombstones": [models that were withdrawn], "copies": [{"of_model", "of_commit", "model"}],
 * "corrections": [runs that were withdrawn, and those that may stand for them],
 * "overlaps": [documents of tasks in corpora],
 * "nights": [...], "asked": [which suites a model was asked for], "stats": {...},
 * "samples": {"<run>": [first samples of the run, as objects]},
 * "samples_gone": {"<run>": "archived" or "dropped"},
 * "as_of"?: a time before which it was not read, "from_files"?: it comes from files (results.h) and
 * lacks the queue}
 *
 * The lists hold the rows of db/sql/site_*.sql under their column names; times are ISO 8601 in UTC.
 * All samples would be too many: site_build gets them run by run from a sample_source, where there
 * is one.
 */
#ifndef ASSAY_SITE_H
#define ASSAY_SITE_H

#include <jansson.h>
#include <stdatomic.h>

#include "base/strbuf.h"

struct db;

/* The caller owns *snapshot. */
MUST_CHECK bool site_load(struct db *db, json_t **snapshot, struct err *err);

/* The same of one suite, as far as its board goes: no samples, no other suite's runs. */
MUST_CHECK bool site_load_board(
    struct db *db, const char *suite, json_t **snapshot, struct err *err);

/* The board of a suite as its page shows it ("assay.site.board/1"), which the caller owns. With
 * `pairs`, each section also has "pairs": [{"a", "b": places in "rows", "difference": a less b,
 * "se", "p", "p_holm", "paired", "low", "high"}], the interval from resamples of the shared
 * documents where they are known ("resamples" of them), else from the errors. */
struct board_options {
    bool pairs, rank_imported; /* rank_imported: see site_options */
    size_t n_resamples;
    unsigned long long seed;
};
MUST_CHECK bool site_board(const json_t *snapshot, const char *suite,
    const struct board_options *options, json_t **board, struct err *err);

/* {"name", "percent": it is a share, "higher": is better} of a metric (base/metrics.h);
 * `definition` of the task (or NULL) may say which way `main` goes. The caller owns it. Means are
 * taken over what is both. */
json_t *metric_view(const char *metric, const char *main, const json_t *definition);

/* Hands the samples of a run to `take` in order, one object each; where they are no longer there,
 * none, and *gone says "archived" or "dropped". A run's samples never change. */
typedef bool sample_fn(void *to, const json_t *sample, struct err *err);
struct sample_source {
    bool (*read)(
        void *arg, long long run, sample_fn *take, void *to, const char **gone, struct err *err);
    void *arg;
};
/* Those of the database, which must stay open. */
struct sample_source site_samples_in(struct db *db);

struct site_look;

struct site_options {
    const char *out; /* folder to make or to replace; refused if something else is in it */
    const char
        *base_url;     /* where it will be published, https://...; NULL: no sitemap and no feed */
    const char *title; /* NULL: what `look` says, else "Assay" */
    const struct site_look *look; /* a team's own words and colours (look.h), or NULL */
    const char *since; /* folder of an older state of the site: boards tell what changed; or NULL */
    const char *hub_url;                 /* models of kind hub link there; NULL: no such links */
    const char *gnuplot;                 /* the program; NULL: looked for in PATH; "": no plots */
    const struct sample_source *samples; /* NULL: those in the snapshot, or in the database */
    long long run_pages;       /* so many runs, the newest, have a page of their own; 0: 20,000 */
    bool rank_imported;        /* imported results stand among the measured ones, marked; else below
                                  them, without a rank */
    bool afresh;               /* keeps no page of the old site without having made it again */
    bool plain;                /* no FILE.gz and FILE.br beside the files */
    bool file_links;           /* links name index.html, for reading from disk without a server */
    const char *const *closed; /* private suites, ended by NULL: each is a site of its own below
                                  s/NAME/, and nothing outside it tells of it (split.h); or NULL */
};

struct site_report {
    int n_pages, n_files; /* pages are .html */
    int n_changed;        /* files that are new or have other bytes than before */
    int n_plots, n_links;
    size_t bytes, packed_bytes; /* of the files; of those beside them that are compressed */
    char plots_note[160];       /* why there are no plots; empty if there are */
    int n_problems;             /* site_check */
    struct strbuf problems;     /* one line each, "path: what" */
};
void site_report_release(struct site_report *report); /* a zeroed struct is fine */

/* Builds beside `out` and swaps at the end: a reader sees the old site or the new one. Files whose
 * bytes are the same stay the same files. *report may be NULL. */
MUST_CHECK bool site_build(const json_t *snapshot, const struct site_options *options,
    struct site_report *report, struct err *err);

/* The same from the database itself: one moment of it, read a part at a time, so that what a build
 * holds grows with boards and not with runs. Pages are those of site_load's document. */
MUST_CHECK bool site_build_from(
    struct db *db, const struct site_options *options, struct site_report *report, struct err *err);

/* One of the templates without the layout around it, for a file of its own: a report, a mail. */
MUST_CHECK bool site_page(
    const char *template, const json_t *data, struct strbuf *out, struct err *err);

/* Is every link answered, is the HTML well-formed, is nothing inline, are the weight budgets kept?
 * Fills the report, which the caller zeroes and releases; ERR_NEGATIVE if there are problems. */
MUST_CHECK bool site_check(const char *dir, struct site_report *report, struct err *err);

/* Serves the folder on 127.0.0.1 until *stop. Port 0: any; port_file (or NULL) gets the number. */
MUST_CHECK bool site_serve(const char *dir, unsigned port, const char *port_file,
    const atomic_bool *stop, struct err *err);

/* For whoever else delivers a site. What a file is, by its name (site_open_below takes one without
 * a slash in front, as these do); and a file below the folder `dir`: the kernel resolves the path,
 * without links and never above it. -1, errno. */
const char *site_content_type(const char *path);
/* How long it is kept: for good where its name has the hash of what is in it. */
const char *site_cache_control(const char *path);
MUST_CHECK int site_open_below(int dir, const char *path);

#endif
