/* Rotary positions: one block a row, one thread a pair, which it turns in every head. Angles are
 * position * inv_freq in f32 through cosf and sinf, as the CPU backend and the reference have it;
 * cosf and sinf must not become the fast, short ones (no -use_fast_math).
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/device.cuh"

enum { PAIRS = 64 }; /* threads of a block */

static __global__ void __launch_bounds__(PAIRS) rotate_rows(struct rotate_args a) {
    float *row = (float *)a.x.data + (size_t)blockIdx.x * a.x.cols;
    for (uint32_t i = threadIdx.x; i < a.half; i += PAIRS) {
        float angle = (float)a.positions[blockIdx.x] * a.inv_freq[i];
        float c = cosf(angle) * a.scale, s = sinf(angle) * a.scale;
        uint32_t first = a.interleaved ? 2 * i : i;
        uint32_t second = a.interleaved ? first + 1 : i + a.half;
        for (uint32_t h = 0; h < a.n_heads; h++) {
            float *head = row + (size_t)h * a.head_dim;
            float x = head[first], y = head[second];
            head[first] = x * c - y * s;
            head[second] = y * c + x * s;
        }
    }
}

cudaError_t launch_rotate(const struct rotate_args *a, cudaStream_t stream) {
    if (is_empty(a->x))
        return cudaSuccess;
    LAUNCH(rotate_rows, a->x.n, PAIRS, 0, stream, *a);
    return cudaGetLastError();
}
