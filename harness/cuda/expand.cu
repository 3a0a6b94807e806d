/* Rows in their file's blocks to bf16, one thread eight elements.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/blocks.cuh"

template <class B>
static __global__ void __launch_bounds__(THREADS)
    expand_elements(const uint8_t *from, uint32_t n_rows, uint32_t k, uint4 *to) {
    size_t i = grid_index();
    uint32_t each = k / EIGHT, row = (uint32_t)i / each, at = (uint32_t)i % each * EIGHT;
    struct eight x = {};
    if (row >= n_rows)
        return;
    lying<B>::fetch(from + row * lying<B>::bytes(k), k, at, &x);
    to[i] = eight_bf16<B>(x, at % B::N);
}

struct expansion {
    const struct expand_args *a;
    cudaStream_t stream;
    template <class B> cudaError_t run(void) const {
        size_t n_eights = (size_t)a->n * (a->k / EIGHT);
        if (n_eights > UINT32_MAX - THREADS || a->k % B::N != 0)
            return cudaErrorInvalidConfiguration;
        LAUNCH(expand_elements<B>, (unsigned)((n_eights + THREADS - 1) / THREADS), THREADS, 0,
            stream, (const uint8_t *)a->from, a->n, a->k, (uint4 *)a->to);
        return cudaGetLastError();
    }
};

cudaError_t launch_expand(const struct expand_args *a, cudaStream_t stream) {
    struct expansion e = { a, stream };
    return a->n == 0 || a->k == 0 ? cudaSuccess : with_blocks(a->blocks, e);
}
