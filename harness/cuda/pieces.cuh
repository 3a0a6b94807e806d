/* Rows in pieces of four neighbouring elements, so that a thread's load is 16 bytes of f32, and
 * the grids that go over rows in such pieces without a division an element.
 *
 * The four columns of a piece are always the same; whether they come by one load or by four
 * (`wide`) is a matter of where the rows lie, and no sum's order may follow from it. */
#ifndef ASSAY_HARNESS_CUDA_PIECES_CUH
#define ASSAY_HARNESS_CUDA_PIECES_CUH

#include "harness/cuda/device.cuh"

enum { PIECE = 4 };

struct piece {
    float x[PIECE];
};

/* How many of n columns are the piece's that begins at `column`. */
static __device__ __forceinline__ int piece_count(size_t n, size_t column) {
    size_t left = column < n ? n - column : 0;
    return left < PIECE ? (int)left : (int)PIECE;
}

static __device__ __forceinline__ struct piece piece_wide(const float *at) {
    float4 v = *(const float4 *)at;
    struct piece p = { { v.x, v.y, v.z, v.w } };
    return p;
}

static __device__ __forceinline__ struct piece piece_wide(const uint16_t *at) {
    uint2 v = *(const uint2 *)at;
    struct piece p = { { __uint_as_float(v.x << 16), __uint_as_float(v.x & 0xffff0000U),
        __uint_as_float(v.y << 16), __uint_as_float(v.y & 0xffff0000U) } };
    return p;
}

/* Elements [i, i + count); zeros behind them. */
template <typename E>
static __device__ __forceinline__ struct piece piece_load(
    const E *at, size_t i, int count, bool wide) {
    if (wide && count == PIECE)
        return piece_wide(at + i);
    struct piece p;
#pragma unroll
    for (int e = 0; e < PIECE; e++)
        p.x[e] = e < count ? load(at, i + e) : 0;
    return p;
}

static __device__ __forceinline__ struct piece piece_load(
    const void *at, bool bf16, size_t i, int count, bool wide) {
    return bf16 ? piece_load((const uint16_t *)at, i, count, wide)
                : piece_load((const float *)at, i, count, wide);
}

static __device__ __forceinline__ void piece_store(
    float *at, size_t i, int count, bool wide, const struct piece &p) {
    if (wide && count == PIECE) {
        *(float4 *)(at + i) = make_float4(p.x[0], p.x[1], p.x[2], p.x[3]);
        return;
    }
#pragma unroll
    for (int e = 0; e < PIECE; e++)
        if (e < count)
            at[i + e] = p.x[e];
}

static __device__ __forceinline__ void piece_store(
    uint16_t *at, size_t i, int count, bool wide, const struct piece &p) {
    uint16_t bits[PIECE];
#pragma unroll
    for (int e = 0; e < PIECE; e++)
        bits[e] = bf16_round(p.x[e]);
    if (wide && count == PIECE) {
        *(uint2 *)(at + i) = make_uint2(
            bits[0] | (uint32_t)bits[1] << 16, bits[2] | (uint32_t)bits[3] << 16);
        return;
    }
#pragma unroll
    for (int e = 0; e < PIECE; e++)
        if (e < count)
            at[i + e] = bits[e];
}

static __device__ __forceinline__ void piece_store(
    void *at, bool bf16, size_t i, int count, bool wide, const struct piece &p) {
    if (bf16)
        piece_store((uint16_t *)at, i, count, wide, p);
    else
        piece_store((float *)at, i, count, wide, p);
}

/* ---- where pieces lie ---- */

static inline bool starts_wide(const void *at, bool bf16) {
    return (uintptr_t)at % (bf16 ? 8 : 16) == 0;
}

/* Every row's pieces can come by one load. */
static inline bool rows_wide(struct device_rows r) {
    return r.cols % PIECE == 0 && starts_wide(r.data, r.bf16);
}

static inline size_t pieces_of(size_t n) {
    return n / PIECE + (n % PIECE != 0);
}

/* ---- grids ---- */

/* Rows of one width that follow each other without gaps are one list of elements: a thread a
 * piece of it. */
static inline bool flat_grid(struct device_rows r, unsigned *n_blocks) {
    size_t n = (pieces_of((size_t)r.n * r.cols) + THREADS - 1) / THREADS;
    *n_blocks = (unsigned)n;
    return n <= INT32_MAX;
}

static __device__ __forceinline__ size_t flat_piece(void) {
    return grid_index() * PIECE;
}

/* A thread a piece of a row: threads side by side along the row, and where rows are narrow, rows
 * below each other in the block. */
struct row_grid {
    dim3 blocks, threads;
    bool fits; /* the device's limits */
};

static inline struct row_grid rows_grid(size_t n_rows, size_t n_pieces) {
    unsigned across = 1;
    while (across < n_pieces && across < THREADS)
        across *= 2;
    unsigned down = THREADS / across;
    size_t x = (n_rows + down - 1) / down, y = (n_pieces + across - 1) / across;
    struct row_grid g;
    g.blocks = dim3((unsigned)x, (unsigned)y);
    g.threads = dim3(across, down);
    g.fits = x <= INT32_MAX && y <= GRID_DIM_YZ_MAX;
    return g;
}

static __device__ __forceinline__ size_t grid_row(void) {
    return (size_t)blockIdx.x * blockDim.y + threadIdx.y;
}

static __device__ __forceinline__ size_t grid_column(void) {
    return ((size_t)blockIdx.y * blockDim.x + threadIdx.x) * PIECE;
}

#endif
