/* Pooling: one block a segment and THREADS columns, a thread a column, rows from the first to the
 * last, in the same order and with the same roundings as the CPU backend.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/device.cuh"

/* NaN wins. */
static __device__ float larger(float max, float x) {
    return max >= x || max != max ? max : x;
}

static __device__ float pooled(
    enum kernel_pooling pooling, const float *x, size_t stride, uint32_t n) {
    float y = 0;
    switch (pooling) {
    case KERNEL_SUM:
#pragma unroll 4
        for (uint32_t i = 0; i < n; i++) /* in order; several loads under way at once */
            y += x[i * stride];
        break;
    case KERNEL_WEIGHTED_SUM:
#pragma unroll 4
        for (uint32_t i = 0; i < n; i++)
            y += (float)(i + 1) * x[i * stride];
        break;
    case KERNEL_MAX:
        y = x[0];
        for (uint32_t i = 1; i < n; i++)
            y = larger(y, x[i * stride]);
        break;
    case KERNEL_FIRST:
        y = x[0];
        break;
    case KERNEL_LAST:
        y = x[(n - 1) * stride];
        break;
    }
    return y;
}

static __global__ void pool_columns(enum kernel_pooling pooling, struct device_rows x,
    const struct pool_segment *segments, struct device_rows out) {
    uint32_t column = blockIdx.y * THREADS + threadIdx.x; /* a warp's columns lie side by side */
    if (column >= out.cols)
        return;
    struct pool_segment s = segments[blockIdx.x];
    const float *first = (const float *)x.data + (size_t)s.row * x.cols + column;
    float y = pooled(pooling, first, x.cols, s.n);
    ((float *)out.data)[(size_t)blockIdx.x * out.cols + column] = y * s.factor;
}

cudaError_t launch_pool(enum kernel_pooling pooling, struct device_rows x,
    const struct pool_segment *segments, struct device_rows out, cudaStream_t stream) {
    if (is_empty(out))
        return cudaSuccess;
    dim3 grid(out.n, (out.cols + THREADS - 1) / THREADS);
    if (out.n > INT32_MAX || grid.y > GRID_DIM_YZ_MAX)
        return cudaErrorInvalidConfiguration;
    LAUNCH(pool_columns, grid, THREADS, 0, stream, pooling, x, segments, out);
    return cudaGetLastError();
}
