/* The launchers of the CUDA kernels, as C sees them: raw device pointers and plain numbers.
 *
 * C files check arguments and bring lists to the device; a launcher chooses the grid; a kernel does
 * arithmetic. Everything goes to one stream, in order, and no kernel uses atomics. Reductions have
 * one fixed shape that follows from the width alone, multiply-adds are written as fmaf and the
 * compiler fuses none of its own (-fmad=false), so a row's bits depend on nothing but the row.
 *
 * This version has been compiled and linked, but not yet run on a device. */
#ifndef ASSAY_HARNESS_CUDA_KERNELS_H
#define ASSAY_HARNESS_CUDA_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/cuda/sight.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    MATMUL_TILE = 64,        /* rows and columns of a block of a product */
    ATTEND_KEYS = 128,       /* positions of one softmax step, counted from position 0 */
    ATTEND_DIM_MAX = 4096,   /* widest head: it lies in shared memory twice */
    ROTATE_PAIRS_MAX = 6144, /* of a head: their sines and cosines lie in shared memory */
    RECUR_STATE_MAX = 1024,  /* numbers of state a channel */
    CONVOLVE_ROWS = 32,      /* of a segment, by one block */
    GRID_DIM_YZ_MAX = 65535, /* of the device */
};

/* The numbers of enum activation, norm_kind and pooling; asserted equal where C calls. */
enum kernel_activation {
    KERNEL_NONE,
    KERNEL_GELU,
    KERNEL_GELU_TANH,
    KERNEL_SILU,
    KERNEL_RELU,
    KERNEL_QUICK_GELU,
    KERNEL_TANH,
    KERNEL_RELU_SQUARED,
};
enum kernel_pooling { KERNEL_SUM, KERNEL_WEIGHTED_SUM, KERNEL_MAX, KERNEL_FIRST, KERNEL_LAST };

/* Rows [n, cols] that lie one after the other, f32 or bf16. */
struct device_rows {
    void *data;
    uint32_t n, cols;
    bool bf16;
};

/* x = scale * table[ids], or += */
struct gather_args {
    struct device_rows x; /* f32 */
    const void *table;    /* [*, cols] */
    bool table_bf16, add;
    const int32_t *ids; /* [n] on the device */
    float scale;
};
cudaError_t launch_gather(const struct gather_args *a, cudaStream_t stream);

cudaError_t launch_convert(struct device_rows x, struct device_rows out, cudaStream_t stream);

/* See struct gating: out = activation(gate) * up, or one of the other two. */
enum gate_kind { GATE_ACTIVATED, GATE_SIGMOID, GATE_CUT };
struct gate_args {
    struct device_rows gate, up, out; /* of one shape; out may be up */
    enum gate_kind kind;
    enum kernel_activation activation;
    float limit, alpha; /* GATE_CUT */
};
cudaError_t launch_gate(const struct gate_args *a, cudaStream_t stream);

/* See struct learned_curve. */
struct curve_args {
    struct device_rows x, out; /* x f32 */
    float above, below, linear, edge;
};
cudaError_t launch_curve(const struct curve_args *a, cudaStream_t stream);

/* out += scale * x, both f32; x cut to ± limit */
cudaError_t launch_add(
    float scale, struct device_rows x, struct device_rows out, cudaStream_t stream);
/* x becomes the sum of what n_ranks ranks have of n numbers, in their order: x itself is rank's,
 * the others' stand in `parts`, `pitch` numbers apart by rank. */
struct sum_args {
    float *x;
    const float *parts;
    size_t n, pitch;
    uint32_t n_ranks, rank;
};
cudaError_t launch_sum_ranks(const struct sum_args *a, cudaStream_t stream);
cudaError_t launch_clip(float limit, struct device_rows x, cudaStream_t stream);

/* out row index[i] += weights[i] * x row i, all f32 */
cudaError_t launch_scatter(struct device_rows x, const uint32_t *index, const float *weights,
    struct device_rows out, cudaStream_t stream);

/* Row i of x into columns [first, first + its width) of each head of row i of out, both f32. */
cudaError_t launch_spread(struct device_rows x, struct device_rows out, uint32_t n_heads,
    uint32_t first, cudaStream_t stream);

