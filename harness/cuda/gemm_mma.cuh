/* The product of a tile on tensor cores: rows of activations by columns of a weight, which lies
 * [column, k] as bf16 or in its file's blocks (blocks.cuh). Both sides come to shared memory by
 * steps of STEP_K along k, some steps ahead of their use; sums stay in registers until k is
 * through and go to shared memory then, as f32, for whatever is done with them.
 *
 * The same bits. A sum is one chain of mma_bf16 over k, MMA_K at a time from 0 up, begun at zero,
 * whatever the tile's shape, the element's place in it or the launch: a warp has whole columns of k
 * to itself, and nothing is split. k is filled up to a multiple of STEP_K with zeros of both sides,
 * the same for every shape. Weights in blocks are the bf16 numbers that expanding them would give
 * before they meet the chain. So shapes are chosen by speed alone.
 *
 * A row of a side in shared memory is 128 bytes, eight pieces of 16; piece p of row r lies at p ^ r
 * % 8, so that neither copies nor ldmatrix meet in a bank.
 *
 * Expected of an SM with 164 KiB of shared memory (sm_80), and with 228 (sm_90, sm_100): of the
 * wide tile (96 KiB, 8 warps) one block or two, of the small (64 KiB, 4 warps) two or three, of the
 * few (60 KiB, 4 warps) two or three. A lane of the wide tile has 64 sums and 24 operands in
 * registers. Rows of both sides must begin at multiples of 16 bytes, k be a multiple of 8.
 *
 * Compiled, but not yet run on a device. */
#ifndef ASSAY_HARNESS_CUDA_GEMM_MMA_CUH
#define ASSAY_HARNESS_CUDA_GEMM_MMA_CUH

#include "harness/cuda/blocks.cuh"
#include "harness/cuda/product.cuh"

enum {
    STEP_K = 64,               /* of every tile: zeros behind k are part of the chain */
    PIECES = STEP_K / EIGHT,   /* of 16 bytes, of a row of a side */
    BAND = 16,                 /* row tiles that blocks go through together */
    BLOCKS_AHEAD = 16,         /* steps that blocks are asked of memory before they are read */
};

/* ROWS × COLS sums of N_DOWN × N_ACROSS warps; so many steps of both sides in shared memory. */
template <int R, int C, int N_DOWN, int N_ACROSS, int N_STAGES> struct tile {
    enum {
        ROWS = R,
        COLS = C,
        ACROSS = N_ACROSS,
        STAGES = N_STAGES,
        N_THREADS = N_DOWN * N_ACROSS * WARP,
        WARP_ROWS = R / N_DOWN,
        WARP_COLS = C / N_ACROSS,
        STAGE = (R + C) * STEP_K, /* elements */
        PITCH = C + 8,            /* of sums */
        STAGES_BYTES = N_STAGES * STAGE * 2,
        SUMS_BYTES = R * PITCH * 4,
        BYTES = STAGES_BYTES > SUMS_BYTES ? STAGES_BYTES : SUMS_BYTES,
    };
    static_assert(WARP_ROWS % MMA_ROWS == 0 && WARP_COLS % (2 * MMA_COLS) == 0,
        "a warp has whole operands");
    static_assert(R * PIECES % N_THREADS == 0 && C * PIECES % N_THREADS == 0,
        "each thread brings as many pieces");
    static_assert(N_STAGES >= 2, "what is read is not what is written");
};

/* Of products. Weights in blocks have the one for few rows alone: with few rows it is reading the
 * weight that costs. With many, each row tile would expand them again: who calls expands a strip of
 * columns (expand.cu) and multiplies that. */
struct wide_tile : tile<128, 128, 2, 4, 3> {};
struct small_tile : tile<64, 64, 2, 2, 4> {};
struct few_tile : tile<16, 64, 1, 4, 6> {};

/* ---- sides ---- */

