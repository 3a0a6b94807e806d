/* What is kept of a span of the vocabulary: of each row its maximum, the first token that has it
 * and the sum of exponentials in double, joined with the spans before, and the logits of the tokens
 * that were asked for. One block a row; spans come in order of the vocabulary and are cut by it
 * alone.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/device.cuh"

/* a then b, as one. Empty is { -INFINITY, 0, 0 }; a sum that is NaN stays so. */
static __device__ struct kernel_mass mass_join(struct kernel_mass a, struct kernel_mass b) {
    if (b.max > a.max) {
        b.sum += a.max == -INFINITY ? a.sum : a.sum * exp((double)a.max - (double)b.max);
        return b;
    }
    a.sum += b.max == -INFINITY ? b.sum : b.sum * exp((double)b.max - (double)a.max);
    return a;
}

/* The larger, or of equals the first; UINT32_MAX stands for none. */
static __device__ void take_larger(float *max, uint32_t *best, float x, uint32_t at) {
    if (x > *max || (x == *max && at < *best)) {
        *max = x;
        *best = at;
    }
}

enum { ROOM_BYTES = THREADS * (sizeof(double) + sizeof(float) + sizeof(uint32_t)) };

static __global__ void __launch_bounds__(THREADS) span_rows(struct span_args a) {
    DYNAMIC_SHARED(double, sums); /* [THREADS], as the two that follow */
    float *tops = (float *)(sums + THREADS);
    uint32_t *places = (uint32_t *)(tops + THREADS);
    const uint32_t t = threadIdx.x, cols = a.logits.cols;
    const float *logits = (const float *)a.logits.data + (size_t)blockIdx.x * cols;
    tops[t] = -INFINITY;
    places[t] = UINT32_MAX;
    for (uint32_t c = t; c < cols; c += THREADS)
        take_larger(&tops[t], &places[t], capped(logits[c], a.softcap), c);
    for (uint32_t half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half)
            take_larger(&tops[t], &places[t], tops[t + half], places[t + half]);
    }
    __syncthreads();
    float max = tops[0], base = max == -INFINITY ? 0 : max;
    sums[t] = 0;
    for (uint32_t c = t; c < cols; c += THREADS)
        sums[t] += (double)expf(capped(logits[c], a.softcap) - base);
    for (uint32_t half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half)
            sums[t] += sums[t + half];
    }
    if (t != 0)
        return; /* thread 0 wrote sums[0] itself */
    uint32_t place = max == -INFINITY ? 0 : places[0];
    struct kernel_mass mass = { max, a.first_token + place, sums[0] };
    struct kernel_mass *all = &a.masses[blockIdx.x];
    *all = a.first_token == 0 ? mass : mass_join(*all, mass);
}

static __global__ void span_targets(struct span_args a) {
    size_t i = grid_index();
    if (i >= a.n_targets)
        return;
    struct kernel_target *t = &a.targets[i];
    if (t->token < a.first_token || t->token - a.first_token >= a.logits.cols)
        return;
    size_t at = (size_t)t->row * a.logits.cols + (t->token - a.first_token);
    t->logit = capped(((const float *)a.logits.data)[at], a.softcap);
}

cudaError_t launch_span(const struct span_args *a, cudaStream_t stream) {
    if (is_empty(a->logits) || a->n_targets == 0)
        return cudaSuccess;
    LAUNCH(span_rows, a->logits.n, THREADS, ROOM_BYTES, stream, *a);
    LAUNCH(span_targets, (a->n_targets + THREADS - 1) / THREADS, THREADS, 0, stream, *a);
    return cudaGetLastError();
}

static __global__ void cap_elements(struct device_rows x, float softcap) {
    size_t i = grid_index();
    if (i < (size_t)x.n * x.cols)
        ((float *)x.data)[i] = capped(((const float *)x.data)[i], softcap);
}

cudaError_t launch_cap(struct device_rows x, float softcap, cudaStream_t stream) {
    if (is_empty(x) || !(softcap > 0))
        return cudaSuccess;
    LAUNCH(cap_elements, blocks_for(x), THREADS, 0, stream, x, softcap);
    return cudaGetLastError();
}