/* out[t, i * taps + j] = x[t + j - taps / 2, i] where `ranges[t]` has that row, else 0. */
struct row_range {
    uint32_t from, to;
};
struct unfold_args {
    struct device_rows x, out; /* x f32 */
    uint32_t taps;
    const struct row_range *ranges; /* [n] on the device */
};
cudaError_t launch_unfold(const struct unfold_args *a, cudaStream_t stream);

/* dst row i = src row index[i] */
cudaError_t launch_pick(
    struct device_rows src, const uint32_t *index, struct device_rows dst, cudaStream_t stream);

/* Row i of x (f32) to row slots[i] of a layer's keys or values. */
cudaError_t launch_store(
    struct device_rows x, const uint32_t *slots, void *cache, bool cache_bf16, cudaStream_t stream);

/* out = (x - mean) / sqrt(var + eps) * gain + bias, where only the first kind has a mean that is
 * not 0; or x / max(|x|, 1e-12). `both` gets the same numbers as out. */
enum kernel_norm { NORM_OF_LAYER, NORM_OF_SQUARES, NORM_TO_LENGTH_1 };
struct norm_args {
    const float *x; /* [n, cols] */
    void *out;      /* the same shape; may be x */
    void *both;     /* or NULL; may not be x */
    size_t n;       /* rows, or heads of rows */
    uint32_t cols;
    bool out_bf16, both_bf16;
    enum kernel_norm kind;
    const float *gain, *bias; /* [n_gains, cols], used in turn, or NULL */
    uint32_t n_gains;
    float eps;
    bool wide, wide_out, wide_both, wide_gain; /* the launcher's */
};
cudaError_t launch_norm(const struct norm_args *a, cudaStream_t stream);

/* Pairs of each head turned by position * inv_freq. */
struct rotate_args {
    struct device_rows x; /* f32 [n, n_heads * head_dim] */
    const uint32_t *positions;
    const float *inv_freq;                   /* [half] */
    uint32_t n_heads, head_dim, first, half; /* the first rotated number of a head */
    float scale;
    bool interleaved;
};
cudaError_t launch_rotate(const struct rotate_args *a, cudaStream_t stream);

/* out row i = factor * (sum, weighted sum, maximum, first or last) of rows [row, row + n) of x. */
struct pool_segment {
    uint32_t row, n;
    float factor;
};
cudaError_t launch_pool(enum kernel_pooling pooling, struct device_rows x,
    const struct pool_segment *segments, struct device_rows out, cudaStream_t stream);

/* What a weight's rows lie as: elements of the product, or blocks of the file, each row a whole
 * number of them, or bytes and their scales (blocks.cuh). */
enum kernel_blocks {
    KERNEL_PLAIN,
    KERNEL_Q4_0,
    KERNEL_Q4_1,
    KERNEL_Q5_0,
    KERNEL_Q5_1,
    KERNEL_Q8_0,
    KERNEL_Q2_K,
    KERNEL_Q3_K,
    KERNEL_Q4_K,
    KERNEL_Q5_K,
    KERNEL_Q6_K,
    KERNEL_IQ4_NL,
    KERNEL_IQ4_XS,
    KERNEL_MXFP4,
    KERNEL_E4M3,
    KERNEL_N_BLOCKS,
};

/* A row of E4M3: its k bytes, k a multiple of 8, and behind them an f32 scale for each
 * E4M3_COLUMNS of its columns, whatever block of rows the file has given the same scale. Both
 * begin at multiples of 16, and so does the next row. */
enum { E4M3_COLUMNS = 128 };
ON_BOTH size_t e4m3_scales_at(uint32_t k) {
    return ((size_t)k + 15) / 16 * 16;
}
ON_BOTH size_t e4m3_row_bytes(uint32_t k) {
    size_t n_scales = ((size_t)k + E4M3_COLUMNS - 1) / E4M3_COLUMNS;
    return e4m3_scales_at(k) + (n_scales * sizeof(float) + 15) / 16 * 16;
}

/* out = activation(x · wᵀ + bias) * scale, or +=; rows of the last tile that x lacks are zeros and
 * are not written. out may be some columns of wider rows. */
struct matmul_args {
    struct device_rows x, out; /* [n, k], [n, n_cols] */
    const void *weight;        /* [n_cols, k], elements as x, or blocks */
    const float *bias;         /* [n_cols] or NULL */
    const void *bias_bf16;     /* rounded, for who can't take the other; may be NULL */
    enum kernel_activation activation;
    float scale;
    bool accumulate;           /* out is f32 */
    enum kernel_blocks blocks; /* of the weight */
    uint32_t pitch;            /* elements from a row of out to the next; 0: n_cols */
};

