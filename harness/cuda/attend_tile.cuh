/* The kernel of a tile: what is in shared memory, how keys and values come there, the steps, and
 * what is done at the end. attend_mma.cu and attend_shaped.cu have its instances.
 *
 * Copies under way. Keys and values have one place each in shared memory. The values of a block
 * come while its scores are made, the keys of the next while its values are added:
 *
 *     barrier A: this block's keys are there; nobody reads the values before, nor their slots
 *         copy values; slots of the next block; scores
 *     barrier B: the values are there; nobody reads this block's keys; the next slots are there
 *         copy the next keys; softmax, values
 *
 * Each barrier stands behind a wait for this thread's own copies, so that it makes those of all
 * threads seen. Two barriers a block suffice because everything that is written between A and B is
 * read after B or before the A before.
 *
 * Compiled, but not yet run on a device. */
#ifndef ASSAY_HARNESS_CUDA_ATTEND_TILE_CUH
#define ASSAY_HARNESS_CUDA_ATTEND_TILE_CUH

#include "harness/cuda/attend_block.cuh"

/* ---- shared memory ---- */

template <int DIM, int ROWS>
static __device__ __forceinline__ struct tile_room room_at(uint4 *shared) {
    const int stride = stride_of<DIM>();
    struct tile_room room;
    room.q = (uint16_t *)shared;
    room.keys = room.q + ROWS * stride;
    room.values = room.keys + TILE_KEYS * stride;
    room.slots = (uint32_t *)(room.values + TILE_KEYS * stride);
    room.odd = room.slots + 2 * TILE_KEYS;
    room.rows = (struct tile_row *)(room.odd + 2);
    return room;
}

static constexpr size_t room_bytes(size_t stride, size_t n_rows) {
    return (n_rows + 2 * TILE_KEYS) * stride * sizeof(uint16_t) +
           (2 * TILE_KEYS + 2) * sizeof(uint32_t) + n_rows * sizeof(struct tile_row);
}

/* Eight elements of a query as bf16. */
static __device__ __forceinline__ uint4 query_piece(
    const struct attend_tiles_args &a, const struct tile_row &r, uint32_t d) {
    size_t at = ((size_t)r.row * a.n_heads + r.head) * a.head_dim + d;
    if (a.q_bf16)
        return *(const uint4 *)((const uint16_t *)a.q + at);
    const float4 *q = (const float4 *)((const float *)a.q + at);
    float4 low = q[0], high = q[1];
    return make_uint4(bf16_pair(low.x, low.y), bf16_pair(low.z, low.w), bf16_pair(high.x, high.y),
        bf16_pair(high.z, high.w));
}

/* Queries, zeros where the tile has none and behind the head's width. */
template <int DIM, int ROWS>
static __device__ __forceinline__ void take_queries(
    const struct attend_tiles_args &a, const struct tile_room &room) {
    const uint32_t pieces = DIM / PIECE;
    for (uint32_t i = threadIdx.x; i < ROWS * pieces; i += blockDim.x) {
        uint32_t row = i / pieces, d = i % pieces * PIECE;
        const struct tile_row &r = room.rows[row];
        uint4 piece = make_uint4(0, 0, 0, 0);
        if (r.part != NO_PART && d < a.head_dim)
            piece = query_piece(a, r, d);
        *(uint4 *)(room.q + row * stride_of<DIM>() + d) = piece;
    }
}

/* Begins to bring the block's keys, or its values; zeros where there is none. */
template <int DIM, int N_THREADS>
static __device__ __forceinline__ void copy_block(const struct attend_tiles_args &a,
    const uint16_t *cache, uint32_t column, const uint32_t *slots, uint16_t *to) {
    const uint32_t pieces = DIM / PIECE;
#pragma unroll 4
    for (uint32_t i = threadIdx.x; i < TILE_KEYS * pieces; i += N_THREADS) {
        uint32_t key = i / pieces, d = i % pieces * PIECE, slot = slots[key];
        bool there = slot != NO_SLOT && d < a.head_dim;
        size_t at = there ? (size_t)slot * a.kv_width + column + d : 0;
        copy_async16(to + key * stride_of<DIM>() + d, cache + at, there);
    }
    copy_async_commit();
}

/* The pieces that this thread brought, as copy_block shares them out; see mend_piece. */
template <int DIM, int N_THREADS>
static __device__ __forceinline__ void mend_values(uint16_t *values, uint32_t *odd) {
    const uint32_t pieces = DIM / PIECE;
    bool found = false;
#pragma unroll 2
    for (uint32_t i = threadIdx.x; i < TILE_KEYS * pieces; i += N_THREADS)
        found |= mend_piece(values + i / pieces * stride_of<DIM>() + i % pieces * PIECE);
    if (found)
        *odd = 1; /* the same, whoever writes it */
}

/* Some row of this warp sees some key of the block; the same answer in every lane. A lane asks for
 * one row: a warp has at most as many. */
