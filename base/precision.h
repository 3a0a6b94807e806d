/* What readers must be told of numbers that were computed in some dtypes. */
#ifndef ASSAY_BASE_PRECISION_H
#define ASSAY_BASE_PRECISION_H

/* A sentence without its full stop for a dtype that changes answers; NULL for one that needs none
 * (or that nobody knows). `dtype` may be NULL. Figures: results/parity/int8.md. */
const char *precision_caveat(const char *dtype);

#endif
