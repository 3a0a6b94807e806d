/* Matrices that stay in their file: columns of the product are packed a strip at a time, as they
 * are used, in scratch that stays in the cache of the thread that multiplies with them, and
 * forgotten. What is multiplied is what packing all of it at open would have given, bit for bit.
 *
 * A strip is made once for all rows of a product: one work item has all of them. */
#ifndef ASSAY_HARNESS_CPU_STRIPS_H
#define ASSAY_HARNESS_CPU_STRIPS_H

#include "harness/cpu/cpu.h"

/* Whether this backend's matrix library, and this source, can go without a packed form. */
bool strips_can(const struct cpu *c, const struct source *s);

/* Takes a copy of the source, whose tensor must stay. */
struct matrix *strips_matrix(struct cpu *c, const struct source *s);
void strips_free(struct matrix *m);

/* Columns of a strip: few enough that it stays in the cache, and that every thread gets some. */
uint32_t strips_width(const struct cpu *c, const struct matrix *m);

/* Room that a thread needs for a strip of so many columns, and for making it. */
size_t strips_room(const struct cpu *c, const struct matrix *m, uint32_t width);

/* Columns [from, from + n) of the matrix as a weight of one chunk, until the room is used again. */
const struct gemm_weight *strip_make(
    const struct cpu *c, const struct matrix *m, uint32_t from, uint32_t n, void *room);

#endif
