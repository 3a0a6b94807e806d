/* Blocks of a file to bf16, one thread eight elements.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/blocks.cuh"

template <class B>
static __global__ void __launch_bounds__(THREADS)
    expand_elements(const uint8_t *from, size_t n_eights, uint4 *to) {
    size_t i = grid_index(), at = i * EIGHT;
    struct eight x = {};
    if (i >= n_eights)
        return;
    uint32_t in_block = (uint32_t)(at % B::N);
    B::fetch(from + at / B::N * B::BYTES, in_block, &x);
    to[i] = eight_bf16<B>(x, in_block);
}

struct expansion {
    const void *from;
    size_t n;
    uint16_t *to;
    cudaStream_t stream;
    template <class B> cudaError_t run(void) const {
        size_t n_blocks = (n / EIGHT + THREADS - 1) / THREADS;
        if (n_blocks > INT32_MAX || n % B::N != 0)
            return cudaErrorInvalidConfiguration;
        LAUNCH(expand_elements<B>, (unsigned)n_blocks, THREADS, 0, stream, (const uint8_t *)from,
            n / EIGHT, (uint4 *)to);
        return cudaGetLastError();
    }
};

cudaError_t launch_expand(enum kernel_blocks blocks, const void *from, size_t n, uint16_t *to,
    cudaStream_t stream) {
    struct expansion e = { from, n, to, stream };
    return n == 0 ? cudaSuccess : with_blocks(blocks, e);
}
