/* CUDA C++ for a host compiler: qualifiers that mean nothing here, the vectors, where a thread is,
 * and the intrinsics that kernels may use. Another intrinsic is one line beside its like.
 *
 * A __shared__ array is a static one: one block runs at a time. It is neither poisoned nor as
 * closely watched as DYNAMIC_SHARED. */
#ifndef ASSAY_SHIM_CUDA_RUNTIME_H
#define ASSAY_SHIM_CUDA_RUNTIME_H

#include <cuda_runtime_api.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static
#define __forceinline__ inline
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)

/* ---- vectors: as wide as they are aligned, which UBSan sees to ---- */

#define SHIM_VECTOR_2(type, element)                                                               \
    struct __align__(2 * sizeof(element)) type {                                                   \
        element x, y;                                                                              \
    };                                                                                             \
    static inline struct type make_##type(element x, element y) {                                  \
        return { x, y };                                                                           \
    }
#define SHIM_VECTOR_4(type, element)                                                               \
    struct __align__(4 * sizeof(element)) type {                                                   \
        element x, y, z, w;                                                                        \
    };                                                                                             \
    static inline struct type make_##type(element x, element y, element z, element w) {            \
        return { x, y, z, w };                                                                     \
    }
SHIM_VECTOR_2(float2, float)
SHIM_VECTOR_2(int2, int)
SHIM_VECTOR_2(uint2, unsigned)
SHIM_VECTOR_2(double2, double)
SHIM_VECTOR_4(float4, float)
SHIM_VECTOR_4(int4, int)
SHIM_VECTOR_4(uint4, unsigned)
SHIM_VECTOR_4(ushort4, unsigned short)

#include <shim_block.h>

#define threadIdx (shim_thread_now->index)
#define blockIdx (shim_block_now.index)
#define blockDim (shim_block_now.size)
#define gridDim (shim_block_now.grid)

/* ---- numbers ---- */

template <typename To, typename From> static inline To shim_bits(From x) {
    static_assert(sizeof(To) == sizeof(From), "bits are kept");
    To y;
    memcpy(&y, &x, sizeof y);
    return y;
}
static inline unsigned __float_as_uint(float x) {
    return shim_bits<unsigned>(x);
}
static inline int __float_as_int(float x) {
    return shim_bits<int>(x);
}
static inline float __uint_as_float(unsigned x) {
    return shim_bits<float>(x);
}
static inline float __int_as_float(int x) {
    return shim_bits<float>(x);
}
#define rsqrtf shim_rsqrtf /* newer C libraries have one of their own */
static inline float shim_rsqrtf(float x) {
    return 1 / sqrtf(x);
}
static inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
static inline int __ffs(int x) {
    return __builtin_ffs(x);
}
static inline int __clz(int x) {
    return x == 0 ? 32 : __builtin_clz((unsigned)x);
}
template <typename T> static inline T __ldg(const T *at) {
    return *at;
}
static inline int min(int a, int b) {
    return a < b ? a : b;
}
static inline unsigned min(unsigned a, unsigned b) {
    return a < b ? a : b;
}
static inline int max(int a, int b) {
    return a > b ? a : b;
}
static inline unsigned max(unsigned a, unsigned b) {
    return a > b ? a : b;
}

/* ---- barriers and warps ---- */

static inline void __syncthreads(struct shim_site site = SHIM_HERE) {
    shim_barrier(site);
}

static inline void __syncwarp(unsigned mask = 0xffffffffU, struct shim_site site = SHIM_HERE) {
    shim_warp("__syncwarp", site, mask, NULL, [](void *const *, uint32_t) {});
}

/* What a lane gives, and of which lane it wants it. */
struct shim_given {
    uint64_t bits;
    unsigned from;
};

