/* One block of keys against the queries of one warp, by tensor cores: scores, softmax step, values.
 *
 * A warp has M_TILES × 16 rows of the tile, 32 lanes hold them as mma.cuh says: of each 16 a lane
 * has parts of rows lane / 4 and that + 8 ("halves" 0 and 1), in columns 2 * (lane % 4) and the
 * next of every 8. Four lanes share a row; nothing else crosses lanes.
 *
 * The same bits. A score is one chain of products over head_dim, a value one over the keys, 16 a
 * step, in order of position. A lane sums the weights of its own columns of each block, which are
 * fixed by the key's position, and the four lanes of a row are added at the end. A key that a row
 * doesn't see has weight +0, which changes no sum: its value is finite (see mend_values).
 *
 * In shared memory a row of DIM bf16 has 8 more behind it: its stride is an odd number of 16-byte
 * pieces, so that the eight rows of one ldmatrix matrix lie in eight different groups of banks.
 *
 * Compiled, but not yet run on a device. */
#ifndef ASSAY_HARNESS_CUDA_ATTEND_BLOCK_CUH
#define ASSAY_HARNESS_CUDA_ATTEND_BLOCK_CUH

#include "harness/cuda/attend_walk.cuh"
#include "harness/cuda/mma.cuh"

#define LOG2_E 1.44269504F

enum {
    KEY_TILES = TILE_KEYS / MMA_COLS, /* of a row of scores */
    PIECE = 8,                        /* elements of 16 bytes */
};

template <int DIM> static __host__ __device__ constexpr int stride_of(void) {
    return DIM + PIECE;
}

/* What the block of threads shares. */
struct tile_room {
    uint16_t *q;             /* [rows of the tile, stride]; at the end what comes out */
    uint16_t *keys, *values; /* [TILE_KEYS, stride] */
    struct tile_row *rows;
    uint32_t *slots; /* [2, TILE_KEYS]: of this block and of the next, in turn */
    uint32_t *odd;   /* [2], in turn: this block has values that are not finite */
};

/* What a lane keeps of its rows. */
template <int DIM, int M_TILES> struct tile_state {
    float out[M_TILES][DIM / MMA_COLS][4];
    float max[M_TILES][2]; /* of logits times log2(e), the same in the four lanes of a row */
    float sum[M_TILES][2]; /* of this lane's weights */
};

template <int M_TILES> struct tile_scores { float at[M_TILES][KEY_TILES][4]; };

/* The row, of the tile, of half h of m-tile m. */
static __device__ __forceinline__ uint32_t lane_row(uint32_t first_row, int m, int h) {
    return first_row + m * MMA_ROWS + (uint32_t)mma_d_row((int)(threadIdx.x % WARP), 2 * h);
}

/* The key, of the block, of column c (0 or 1) of key tile n. */
static __device__ __forceinline__ uint32_t lane_key(int n, int c) {
    return n * MMA_COLS + (uint32_t)mma_d_col((int)(threadIdx.x % WARP), c);
}

template <int DIM, int M_TILES>
static __device__ __forceinline__ void state_begin(struct tile_state<DIM, M_TILES> &s) {
#pragma unroll
    for (int m = 0; m < M_TILES; m++) {
#pragma unroll
        for (int n = 0; n < DIM / MMA_COLS; n++) {
#pragma unroll
            for (int i = 0; i < 4; i++)
                s.out[m][n][i] = 0;
        }
#pragma unroll
        for (int h = 0; h < 2; h++) {
            s.max[m][h] = -INFINITY;
            s.sum[m][h] = 0;
        }
    }
}

/* ---- scores ---- */

template <int DIM, int M_TILES>
static __device__ __forceinline__ void score_keys(
    const struct tile_room &room, uint32_t first_row, struct tile_scores<M_TILES> &s) {
    const int lane = threadIdx.x % WARP, stride = stride_of<DIM>();
    const uint16_t *q = room.q + (first_row + ldmatrix_a_row(lane)) * stride + ldmatrix_a_k(lane);
    const uint16_t *keys = room.keys + ldmatrix_b_col(lane) * stride + ldmatrix_b_k(lane);
#pragma unroll
    for (int m = 0; m < M_TILES; m++) {
#pragma unroll
        for (int n = 0; n < KEY_TILES; n++) {
#pragma unroll
            for (int i = 0; i < 4; i++)
                s.at[m][n][i] = 0;
        }
    }
#pragma unroll
    for (int k = 0; k < DIM; k += MMA_K) {
        uint32_t a[M_TILES][4];
#pragma unroll
        for (int m = 0; m < M_TILES; m++)
            ldmatrix_x4(a[m], q + m * MMA_ROWS * stride + k);
#pragma unroll
        for (int n = 0; n < KEY_TILES; n += 2) {
            uint32_t b[4];
            ldmatrix_x4(b, keys + n * MMA_COLS * stride + k);
#pragma unroll
            for (int m = 0; m < M_TILES; m++) {
                mma_bf16(s.at[m][n], a[m], b);
                mma_bf16(s.at[m][n + 1], a[m], b + 2);
            }
        }
    }
}

