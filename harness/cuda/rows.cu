/* Rows from one place to another: gathered by id, converted, picked, scattered, spread over heads,
 * with their neighbours beside them, and into the cache. A thread a piece of a row. */
#include "harness/cuda/pieces.cuh"

/* ---- converted and gathered ---- */

static __global__ void __launch_bounds__(THREADS)
    convert_pieces(struct device_rows x, struct device_rows out, size_t n, bool wide) {
    size_t i = flat_piece();
    int count = piece_count(n, i);
    if (count > 0)
        piece_store(out.data, out.bf16, i, count, wide,
            piece_load(x.data, x.bf16, i, count, wide));
}

/* Bits as they are: a NaN keeps its payload. A launch, for a copy would go past a step's record. */
static __global__ void __launch_bounds__(THREADS)
    move_pieces(const uint16_t *x, uint16_t *out, size_t n, bool wide) {
    size_t i = flat_piece();
    int count = piece_count(n, i);
    if (wide && count == PIECE) {
        *(uint2 *)(out + i) = *(const uint2 *)(x + i);
        return;
    }
    for (int e = 0; e < count; e++)
        out[i + e] = x[i + e];
}

cudaError_t launch_convert(struct device_rows x, struct device_rows out, cudaStream_t stream) {
    unsigned blocks;
    size_t n = (size_t)x.n * x.cols;
    bool moves = x.bf16 && out.bf16;
    if (is_empty(x) || (moves && out.data == x.data))
        return cudaSuccess;
    if (!flat_grid(x, &blocks))
        return cudaErrorInvalidConfiguration;
    bool wide = starts_wide(x.data, x.bf16) && starts_wide(out.data, out.bf16);
    if (moves)
        LAUNCH(move_pieces, blocks, THREADS, 0, stream, (const uint16_t *)x.data,
            (uint16_t *)out.data, n, wide);
    else
        LAUNCH(convert_pieces, blocks, THREADS, 0, stream, x, out, n, wide);
    return cudaGetLastError();
}

static __global__ void __launch_bounds__(THREADS) gather_pieces(struct gather_args a, bool wide) {
    size_t row = grid_row(), column = grid_column();
    int count = piece_count(a.x.cols, column);
    if (row >= a.x.n || count == 0)
        return;
    size_t from = (size_t)a.ids[row] * a.x.cols + column, to = row * a.x.cols + column;
    struct piece p = piece_load(a.table, a.table_bf16, from, count, wide);
    float *x = (float *)a.x.data;
    struct piece old = { { 0, 0, 0, 0 } };
    if (a.add)
        old = piece_load(x, to, count, wide);
#pragma unroll
    for (int e = 0; e < PIECE; e++)
        p.x[e] = a.add ? old.x[e] + p.x[e] * a.scale : p.x[e] * a.scale;
    piece_store(x, to, count, wide, p);
}

cudaError_t launch_gather(const struct gather_args *a, cudaStream_t stream) {
    if (is_empty(a->x))
        return cudaSuccess;
    struct row_grid g = rows_grid(a->x.n, pieces_of(a->x.cols));
    if (!g.fits)
        return cudaErrorInvalidConfiguration;
    bool wide = rows_wide(a->x) && starts_wide(a->table, a->table_bf16);
    LAUNCH(gather_pieces, g.blocks, g.threads, 0, stream, *a, wide);
    return cudaGetLastError();
}

/* ---- picked ---- */

/* Bits are moved as they are, 16 bytes at once where rows are made of such, else one element. */
template <typename E>
static __global__ void __launch_bounds__(THREADS)
    pick_parts(const E *src, const uint32_t *index, E *dst, uint32_t n, uint32_t n_parts) {
    size_t row = grid_row(), part = (size_t)blockIdx.y * blockDim.x + threadIdx.x;
    if (row < n && part < n_parts)
        dst[row * n_parts + part] = src[(size_t)index[row] * n_parts + part];
}

cudaError_t launch_pick(
    struct device_rows src, const uint32_t *index, struct device_rows dst, cudaStream_t stream) {
    if (is_empty(dst))
        return cudaSuccess;
    size_t bytes = (size_t)dst.cols * (dst.bf16 ? 2 : 4);
    bool wide = bytes % 16 == 0 && (uintptr_t)src.data % 16 == 0 && (uintptr_t)dst.data % 16 == 0;
    uint32_t parts = wide ? (uint32_t)(bytes / 16) : dst.cols;
    struct row_grid g = rows_grid(dst.n, parts);
    if (!g.fits)
        return cudaErrorInvalidConfiguration;
    if (wide)
        LAUNCH(pick_parts<uint4>, g.blocks, g.threads, 0, stream, (const uint4 *)src.data, index,
            (uint4 *)dst.data, dst.n, parts);
    else if (dst.bf16)
        LAUNCH(pick_parts<uint16_t>, g.blocks, g.threads, 0, stream, (const uint16_t *)src.data,
            index, (uint16_t *)dst.data, dst.n, parts);
    else
        LAUNCH(pick_parts<uint32_t>, g.blocks, g.threads, 0, stream, (const uint32_t *)src.data,
            index, (uint32_t *)dst.data, dst.n, parts);
    return cudaGetLastError();
}

/* ---- into the cache, and back among other rows ---- */

