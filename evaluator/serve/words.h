/* What states and errors of a submission mean, in words, and what to do next. One table for the
 * pages and the API. */
#ifndef ASSAY_SERVE_WORDS_H
#define ASSAY_SERVE_WORDS_H

#include <jansson.h>

/* Gives a view of a request (db/sql/request_view.sql) its "words", "next" (what to do), "links";
 * its error and those of its jobs, which become {"class", "words", "message", "hint"}; the "room"
 * of jobs that no worker has room for its "words" and "next", and the first of these is the "room"
 * of the whole. Messages and last lines don't tell where `hub` is (told.h). */
void words_add(json_t *view, const char *hub);
/* The same of a line of a list: no jobs, no links but its own. */
void words_add_line(json_t *line, const char *hub);

#endif
