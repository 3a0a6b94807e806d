/* Attention by tensor cores: one block of threads an item and key head, a softmax over blocks of
 * TILE_KEYS keys. What a tile is and why a row's bits are its own: attend_tiles.h; which keys come
 * when: attend_walk.cuh; the arithmetic: attend_block.cuh; the kernel: attend_tile.cuh.
 *
 * What a multiprocessor holds, with DIM the padded head width: shared memory is
 * (height + 128) * (DIM + 8) * 2 bytes, and 3.5 KiB at most for rows and slots: at DIM 128 72 KiB
 * for 128 queries, 55 for 64, 38 for 16; at DIM 256 101 KiB for 64. Launch bounds ask for two
 * blocks of four warps, or one of eight. Registers a thread, by nvcc 13.0 for sm_90a:
 *
 *     DIM                      64   96  128  192  256
 *     128 queries             217  255  255  223  241    M_TILES * DIM / 2 of them are `out`,
 *     64, 16                  137  168  174  224  241    M_TILES * 32 scores
 *     shaped, at most         136  164  192  227  249
 *
 * None is spilled for sm_80 and sm_90a; for sm_100 it is 12 bytes, at DIM 128 with 128 queries.
 *
 * Two m-tiles a warp (128 queries) halve what ldmatrix has to bring for each product, which is what
 * bounds the lower heights; wide heads have no registers for them and take eight warps instead. Low
 * tiles have one warp, and as many blocks on a multiprocessor as fit, so that enough copies are
 * under way for decoding.
 *
 * Why states of TILE_SPLIT positions: one item has 32 steps at most, so one sequence of 32,000
 * positions and 8 key heads gives 128 items to 132 multiprocessors. The price is that rows which
 * see more than one state's positions leave head_dim floats for each, written and read once: 1 KiB
 * for 2048 * 4 * 128 operations at 128, a twentieth of the time at most. Prompts of up to 2,048
 * positions pay nothing.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/attend_tile.cuh"

/* ---- joining states ---- */

enum { JOIN_WARPS = 4 };

/* One warp a query; each lane goes over the states of its own dimensions, in order. A state of
 * nothing (maximum -inf, zeros) changes no bit, nor does the first, taken in by nothing. */
static __global__ void __launch_bounds__(JOIN_WARPS *WARP)
    attend_joins(const struct attend_tiles_args a, const struct attend_item *joins) {
    const struct attend_item join = joins[blockIdx.x / a.n_kv_heads];
    const struct attend_tile t = a.tiles[join.tile];
    const uint32_t key_head = blockIdx.x % a.n_kv_heads;
    const uint32_t query = blockIdx.y * JOIN_WARPS + threadIdx.x / WARP;
    if (query >= t.n_queries)
        return;
    const struct tile_row r = tile_row_of(a, t, key_head, query);
    const size_t to = ((size_t)r.row * a.n_heads + r.head) * a.head_dim;
    for (uint32_t d = threadIdx.x % WARP; d < a.head_dim; d += WARP) {
        float out = 0, max = -INFINITY, sum = 0;
        for (uint32_t i = 0; i < join.split; i++) {
            const float *state = partial_at(a, join.partial + i * t.n_queries + query, key_head);
            float top = fmaxf(max, state[a.head_dim]), base = top == -INFINITY ? 0 : top;
            float old = exp2f(max - base), fresh = exp2f(state[a.head_dim] - base);
            out = fmaf(state[d], fresh, out * old);
            sum = fmaf(state[a.head_dim + 1], fresh, sum * old);
            max = top;
        }
        a.out[to + d] = (uint16_t)bf16_pair(closed(out, closing(a, r.head, max, sum)), 0);
    }
}

/* ---- launchers ---- */

cudaError_t launch_attend_tiles(const struct attend_tiles_args *a, enum tile_height height,
    const struct attend_item *items, uint32_t n_items, cudaStream_t stream) {
    if (n_items == 0)
        return cudaSuccess;
    if (a->form != ATTEND_PLAIN)
        return launch_attend_shaped(a, height, items, n_items, stream);
    return launch_width<false>(*a, height, items, n_items, stream);
}

size_t attend_room_bytes(uint32_t head_dim, enum tile_height height) {
    const int strides[] = { stride_of<64>(), stride_of<96>(), stride_of<128>(), stride_of<192>() };
    for (int stride : strides) {
        if ((int)head_dim + PIECE <= stride)
            return room_bytes((size_t)stride, height);
    }
    return room_bytes(stride_of<256>(), height);
}

cudaError_t launch_attend_joins(const struct attend_tiles_args *a, enum tile_height height,
    const struct attend_item *joins, uint32_t n_joins, cudaStream_t stream) {
    if (n_joins == 0)
        return cudaSuccess;
    if ((uint64_t)n_joins * a->n_kv_heads > INT32_MAX)
        return cudaErrorInvalidConfiguration;
    dim3 grid(n_joins * a->n_kv_heads, ((unsigned)height + JOIN_WARPS - 1) / JOIN_WARPS);
    LAUNCH(attend_joins, grid, dim3(JOIN_WARPS * WARP), 0, stream, *a, joins);
    return cudaGetLastError();
}
