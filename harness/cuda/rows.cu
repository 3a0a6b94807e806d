/* Kernels with one thread an element: gather, convert, gate, pick, and rows into the cache.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/device.cuh"

static __global__ void gather_elements(struct gather_args a) {
    size_t i = grid_index();
    if (i >= (size_t)a.x.n * a.x.cols)
        return;
    size_t row = i / a.x.cols, column = i % a.x.cols;
    float y = element_load(a.table, a.table_bf16, (size_t)a.ids[row] * a.x.cols + column);
    float *x = (float *)a.x.data;
    y *= a.scale;
    x[i] = a.add ? x[i] + y : y;
}

cudaError_t launch_gather(const struct gather_args *a, cudaStream_t stream) {
    if (is_empty(a->x))
        return cudaSuccess;
    LAUNCH(gather_elements, blocks_for(a->x), THREADS, 0, stream, *a);
    return cudaGetLastError();
}

static __global__ void convert_elements(struct device_rows x, struct device_rows out) {
    size_t i = grid_index();
    if (i < (size_t)x.n * x.cols)
        element_store(out.data, out.bf16, i, element_load(x.data, x.bf16, i));
}

cudaError_t launch_convert(struct device_rows x, struct device_rows out, cudaStream_t stream) {
    if (is_empty(x))
        return cudaSuccess;
    LAUNCH(convert_elements, blocks_for(x), THREADS, 0, stream, x, out);
    return cudaGetLastError();
}

static __global__ void gate_elements(enum kernel_activation activation, struct device_rows gate,
    struct device_rows up, struct device_rows out) {
    size_t i = grid_index();
    if (i >= (size_t)out.n * out.cols)
        return;
    float y = activated(activation, element_load(gate.data, gate.bf16, i));
    element_store(out.data, out.bf16, i, y * element_load(up.data, up.bf16, i));
}

cudaError_t launch_gate(enum kernel_activation activation, struct device_rows gate,
    struct device_rows up, struct device_rows out, cudaStream_t stream) {
    if (is_empty(out))
        return cudaSuccess;
    LAUNCH(gate_elements, blocks_for(out), THREADS, 0, stream, activation, gate, up, out);
    return cudaGetLastError();
}

/* Bits are moved as they are: a NaN keeps its payload. */
template <typename E>
static __global__ void pick_elements(const E *src, const uint32_t *index, struct device_rows dst) {
    size_t i = grid_index();
    if (i < (size_t)dst.n * dst.cols)
        ((E *)dst.data)[i] = src[(size_t)index[i / dst.cols] * dst.cols + i % dst.cols];
}

cudaError_t launch_pick(
    struct device_rows src, const uint32_t *index, struct device_rows dst, cudaStream_t stream) {
    if (is_empty(dst))
        return cudaSuccess;
    if (dst.bf16)
        LAUNCH(pick_elements<uint16_t>, blocks_for(dst), THREADS, 0, stream,
            (const uint16_t *)src.data, index, dst);
    else
        LAUNCH(pick_elements<uint32_t>, blocks_for(dst), THREADS, 0, stream,
            (const uint32_t *)src.data, index, dst);
    return cudaGetLastError();
}

static __global__ void store_elements(
    struct device_rows x, const uint32_t *slots, void *cache, bool cache_bf16) {
    size_t i = grid_index();
    if (i >= (size_t)x.n * x.cols)
        return;
    size_t to = (size_t)slots[i / x.cols] * x.cols + i % x.cols;
    element_store(cache, cache_bf16, to, ((const float *)x.data)[i]);
}

cudaError_t launch_store(struct device_rows x, const uint32_t *slots, void *cache, bool cache_bf16,
    cudaStream_t stream) {
    if (is_empty(x))
        return cudaSuccess;
    LAUNCH(store_elements, blocks_for(x), THREADS, 0, stream, x, slots, cache, cache_bf16);
    return cudaGetLastError();
}
