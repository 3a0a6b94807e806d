/* Which kernel a matrix product goes to. It follows from widths and types alone: see lt.h. */
#include "harness/cuda/cuda.h"
#include "harness/cuda/lt.h"

void count_filled(struct cuda *c, uint32_t n_rows) {
    c->n_rows_filled += (MATMUL_TILE - n_rows % MATMUL_TILE) % MATMUL_TILE;
}

void cuda_product(struct cuda *c, const struct matmul_args *a) {
    if (c->lt != NULL && lt_matmul(c->lt, a))
        return;
    count_filled(c, a->x.n);
    cudaError_t e = gemm_mma_fits(a) ? launch_gemm_mma(a, c->stream) : launch_matmul(a, c->stream);
    cuda_must(e, "matmul");
}
