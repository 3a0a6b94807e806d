/* A night: measure the canaries, look whether models, tasks or the harness changed, queue what did,
 * see the queue through, look for steps in the histories, build the site, and tell all of it.
 *
 * One night at a time: an advisory lock of the night's own connection, taken again when the
 * database came back. A canary that differs freezes publication: the site then stays as it is until
 * `assay nightly unfreeze`. Whatever a hub or a model does ends up in the report, not in an error;
 * false is for what kept the night itself from going on, or who stopped it: what it had found by
 * then is told all the same. */
#ifndef ASSAY_NIGHTLY_H
#define ASSAY_NIGHTLY_H

#include <stdatomic.h>

#include "base/json.h"

struct db;

/* What is usual: an outage of ten minutes is outlasted, and none costs more than two hours. */
#define NIGHT_HUB_WAIT_S 7200
#define NIGHT_HUB_REST_S 30

struct night_options {
    struct db *db;
    const char *build;         /* of this program */
    const char *const *suites; /* NULL-terminated; NULL: all that models were asked for on */
    const char *report_dir;    /* or NULL: reports are kept in the database alone */
    const char *site;          /* folder of the site; NULL: none is built */
    const char *base_url, *title;
    const struct site_look *look;   /* of the site; NULL: as it is */
    const char *const *closed;      /* private suites of the site, as of site_options; or NULL */
    const char *const *worker_argv; /* how a worker of ours is started; NULL: others work */
    const char *const *canary_argv; /* how a canary is measured: the run's number is put behind */
    unsigned workers;
    bool dry_run, no_wait, keep_build;
    unsigned hub_wait_s; /* how long a hub that is away is waited for, all in all */
    unsigned retry_s;    /* the first of these waits; each is twice the one before, up to minutes */
    double wait_s;       /* how long the queue is waited for */
    const atomic_bool *stop;
    void (*log)(const char *line);

    /* Is the suite in the library? ERR_NOT_FOUND: models stay as they are on it. */
    bool (*find_suite)(void *arg, const char *suite, struct err *err);
    /* A submission (db_submit's) of the model on the suite at a precision, by policy; NULL with the
     * reason. ERR_NETWORK: the hub is away. */
    json_t *(*make)(
        void *arg, const char *model, const char *suite, const char *precision, struct err *err);
    void *arg;
};

/* *report (the caller's) is an "assay.night/1" document, see report.c. ERR_BUSY: another night is
 * under way. */
MUST_CHECK bool night_run(const struct night_options *options, json_t **report, struct err *err);

/* What the exit code says of a report: NULL where all is well; else ERR_NEGATIVE (frozen) or
 * ERR_FAILED. */
MUST_CHECK bool night_verdict(const json_t *report, struct err *err);

/* For people, on a terminal or in a mail. */
void night_text(const json_t *report, struct strbuf *out);

#endif
