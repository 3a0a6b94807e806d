/* Which kernel a matrix product goes to. It follows from widths and types alone: see lt.h. */
#include "harness/cuda/cuda.h"
#include "harness/cuda/lt.h"

static uint32_t filled(uint32_t n_rows) {
    return (MATMUL_TILE - n_rows % MATMUL_TILE) % MATMUL_TILE;
}

void cuda_product(struct cuda *c, const struct matmul_args *a) {
    if (c->lt != NULL && lt_matmul(c->lt, a))
        return;
    c->n_rows_filled += filled(a->x.n);
    cuda_must(launch_matmul(a, c->stream), "matmul");
}
