/* Sums of a product that wait in f32 become what the product is to give: bias, activation, factor,
 * residual, rounding, in the order of matmul.cu. One thread does FOUR columns of a row, or those
 * that are left of it; rows of sums begin at multiples of 16 bytes, so that four load at once.
 *
 * And what a trial of somebody else's product needs (lt_plan.c): rows of noise, and whether bytes
 * differ. Compiled, but not yet run on a device. */
#include "harness/cuda/device.cuh"

enum { FOUR = 4 };

static __device__ __forceinline__ float finished(
    const struct finish_args &a, size_t at, uint32_t column, float sum) {
    float y = a.bias == NULL ? sum : sum + a.bias[column];
    y = activated(a.activation, y) * a.scale;
    return a.accumulate ? ((const float *)a.out.data)[at] + y : y;
}

/* Two bf16 numbers, or four f32, go out at once where the result's rows begin at multiples. */
static __device__ __forceinline__ void store_four(
    const struct finish_args &a, size_t at, const float y[FOUR]) {
    if (a.out.bf16)
        *(uint2 *)((uint16_t *)a.out.data + at) =
            make_uint2(bf16_round(y[0]) | (uint32_t)bf16_round(y[1]) << 16,
                bf16_round(y[2]) | (uint32_t)bf16_round(y[3]) << 16);
    else
        *(float4 *)((float *)a.out.data + at) = make_float4(y[0], y[1], y[2], y[3]);
}

static __global__ void finish_columns(struct finish_args a, uint32_t fours) {
    size_t i = grid_index();
    if (i >= (size_t)a.out.n * fours)
        return;
    size_t row = i / fours;
    uint32_t column = (uint32_t)(i % fours) * FOUR, cols = a.out.cols;
    float4 sums = *(const float4 *)(a.sums + row * a.pitch + column);
    const float sum[FOUR] = { sums.x, sums.y, sums.z, sums.w };
    float y[FOUR];
    size_t at = row * cols + column;
#pragma unroll
    for (uint32_t j = 0; j < FOUR; j++)
        y[j] = column + j < cols ? finished(a, at + j, column + j, sum[j]) : 0;
    if (cols % FOUR == 0)
        store_four(a, at, y);
    else
#pragma unroll
        for (uint32_t j = 0; j < FOUR; j++)
            if (column + j < cols)
                element_store(a.out.data, a.out.bf16, at + j, y[j]);
}

cudaError_t launch_finish(const struct finish_args *a, cudaStream_t stream) {
    if (is_empty(a->out))
        return cudaSuccess;
    uint32_t fours = (a->out.cols + FOUR - 1) / FOUR;
    struct device_rows threads = { NULL, a->out.n, fours, false };
    LAUNCH(finish_columns, blocks_for(threads), THREADS, 0, stream, *a, fours);
    return cudaGetLastError();
}

/* ---- trials ---- */

/* From -1 to 1, by the number of the element. */
static __device__ __forceinline__ float noise(size_t i) {
    uint32_t bits = (uint32_t)i * 2654435761U;
    bits ^= bits >> 15;
    bits *= 2246822519U;
    return (float)(bits >> 16) / 32768 - 1;
}

static __global__ void noise_elements(struct device_rows x, bool turns) {
    size_t i = grid_index();
    if (i >= (size_t)x.n * x.cols)
        return;
    uint32_t half = (x.cols + 1) / 2;
    bool second = i % x.cols >= half;
    float y = noise(second ? i - half : i);
    element_store(x.data, x.bf16, i, second && turns ? -y : y);
}

cudaError_t launch_noise(struct device_rows x, bool turns, cudaStream_t stream) {
    if (is_empty(x))
        return cudaSuccess;
    LAUNCH(noise_elements, blocks_for(x), THREADS, 0, stream, x, turns);
    return cudaGetLastError();
}

/* Every thread that writes writes the same. */
static __global__ void differ_words(
    const uint32_t *a, const uint32_t *b, size_t n, uint32_t *differs) {
    size_t i = grid_index();
    if (i < n && a[i] != b[i])
        *differs = 1;
}

cudaError_t launch_differ(
    const void *a, const void *b, size_t bytes, uint32_t *differs, cudaStream_t stream) {
    size_t n = bytes / sizeof(uint32_t);
    if (n == 0)
        return cudaSuccess;
    LAUNCH(differ_words, (unsigned)((n + THREADS - 1) / THREADS), THREADS, 0, stream,
        (const uint32_t *)a, (const uint32_t *)b, n, differs);
    return cudaGetLastError();
}
