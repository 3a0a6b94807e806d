/* A board whose cells are put away: a row's "cells" are bytes in one string, which are no text and
 * take a fraction of the memory, until a page shows them. What the world knows of their runs goes
 * with them. */
#ifndef ASSAY_SITE_STOW_H
#define ASSAY_SITE_STOW_H

#include "site-gen/world.h"

void board_stow(const struct world *w, json_t *board);
/* With its cells again, whether they were stowed or not. New; the rest is shared. */
json_t *row_unstowed(const json_t *row);
json_t *board_unstowed(const json_t *board);
/* The same, and if it was stowed the world shows the runs of its cells, and no others. */
json_t *row_with_runs(const struct world *w, const json_t *row);

#endif
