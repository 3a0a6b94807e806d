/* The instances of attention's kernel whose scores are capped or have something added by where
 * query and key stand: a file of their own, so that they compile beside the others. See
 * attend_mma.cu. */
#include "harness/cuda/attend_tile.cuh"

cudaError_t launch_attend_shaped(const struct attend_tiles_args *a, enum tile_height height,
    const struct attend_item *items, uint32_t n_items, cudaStream_t stream) {
    return launch_width<true>(*a, height, items, n_items, stream);
}
