/* A board whose cells are put away: a row's "cells" are one text, which takes a fraction of the
 * memory, until a page shows them. */
#ifndef ASSAY_SITE_STOW_H
#define ASSAY_SITE_STOW_H

#include <jansson.h>

void board_stow(json_t *board);
/* With its cells again, whether they were stowed or not. New; the rest is shared. */
json_t *row_unstowed(const json_t *row);
json_t *board_unstowed(const json_t *board);

#endif