/* Plain kernels, of elements only: each number is one chain of fmaf over k, from 0 up. */
cudaError_t launch_matmul(const struct matmul_args *a, cudaStream_t stream);

/* The same of sums that are there: [out.n, pitch] f32, pitch a multiple of 4. */
struct finish_args {
    const float *sums;
    uint32_t pitch;
    struct device_rows out;
    const float *bias; /* [out.cols] or NULL */
    enum kernel_activation activation;
    float scale;
    bool accumulate; /* out is f32 */
};
cudaError_t launch_finish(const struct finish_args *a, cudaStream_t stream);

/* Numbers that look like none in particular, from -1 to 1; the second half of each row is the
 * first once more, `turns`: with its signs turned. */
cudaError_t launch_noise(struct device_rows x, bool turns, cudaStream_t stream);
/* *differs becomes 1 where the bytes, a multiple of 4, are not the same; else it stays. */
cudaError_t launch_differ(
    const void *a, const void *b, size_t bytes, uint32_t *differs, cudaStream_t stream);
/* Tensor cores: each number is one chain over k, 16 at a time, from 0 up, and the same whatever the
 * rows of the launch. Of blocks it is what they give as bf16 rows (launch_expand). */
enum { GEMM_ALIGN = 16 };
static inline bool gemm_mma_fits(const struct matmul_args *a) {
    return a->x.bf16 && a->x.cols % 8 == 0 && (uintptr_t)a->x.data % GEMM_ALIGN == 0 &&
           (a->blocks != KERNEL_PLAIN || (uintptr_t)a->weight % GEMM_ALIGN == 0);
}
cudaError_t launch_gemm_mma(const struct matmul_args *a, cudaStream_t stream);

/* The same of many matrices of one shape, each with rows of its own: a list of row tiles, whose
 * rows lie in x and out from `row` on. `all` has what they share; its weight and bias are not read.
 */
enum { GROUP_ROWS_FEW = 16, GROUP_ROWS_SMALL = 64, GROUP_ROWS_WIDE = 128 };
struct group_tile {
    const void *weight;
    const float *bias; /* or NULL */
    uint32_t row, n;   /* n: tile_rows at most */
};
struct groups_args {
    struct matmul_args all;
    const struct group_tile *tiles;
    uint32_t n_tiles, tile_rows; /* one of these; of blocks GROUP_ROWS_FEW */
};
cudaError_t launch_groups(const struct groups_args *g, cudaStream_t stream);

/* out row i += the sum, in order, of weights[i, e] * x row places[i, e], e < n_each */
struct gather_add_args {
    struct device_rows x, out; /* f32 */
    const uint32_t *places;    /* [n, n_each] */
    const float *weights;
    uint32_t n_each;
};
cudaError_t launch_gather_add(const struct gather_add_args *a, cudaStream_t stream);

/* n rows of k elements, k a multiple of the block, as bf16; `to` is aligned to 16 bytes. */
struct expand_args {
    enum kernel_blocks blocks;
    const void *from;
    uint32_t n, k;
    uint16_t *to;
};
cudaError_t launch_expand(const struct expand_args *a, cudaStream_t stream);

/* From `position` on, slots go up from `slot`. */
struct attend_span {
    uint32_t position, slot;
};
/* Its row r is at position + r - row; spans reach from position 0 to its last row. */
struct attend_segment {
    uint32_t row, n, position, end;
    uint32_t first_span, n_spans;
};
/* Rows of a segment from `row` (of the segment) on, as many as go together. */
struct segment_tile {
    uint32_t segment, row;
};
/* See struct attention_bias; lists on the device. */
struct attend_bias {
    const float *slopes;
    bool bf16;
    const float *by_distance;
    const float *key_places, *query_places;
    const uint16_t *rows;
    uint32_t reach;
};
struct attend_args {
    struct device_rows q;      /* [n_rows, n_heads * head_dim] */
    struct device_rows out;    /* the same shape */
    const void *keys, *values; /* [n_slots, kv_width] of the layer */
    bool cache_bf16;
    uint32_t n_heads, group, head_dim, kv_width;
    float scale, softcap;
    struct attend_rule rule;
    struct attend_bias bias;
    const float *sinks; /* [n_heads] or NULL */
    const struct segment_tile *tiles;
    uint32_t n_tiles, most_rows; /* most_rows: of the longest segment */
    const struct attend_segment *segments;
    const struct attend_span *spans;
};
/* How many rows of a segment a tile has for this model. */
uint32_t attend_tile_rows(const struct attend_args *a);
cudaError_t launch_attend(const struct attend_args *a, cudaStream_t stream);