static inline void shim_exchange(void *const parts[SHIM_WARP], uint32_t mask) {
    uint64_t bits[SHIM_WARP];
    for (unsigned lane = 0; lane < SHIM_WARP; lane++)
        bits[lane] = mask >> lane & 1 ? ((struct shim_given *)parts[lane])->bits : UINT64_MAX;
    for (unsigned lane = 0; lane < SHIM_WARP; lane++) {
        if (mask >> lane & 1)
            ((struct shim_given *)parts[lane])->bits =
                bits[((struct shim_given *)parts[lane])->from];
    }
}

static inline unsigned shim_lane(void) {
    return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % SHIM_WARP;
}

/* A source beyond the part of the warp is the lane itself; one that the mask leaves out gives
 * poison. */
template <typename T>
static inline T shim_shuffle(
    const char *what, struct shim_site site, unsigned mask, T x, unsigned from, int width) {
    static_assert(sizeof(T) <= sizeof(uint64_t), "a lane gives 8 bytes at most");
    unsigned lane = shim_lane(), first = lane / (unsigned)width * (unsigned)width;
    bool within = from >= first && from < first + (unsigned)width;
    struct shim_given given = { 0, within ? from : lane };
    memcpy(&given.bits, &x, sizeof x);
    shim_warp(what, site, mask, &given, shim_exchange);
    memcpy(&x, &given.bits, sizeof x);
    return x;
}
template <typename T>
static inline T __shfl_sync(
    unsigned mask, T x, int from, int width = SHIM_WARP, struct shim_site site = SHIM_HERE) {
    unsigned first = shim_lane() / (unsigned)width * (unsigned)width;
    return shim_shuffle(
        "__shfl_sync", site, mask, x, first + (unsigned)(from & (width - 1)), width);
}
template <typename T>
static inline T __shfl_xor_sync(
    unsigned mask, T x, int distance, int width = SHIM_WARP, struct shim_site site = SHIM_HERE) {
    return shim_shuffle("__shfl_xor_sync", site, mask, x, shim_lane() ^ (unsigned)distance, width);
}
template <typename T>
static inline T __shfl_down_sync(unsigned mask, T x, unsigned distance, int width = SHIM_WARP,
    struct shim_site site = SHIM_HERE) {
    return shim_shuffle("__shfl_down_sync", site, mask, x, shim_lane() + distance, width);
}
template <typename T>
static inline T __shfl_up_sync(unsigned mask, T x, unsigned distance, int width = SHIM_WARP,
    struct shim_site site = SHIM_HERE) {
    return shim_shuffle("__shfl_up_sync", site, mask, x, shim_lane() - distance, width);
}

static inline void shim_vote(void *const parts[SHIM_WARP], uint32_t mask) {
    unsigned ballot = 0;
    for (unsigned lane = 0; lane < SHIM_WARP; lane++)
        ballot |= mask >> lane & 1 ? *(unsigned *)parts[lane] << lane : 0;
    for (unsigned lane = 0; lane < SHIM_WARP; lane++) {
        if (mask >> lane & 1)
            *(unsigned *)parts[lane] = ballot;
    }
}
static inline unsigned __ballot_sync(
    unsigned mask, int predicate, struct shim_site site = SHIM_HERE) {
    unsigned vote = predicate != 0;
    shim_warp("__ballot_sync", site, mask, &vote, shim_vote);
    return vote;
}
static inline int __any_sync(unsigned mask, int predicate, struct shim_site site = SHIM_HERE) {
    return __ballot_sync(mask, predicate, site) != 0;
}
static inline int __all_sync(unsigned mask, int predicate, struct shim_site site = SHIM_HERE) {
    return __ballot_sync(mask, predicate, site) == mask;
}

/* ---- of the runtime, what is a template ---- */

extern "C" cudaError_t cudaFuncSetAttribute(
    const void *kernel, enum cudaFuncAttribute attribute, int value);
template <typename... P>
static inline cudaError_t cudaFuncSetAttribute(
    void (*kernel)(P...), enum cudaFuncAttribute attribute, int value) {
    return cudaFuncSetAttribute((const void *)kernel, attribute, value);
}

#endif
