/* What the kernels share: elements of either type, activations, and reductions over a block in one
 * fixed order. bf16 is held as its 16 bits and rounded as the CPU backend rounds it, to nearest
 * with ties to even.
 *
 * A kernel is CUDA C++ in the small, so that it also compiles as host C++ and runs in the tests, a
 * fiber a thread (tests/harness/shim). What differs between the two stands here and in mma.cuh:
 *
 *     LAUNCH(kernel, grid, block, shared_bytes, stream, args...)    <<<>>>, through launch_do
 *                                   (launch.h); a kernel with a comma in its template arguments
 *                                   stands in parentheses
 *     LAUNCH_SHARED_MAX(kernel, bytes)     before a launch with more than 48 KiB; a cudaError_t
 *     DYNAMIC_SHARED(float, room);         float *room: the launch's shared bytes, aligned to 16
 *
 * Compiled, but not yet run on a device. */
#ifndef ASSAY_HARNESS_CUDA_DEVICE_CUH
#define ASSAY_HARNESS_CUDA_DEVICE_CUH

#include <cuda_runtime.h>

#include "harness/cuda/kernels.h"
#include "harness/cuda/launch.h"

#ifdef __CUDACC__
#define LAUNCH_SHARED_MAX(kernel, bytes)                                                           \
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)(bytes))
#define DYNAMIC_SHARED(type, name)                                                                 \
    extern __shared__ __align__(16) unsigned char launch_shared[];                                 \
    type *name = (type *)launch_shared
#define KERNEL_KNOWN(kernel) ((void)0)
#else
#include <shim_launch.h> /* the same three, of the tests */
#endif
#define LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                     \
    (KERNEL_KNOWN(kernel),                                                                         \
        launch_kernel(kernel, grid, block, shared_bytes, stream, __VA_ARGS__))

/* Bytes between members say nothing: a launch shall be equal to the same one. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define PADDING_CLEAR(at) __builtin_clear_padding(at)
#endif
#endif
#ifndef PADDING_CLEAR
#define PADDING_CLEAR(at) ((void)(at))
#endif

template <typename T> struct same_type {
    typedef T type;
};

/* Arguments become what the kernel takes. */
template <typename... P>
static inline void launch_kernel(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes,
    cudaStream_t stream, typename same_type<P>::type... arguments) {
    static_assert(sizeof...(P) <= LAUNCH_ARGUMENTS, "a launch has room for its arguments");
    (PADDING_CLEAR(&arguments), ...);
    void *const at[] = { (void *)&arguments... };
    const size_t sizes[] = { sizeof(P)... };
    const struct launch_call l = { (const void *)kernel, { grid.x, grid.y, grid.z },
        { block.x, block.y, block.z }, shared_bytes, at, sizes, (unsigned)sizeof...(P) };
    launch_do(&l, stream);
}

enum { WARP = 32, THREADS = 256 };

static __device__ __forceinline__ float load(const float *at, size_t i) {
    return at[i];
}

static __device__ __forceinline__ float load(const uint16_t *at, size_t i) {
    return __uint_as_float((uint32_t)at[i] << 16);
}

static __device__ __forceinline__ uint16_t bf16_round(float x) {
    uint32_t u = __float_as_uint(x);
    if (x != x)
        return (uint16_t)(u >> 16 | 0x40); /* quiet */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static __device__ __forceinline__ float element_load(const void *at, bool bf16, size_t i) {
    return bf16 ? load((const uint16_t *)at, i) : load((const float *)at, i);
}

static __device__ __forceinline__ void element_store(void *at, bool bf16, size_t i, float x) {
    if (bf16)
        ((uint16_t *)at)[i] = bf16_round(x);
    else
        ((float *)at)[i] = x;
}

/* The number of this thread in the grid. */
static __device__ __forceinline__ size_t grid_index(void) {
    return (size_t)blockIdx.x * blockDim.x + threadIdx.x;
}

static __device__ __forceinline__ float capped(float x, float softcap) {
    return softcap > 0 ? softcap * tanhf(x / softcap) : x;
}

static __device__ __forceinline__ float activated(enum kernel_activation a, float x) {
    switch (a) {
    case KERNEL_NONE:
        break;
    case KERNEL_GELU:
        return 0.5F * x * (1 + erff(x * 0.70710678F));
    case KERNEL_GELU_TANH:
        return 0.5F * x * (1 + tanhf(0.79788456F * (x + 0.044715F * x * x * x)));
    case KERNEL_SILU:
        return x / (1 + expf(-x));
    case KERNEL_RELU:
        return x < 0 ? 0 : x;
    case KERNEL_QUICK_GELU:
        return x / (1 + expf(-1.702F * x));
    case KERNEL_TANH:
        return tanhf(x);
    case KERNEL_RELU_SQUARED:
        return x < 0 ? 0 : x * x;
    }
    return x;
}

/* ---- reductions: all threads of the block must come; every thread gets the same bits ---- */

static __device__ __forceinline__ float warp_sum(float x) {
    for (int distance = WARP / 2; distance > 0; distance /= 2)
        x += __shfl_xor_sync(0xffffffffU, x, distance);
    return x;
}

static __device__ __forceinline__ float warp_max(float x) {
    for (int distance = WARP / 2; distance > 0; distance /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffU, x, distance));
    return x;
}

/* Puts one number a warp into `space` ([N_WARPS], shared) for all to read. The first barrier lets
 * the readers of an earlier call finish. */
static __device__ __forceinline__ void warps_share(float x, float *space) {
    __syncthreads();
    if (threadIdx.x % WARP == 0)
        space[threadIdx.x / WARP] = x;
    __syncthreads();
}

template <int N_WARPS> static __device__ __forceinline__ float block_sum(float x, float *space) {
    warps_share(warp_sum(x), space);
    float sum = 0;
    for (int i = 0; i < N_WARPS; i++)
        sum += space[i];
    return sum;
}

/* NaN is passed over. */
template <int N_WARPS> static __device__ __forceinline__ float block_max(float x, float *space) {
    warps_share(warp_max(x), space);
    float max = space[0];
    for (int i = 1; i < N_WARPS; i++)
        max = fmaxf(max, space[i]);
    return max;
}

/* ---- grids ---- */

/* One thread an element. */
static inline unsigned blocks_for(struct device_rows r) {
    return (unsigned)(((size_t)r.n * r.cols + THREADS - 1) / THREADS);
}

static inline bool is_empty(struct device_rows r) {
    return r.n == 0 || r.cols == 0;
}

#endif
