/* The snapshot with what the pages look up in it: runs, tasks and models by key, names and paths.
 * Everything points into the snapshot, which must outlive the world. */
#ifndef ASSAY_SITE_WORLD_H
#define ASSAY_SITE_WORLD_H

#include <jansson.h>

#include "base/err.h"

struct sample_source;

struct world {
    const json_t *snapshot;
    const char *hub_url;                 /* or NULL */
    const struct sample_source *samples; /* or NULL */
    struct shelf *shelf;   /* where boards, runs and results are (shelf.h); NULL: in the snapshot */
    long long n_runs;      /* that are shown */
    long long last_listed; /* runs to this number are rows of a list, those above have pages */
    bool rank_imported;    /* what was imported has a row and a rank like what was measured */
    bool keep_parts;       /* rows of boards keep what they were compared by */
    json_t *runs;          /* run id -> run */
    json_t *tasks;         /* task id -> task */
    json_t *models;        /* name -> [revisions], oldest first */
    json_t *results;       /* run id -> [results] */
    json_t *runs_of;       /* model -> [runs], newest first */
    json_t *jobs;          /* "model task" -> the job that was made last */
    json_t *suite_titles;  /* name -> title */
    json_t *kin;           /* under which names the data of tasks are known (training.h) */
    char as_of[32]; /* the latest time at which a run or a job changed; "" if there is none */
};

/* As many runs, the newest, have a page of their own; others are rows on a page of their model's.
 */
#define RUN_PAGES_MAX 20000

/* ERR_SCHEMA for a document of another kind, ERR_INPUT for one that lacks a list. */
MUST_CHECK bool world_init(
    struct world *w, const json_t *snapshot, const char *hub_url, struct err *err);
void world_release(struct world *w);
/* The same where runs are on a shelf, which must outlive the world. */
MUST_CHECK bool world_init_shelf(struct world *w, const json_t *snapshot, struct shelf *shelf,
    const char *hub_url, struct err *err);
/* From now on those runs and results are known, and no others: where they are on a shelf. */
void world_show(const struct world *w, const json_t *runs, const json_t *results);

const json_t *world_list(const struct world *w, const char *key);
const json_t *world_run(const struct world *w, long long id); /* NULL: absent */
const json_t *world_task(const struct world *w, long long id);
/* What is known of a model at a revision (a row of "models"); NULL: nothing. */
const json_t *world_revision(const struct world *w, const char *model, const char *revision);
const json_t *world_job(const struct world *w, const char *model, const char *task);

/* A name as one folder name: itself where it is plain, else its plain characters and a hash. The
 * caller frees. */
char *slug(const char *name);

/* {"name", "org", "short", "path", "kind"} of a model; local models show the last part of their
 * path alone. New. */
json_t *model_ref(const struct world *w, const char *name);
json_t *task_ref(const char *name); /* {"name", "path"} */
/* Counts runs and says how many have a page (0: RUN_PAGES_MAX): before the first path is asked for.
 */
void world_page_runs(struct world *w, long long n);
bool has_page(const struct world *w, long long run);
/* "/m/org/name/r/17/" as a JSON string, or "/m/org/name/r/#run-17" for one without a page. New. */
json_t *run_path(const struct world *w, const char *model, long long run);

/* Small helpers of the views: a shared value under a key, where it is there and not null. */
void copy_field(json_t *to, const json_t *from, const char *key);
void copy_fields(json_t *to, const json_t *from, const char *const *keys); /* NULL-terminated */
void copy_text(json_t *to, const json_t *from, const char *key);   /* only if it is a string */
void copy_number(json_t *to, const json_t *from, const char *key); /* only if it is a number */

#endif
