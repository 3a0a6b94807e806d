/* A weight as [n, k] rows of f32, whatever the file's type and order: what every backend packs its
 * weights from. Checked at source_open, so that source_read cannot fail. */
#ifndef ASSAY_HARNESS_CPU_SOURCE_H
#define ASSAY_HARNESS_CPU_SOURCE_H

#include "harness/backend.h"

struct source {
    struct weight_source from;
    uint64_t n, k;
};

MUST_CHECK bool source_open(
    struct source *s, const struct weight_source *from, uint64_t n, uint64_t k, struct err *err);
void source_read(const struct source *s, uint64_t row, uint64_t n_rows, float *out);

/* Rows from `row` on where they lie in the file, if they are there as they are wanted, in these
 * elements; else NULL. */
const void *source_view(const struct source *s, enum elem elem, uint64_t row);

#endif
