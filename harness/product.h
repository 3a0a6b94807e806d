/* Matrix products on the processor, for what is computed from a model's vectors: neighbours,
 * probes, clusters. Single precision, by the kernels and the libraries of the CPU backend.
 *
 * One side of a product is packed once, as columns; the other is given as rows when they are
 * multiplied. An element is one chain of multiply-adds over k in a fixed order: its bits depend on
 * its own row and column, never on how many others there are, where it stands, or on the number of
 * threads. (Which kernels run is the machine's: see ASSAY_ISA.) */
#ifndef ASSAY_HARNESS_PRODUCT_H
#define ASSAY_HARNESS_PRODUCT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* ---- on one thread: of many, each its own ---- */

/* Columns for callers that are on threads already (a regression an experiment). Immutable once
 * made: any number of threads may multiply by it at a time. b is [n, k] by rows; out [n_rows, n] is
 * rows of `a` times rows of b. */
struct panels;
MUST_CHECK struct panels *panels_new(const float *b, uint32_t n, uint32_t k, struct err *err);
void panels_free(struct panels *p); /* NULL is fine */
void panels_multiply(const struct panels *p, const float *a, size_t n_rows, float *out);

/* ---- on all threads of a pool: one product that is large ---- */

struct pool;
struct product_unit;
struct product_columns;

/* Works on the caller's pool, which must outlive it and is one caller's at a time. library: NULL is
 * our own; "dnnl" keeps the promise above for rows only: which columns there are may change bits.
 */
MUST_CHECK struct product_unit *product_unit_open(
    struct pool *pool, const char *library, struct err *err);
void product_unit_close(struct product_unit *u); /* NULL is fine */
/* What multiplies: "avx512 plain". */
const char *product_unit_name(const struct product_unit *u);

/* m is [n, k] by rows, or with `transposed` [k, n]; it is not needed afterwards. n may be 0. */
MUST_CHECK struct product_columns *product_columns_new(
    struct product_unit *u, const float *m, size_t n, size_t k, bool transposed, struct err *err);
void product_columns_free(struct product_columns *c); /* NULL is fine */

/* A piece of the product while it is in the cache: sums of rows row.. by columns column.., row i of
 * it at sums + i * stride. Floats of a row past n_columns, up to the stride, may be read and mean
 * nothing. */
struct product_tile {
    size_t row, column, n_rows, n_columns;
    const float *sums;
    size_t stride;
};
typedef void product_tile_fn(void *arg, unsigned thread, const struct product_tile *tile);

/* rows: [n_rows, k]. Calls fn once for every tile, in no fixed order, on all threads of the pool.
 * The product as a whole never exists. */
void product_tiles(const struct product_columns *c, const float *rows, size_t n_rows,
    product_tile_fn *fn, void *arg);

/* out[i * stride + j] = row i · column j. */
void product_multiply(
    const struct product_columns *c, const float *rows, size_t n_rows, float *out, size_t stride);

#endif