template <int M_TILES>
static __device__ __forceinline__ bool warp_sees(const struct attend_tile &t,
    const struct tile_room &room, const struct walk &w, uint32_t first_row) {
    const uint32_t n_rows = M_TILES * MMA_ROWS, lane = threadIdx.x % WARP;
    if (all_seen(t, w))
        return first_row < t.n_queries;
    struct attend_sight s = { 0, 0 };
    if (lane < n_rows)
        s = sight_within(room.rows[first_row + lane], w);
    return __ballot_sync(0xffffffffU, s.from < s.to) != 0;
}

/* ---- the end ---- */

/* What the values of a row are multiplied with at last. A sink is one more logit, with no value. */
static __device__ __forceinline__ float closing(
    const struct attend_tiles_args &a, uint32_t head, float max, float sum) {
    if (a.sinks == NULL)
        return 1 / sum;
    float sink = a.sinks[head] * LOG2_E, top = fmaxf(max, sink);
    float factor = exp2f(max - top);
    return factor / fmaf(sum, factor, exp2f(sink - top));
}

/* One zero and one NaN, whatever the way: a sum that never met a key's weight of 0 can be -0. */
static __device__ __forceinline__ float closed(float value, float by) {
    float x = value * by + 0.0F;
    return x - x == 0 ? x : NAN;
}

static __device__ __forceinline__ float *partial_at(
    const struct attend_tiles_args &a, uint32_t row, uint32_t key_head) {
    return a.partials + ((size_t)row * a.n_kv_heads + key_head) * (a.head_dim + PARTIAL_EXTRA);
}

template <int DIM, int M_TILES>
static __device__ __forceinline__ void keep_state(const struct attend_tiles_args &a,
    const struct attend_tile &t, const struct attend_item &item, uint32_t key_head,
    uint32_t first_row, const struct tile_state<DIM, M_TILES> &s) {
#pragma unroll
    for (int m = 0; m < M_TILES; m++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float sum = row_sum(s.sum[m][h]);
            uint32_t row = lane_row(first_row, m, h);
            if (row >= t.n_queries)
                continue;
            float *to = partial_at(a, item.partial + row, key_head);
#pragma unroll
            for (int n = 0; n < DIM / MMA_COLS; n++) {
#pragma unroll
                for (int c = 0; c < 2; c++) {
                    if (lane_key(n, c) < a.head_dim)
                        to[lane_key(n, c)] = s.out[m][n][2 * h + c];
                }
            }
            to[a.head_dim] = s.max[m][h]; /* the four lanes of the row write the same */
            to[a.head_dim + 1] = sum;
        }
    }
}

/* Through the place of the warp's own queries, so that whole pieces are written. */
template <int DIM, int M_TILES>
static __device__ __forceinline__ void write_rows(const struct attend_tiles_args &a,
    const struct tile_room &room, uint32_t first_row, const struct tile_state<DIM, M_TILES> &s) {
    const uint32_t stride = stride_of<DIM>(), pieces = a.head_dim / PIECE;
    __syncwarp(); /* no lane reads the queries any more */
#pragma unroll
    for (int m = 0; m < M_TILES; m++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            uint32_t row = lane_row(first_row, m, h);
            float by = closing(a, room.rows[row].head, s.max[m][h], row_sum(s.sum[m][h]));
#pragma unroll
            for (int n = 0; n < DIM / MMA_COLS; n++) {
                const float *pair = &s.out[m][n][2 * h];
                *(uint32_t *)(room.q + row * stride + lane_key(n, 0)) =
                    bf16_pair(closed(pair[0], by), closed(pair[1], by));
            }
        }
    }
    __syncwarp(); /* the warp's rows are there */
    for (uint32_t i = threadIdx.x % WARP; i < M_TILES * MMA_ROWS * pieces; i += WARP) {
        uint32_t row = first_row + i / pieces, d = i % pieces * PIECE;
        const struct tile_row &r = room.rows[row];
        size_t at = ((size_t)r.row * a.n_heads + r.head) * a.head_dim + d;
        if (r.part != NO_PART)
            *(uint4 *)(a.out + at) = *(const uint4 *)(room.q + row * stride + d);
    }
}

/* ---- the kernel ---- */