template <typename E>
static __global__ void __launch_bounds__(THREADS) store_pieces(
    struct device_rows x, const uint32_t *slots, void *cache, bool cache_bf16, bool wide) {
    size_t row = grid_row(), column = grid_column();
    int count = piece_count(x.cols, column);
    if (row >= x.n || count == 0)
        return;
    piece_store(cache, cache_bf16, (size_t)slots[row] * x.cols + column, count, wide,
        piece_load((const E *)x.data, row * x.cols + column, count, wide));
}

cudaError_t launch_store(struct device_rows x, const uint32_t *slots, void *cache, bool cache_bf16,
    cudaStream_t stream) {
    if (is_empty(x))
        return cudaSuccess;
    struct row_grid g = rows_grid(x.n, pieces_of(x.cols));
    if (!g.fits)
        return cudaErrorInvalidConfiguration;
    bool wide = rows_wide(x) && starts_wide(cache, cache_bf16);
    if (x.bf16)
        LAUNCH(store_pieces<uint16_t>, g.blocks, g.threads, 0, stream, x, slots, cache, cache_bf16,
            wide);
    else
        LAUNCH(store_pieces<float>, g.blocks, g.threads, 0, stream, x, slots, cache, cache_bf16,
            wide);
    return cudaGetLastError();
}

/* The product is rounded before it is added, as on the CPU. */
static __global__ void __launch_bounds__(THREADS) scatter_pieces(struct device_rows x,
    const uint32_t *index, const float *weights, struct device_rows out, bool wide) {
    size_t row = grid_row(), column = grid_column();
    int count = piece_count(x.cols, column);
    if (row >= x.n || count == 0)
        return;
    size_t to = (size_t)index[row] * x.cols + column;
    float weight = weights[row], *sums = (float *)out.data;
    struct piece p = piece_load((const float *)x.data, row * x.cols + column, count, wide);
    struct piece sum = piece_load(sums, to, count, wide);
#pragma unroll
    for (int e = 0; e < PIECE; e++)
        sum.x[e] += weight * p.x[e];
    piece_store(sums, to, count, wide, sum);
}

cudaError_t launch_scatter(struct device_rows x, const uint32_t *index, const float *weights,
    struct device_rows out, cudaStream_t stream) {
    if (is_empty(x))
        return cudaSuccess;
    struct row_grid g = rows_grid(x.n, pieces_of(x.cols));
    if (!g.fits)
        return cudaErrorInvalidConfiguration;
    bool wide = rows_wide(x) && rows_wide(out);
    LAUNCH(scatter_pieces, g.blocks, g.threads, 0, stream, x, index, weights, out, wide);
    return cudaGetLastError();
}

/* ---- spread over heads, and unfolded ---- */

/* A piece is read once and written to every head. */
static __global__ void __launch_bounds__(THREADS)
    spread_pieces(struct device_rows x, struct device_rows out, uint32_t n_heads, uint32_t first,
        uint32_t head_dim, bool wide, bool wide_out) {
    size_t row = grid_row(), column = grid_column();
    int count = piece_count(x.cols, column);
    if (row >= x.n || count == 0)
        return;
    struct piece p = piece_load((const float *)x.data, row * x.cols + column, count, wide);
    size_t to = row * out.cols + first + column;
    for (uint32_t h = 0; h < n_heads; h++, to += head_dim)
        piece_store((float *)out.data, to, count, wide_out, p);
}

cudaError_t launch_spread(struct device_rows x, struct device_rows out, uint32_t n_heads,
    uint32_t first, cudaStream_t stream) {
    if (is_empty(x))
        return cudaSuccess;
    struct row_grid g = rows_grid(x.n, pieces_of(x.cols));
    if (!g.fits)
        return cudaErrorInvalidConfiguration;
    uint32_t head_dim = out.cols / n_heads;
    bool wide_out = rows_wide(out) && head_dim % PIECE == 0 && first % PIECE == 0;
    LAUNCH(spread_pieces, g.blocks, g.threads, 0, stream, x, out, n_heads, first, head_dim,
        rows_wide(x), wide_out);
    return cudaGetLastError();
}

/* A thread a number of x's row and all its neighbours, which lie side by side in the result. */
static __global__ void __launch_bounds__(THREADS) unfold_numbers(struct unfold_args a) {
    size_t row = grid_row(), column = (size_t)blockIdx.y * blockDim.x + threadIdx.x;
    if (row >= a.x.n || column >= a.x.cols)
        return;
    struct row_range seen = a.ranges[row];
    size_t to = row * a.out.cols + column * a.taps;
    for (uint32_t j = 0; j < a.taps; j++) {
        int64_t at = (int64_t)row + j - a.taps / 2;
        bool there = at >= (int64_t)seen.from && at < (int64_t)seen.to;
        float x = there ? ((const float *)a.x.data)[(size_t)at * a.x.cols + column] : 0;
        element_store(a.out.data, a.out.bf16, to + j, x);
    }
}

cudaError_t launch_unfold(const struct unfold_args *a, cudaStream_t stream) {
    if (is_empty(a->x) || a->taps == 0)
        return cudaSuccess;
    struct row_grid g = rows_grid(a->x.n, a->x.cols);
    if (!g.fits)
        return cudaErrorInvalidConfiguration;
    LAUNCH(unfold_numbers, g.blocks, g.threads, 0, stream, *a);
    return cudaGetLastError();
}
