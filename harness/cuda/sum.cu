/* What several devices have of the same numbers, added up rank after rank. Compiled, but not yet
 * run on a device. */
#include "harness/cuda/pieces.cuh"

/* The part of one rank: its own, or what came from it. */
static __device__ __forceinline__ struct piece piece_of(
    const struct sum_args &a, uint32_t rank, size_t i, int count, bool wide) {
    return piece_load(rank == a.rank ? a.x : a.parts + rank * a.pitch, i, count, wide);
}

static __global__ void __launch_bounds__(THREADS) sum_pieces(struct sum_args a, bool wide) {
    size_t i = flat_piece();
    int count = piece_count(a.n, i);
    if (count == 0)
        return;
    struct piece sum = piece_of(a, 0, i, count, wide);
    for (uint32_t rank = 1; rank < a.n_ranks; rank++) {
        struct piece p = piece_of(a, rank, i, count, wide);
#pragma unroll
        for (int e = 0; e < PIECE; e++)
            sum.x[e] += p.x[e];
    }
    piece_store(a.x, i, count, wide, sum);
}

cudaError_t launch_sum_ranks(const struct sum_args *a, cudaStream_t stream) {
    size_t n_blocks = (pieces_of(a->n) + THREADS - 1) / THREADS;
    if (n_blocks == 0)
        return cudaSuccess;
    if (n_blocks > INT32_MAX)
        return cudaErrorInvalidConfiguration;
    bool wide = starts_wide(a->x, false) && starts_wide(a->parts, false) && a->pitch % PIECE == 0;
    LAUNCH(sum_pieces, (unsigned)n_blocks, THREADS, 0, stream, *a, wide);
    return cudaGetLastError();
}