template <int DIM, int M_TILES, int N_WARPS, bool SHAPED>
static __global__ void __launch_bounds__(N_WARPS *WARP, N_WARPS == 4 ? 2 : 1)
    attend_tiles(const struct attend_tiles_args a, const struct attend_item *items) {
    enum { ROWS = N_WARPS * M_TILES * MMA_ROWS, N_THREADS = N_WARPS * WARP };
    DYNAMIC_SHARED(uint4, shared);
    const struct attend_item &item = items[blockIdx.x / a.n_kv_heads];
    const struct attend_tile t = a.tiles[item.tile];
    const uint32_t key_head = blockIdx.x % a.n_kv_heads;
    const uint32_t first_row = threadIdx.x / WARP * (M_TILES * MMA_ROWS);
    const uint32_t column = key_head * a.head_dim;
    const float unit = SHAPED ? LOG2_E : a.scale * LOG2_E;
    struct tile_room room = room_at<DIM, ROWS>(shared);
    struct tile_state<DIM, M_TILES> state;
    struct walk w = walk_begin(a, t, item);

    for (uint32_t i = threadIdx.x; i < ROWS; i += blockDim.x)
        room.rows[i] = tile_row_of(a, t, key_head, i);
    find_slots(a, t, w, room.slots);
    if (threadIdx.x == 0)
        room.odd[0] = 0;
    __syncthreads();                  /* rows and the first slots are there */
    take_queries<DIM, ROWS>(a, room); /* seen behind the first barrier A */
    if (!walk_over(t, w))
        copy_block<DIM, N_THREADS>(a, a.keys, column, room.slots, room.keys);
    state_begin(state);
    for (uint32_t turn = 0; !walk_over(t, w); turn ^= 1) {
        const struct walk next = walk_next(a, t, item, w);
        const uint32_t *slots = room.slots + turn * TILE_KEYS;
        uint32_t *next_slots = room.slots + (turn ^ 1) * TILE_KEYS;
        struct tile_scores<M_TILES> scores;
        copy_async_wait<0>();
        __syncthreads(); /* A: keys of w; the values and slots of the block before are done with */
        copy_block<DIM, N_THREADS>(a, a.values, column, slots, room.values);
        find_slots(a, t, next, next_slots);
        if (threadIdx.x == 0)
            room.odd[turn ^ 1] = 0;
        const bool sees = warp_sees<M_TILES>(t, room, w, first_row);
        __syncwarp(); /* lanes have looked for other slots, or none */
        if (sees)
            score_keys<DIM, M_TILES>(room, first_row, scores);
        copy_async_wait<0>();
        const bool whole = all_seen(t, w);
        if (!whole)
            mend_values<DIM, N_THREADS>(room.values, &room.odd[turn]);
        __syncthreads(); /* B: values of w; next slots; the keys of w are done with */
        if (!walk_over(t, next))
            copy_block<DIM, N_THREADS>(a, a.keys, column, next_slots, room.keys);
        if (sees) {
            if (SHAPED)
                shape_scores<M_TILES>(a, room, w, first_row, scores);
            if (!whole)
                mask_scores<M_TILES>(room, w, first_row, scores);
            soften(scores, unit, state);
            add_values(room, scores, state);
            if (!whole && room.odd[turn] != 0)
                spoil_rows(a, room, w, slots, column, first_row, state);
        }
        w = next;
    }
    __syncthreads(); /* the queries are there also where no step has waited for them */
    if (item.split != TILE_WHOLE)
        keep_state(a, t, item, key_head, first_row, state);
    else
        write_rows(a, room, first_row, state);
}

/* ---- launchers ---- */

template <int DIM, int M_TILES, int N_WARPS, bool SHAPED>
static cudaError_t launch_shape(const struct attend_tiles_args &a, const struct attend_item *items,
    uint32_t n_items, cudaStream_t stream) {
    enum { ROWS = N_WARPS * M_TILES * MMA_ROWS };
    size_t bytes = room_bytes(stride_of<DIM>(), ROWS);
    if ((uint64_t)n_items * a.n_kv_heads > INT32_MAX)
        return cudaErrorInvalidConfiguration;
    cudaError_t e = LAUNCH_SHARED_MAX((attend_tiles<DIM, M_TILES, N_WARPS, SHAPED>), bytes);
    if (e != cudaSuccess)
        return e;
    LAUNCH((attend_tiles<DIM, M_TILES, N_WARPS, SHAPED>), dim3(n_items * a.n_kv_heads),
        dim3(N_WARPS * WARP), bytes, stream, a, items);
    return cudaGetLastError();
}

/* Scores that are shaped and wide heads have no registers for two m-tiles a warp: eight warps then
 * have the same height. */
template <int DIM, bool SHAPED>
static cudaError_t launch_height(const struct attend_tiles_args &a, enum tile_height height,
    const struct attend_item *items, uint32_t n_items, cudaStream_t stream) {
    enum { M_TILES = SHAPED || DIM > 128 ? 1 : 2 };
    switch (height) {
    case TILE_LOW:
        return launch_shape<DIM, 1, 1, SHAPED>(a, items, n_items, stream);
    case TILE_MIDDLE:
        return launch_shape<DIM, 1, 4, SHAPED>(a, items, n_items, stream);
    case TILE_HIGH:
        break;
    }
    return launch_shape<DIM, M_TILES, 8 / M_TILES, SHAPED>(a, items, n_items, stream);
}

/* SHAPED: scores are more than scaled; see enum attend_form. */
template <bool SHAPED>
static cudaError_t launch_width(const struct attend_tiles_args &a, enum tile_height height,
    const struct attend_item *items, uint32_t n_items, cudaStream_t stream) {
    if (a.head_dim <= 64)
        return launch_height<64, SHAPED>(a, height, items, n_items, stream);
    if (a.head_dim <= 96)
        return launch_height<96, SHAPED>(a, height, items, n_items, stream);
    if (a.head_dim <= 128)
        return launch_height<128, SHAPED>(a, height, items, n_items, stream);
    if (a.head_dim <= 192)
        return launch_height<192, SHAPED>(a, height, items, n_items, stream);
    return launch_height<256, SHAPED>(a, height, items, n_items, stream);
}

#endif
