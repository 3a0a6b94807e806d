/* Products on tensor cores: see gemm_mma.cuh. A block makes one tile.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/gemm_mma.cuh"

enum { WIDE_TILES = 120 }; /* fewer leave a part of the device without one */

template <class T, class B>
static __global__ void __launch_bounds__(T::N_THREADS) product_tile(struct matmul_args a) {
    DYNAMIC_SHARED(float, room);
    tile_product<T, B>(a, tile_corner<T>(blockIdx.x, a.out.n, a.out.cols), room);
}

template <class T, class B>
static cudaError_t launch_tiles(const struct matmul_args *a, cudaStream_t stream) {
    size_t n = (size_t)tiles_of(a->out.n, T::ROWS) * tiles_of(a->out.cols, T::COLS);
    if (n > INT32_MAX || a->x.cols % B::N != 0)
        return cudaErrorInvalidConfiguration;
    cudaError_t e = LAUNCH_SHARED_MAX((product_tile<T, B>), T::BYTES);
    if (e != cudaSuccess)
        return e;
    LAUNCH((product_tile<T, B>), (unsigned)n, T::N_THREADS, T::BYTES, stream, *a);
    return cudaGetLastError();
}

struct blocks_product {
    const struct matmul_args *a;
    cudaStream_t stream;
    template <class B> cudaError_t run(void) const {
        return launch_tiles<few_tile, B>(a, stream);
    }
};

cudaError_t launch_gemm_mma(const struct matmul_args *a, cudaStream_t stream) {
    struct blocks_product blocks = { a, stream };
    if (is_empty(a->out))
        return cudaSuccess;
    if (!gemm_mma_fits(a))
        return cudaErrorInvalidValue;
    if (a->blocks != KERNEL_PLAIN)
        return with_blocks(a->blocks, blocks);
    if (a->out.n <= few_tile::ROWS)
        return launch_tiles<few_tile, plain>(a, stream);
    size_t n_wide =
        (size_t)tiles_of(a->out.n, wide_tile::ROWS) * tiles_of(a->out.cols, wide_tile::COLS);
    return n_wide < WIDE_TILES ? launch_tiles<small_tile, plain>(a, stream)
                               : launch_tiles<wide_tile, plain>(a, stream);
}