/* Where piece `piece` of row `row` lies in a side, in elements. */
static __host__ __device__ constexpr uint32_t piece_at(uint32_t row, uint32_t piece) {
    return row * STEP_K + (piece ^ row % 8) * EIGHT;
}

/* Elements as the product has them. */
struct plain {
    enum { N = 1, BYTES = 2 };
};

/* `left` rows from the tile's first on, of which the tile has N; what lies behind k, and rows that
 * are not there, are zeros. */
template <class B, int N, int N_THREADS> struct side {
    const uint8_t *rows;
    uint32_t left, k;
    struct eight held[N * PIECES / N_THREADS];
};

template <int N, int N_THREADS> struct side<plain, N, N_THREADS> {
    const uint8_t *rows;
    uint32_t left, k;
};

template <class B, int N, int N_THREADS>
static __device__ __forceinline__ void side_begin(
    struct side<B, N, N_THREADS> &s, const void *rows, uint32_t first, uint32_t n, uint32_t k) {
    s.rows = (const uint8_t *)rows + first * lying<B>::bytes(k);
    s.left = n - first;
    s.k = k;
}

/* A piece of a step: of which row, and from which element of it on. */
struct piece {
    uint32_t row, index, from;
};

template <class S> static __device__ __forceinline__ bool is_there(const S &s, struct piece p) {
    return p.row < s.left && p.from < s.k;
}

template <int N_THREADS>
static __device__ __forceinline__ struct piece piece_of(int i, uint32_t step) {
    uint32_t at = threadIdx.x + (uint32_t)i * N_THREADS, index = at % PIECES;
    struct piece p = { at / PIECES, index, step * STEP_K + index * EIGHT };
    return p;
}

/* What a side does, some steps before one is used: copies begin. */
template <int N, int N_THREADS>
static __device__ __forceinline__ void side_ahead(
    const struct side<plain, N, N_THREADS> &s, uint16_t *to, uint32_t step) {
#pragma unroll
    for (int i = 0; i < N * PIECES / N_THREADS; i++) {
        struct piece p = piece_of<N_THREADS>(i, step);
        bool there = is_there(s, p);
        const uint8_t *from = s.rows + (there ? ((size_t)p.row * s.k + p.from) * 2 : 0);
        copy_async16(to + piece_at(p.row, p.index), from, there);
    }
}

/* Blocks go through registers: memory is only asked for them, long before. */
template <class B, int N, int N_THREADS>
static __device__ __forceinline__ void side_ask(
    const struct side<B, N, N_THREADS> &s, uint32_t step) {
    uint32_t from = step * STEP_K;
    for (uint32_t row = threadIdx.x; row < N; row += N_THREADS)
        if (row < s.left && from < s.k)
            lying<B>::ask(s.rows + row * lying<B>::bytes(s.k), s.k, from);
}

template <class B, int N, int N_THREADS>
static __device__ __forceinline__ void side_ahead(
    const struct side<B, N, N_THREADS> &s, uint16_t *, uint32_t step) {
    side_ask(s, step + BLOCKS_AHEAD);
}

/* What a side does before its first step. */
template <int N, int N_THREADS>
static __device__ __forceinline__ void side_start(const struct side<plain, N, N_THREADS> &) {
}

template <class B, int N, int N_THREADS>
static __device__ __forceinline__ void side_start(const struct side<B, N, N_THREADS> &s) {
    for (uint32_t step = 0; step < BLOCKS_AHEAD; step++)
        side_ask(s, step);
}

/* One step before it is used: blocks are read. */
template <int N, int N_THREADS>
static __device__ __forceinline__ void side_fetch(struct side<plain, N, N_THREADS> &, uint32_t) {
}

template <class B, int N, int N_THREADS>
static __device__ __forceinline__ void side_fetch(
    struct side<B, N, N_THREADS> &s, uint32_t step) {
#pragma unroll
    for (int i = 0; i < N * PIECES / N_THREADS; i++) {
        struct piece p = piece_of<N_THREADS>(i, step);
        if (is_there(s, p))
            lying<B>::fetch(s.rows + p.row * lying<B>::bytes(s.k), s.k, p.from, &s.held[i]);
    }
}