/* ---- what a score is turned into ---- */

static __device__ __forceinline__ float bf16_rounded(float x) {
    return __uint_as_float((uint32_t)bf16_round(x) << 16);
}

/* The logit of a row and the key at a position; the order of operations is attend_bias.c's. */
static __device__ __forceinline__ float logit_of(const struct attend_tiles_args &a,
    const struct tile_row &r, float slope, uint32_t key, float score) {
    int64_t ahead = (int64_t)key - (int64_t)r.position, reach = a.reach;
    switch (a.form) {
    case ATTEND_PLAIN:
        break;
    case ATTEND_CAPPED:
        return capped(score * a.scale, a.softcap);
    case ATTEND_SLOPES:
        return score * a.scale + slope * (float)(ahead > 0 ? -ahead : ahead);
    case ATTEND_SLOPES_BF16:
        return (score + bf16_rounded(slope * bf16_rounded((float)key))) * a.scale;
    case ATTEND_BY_DISTANCE:
        ahead = ahead > reach ? reach : ahead < -reach ? -reach : ahead;
        return score * a.scale + a.by_distance[r.head * (2 * (size_t)reach + 1) + reach + ahead];
    }
    return score * a.scale;
}

template <int M_TILES>
static __device__ __forceinline__ void shape_scores(const struct attend_tiles_args &a,
    const struct tile_room &room, const struct walk &w, uint32_t first_row,
    struct tile_scores<M_TILES> &s) {
#pragma unroll
    for (int m = 0; m < M_TILES; m++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const struct tile_row &r = room.rows[lane_row(first_row, m, h)];
            float slope = a.slopes != NULL ? a.slopes[r.head] : 0;
            slope = a.form == ATTEND_SLOPES_BF16 ? bf16_rounded(slope) : slope;
#pragma unroll
            for (int n = 0; n < KEY_TILES; n++) {
#pragma unroll
                for (int c = 0; c < 2; c++) {
                    float *score = &s.at[m][n][2 * h + c];
                    *score = logit_of(a, r, slope, w.block + lane_key(n, c), *score);
                }
            }
        }
    }
}

/* Keys that a row doesn't see weigh nothing, whatever their score: chosen, not added, so that it
 * may be NaN. */
template <int M_TILES>
static __device__ __forceinline__ void mask_scores(const struct tile_room &room,
    const struct walk &w, uint32_t first_row, struct tile_scores<M_TILES> &s) {
#pragma unroll
    for (int m = 0; m < M_TILES; m++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            struct attend_sight seen = sight_within(room.rows[lane_row(first_row, m, h)], w);
#pragma unroll
            for (int n = 0; n < KEY_TILES; n++) {
#pragma unroll
                for (int c = 0; c < 2; c++) {
                    uint32_t key = lane_key(n, c);
                    if (key < seen.from || key >= seen.to)
                        s.at[m][n][2 * h + c] = -INFINITY;
                }
            }
        }
    }
}

/* ---- the softmax step ---- */

/* Of the four lanes that share a row. */
static __device__ __forceinline__ float row_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(0xffffffffU, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffffU, x, 2));
}

static __device__ __forceinline__ float row_sum(float x) {
    x += __shfl_xor_sync(0xffffffffU, x, 1);
    return x + __shfl_xor_sync(0xffffffffU, x, 2);
}

/* 2^x of the scores of one row half; returns the factor for what was summed under the old maximum.
 * `unit` > 0 makes scores logits times log2(e). A row that has seen nothing keeps a maximum of
 * -inf, from which nothing is subtracted: its weights are 0, its factor is of no matter. */
template <int M_TILES>
static __device__ __forceinline__ float soften_row(
    struct tile_scores<M_TILES> &s, int m, int h, float unit, float *max, float *sum) {
    float top = -INFINITY, weights = 0;
#pragma unroll
    for (int n = 0; n < KEY_TILES; n++)
        top = fmaxf(top, fmaxf(s.at[m][n][2 * h], s.at[m][n][2 * h + 1]));
    top = fmaxf(*max, row_max(top) * unit);
    float base = top == -INFINITY ? 0 : top, factor = exp2f(*max - base);
#pragma unroll
    for (int n = 0; n < KEY_TILES; n++) {
#pragma unroll
        for (int c = 0; c < 2; c++) {
            float *score = &s.at[m][n][2 * h + c];
            *score = exp2f(fmaf(*score, unit, -base));
            weights += *score;
        }
    }
    *max = top;
    *sum = fmaf(*sum, factor, weights);
    return factor;
}

