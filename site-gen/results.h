/* Published results as plain files, from which the pages can be made without the database.
 *
 *     index.json               what there is: each file with its size and SHA-256, runs newest
 * first lists.json               suites, tasks and whatever else belongs to no single run or model
 *     models/ORG__NAME.json    a model's revisions
 *     runs/ORG__NAME/TASK/RUN.json   a run: its record, metrics, place on boards, samples
 *
 * The queue and workers are not in them, nor are samples of tasks that withhold theirs. A file
 * keeps its name and, unless its content changes, its bytes, so that a folder of them can be kept
 * under version control. */
#ifndef ASSAY_SITE_RESULTS_H
#define ASSAY_SITE_RESULTS_H

#include <jansson.h>

#include "base/err.h"
#include "site-gen/site.h"

struct results_report {
    int n_runs, n_files;
    int n_changed, n_removed; /* files */
};
/* Writes a document of site_load into `dir`, and samples from their source (NULL: those that the
 * document has). Files of an export before that are no longer in it go;
 * whatever else lies there stays. */
MUST_CHECK bool results_write(const json_t *snapshot, const struct sample_source *samples,
    const char *dir, struct results_report *report, struct err *err);
/* Reads it back, held to the index: a file of other bytes is ERR_INPUT. The caller owns it. It has
 * no samples: they are read again when a run's page is made. */
MUST_CHECK bool results_read(const char *dir, json_t **snapshot, struct err *err);
struct results_place {
    const char *dir;
    const json_t *snapshot; /* that results_read made of it */
};
struct sample_source results_samples(const struct results_place *place);

#endif