/* ---- recurrences: see struct recurrence ---- */

enum recur_kind {
    RECUR_CHANNELS, /* a step and a decay a channel */
    RECUR_HEADS,    /* a head */
    RECUR_CORRECTS, /* a head, which brings in what its state doesn't recall */
};
struct recur_args {
    enum recur_kind kind;
    uint32_t n_channels, n_state, n_taps, n_heads, n_groups; /* n_heads 1 where there are none */
    uint32_t n_convolved;
    enum kernel_activation activation;
    const float *taps, *taps_bias, *decay, *skip, *step_from;
    float step_min, step_max;
    const void *keys, *values; /* [n_slots, kv_width] of the layer */
    bool cache_bf16;
    uint32_t kv_width;
    const struct attend_segment *segments;
    uint32_t n_segments;
    const struct attend_span *spans;
    struct device_rows read, gate, out; /* read, gate f32; gate.data NULL: none */
};
cudaError_t launch_recur(const struct recur_args *a, cudaStream_t stream);

/* u = activation(convolution up to each row), f32, of tiles of CONVOLVE_ROWS rows. */
cudaError_t launch_convolve(const struct recur_args *a, const struct segment_tile *tiles,
    uint32_t n_tiles, struct device_rows u, cudaStream_t stream);

/* What some part of the vocabulary holds of one row's probability. */
struct kernel_mass {
    float max;
    uint32_t best; /* first token that has it */
    double sum;    /* of exp(logit - max) */
};
struct kernel_target {
    uint32_t row; /* of the span's logits */
    uint32_t token;
    float logit; /* out: written by the span that holds the token */
};
/* Logits of tokens [first_token, first_token + cols) come as f32, are capped, and go. */
struct span_args {
    struct device_rows logits;
    uint32_t first_token;
    float softcap;              /* 0: none */
    struct kernel_mass *masses; /* [n]: joined with what they hold, unless first_token is 0 */
    struct kernel_target *targets;
    uint32_t n_targets;
};
cudaError_t launch_span(const struct span_args *a, cudaStream_t stream);
cudaError_t launch_cap(struct device_rows x, float softcap, cudaStream_t stream);

/* The head by tensor cores, without logits in memory: spans of HEAD_TOKENS of the vocabulary. */
enum { HEAD_TOKENS = 128 };
struct span_mass {
    float max;
    uint32_t best; /* first token that has it */
    float sum;     /* of exp(logit - max) */
};
/* Tokens [first_token, first_token + n_tokens), of which the first begins a span. A logit is (x · w
 * + bias) * scale, then capped. */
struct head_args {
    struct device_rows x; /* bf16 [n, k] */
    const void *weight;   /* [n_tokens, k], bf16 or blocks */
    enum kernel_blocks blocks;
    const float *bias; /* of the whole vocabulary, or NULL */
    float scale, softcap;
    uint32_t first_token, n_tokens;
    uint32_t n_spans;              /* of the whole vocabulary */
    struct span_mass *masses;      /* [n, n_spans] */
    struct kernel_target *targets; /* sorted by row */
    const uint32_t *first_target;  /* [n + 1] */
};
static inline bool head_mma_fits(const struct head_args *a) {
    return a->x.bf16 && a->x.cols % 8 == 0 && (uintptr_t)a->x.data % GEMM_ALIGN == 0 &&
           a->first_token % HEAD_TOKENS == 0 &&
           (a->blocks != KERNEL_PLAIN || (uintptr_t)a->weight % GEMM_ALIGN == 0);
}
cudaError_t launch_head_spans(const struct head_args *a, cudaStream_t stream);
/* Each row's spans, which are all there, to what the row holds. */
cudaError_t launch_head_join(const struct span_mass *masses, uint32_t n_spans, uint32_t n_rows,
    struct kernel_mass *out, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
