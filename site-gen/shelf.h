/* What is too much for one document: the rows of boards, runs and results, read from the database a
 * part at a time while pages are made of them.
 *
 * Rows have the columns that a snapshot's lists have (site.h), as far as somebody asks for them.
 * What goes wrong is kept: the first error stays, all that is asked after it answers nothing, and
 * whoever asked looks at shelf_ok in the end. */
#ifndef ASSAY_SITE_SHELF_H
#define ASSAY_SITE_SHELF_H

#include <jansson.h>
#include <pthread.h>

#include "base/err.h"

struct db;

struct shelf {
    struct db *db;        /* in a snapshot of the caller's */
    pthread_mutex_t lock; /* whoever asks holds it: several threads may */
    struct err err;
    bool failed;
};

/* False, with the error, if something went wrong. */
MUST_CHECK bool shelf_ok(struct shelf *s, struct err *err);

typedef void shelf_row(void *to, const json_t *row);
/* The board of a suite, row by row in the order of a snapshot's; `scores`: with those of documents.
 */
void shelf_board(struct shelf *s, const char *suite, bool scores, shelf_row *take, void *to);

/* Lists, which the caller owns. */
json_t *shelf_apart(struct shelf *s, const char *suite); /* why cells of its board are empty */
/* Of models; records and results of runs above `listed` alone (world.h). */
json_t *shelf_runs(struct shelf *s, const json_t *models, long long listed);
json_t *shelf_results(struct shelf *s, const json_t *models, long long listed);
json_t *shelf_task_runs(struct shelf *s, long long task, bool scores);
json_t *shelf_newest(struct shelf *s, int n);
/* {"n_runs", "finished_at", "superseded_at", "last_listed"}: the last is the highest number behind
 * those of the `paged` newest, or 0. */
json_t *shelf_extent(struct shelf *s, long long paged);
/* What is another as soon as something of it is: {"<model>": mark}, {"<task id>": mark}. `listed`
 * as in world.h. New. */
json_t *shelf_model_marks(struct shelf *s, long long listed);
json_t *shelf_task_marks(struct shelf *s, long long listed);

#endif
