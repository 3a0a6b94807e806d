/* Norms: of rows, of the heads of rows, and rows brought to length 1. A row (or head) is a warp's
 * where it is narrow, else a block's; its numbers are read once and stay in registers, in pieces:
 * lane l of L holds pieces l, l + L, ... (HELD 0: too wide for that, read again each time.)
 *
 * The same bits. Lanes, pieces and the shape of the sums follow from the width alone. */
#include "harness/cuda/pieces.cuh"

enum { WARPS = THREADS / WARP };

/* How one row is read: by `lanes` threads, of which this is `lane`. */
struct norm_row {
    const float *x;
    uint32_t cols, lane, lanes;
    bool wide;
};

static __device__ __forceinline__ uint32_t column_of(const struct norm_row &r, uint32_t k) {
    return (r.lane + k * r.lanes) * PIECE;
}

/* Pieces of a lane, where the last may be past the row. */
static __device__ __forceinline__ uint32_t turns_of(const struct norm_row &r) {
    uint32_t pieces = r.cols / PIECE + (r.cols % PIECE != 0);
    return (pieces + r.lanes - 1) / r.lanes;
}

template <int HELD> struct held {
    struct piece p[HELD > 0 ? HELD : 1];
};

template <int HELD>
static __device__ __forceinline__ void hold(const struct norm_row &r, struct held<HELD> *h) {
#pragma unroll
    for (int k = 0; k < HELD; k++) {
        uint32_t c = column_of(r, k);
        h->p[k] = piece_load(r.x, c, piece_count(r.cols, c), r.wide);
    }
}

template <int HELD>
static __device__ __forceinline__ struct piece piece_of(
    const struct norm_row &r, const struct held<HELD> &h, int k) {
    uint32_t c = column_of(r, k);
    return HELD > 0 ? h.p[HELD > 0 ? k : 0] : piece_load(r.x, c, piece_count(r.cols, c), r.wide);
}

/* ---- sums: over the pieces of a lane in order, then over lanes ---- */

template <int N_WARPS> static __device__ __forceinline__ float lanes_sum(float x, float *space) {
    return N_WARPS == 1 ? warp_sum(x) : block_sum<N_WARPS>(x, space);
}

template <int HELD>
static __device__ __forceinline__ float lane_total(
    const struct norm_row &r, const struct held<HELD> &h) {
    const int turns = HELD > 0 ? HELD : (int)turns_of(r);
    float sum = 0;
#pragma unroll
    for (int k = 0; k < turns; k++) {
        struct piece p = piece_of<HELD>(r, h, k); /* zeros past the row */
#pragma unroll
        for (int e = 0; e < PIECE; e++)
            sum += p.x[e];
    }
    return sum;
}

template <int HELD>
static __device__ __forceinline__ float lane_squares(
    const struct norm_row &r, const struct held<HELD> &h, float mean) {
    const int turns = HELD > 0 ? HELD : (int)turns_of(r);
    float sum = 0;
#pragma unroll
    for (int k = 0; k < turns; k++) {
        struct piece p = piece_of<HELD>(r, h, k);
        int count = piece_count(r.cols, column_of(r, k));
#pragma unroll
        for (int e = 0; e < PIECE; e++)
            if (e < count)
                sum = fmaf(p.x[e] - mean, p.x[e] - mean, sum);
    }
    return sum;
}

/* ---- what comes out ---- */

/* Factors and terms of columns [at, at + count) of the row, on those of a piece. */
static __device__ __forceinline__ void bend(
    const struct norm_args &a, size_t at, int count, struct piece *p) {
    if (a.gain != NULL) {
        struct piece gain = piece_load(a.gain, at, count, a.wide_gain);
#pragma unroll
        for (int e = 0; e < PIECE; e++)
            p->x[e] *= gain.x[e];
    }
    if (a.bias != NULL) {
        struct piece bias = piece_load(a.bias, at, count, a.wide_gain);
#pragma unroll
        for (int e = 0; e < PIECE; e++)
            p->x[e] += bias.x[e];
    }
}

