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

/* Whether each row can be read by itself, a part at a time: not where rows are columns of the file,
 * or blocks go from one row to the next. */
bool source_has_rows(const struct source *s);
enum { SOURCE_PART = TENSOR_BLOCK_MAX }; /* elements that a part begins at a multiple of */
/* Elements [from, from + n) of a row of such a source; to the row's end, or a multiple of
 * SOURCE_PART. */
void source_read_part(const struct source *s, uint64_t row, uint64_t from, uint64_t n, float *out);

/* Where such a part lies in the file, if its numbers are to be read as they are; else NULL. */
const uint8_t *source_blocks(const struct source *s, uint64_t row, uint64_t from);

/* The same of bytes with scales: the view of the whole tensor, if rows are rows of it, or a part of
 * their columns (from.part), and nothing else is done to them; and which of the tensor's rows one
 * is, false: of zeros. */
bool source_scaled(const struct source *s, struct scaled_bytes *out);
bool source_row_find(const struct source *s, uint64_t row, uint64_t *out);

/* Bytes of the file that the rows are made of. */
size_t source_bytes(const struct source *s);

/* Rows from `row` on where they lie in the file, if they are there as they are wanted, in these
 * elements; else NULL. */
const void *source_view(const struct source *s, enum elem elem, uint64_t row);
/* The same of one row, wherever the next one is. */
const void *source_row(const struct source *s, enum elem elem, uint64_t row);

#endif
