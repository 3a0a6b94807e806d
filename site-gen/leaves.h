/* What the board of a suite is printed as: its page with the first rows, further pages for readers
 * without scripts, the columns for those with them, and the page that helps to choose. */
#ifndef ASSAY_SITE_LEAVES_H
#define ASSAY_SITE_LEAVES_H

#include <jansson.h>

#include "base/strbuf.h"

#define ROWS_FIRST 100 /* on the board's own page */
#define ROWS_A_PAGE 200

/* Where leaves go. `path` begins and ends with a slash, `file` doesn't begin with one. */
struct leaf_sink {
    bool (*page)(
        void *arg, const char *template, const char *path, const json_t *data, struct err *err);
    bool (*file)(void *arg, const char *file, const void *bytes, size_t n, struct err *err);
    void *arg;
};

/* Names the files of columns in the board's sections ("data"), and puts all but the board's own
 * page, whose data is board_leaf(board, 0). */
MUST_CHECK bool board_publish(json_t *board, const struct leaf_sink *sink, struct err *err);

/* The board with the rows of page `number` alone (0 and 1: the first), and where other pages are:
 * "page", "n_pages", "previous", "next"; sections say "from" and "total". New. */
json_t *board_leaf(const json_t *board, size_t number);

/* Models that no smaller one reaches: what the page shows without scripts. New. */
json_t *view_choose(const json_t *board);

#endif
