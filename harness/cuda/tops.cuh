/* What log-probabilities are made of, over a block of THREADS threads: a maximum with the first
 * place that has it, and a sum in double, each by one tree whose shape is always the same. All
 * threads must come; all get the same bits. */
#ifndef ASSAY_HARNESS_CUDA_TOPS_CUH
#define ASSAY_HARNESS_CUDA_TOPS_CUH

#include "harness/cuda/device.cuh"

/* A maximum and the first place that has it. NaN is passed over. */
struct top {
    float max;
    uint32_t at; /* UINT32_MAX: none */
};

static __device__ __forceinline__ struct top no_top(void) {
    struct top none = { -INFINITY, UINT32_MAX };
    return none;
}

static __device__ __forceinline__ struct top top_of(struct top a, struct top b) {
    return b.max > a.max || (b.max == a.max && b.at < a.at) ? b : a;
}

/* `room` is [THREADS], shared, and nothing else's. */
static __device__ __forceinline__ struct top block_top(struct top mine, struct top *room) {
    const uint32_t t = threadIdx.x;
    room[t] = mine;
    for (uint32_t half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half)
            room[t] = top_of(room[t], room[t + half]);
    }
    __syncthreads();
    return room[0];
}

static __device__ __forceinline__ double block_total(double mine, double *room) {
    const uint32_t t = threadIdx.x;
    room[t] = mine;
    for (uint32_t half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half)
            room[t] += room[t + half];
    }
    __syncthreads();
    return room[0];
}

/* What the two are subtracted from, and where the best is, of numbers that are nothing too. */
static __device__ __forceinline__ float top_base(struct top t) {
    return t.max == -INFINITY ? 0 : t.max;
}

static __device__ __forceinline__ uint32_t top_place(struct top t) {
    return t.max == -INFINITY ? 0 : t.at;
}

#endif
