/* What is kept of a span of the vocabulary: of each row its maximum, the first token that has it
 * and the sum of exponentials in double, joined with the spans before, and the logits of the tokens
 * that were asked for. One block a row; spans come in order of the vocabulary and are cut by it
 * alone.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/tops.cuh"

/* a then b, as one. Empty is { -INFINITY, 0, 0 }; a sum that is NaN stays so. */
static __device__ struct kernel_mass mass_join(struct kernel_mass a, struct kernel_mass b) {
    if (b.max > a.max) {
        b.sum += a.max == -INFINITY ? a.sum : a.sum * exp((double)a.max - (double)b.max);
        return b;
    }
    a.sum += b.max == -INFINITY ? b.sum : b.sum * exp((double)b.max - (double)a.max);
    return a;
}

enum { ROOM_BYTES = THREADS * (sizeof(double) + sizeof(struct top)) };

static __global__ void __launch_bounds__(THREADS) span_rows(struct span_args a) {
    DYNAMIC_SHARED(double, sums); /* [THREADS], as the tops behind them */
    struct top *tops = (struct top *)(sums + THREADS), top = no_top();
    const uint32_t cols = a.logits.cols;
    const float *logits = (const float *)a.logits.data + (size_t)blockIdx.x * cols;
    for (uint32_t c = threadIdx.x; c < cols; c += THREADS) {
        struct top one = { capped(logits[c], a.softcap), c };
        top = top_of(top, one);
    }
    top = block_top(top, tops);
    float base = top_base(top);
    double sum = 0;
    for (uint32_t c = threadIdx.x; c < cols; c += THREADS)
        sum += (double)expf(capped(logits[c], a.softcap) - base);
    sum = block_total(sum, sums);
    if (threadIdx.x != 0)
        return;
    struct kernel_mass mass = { top.max, a.first_token + top_place(top), sum };
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
