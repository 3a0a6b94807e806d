/* Products of many matrices of one shape, each with rows of its own, in one launch; and what these
 * gave, weighed and added where it came from.
 *
 * A row's bits are those of gemm_mma.cuh whatever its group: a tile has rows of one group, and is
 * told where they begin. Row tiles come first, so that those of one matrix run together.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/gemm_mma.cuh"

static_assert((int)wide_tile::ROWS == GROUP_ROWS_WIDE &&
                  (int)small_tile::ROWS == GROUP_ROWS_SMALL &&
                  (int)few_tile::ROWS == GROUP_ROWS_FEW,
    "who lists tiles cuts rows as tiles have them");

template <class T, class B>
static __global__ void __launch_bounds__(T::N_THREADS) group_tiles(struct groups_args g) {
    DYNAMIC_SHARED(float, room);
    struct group_tile t = g.tiles[blockIdx.x % g.n_tiles];
    struct corner at = { 0, blockIdx.x / g.n_tiles * T::COLS };
    struct matmul_args a = g.all;
    a.x.data = (uint16_t *)a.x.data + (size_t)t.row * a.x.cols;
    a.out.data = (uint8_t *)a.out.data + (size_t)t.row * a.out.cols * (a.out.bf16 ? 2 : 4);
    a.x.n = a.out.n = t.n;
    a.weight = t.weight;
    a.bias = t.bias;
    tile_product<T, B>(a, at, room);
}

template <class T, class B>
static cudaError_t launch_tiles(const struct groups_args *g, cudaStream_t stream) {
    size_t n = (size_t)g->n_tiles * tiles_of(g->all.out.cols, T::COLS);
    if (n > INT32_MAX || g->all.x.cols % B::N != 0)
        return cudaErrorInvalidConfiguration;
    cudaError_t e = LAUNCH_SHARED_MAX((group_tiles<T, B>), T::BYTES);
    if (e != cudaSuccess)
        return e;
    LAUNCH((group_tiles<T, B>), (unsigned)n, T::N_THREADS, T::BYTES, stream, *g);
    return cudaGetLastError();
}

struct blocks_groups {
    const struct groups_args *g;
    cudaStream_t stream;
    template <class B> cudaError_t run(void) const {
        return launch_tiles<few_tile, B>(g, stream);
    }
};

cudaError_t launch_groups(const struct groups_args *g, cudaStream_t stream) {
    struct blocks_groups blocks = { g, stream };
    if (is_empty(g->all.out) || g->n_tiles == 0)
        return cudaSuccess;
    if (g->all.blocks != KERNEL_PLAIN)
        return with_blocks(g->all.blocks, blocks);
    switch (g->tile_rows) {
    case GROUP_ROWS_FEW:
        return launch_tiles<few_tile, plain>(g, stream);
    case GROUP_ROWS_SMALL:
        return launch_tiles<small_tile, plain>(g, stream);
    case GROUP_ROWS_WIDE:
        return launch_tiles<wide_tile, plain>(g, stream);
    }
    return cudaErrorInvalidValue;
}

/* A thread an element of out. */
static __global__ void __launch_bounds__(THREADS) gather_add_elements(struct gather_add_args a) {
    size_t i = grid_index();
    if (i >= (size_t)a.out.n * a.out.cols)
        return;
    size_t row = i / a.out.cols * a.n_each, column = i % a.out.cols;
    float *out = (float *)a.out.data, sum = out[i];
    for (uint32_t e = 0; e < a.n_each; e++)
        sum += a.weights[row + e] *
               ((const float *)a.x.data)[(size_t)a.places[row + e] * a.x.cols + column];
    out[i] = sum;
}

cudaError_t launch_gather_add(const struct gather_add_args *a, cudaStream_t stream) {
    if (is_empty(a->out) || a->n_each == 0)
        return cudaSuccess;
    LAUNCH(gather_add_elements, blocks_for(a->out), THREADS, 0, stream, *a);
    return cudaGetLastError();
}