/* And, behind the products of the step before, expanded. */
template <int N, int N_THREADS>
static __device__ __forceinline__ void side_put(
    const struct side<plain, N, N_THREADS> &, uint16_t *, uint32_t) {
}

template <class B, int N, int N_THREADS>
static __device__ __forceinline__ void side_put(
    const struct side<B, N, N_THREADS> &s, uint16_t *to, uint32_t step) {
#pragma unroll
    for (int i = 0; i < N * PIECES / N_THREADS; i++) {
        struct piece p = piece_of<N_THREADS>(i, step);
        uint4 bits = make_uint4(0, 0, 0, 0);
        if (is_there(s, p))
            bits = eight_bf16<B>(s.held[i], p.from % B::N);
        *(uint4 *)(to + piece_at(p.row, p.index)) = bits;
    }
}

/* ---- sums ---- */

template <class T> struct sums {
    float d[T::WARP_ROWS / MMA_ROWS][T::WARP_COLS / MMA_COLS][4];
};

/* The first row and column of this warp's part of the tile. */
struct corner {
    uint32_t row, col;
};

template <class T> static __device__ __forceinline__ struct corner warp_corner(void) {
    uint32_t warp = threadIdx.x / WARP;
    struct corner c = { warp / T::ACROSS * T::WARP_ROWS, warp % T::ACROSS * T::WARP_COLS };
    return c;
}

/* Another step into the sums: x and w are its sides. */
template <class T>
static __device__ __forceinline__ void add_step(
    struct sums<T> &s, const uint16_t *x, const uint16_t *w) {
    enum { DOWN = T::WARP_ROWS / MMA_ROWS, PAIRS = T::WARP_COLS / (2 * MMA_COLS) };
    struct corner at = warp_corner<T>();
    int lane = threadIdx.x % WARP;
#pragma unroll
    for (uint32_t k = 0; k < STEP_K; k += MMA_K) {
        uint32_t a[DOWN][4], b[PAIRS][4];
#pragma unroll
        for (int i = 0; i < DOWN; i++)
            ldmatrix_x4(a[i], x + piece_at(at.row + i * MMA_ROWS + ldmatrix_a_row(lane),
                                      (k + ldmatrix_a_k(lane)) / EIGHT));
#pragma unroll
        for (int j = 0; j < PAIRS; j++)
            ldmatrix_x4(b[j], w + piece_at(at.col + j * 2 * MMA_COLS + ldmatrix_b_col(lane),
                                      (k + ldmatrix_b_k(lane)) / EIGHT));
#pragma unroll
        for (int i = 0; i < DOWN; i++) {
#pragma unroll
            for (int j = 0; j < 2 * PAIRS; j++)
                mma_bf16(s.d[i][j], a[i], &b[j / 2][j % 2 * 2]);
        }
    }
}

/* Element (r, c) of the tile to room[r * PITCH + c]. */
template <class T>
static __device__ __forceinline__ void settle(const struct sums<T> &s, float *room) {
    struct corner at = warp_corner<T>();
    int lane = threadIdx.x % WARP;
#pragma unroll
    for (int i = 0; i < T::WARP_ROWS / MMA_ROWS; i++) {
#pragma unroll
        for (int j = 0; j < T::WARP_COLS / MMA_COLS; j++) {
#pragma unroll
            for (int e = 0; e < 4; e++)
                room[(at.row + i * MMA_ROWS + mma_d_row(lane, e)) * T::PITCH + at.col +
                     j * MMA_COLS + mma_d_col(lane, e)] = s.d[i][j][e];
        }
    }
}

/* ---- the tile ---- */

/* What a tile is of: rows from `row` on of x, columns from `col` on of the weight. */
struct factors {
    struct device_rows x; /* bf16 [n, k] */
    const void *weight;   /* [n_cols, k] */
    uint32_t n_cols, row, col;
};

