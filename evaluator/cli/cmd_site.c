/* assay site build | check | serve. */
#include <stdlib.h>

#include "base/file.h"
#include "base/json_pool.h"
#include "db/db.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/snapshot.h"
#include "evaluator/cli/stop.h"
#include "evaluator/cli/suites.h"
#include "site-gen/look.h"
#include "site-gen/results.h"
#include "site-gen/site.h"

/* ---- build ---- */

static const struct option options_build[] = {
    { "out", 'o', "DIR", "the folder to make or to replace (default: site)" },
    { "base-url", 0, "URL", "where it will be published: for the sitemap and the feed" },
    { "from", 0, "DIR", "build from results that 'result export' wrote, without a database" },
    { "config", 0, "FILE", "a site.lua: title, words, colours, logo and links of your own" },
    { "rank-imported", 0, NULL,
        "rank imported results among the measured ones (or imported = \"rank\" in --config)" },
    { "since", 0, "DIR", "an older state of this site: boards tell what changed since" },
    { "title", 0, "TEXT", "the site's name" },
    { "private", 0, "SUITE",
        "a board of its own below s/SUITE/, told of nowhere else (repeatable)" },
    { "afresh", 0, NULL, "make every page again, also those of which nothing has changed" },
    { "plain", 0, NULL, "without FILE.gz and FILE.br beside the files" },
    { "file-links", 0, NULL, "name index.html in links, for reading from disk without a server" },
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones: for names of suites" },
    { NULL, 0, NULL, NULL },
};

static bool load_look(const struct args *args, struct site_look *look, struct err *err) {
    const char *path = args_get(args, "config", NULL);
    return !path || site_look_read(path, look, err);
}

/* Files are a whole document, with samples of their own. */
static bool build_from_files(const struct args *args, const char *const *closed,
    struct site_options *options, struct site_report *report, struct err *err) {
    json_t *snapshot = NULL;
    const char *from = args_get(args, "from", NULL);
    bool ok =
        results_read(from, &snapshot, err) && suites_check_closed_in(args, snapshot, closed, err);
    const struct results_place place = { from, snapshot };
    struct sample_source files = results_samples(&place);
    options->samples = &files;
    ok = ok && site_build(snapshot, options, report, err);
    json_decref(snapshot);
    return ok;
}

static bool build(const struct args *args, const char *const *closed, struct site_options *options,
    struct site_report *report, struct err *err) {
    json_pool_use(); /* of a large board there are millions of values */
    if (args_has(args, "from"))
        return build_from_files(args, closed, options, report, err);
    struct db *db = snapshot_database(args, err);
    bool ok = db && suites_check_closed(args, db, closed, err) &&
              site_build_from(db, options, report, err);
    db_close(db);
    return ok;
}

enum { CLOSED_MAX = 32 };

static bool run_build(const struct args *args, struct err *err) {
    struct site_look look = { 0 };
    const char *closed[CLOSED_MAX];
    const char *endpoint = getenv("HF_ENDPOINT");
    struct site_report report = { 0 };
    struct site_options options = {
        .out = args_get(args, "out", "site"),
        .base_url = args_get(args, "base-url", NULL),
        .title = args_get(args, "title", NULL),
        .since = args_get(args, "since", NULL),
        .rank_imported = args_has(args, "rank-imported"),
        .look = args_has(args, "config") ? &look : NULL,
        .hub_url = endpoint && *endpoint ? NULL : "https://huggingface.co",
        .afresh = args_has(args, "afresh"),
        .plain = args_has(args, "plain"),
        .file_links = args_has(args, "file-links"),
    };
    if (!args_list(args, "private", closed, CLOSED_MAX, err)) {
        return false;
    }
    options.closed = closed[0] ? closed : NULL;
    bool ok = load_look(args, &look, err) && build(args, closed, &options, &report, err);
    if (ok) {
        printf("%s: %d pages, %d files, %.1f MB, %d changed\n", options.out, report.n_pages,
            report.n_files, (double)(report.bytes + report.packed_bytes) / 1e6, report.n_changed);
        if (report.plots_note[0]) {
            fprintf(stderr, "assay: note: %s\n", report.plots_note);
        }
    }
    site_report_release(&report);
    site_look_release(&look);
    return ok;
}

const struct command cmd_site_build = {
    .name = "site build",
    .operands = "",
    .summary = "build the static website from the database, or from exported results",
    .details = "Readers see the old site or the new one, never half of each; files that did not "
               "change are kept.\n"
               "A private board is a site of its own below s/SUITE/: its tasks, models, runs and "
               "samples are on no\n"
               "page outside it, nor are reports of nights, and what belongs to no open suite. Who "
               "may read it is for\n"
               "what serves it to say: 'assay serve --private /s/SUITE/'. A name that no suite has "
               "is an error.\n\n"
               "  assay site build -o public --base-url https://board.example.org\n"
               "  assay site build -o public --private inner\n"
               "  assay site build -o public --from results --config site.lua\n",
    .options = { options_build, options_database },
    .run = run_build,
};

/* ---- check ---- */

static const struct option options_none[] = { { NULL, 0, NULL, NULL } };

static bool run_check(const struct args *args, struct err *err) {
    struct site_report report = { 0 };
    bool ok = site_check(args->operands[0], &report, err);
    if (report.n_problems) {
        fputs(strbuf_str(&report.problems), stdout);
    } else if (ok) {
        printf("%s: %d pages, %d links, nothing to mend\n", args->operands[0], report.n_pages,
            report.n_links);
    }
    site_report_release(&report);
    return ok;
}

const struct command cmd_site_check = {
    .name = "site check",
    .operands = "DIR",
    .summary = "check a built site: links, markup, weights",
    .details = "Exit code 10 if there is something to mend.\n",
    .options = { options_none },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_check,
};

/* ---- serve ---- */

static const struct option options_serve[] = {
    { "port", 'p', "N", "port on 127.0.0.1 (default 8000; 0: any free one)" },
    { "port-file", 0, "FILE", "write the port there once it listens" },
    { NULL, 0, NULL, NULL },
};

static bool run_serve(const struct args *args, struct err *err) {
    unsigned long port;
    if (!args_get_uint(args, "port", 8000, 65535, &port, err)) {
        return false;
    }
    if (port && dir_exists(args->operands[0])) {
        fprintf(
            stderr, "serving %s on http://127.0.0.1:%lu/ until Ctrl-C\n", args->operands[0], port);
    }
    return site_serve(args->operands[0], (unsigned)port, args_get(args, "port-file", NULL),
        stop_on_signals(), err);
}

const struct command cmd_site_serve = {
    .name = "site serve",
    .operands = "DIR",
    .summary = "serve a built site on loopback",
    .options = { options_serve },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_serve,
};
