/* Kernels with one block a row: layer and RMS norm, and vectors brought to length 1. A thread sums
 * every THREADS-th column from its own on, then the block joins the threads' sums in one fixed
 * shape.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/device.cuh"

enum { WARPS = THREADS / WARP, SPACE_BYTES = WARPS * sizeof(float) };

/* x and out may be one row: a thread writes only columns that it alone still reads. */
static __global__ void __launch_bounds__(THREADS) norm_rows(struct norm_args a) {
    DYNAMIC_SHARED(float, space);
    uint32_t cols = a.x.cols;
    size_t row = (size_t)blockIdx.x * cols;
    const float *x = (const float *)a.x.data + row;
    float mean = 0, squares = 0;
    if (a.layer) {
        for (uint32_t c = threadIdx.x; c < cols; c += THREADS)
            mean += x[c];
        mean = block_sum<WARPS>(mean, space) / (float)cols;
    }
    for (uint32_t c = threadIdx.x; c < cols; c += THREADS)
        squares = fmaf(x[c] - mean, x[c] - mean, squares);
    float inverse = 1 / sqrtf(block_sum<WARPS>(squares, space) / (float)cols + a.eps);
    for (uint32_t c = threadIdx.x; c < cols; c += THREADS) {
        float y = (x[c] - mean) * inverse;
        if (a.gain != NULL)
            y *= a.gain[c];
        if (a.bias != NULL)
            y += a.bias[c];
        element_store(a.out.data, a.out.bf16, row + c, y);
    }
}

cudaError_t launch_norm(const struct norm_args *a, cudaStream_t stream) {
    if (is_empty(a->x))
        return cudaSuccess;
    LAUNCH(norm_rows, a->x.n, THREADS, SPACE_BYTES, stream, *a);
    return cudaGetLastError();
}

static __global__ void __launch_bounds__(THREADS) normalize_rows(struct device_rows rows) {
    DYNAMIC_SHARED(float, space);
    float *x = (float *)rows.data + (size_t)blockIdx.x * rows.cols, squares = 0;
    for (uint32_t c = threadIdx.x; c < rows.cols; c += THREADS)
        squares = fmaf(x[c], x[c], squares);
    float length = sqrtf(block_sum<WARPS>(squares, space));
    float factor = 1 / (length < 1e-12F ? 1e-12F : length);
    for (uint32_t c = threadIdx.x; c < rows.cols; c += THREADS)
        x[c] *= factor;
}

cudaError_t launch_normalize(struct device_rows x, cudaStream_t stream) {
    if (is_empty(x))
        return cudaSuccess;
    LAUNCH(normalize_rows, x.n, THREADS, SPACE_BYTES, stream, x);
    return cudaGetLastError();
}
