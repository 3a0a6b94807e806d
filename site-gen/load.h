/* What readers of the database share. */
#ifndef ASSAY_SITE_LOAD_H
#define ASSAY_SITE_LOAD_H

#include <jansson.h>

#include "base/err.h"

struct db;

/* Times of rows as PostgreSQL prints them, to ISO 8601 in UTC; NULL is fine. */
void tidy_times(json_t *rows);
void tidy_row(json_t *row);

/* A snapshot (site.h) whose lists of boards, runs and results are empty: those are read a part at a
 * time (shelf.h). The caller has begun a moment of the database, and owns *doc. */
MUST_CHECK bool load_light(struct db *db, json_t **doc, struct err *err);

#endif
