/* The head on tensor cores: a block makes the logits of a tile, rows by a span of HEAD_TOKENS of
 * the vocabulary, in shared memory, and writes of each row what join_spans needs and the logits of
 * the tokens that were asked for. No row of the vocabulary is ever in memory.
 *
 * The same bits. Logits are the chains of gemm_mma.cuh. A warp has a row of the span: lane l
 * tokens l, l + 32, ..., in this order, and lanes are joined by one tree. Spans are cut by the
 * vocabulary alone and joined by one tree a row, whose shape follows from their number. So neither
 * the tile, nor the rows and targets of a launch, nor the cut of the vocabulary into launches
 * change a bit.
 *
 * A maximum passes over NaN; its exponential is in the sum then, and shows. Compiled, but not yet
 * run on a device. */
#include "harness/cuda/gemm_mma.cuh"
#include "harness/cuda/tops.cuh"

/* All are HEAD_TOKENS wide. */
struct wide_span : tile<128, HEAD_TOKENS, 2, 4, 3> {};
struct middle_span : tile<64, HEAD_TOKENS, 2, 4, 4> {};
struct few_span : tile<16, HEAD_TOKENS, 1, 4, 4> {};

enum { EACH = HEAD_TOKENS / WARP }; /* tokens of a lane */
static_assert(HEAD_TOKENS % WARP == 0, "every lane has as many tokens");

static __device__ __forceinline__ struct top warp_top(struct top t) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        struct top other = { __shfl_xor_sync(0xffffffffU, t.max, distance),
            __shfl_xor_sync(0xffffffffU, t.at, distance) };
        t = top_of(t, other);
    }
    return t;
}

/* Finishes the n logits of a row's span where they lie, and says what they hold. */
static __device__ __forceinline__ struct span_mass span_of(
    const struct head_args &a, float *logits, uint32_t token, uint32_t n) {
    uint32_t lane = threadIdx.x % WARP;
    float y[EACH];
    struct top top = no_top();
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        uint32_t c = lane + (uint32_t)i * WARP;
        y[i] = -INFINITY;
        if (c >= n)
            continue;
        y[i] = capped((logits[c] + (a.bias != NULL ? a.bias[token + c] : 0)) * a.scale, a.softcap);
        struct top one = { y[i], c };
        logits[c] = y[i];
        top = top_of(top, one);
    }
    top = warp_top(top);
    float base = top_base(top), sum = 0;
#pragma unroll
    for (int i = 0; i < EACH; i++)
        sum += lane + (uint32_t)i * WARP < n ? expf(y[i] - base) : 0;
    struct span_mass mass = { top.max, token + top_place(top), warp_sum(sum) };
    return mass;
}

/* The row's targets that the span holds. */
static __device__ __forceinline__ void take_targets(const struct head_args &a, uint32_t row,
    const float *logits, uint32_t token, uint32_t n) {
    uint32_t end = a.first_target[row + 1];
    for (uint32_t i = a.first_target[row] + threadIdx.x % WARP; i < end; i += WARP) {
        struct kernel_target *t = &a.targets[i];
        if (t->token >= token && t->token - token < n)
            t->logit = logits[t->token - token];
    }
}

template <class T, class B>
static __global__ void __launch_bounds__(T::N_THREADS) head_tile(struct head_args a) {
    DYNAMIC_SHARED(float, room);
    struct corner at = tile_corner<T>(blockIdx.x, a.x.n, a.n_tokens);
    struct factors f = { a.x, a.weight, a.n_tokens, at.row, at.col };
    tile_sums<T, B>(f, room);
    uint32_t left = a.n_tokens - at.col, n = left < HEAD_TOKENS ? left : (uint32_t)HEAD_TOKENS;
    uint32_t token = a.first_token + at.col;
    for (uint32_t r = threadIdx.x / WARP; r < T::ROWS && at.row + r < a.x.n;
         r += T::N_THREADS / WARP) {
        uint32_t row = at.row + r;
        float *logits = room + r * T::PITCH;
        struct span_mass mass = span_of(a, logits, token, n);
        if (threadIdx.x % WARP == 0)
            a.masses[(size_t)row * a.n_spans + token / HEAD_TOKENS] = mass;
        __syncwarp(); /* logits of all lanes are there */
        take_targets(a, row, logits, token, n);
    }
}

template <class T, class B>
static cudaError_t launch_spans(const struct head_args *a, cudaStream_t stream) {
    size_t n = (size_t)tiles_of(a->x.n, T::ROWS) * tiles_of(a->n_tokens, T::COLS);
    if (n > INT32_MAX || a->x.cols % B::N != 0)
        return cudaErrorInvalidConfiguration;
    cudaError_t e = LAUNCH_SHARED_MAX((head_tile<T, B>), T::BYTES);
    if (e != cudaSuccess)
        return e;
    LAUNCH((head_tile<T, B>), (unsigned)n, T::N_THREADS, T::BYTES, stream, *a);
    return cudaGetLastError();
}

struct blocks_head {
    const struct head_args *a;
    cudaStream_t stream;
    template <class B> cudaError_t run(void) const {
        return launch_spans<few_span, B>(a, stream);
    }
};

cudaError_t launch_head_spans(const struct head_args *a, cudaStream_t stream) {
    if (is_empty(a->x) || a->n_tokens == 0)
        return cudaSuccess;
    if (!head_mma_fits(a))
        return cudaErrorInvalidValue;
    struct blocks_head blocks = { a, stream };
    if (a->blocks != KERNEL_PLAIN)
        return with_blocks(a->blocks, blocks);
    if (a->x.n <= few_span::ROWS)
        return launch_spans<few_span, plain>(a, stream);
    return a->x.n <= middle_span::ROWS ? launch_spans<middle_span, plain>(a, stream)
                                  : launch_spans<wide_span, plain>(a, stream);
}

/* ---- spans to rows ---- */

/* One block a row: the first token of all that has the maximum, then the sum of what spans hold,
 * relative to that, in double. Thread t has spans t, t + THREADS, ..., in this order. */
static __global__ void __launch_bounds__(THREADS)
    join_spans(const struct span_mass *masses, uint32_t n_spans, struct kernel_mass *out) {
    __shared__ struct top tops[THREADS];
    __shared__ double sums[THREADS];
    const struct span_mass *row = masses + (size_t)blockIdx.x * n_spans;
    struct top top = no_top();
    for (uint32_t i = threadIdx.x; i < n_spans; i += THREADS) {
        struct top one = { row[i].max, row[i].best };
        top = top_of(top, one);
    }
    top = block_top(top, tops);
    double base = top_base(top), sum = 0;
    for (uint32_t i = threadIdx.x; i < n_spans; i += THREADS)
        sum += (double)row[i].sum * exp((double)row[i].max - base);
    sum = block_total(sum, sums);
    struct kernel_mass mass = { top.max, top.at, sum };
    if (threadIdx.x == 0)
        out[blockIdx.x] = mass;
}

cudaError_t launch_head_join(const struct span_mass *masses, uint32_t n_spans, uint32_t n_rows,
    struct kernel_mass *out, cudaStream_t stream) {
    if (n_rows == 0 || n_spans == 0)
        return cudaSuccess;
    LAUNCH(join_spans, n_rows, THREADS, 0, stream, masses, n_spans, out);
    return cudaGetLastError();
}