template <int DIM, int M_TILES>
static __device__ __forceinline__ void soften(
    struct tile_scores<M_TILES> &s, float unit, struct tile_state<DIM, M_TILES> &state) {
#pragma unroll
    for (int m = 0; m < M_TILES; m++) {
        float factor[2];
#pragma unroll
        for (int h = 0; h < 2; h++)
            factor[h] = soften_row(s, m, h, unit, &state.max[m][h], &state.sum[m][h]);
        /* times 1 changes nothing, and most blocks bring no new maximum */
        if (__ballot_sync(0xffffffffU, factor[0] != 1 || factor[1] != 1) == 0)
            continue;
#pragma unroll
        for (int n = 0; n < DIM / MMA_COLS; n++) {
#pragma unroll
            for (int i = 0; i < 4; i++)
                state.out[m][n][i] *= factor[i / 2];
        }
    }
}

/* ---- values ---- */

/* out += weights · values. Weights are rounded to bf16 here, after they were summed, as the CPU
 * backend does it: the d of two key tiles, side by side, is the a of 16 keys. */
template <int DIM, int M_TILES>
static __device__ __forceinline__ void add_values(const struct tile_room &room,
    const struct tile_scores<M_TILES> &s, struct tile_state<DIM, M_TILES> &state) {
    const int lane = threadIdx.x % WARP, stride = stride_of<DIM>();
    const uint16_t *values =
        room.values + ldmatrix_trans_b_k(lane) * stride + ldmatrix_trans_b_col(lane);
#pragma unroll
    for (int k = 0; k < TILE_KEYS / MMA_K; k++) {
        uint32_t a[M_TILES][4];
#pragma unroll
        for (int m = 0; m < M_TILES; m++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const float *pair = &s.at[m][2 * k + i / 2][i % 2 * 2];
                a[m][i] = bf16_pair(pair[0], pair[1]);
            }
        }
#pragma unroll
        for (int n = 0; n < DIM / MMA_COLS; n += 2) {
            uint32_t b[4];
            ldmatrix_x4_trans(b, values + k * MMA_K * stride + n * MMA_COLS);
#pragma unroll
            for (int m = 0; m < M_TILES; m++) {
                mma_bf16(state.out[m][n], a[m], b);
                mma_bf16(state.out[m][n + 1], a[m], b + 2);
            }
        }
    }
}

/* ---- values that are not finite ---- */

/* All bits of a bf16's exponent: an infinity or NaN. */
static __device__ __forceinline__ bool is_odd(uint32_t bits) {
    return (bits & 0x7f80) == 0x7f80;
}

/* Weight 0 times such a value would be NaN, in rows that don't see it. So where rows see different
 * keys of a block, the thread that brought a piece puts zeros in place of them and says so; see
 * spoil_rows. */
static __device__ __forceinline__ bool mend_piece(uint16_t *piece) {
    uint4 have = *(const uint4 *)piece;
    uint32_t pairs[4] = { have.x, have.y, have.z, have.w };
    bool odd = false;
#pragma unroll
    for (int i = 0; i < 4; i++)
        odd = odd || is_odd(pairs[i]) || is_odd(pairs[i] >> 16);
    if (!odd)
        return false;
    for (int i = 0; i < PIECE; i++)
        piece[i] = is_odd(piece[i]) ? 0 : piece[i];
    return true;
}

/* In rows that do see such a value, its dimension becomes NaN for good. Values are looked for where
 * they come from. Rare, and so it may be slow. */
template <int DIM, int M_TILES>
static __device__ __forceinline__ void spoil_rows(const struct attend_tiles_args &a,
    const struct tile_room &room, const struct walk &w, const uint32_t *slots, uint32_t column,
    uint32_t first_row, struct tile_state<DIM, M_TILES> &state) {
    for (uint32_t key = 0; key < TILE_KEYS && slots[key] != NO_SLOT; key++) {
        const uint16_t *value = a.values + (size_t)slots[key] * a.kv_width + column;
#pragma unroll
        for (int m = 0; m < M_TILES; m++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                struct attend_sight seen =
                    sight_within(room.rows[lane_row(first_row, m, i / 2)], w);
                if (key < seen.from || key >= seen.to)
                    continue;
#pragma unroll
                for (int n = 0; n < DIM / MMA_COLS; n++) {
                    uint32_t d = lane_key(n, i % 2); /* columns of out lie as those of scores */
                    if (d < a.head_dim && is_odd(value[d]))
                        state.out[m][n][i] = NAN;
                }
            }
        }
    }
}

#endif