/* The tile's sums, as f32 in room[r * PITCH + c], for all threads of the block to read.
 *
 * At step s its copies are there (all but the newest STAGES - 2 groups are), and every warp has
 * done step s - 1: its stage is free for step s + STAGES - 1. Blocks of step s + 1 go into a stage
 * that was last read at step s + 1 - STAGES, and are read behind the next barrier. */
template <class T, class B>
static __device__ __forceinline__ void tile_sums(const struct factors &f, float *room) {
    const uint32_t k = f.x.cols, n_steps = (k + STEP_K - 1) / STEP_K;
    uint16_t *stages = (uint16_t *)room;
    struct side<plain, T::ROWS, T::N_THREADS> x = {};
    struct side<B, T::COLS, T::N_THREADS> w = {};
    struct sums<T> s = {};
    side_begin(x, f.x.data, f.row, f.x.n, k);
    side_begin(w, f.weight, f.col, f.n_cols, k);
    side_start(w);
    for (uint32_t step = 0; step < T::STAGES - 1; step++) {
        uint16_t *stage = stages + step * T::STAGE;
        if (step < n_steps) {
            side_ahead(x, stage, step);
            side_ahead(w, stage + T::ROWS * STEP_K, step);
        }
        copy_async_commit();
    }
    side_fetch(w, 0);
    side_put(w, stages + T::ROWS * STEP_K, 0);
    for (uint32_t step = 0; step < n_steps; step++) {
        uint32_t later = step + T::STAGES - 1, next = step + 1;
        uint16_t *stage = stages + step % T::STAGES * T::STAGE;
        copy_async_wait<T::STAGES - 2>();
        __syncthreads();
        if (later < n_steps) {
            uint16_t *free_stage = stages + later % T::STAGES * T::STAGE;
            side_ahead(x, free_stage, later);
            side_ahead(w, free_stage + T::ROWS * STEP_K, later);
        }
        copy_async_commit();
        side_fetch(w, next); /* behind k: nothing */
        __syncwarp();        /* lanes may have had other pieces, or none */
        add_step<T>(s, stage, stage + T::ROWS * STEP_K);
        if (next < n_steps)
            side_put(w, stages + next % T::STAGES * T::STAGE + T::ROWS * STEP_K, next);
    }
    __syncthreads(); /* sums take the place of what other warps still read */
    settle(s, room);
    __syncthreads();
}

/* The tile of the product at `at`, finished row by row, so that what is written lies together. */
template <class T, class B>
static __device__ __forceinline__ void tile_product(
    const struct matmul_args &a, struct corner at, float *room) {
    struct factors f = { a.x, a.weight, a.out.cols, at.row, at.col };
    tile_sums<T, B>(f, room);
#pragma unroll 1 /* an activation is large */
    for (uint32_t i = threadIdx.x; i < T::ROWS * T::COLS; i += T::N_THREADS) {
        uint32_t r = i / T::COLS, c = i % T::COLS;
        product_finish(a, at.row + r, at.col + c, room[r * T::PITCH + c]);
    }
}

/* ---- grids ---- */

static __host__ __device__ __forceinline__ uint32_t tiles_of(uint32_t n, uint32_t each) {
    return (n + each - 1) / each;
}

/* The tile of a block, row tiles first, BAND of them at a time: blocks that run at one time share
 * rows of both sides, which the second-level cache then holds. */
template <class T>
static __device__ __forceinline__ struct corner tile_corner(
    uint32_t block, uint32_t n_rows, uint32_t n_cols) {
    uint32_t down = tiles_of(n_rows, T::ROWS), across = tiles_of(n_cols, T::COLS);
    uint32_t first = block / (BAND * across) * BAND, in_band = block % (BAND * across);
    uint32_t height = down - first < BAND ? down - first : (uint32_t)BAND;
    struct corner c = { (first + in_band % height) * T::ROWS, in_band / height * T::COLS };
    return c;
}

#endif