/* x, out and `both` may be one row: a thread writes only columns that it alone reads. */
template <int HELD>
static __device__ __forceinline__ void write_row(const struct norm_args &a,
    const struct norm_row &r, const struct held<HELD> &h, size_t row, float mean, float factor) {
    const int turns = HELD > 0 ? HELD : (int)turns_of(r);
    size_t gains = a.n_gains > 1 ? row % a.n_gains * r.cols : 0;
#pragma unroll
    for (int k = 0; k < turns; k++) {
        uint32_t c = column_of(r, k);
        int count = piece_count(r.cols, c);
        struct piece p = piece_of<HELD>(r, h, k);
        if (count == 0)
            continue;
#pragma unroll
        for (int e = 0; e < PIECE; e++)
            p.x[e] = (p.x[e] - mean) * factor;
        bend(a, gains + c, count, &p);
        piece_store(a.out, a.out_bf16, row * r.cols + c, count, a.wide_out, p);
        if (a.both != NULL)
            piece_store(a.both, a.both_bf16, row * r.cols + c, count, a.wide_both, p);
    }
}

template <int N_WARPS, int HELD>
static __global__ void __launch_bounds__(THREADS) norm_rows(struct norm_args a) {
    DYNAMIC_SHARED(float, space);
    enum { LANES = N_WARPS * WARP };
    size_t row = (size_t)blockIdx.x * (THREADS / LANES) + threadIdx.x / LANES;
    if (row >= a.n) /* whole warps; of blocks none */
        return;
    struct norm_row r = { a.x + row * a.cols, a.cols, threadIdx.x % LANES, LANES, a.wide };
    struct held<HELD> h;
    hold<HELD>(r, &h);
    float mean = 0, factor;
    if (a.kind == NORM_OF_LAYER)
        mean = lanes_sum<N_WARPS>(lane_total<HELD>(r, h), space) / (float)a.cols;
    float squares = lanes_sum<N_WARPS>(lane_squares<HELD>(r, h, mean), space);
    if (a.kind == NORM_TO_LENGTH_1) {
        float length = sqrtf(squares);
        factor = 1 / (length < 1e-12F ? 1e-12F : length);
    } else {
        factor = 1 / sqrtf(squares / (float)a.cols + a.eps);
    }
    write_row<HELD>(a, r, h, row, mean, factor);
}

/* ---- launches ---- */

template <int N_WARPS, int HELD>
static cudaError_t launch(const struct norm_args &a, cudaStream_t stream) {
    const size_t at_once = WARPS / N_WARPS, blocks = (a.n + at_once - 1) / at_once;
    if (blocks > INT32_MAX)
        return cudaErrorInvalidConfiguration;
    LAUNCH((norm_rows<N_WARPS, HELD>), (unsigned)blocks, THREADS, WARPS * sizeof(float), stream, a);
    return cudaGetLastError();
}

cudaError_t launch_norm(const struct norm_args *given, cudaStream_t stream) {
    struct norm_args a = *given;
    if (a.n == 0 || a.cols == 0)
        return cudaSuccess;
    bool whole = a.cols % PIECE == 0;
    a.wide = whole && starts_wide(a.x, false);
    a.wide_out = whole && starts_wide(a.out, a.out_bf16);
    a.wide_both = whole && starts_wide(a.both, a.both_bf16);
    a.wide_gain = whole && starts_wide(a.gain, false) && starts_wide(a.bias, false);
    if (a.cols <= 128)
        return launch<1, 1>(a, stream);
    if (a.cols <= 256)
        return launch<1, 2>(a, stream);
    if (a.cols <= 512)
        return launch<1, 4>(a, stream);
    if (a.cols <= 1024)
        return launch<1, 8>(a, stream);
    if (a.cols <= 2048)
        return launch<WARPS, 2>(a, stream);
    if (a.cols <= 4096)
        return launch<WARPS, 4>(a, stream);
    if (a.cols <= 8192)
        return launch<WARPS, 8>(a, stream);
    return launch<WARPS, 0>(a, stream);
}
