/* Ops on elements, whatever row they stand in: gates, curves, sums and limits. A thread a piece of
 * all rows, which lie side by side without gaps. */
#include "harness/cuda/pieces.cuh"

/* ---- gates ---- */

static __device__ float cut(float x, float limit) {
    return x > limit ? limit : x < -limit ? -limit : x; /* NaN goes through */
}

/* See struct gating. */
static __device__ float gated(const struct gate_args &a, float gate, float up) {
    switch (a.kind) {
    case GATE_SIGMOID:
        return up * (1 / (1 + expf(-gate)));
    case GATE_CUT: {
        float x = a.limit > 0 && gate > a.limit ? a.limit : gate;
        float y = a.limit > 0 ? cut(up, a.limit) : up;
        return (y + 1) * (x / (1 + expf(-a.alpha * x)));
    }
    case GATE_ACTIVATED:
        break;
    }
    return activated(a.activation, gate) * up;
}

static __global__ void __launch_bounds__(THREADS)
    gate_pieces(struct gate_args a, size_t n, bool wide) {
    size_t i = flat_piece();
    int count = piece_count(n, i);
    if (count == 0)
        return;
    struct piece gate = piece_load(a.gate.data, a.gate.bf16, i, count, wide);
    struct piece up = piece_load(a.up.data, a.up.bf16, i, count, wide);
#pragma unroll
    for (int e = 0; e < PIECE; e++)
        up.x[e] = gated(a, gate.x[e], up.x[e]);
    piece_store(a.out.data, a.out.bf16, i, count, wide, up);
}

cudaError_t launch_gate(const struct gate_args *a, cudaStream_t stream) {
    unsigned blocks;
    if (is_empty(a->out))
        return cudaSuccess;
    if (!flat_grid(a->out, &blocks))
        return cudaErrorInvalidConfiguration;
    bool wide = starts_wide(a->gate.data, a->gate.bf16) && starts_wide(a->up.data, a->up.bf16) &&
                starts_wide(a->out.data, a->out.bf16);
    LAUNCH(gate_pieces, blocks, THREADS, 0, stream, *a, (size_t)a->out.n * a->out.cols, wide);
    return cudaGetLastError();
}

/* ---- curves ---- */

static __device__ float curved(const struct curve_args &a, float x) {
    float near = x < a.edge ? x : a.edge;
    float bent = x > 0 ? a.above * x * x : (expm1f(near) - x) * a.below;
    return bent + a.linear * x;
}

static __global__ void __launch_bounds__(THREADS)
    curve_pieces(struct curve_args a, size_t n, bool wide) {
    size_t i = flat_piece();
    int count = piece_count(n, i);
    if (count == 0)
        return;
    struct piece p = piece_load((const float *)a.x.data, i, count, wide);
#pragma unroll
    for (int e = 0; e < PIECE; e++)
        p.x[e] = curved(a, p.x[e]);
    piece_store(a.out.data, a.out.bf16, i, count, wide, p);
}

cudaError_t launch_curve(const struct curve_args *a, cudaStream_t stream) {
    unsigned blocks;
    if (is_empty(a->x))
        return cudaSuccess;
    if (!flat_grid(a->x, &blocks))
        return cudaErrorInvalidConfiguration;
    bool wide = starts_wide(a->x.data, false) && starts_wide(a->out.data, a->out.bf16);
    LAUNCH(curve_pieces, blocks, THREADS, 0, stream, *a, (size_t)a->x.n * a->x.cols, wide);
    return cudaGetLastError();
}

/* ---- sums and limits ---- */

/* The product is rounded before it is added, as on the CPU. */
static __global__ void __launch_bounds__(THREADS)
    add_pieces(float scale, const float *x, float *out, size_t n, bool wide) {
    size_t i = flat_piece();
    int count = piece_count(n, i);
    if (count == 0)
        return;
    struct piece p = piece_load(x, i, count, wide), sum = piece_load(out, i, count, wide);
#pragma unroll
    for (int e = 0; e < PIECE; e++)
        sum.x[e] += scale * p.x[e];
    piece_store(out, i, count, wide, sum);
}

cudaError_t launch_add(
    float scale, struct device_rows x, struct device_rows out, cudaStream_t stream) {
    unsigned blocks;
    if (is_empty(x))
        return cudaSuccess;
    if (!flat_grid(x, &blocks))
        return cudaErrorInvalidConfiguration;
    bool wide = starts_wide(x.data, false) && starts_wide(out.data, false);
    LAUNCH(add_pieces, blocks, THREADS, 0, stream, scale, (const float *)x.data, (float *)out.data,
        (size_t)x.n * x.cols, wide);
    return cudaGetLastError();
}

static __global__ void __launch_bounds__(THREADS)
    clip_pieces(float limit, float *x, size_t n, bool wide) {
    size_t i = flat_piece();
    int count = piece_count(n, i);
    if (count == 0)
        return;
    struct piece p = piece_load(x, i, count, wide);
#pragma unroll
    for (int e = 0; e < PIECE; e++)
        p.x[e] = cut(p.x[e], limit);
    piece_store(x, i, count, wide, p);
}

cudaError_t launch_clip(float limit, struct device_rows x, cudaStream_t stream) {
    unsigned blocks;
    if (is_empty(x))
        return cudaSuccess;
    if (!flat_grid(x, &blocks))
        return cudaErrorInvalidConfiguration;
    LAUNCH(clip_pieces, blocks, THREADS, 0, stream, limit, (float *)x.data, (size_t)x.n * x.cols,
        starts_wide(x.data, false));
    return cudaGetLastError();
}
