/* The backend door: what a device must be able to do so that the one forward pass can run on it.
 *
 * Shapes. T: packed token rows of a step (segments side by side, no padding); C: model width; H:
 * query heads; G: key and value heads; D: head width; F: feed-forward width; V: vocabulary. All
 * activations are row-major [T, width].
 *
 * Same bits. For each op, row t of the result depends on row t of the input (and, in attend, on the
 * keys and values that t may see, in order of their position) and on nothing else: not on T, on t,
 * on the number of threads, or on how a sequence was cut into segments. Reductions have one fixed
 * order. A backend may run GEMMs in blocks of rows of one fixed height and fill the last block; it
 * counts the filled rows.
 *
 * Elements. The residual stream, norms, softmax, logits and pooled vectors are f32 on every
 * backend. `act` is what matmul inputs are rounded to (f32 or bf16); accumulation is f32. Ops that
 * feed a matmul write `act` elements. `packed` is what weights are kept as: `act`, or eight bits,
 * where a product rounds its rows once more (each row by a factor of its own) and sums whole
 * numbers.
 *
 * A backend is one const table; forward.c, sched.c and everything above sees only this file. */
#ifndef ASSAY_HARNESS_BACKEND_H
#define ASSAY_HARNESS_BACKEND_H

#include <math.h>

#include "base/pool.h"
#include "harness/harness.h"
#include "harness/weights.h"

struct backend;  /* a device with its threads or streams */
struct matrix;   /* a packed weight [N, K] for matmul */
struct table;    /* rows to be gathered by index: [n, C] */
struct vector;   /* f32 [n] on the device: norm gains, biases */
struct buffer;   /* activations on the device: rows × cols of one element type */
struct kv_cache; /* keys and values of all layers in slots of one token each */

enum elem {
    ELEM_F32,
    ELEM_BF16,
    ELEM_INT8, /* of packed weights only: no buffer has it */
};

enum activation {
    ACT_NONE,
    ACT_GELU,
    ACT_GELU_TANH,
    ACT_SILU,
    ACT_RELU,
    ACT_QUICK_GELU,
    ACT_TANH,
    ACT_RELU_SQUARED,
};
enum norm_kind { NORM_LAYER, NORM_RMS };

/* A window of rows of a buffer: rows [row, row + n). */
struct rows {
    struct buffer *buf;
    uint32_t row, n;
};

/* So many rows of a weight, times a factor. */
struct row_scale {
    uint32_t n;
    float factor;
};

/* A part of a matrix: what one of several devices has of it. */
struct weight_part {
    uint64_t row, of_rows;       /* from this row on; of_rows 0: all rows */
    uint64_t column, of_columns; /* from this column on; of_columns 0: all columns */
};

/* Where a weight comes from: a tensor of the file, dequantised and rounded as it is packed.
 * `transpose`: the file has [K, N], or a stack of such tables whose columns follow each other.
 * `permute_heads`: undo GGUF's interleaved order of the rows of q and k (number of heads; 0: no).
 * `row`/`n_rows`: a part of the tensor's rows (fused qkv); n_rows 0: all. `run`: rows lie in the
 * file in runs of so many, of which one begins every `every` rows (heads of q, k and v in turn;
 * every second row); 0: all in one. `pad` rows of zeros follow each run, `pad_columns` columns of
 * zeros each `run_columns` columns (heads whose values are narrower than their keys). `slice`: of a
 * tensor of one more dimension, which of the first, from 1 on (an expert); 0: it has none. `add`: a
 * constant added to every element (norm gains stored as w
 * - 1). `scales`: factors of rows, from the first on, before that; those behind them have 1.
 * `precise`: a matrix that is kept in `act` elements where others have eight bits; heads must be.
 * `part`: of the matrix that all of this makes, which rows and columns are wanted. */
struct weight_source {
    const struct tensor *tensor;
    bool transpose;
    uint32_t permute_heads;
    uint64_t row, n_rows;
    uint32_t run, every, pad;
    uint32_t run_columns, pad_columns;
    uint64_t slice;
    float add;
    const struct row_scale *scales;
    uint32_t n_scales;
    bool precise;
    struct weight_part part;
};

/* Rotary embedding: `inv_freq` has rotary_dim / 2 numbers (scaling already in them), `scale`
 * multiplies sin and cos. Pairs are (i, i + rotary_dim/2), or (2i, 2i + 1) if `interleaved`, of the
 * rotary_dim numbers of a head from `first` on. */
struct rotary {
    uint32_t rotary_dim, first;
    const float *inv_freq;
    float scale;
    bool interleaved;
};

/* What one segment of a step may attend to. Its own rows are [row, row + n) of the step and sit
 * at positions [position, position + n) of their sequence, stored in cache slots [slot, slot +
 * n). Before them come the ancestors: spans of slots that hold positions 0 .. position - 1 in
 * order. Behind them, in slots that go on from their own, come n_after positions of which no row is
 * asked: rows that are not causal see those too. */
struct kv_span {
    uint32_t slot, n;
};
struct segment {
    uint32_t row, n, position, slot, n_after;
    const struct kv_span *ancestors;
    uint32_t n_ancestors;
};

/* What is added to a head's score by where query and key stand; at most one of the three. Lists are
 * on the host; a device may keep what it has seen of them, so they stay as they are until close. */
struct attention_bias {
    /* slope[head] * -|key - query|; or, `bf16`, of the slope and the key's position in bf16, the
     * product too, before the score is scaled */
    const float *slopes; /* [H] */
    bool bf16;
    /* by_distance[head][clip(key - query) + reach] */
    const float *by_distance; /* [H, 2 * reach + 1] */
    /* scale * (q · key_places[row] + k · query_places[row]), row = rows[clip(query - key) + reach];
     * either may be NULL */
    const float *key_places, *query_places; /* [places, H*D] */
    const uint16_t *rows;                   /* [2 * reach + 1] */
    uint32_t reach;                         /* the largest distance in the lists */
};

/* A selective recurrence (Mamba) of N channels with S numbers of state each. A slot of the cache
 * holds in its keys a token's channels [N], in its values the raw steps [N] and what they bring in
 * [S]; its rows are N + S wide.
 *
 * With n_heads (Mamba 2), channels of a head have one step and one decay, and G groups of heads
 * share what tokens bring in and read; these are convolved beside the channels, M = N + 2 * G * S
 * in all: channels, what is brought in by each group, what each reads. Keys hold these [M] before
 * the convolution, values the channels and what is brought in [N + G * S] behind it, then the raw
 * steps [n_heads]. Lists are on the host, and stay as they are until close.
 *
 * With `corrects` (a gated delta rule), heads bring in what their state doesn't recall yet: what is
 * read, what is brought in and the channels [M] stand in this order, and values hold raw steps
 * [n_heads] and raw weights [n_heads] behind them. Both of the first are scaled to length 1, and
 * what is read by 1 / sqrt(S) then. */
struct recurrence {
    bool corrects;
    uint32_t n_channels, n_state, n_taps;
    uint32_t n_heads, n_groups; /* n_heads 0: each channel by itself */
    enum activation activation;
    const float *taps, *taps_bias; /* [N or M, taps], [N or M] or NULL */
    const float *decay, *skip;     /* [N, S] or [n_heads], logarithms; [N] or [n_heads] */
    const float *step_from;        /* [n_heads]: added to raw steps */
    float step_min, step_max;      /* of heads: a step is cut to these */
};

struct attention {
    uint32_t n_heads, n_kv_heads, head_dim;
    float scale;
    bool causal;         /* false: rows of a segment see the whole segment (encoders) */
    bool ancestors_only; /* rows see all of their ancestors and nothing of their own segment, whose
                            slots don't count (a decoder's rows look at an encoder's) */
    uint32_t window;     /* sees at most this many positions back (and, not causal, ahead), itself
                            included; 0: all */
    float softcap;       /* scores become cap * tanh(score / cap); 0: none */
    struct attention_bias bias; /* zeroed: none */
    const float *sinks; /* [H]: one more logit a head, with no value; NULL: none; as biases */
};

/* out = activation(gate) * up; `limit`: gate is cut to at most that, up to ± that; `alpha`: the
 * activation is g / (1 + exp(-alpha g)) instead, and 1 is added to up. 0: not so. */
struct gating {
    enum activation activation;
    double limit, alpha;
    bool sigmoid; /* of the gate, whatever the activation */
};

/* An activation with learned numbers (xIELU): above * x² + linear * x where x > 0, else
 * below * (exp(min(x, edge)) - 1 - x) + linear * x. */
struct learned_curve {
    float above, below, linear, edge;
};

/* Parts of an architecture that not every device can run. */
enum ability {
    CAN_HEAD_NORMS = 1 << 0,    /* norm_heads */
    CAN_BIAS = 1 << 1,          /* attention.bias */
    CAN_SINKS = 1 << 2,         /* attention.sinks */
    CAN_GATING = 1 << 3,        /* gating.limit, gating.alpha, gating.sigmoid */
    CAN_ADD = 1 << 4,           /* add, clip, spread */
    CAN_EXPERTS = 1 << 5,       /* scatter */
    CAN_ROTARY_INNER = 1 << 6,  /* rotary.first */
    CAN_CROSS = 1 << 7,         /* attention.ancestors_only */
    CAN_RECUR = 1 << 8,         /* convolve, recur */
    CAN_UNFOLD = 1 << 9,        /* unfold */
    CAN_CURVE = 1 << 10,        /* curve */
    CAN_STAY_IN_FILE = 1 << 12, /* matrices as weights_form has it */
    CAN_ACT_QUERIES = 1 << 11,  /* attend takes q in act elements too; no model needs it */
};

enum target_flags { TARGET_WANT_BEST = 1 };

/* What a row holds of a vocabulary, or of some part of it. */
struct mass {
    float max;     /* of its logits */
    uint32_t best; /* first token that has it */
    double sum;    /* of exp(logit - max) */
};

/* a then b, as one. Empty is { -INFINITY, 0, 0 }; a sum that is NaN stays so. */
static inline struct mass mass_join(struct mass a, struct mass b) {
    if (b.max > a.max) {
        b.sum += a.max == -INFINITY ? a.sum : a.sum * exp((double)a.max - (double)b.max);
        return b;
    }
    a.sum += b.max == -INFINITY ? b.sum : b.sum * exp((double)b.max - (double)a.max);
    return a;
}

/* One number to read from the head: log p(token | row), and whether token is the (first) argmax
 * of its row; and what these were made of. */
struct target {
    uint32_t row; /* of the rows given to logprobs */
    int32_t token;
    double logprob;   /* out */
    bool best;        /* out */
    double logit;     /* out */
    struct mass mass; /* out */
};

/* What steps have in common that may ask for the same, with other numbers in their lists. */
struct step_shape {
    uint32_t n_rows, n_segments, n_reads;
};

struct epilogue {
    const struct vector *bias; /* or NULL */
    enum activation activation;
    float scale;     /* 0 means 1 */
    bool accumulate; /* out += result, where out is the f32 residual stream */
};

/* Rows [row, row + n) of a product of many matrices: those of one. */
struct matmul_group {
    const struct matrix *w;
    const struct vector *bias; /* or NULL */
    uint32_t row, n;
};

/* Where the packed forms of a model's weights are kept from one open to the next. */
struct packs_config {
    const char *dir;
    const char *model;    /* says which bytes the weights are of (weights_stamp) */
    uint64_t n_elements;  /* of all weights, about */
    uint64_t least_bytes; /* packed, below which mapping takes longer than packing */
    uint64_t most_bytes;  /* of the folder; 0: chosen from the disk */
    bool frozen;          /* the folder is read and nothing else */
};

struct backend_config {
    enum dtype dtype; /* F32, BF16 or INT8 (AUTO has been resolved above) */
    unsigned threads; /* 0: as many as this process may use */
    const char *gemm; /* "auto", "dnnl", "plain" */
    enum weights_form weights;
    uint64_t weight_room; /* bytes that weights may take, where `weights` is auto: what doesn't fit
                             expanded is not; 0: as many as there are, or as a device with memory of
                             its own has */
    const struct packs_config *packs; /* NULL: none; read at open only */
};

/* Where a weight is: in memory, expanded or not, or in the file, to be read whenever it is used. */
struct matrix_size {
    uint64_t memory, file;
};

enum weight_kind { WEIGHT_MATRIX, WEIGHT_TABLE, WEIGHT_VECTOR };

struct backend_caps {
    const char
        *name; /* "cpu/avx512bf16", ...: the instruction set is part of a result's identity */
    const char *gemm; /* "dnnl 2.6.3", "plain" */
    enum elem act, packed;
    uint32_t row_block; /* height of a GEMM block: T in multiples of it wastes nothing */
    uint32_t step_rows; /* of a step that products run at full speed with; 0: as many as is usual */
    unsigned threads;
    unsigned can;               /* enum ability: parts that this device runs */
    uint32_t n_packed, n_found; /* matrices so far: packed here, or found as an earlier open packed
                                   them */
    uint32_t n_graphs;          /* steps so far that were made into graphs */
    uint64_t n_replayed;        /* steps so far that such a graph did */
    size_t graph_bytes;         /* that graphs take of the device now */
    const char *sums; /* how a group's numbers travel: "NCCL 2.27.5", "copies", "memory"; NULL: in
                         no group */
};

struct backend_ops {
    void (*close)(struct backend *b);
    const struct backend_caps *(*caps)(const struct backend *b);

    /* Ahead of the first weight, each that will be made: a device that divides its room among them
     * knows what is to come then. One that was not announced is made all the same. `expected`: what
     * all of them take at least, of memory. Both may be NULL. */
    void (*expect)(struct backend *b, enum weight_kind kind, const struct weight_source *src,
        uint32_t n, uint32_t k);
    uint64_t (*expected)(const struct backend *b);

    /* Weights live until close. They are made before the first step and never again; errors are
     * ERR_RESOURCE. A table may read its tensor where it lies as rows are gathered, and a matrix
     * may stay in its file: their tensors must stay valid until close. */
    struct matrix *(*matrix)(struct backend *b, const struct weight_source *src, uint32_t n,
        uint32_t k, struct err *err);
    /* May be NULL: all of it is in memory, in the elements of `act`. */
    struct matrix_size (*matrix_size)(const struct backend *b, const struct matrix *m);
    struct matrix_size (*table_size)(const struct backend *b, const struct table *t);
    /* Every matrix has been made: those that were packed may be kept. NULL: they never are. */
    void (*keep)(struct backend *b);
    struct table *(*table)(struct backend *b, const struct weight_source *src, uint32_t n,
        uint32_t c, struct err *err);
    struct vector *(*vector)(
        struct backend *b, const struct weight_source *src, uint32_t n, struct err *err);

    /* Bytes that a device with memory of its own has left of it. NULL: it works in the host's. */
    uint64_t (*memory_free)(const struct backend *b);
    /* So many buffers of so many bytes in all are made next: memory for all of them at once. NULL:
     * each has its own. */
    bool (*reserve)(struct backend *b, uint32_t n_buffers, size_t bytes, struct err *err);
    struct buffer *(*buffer)(
        struct backend *b, uint32_t n_rows, uint32_t cols, enum elem elem, struct err *err);
    struct kv_cache *(*kv_cache)(
        struct backend *b, uint32_t n_layers, uint32_t n_slots, uint32_t kv_width, struct err *err);
    size_t (*kv_bytes_per_slot)(const struct backend *b, uint32_t n_layers, uint32_t kv_width);
    void (*kv_free)(struct backend *b,
        struct kv_cache *kv); /* before a larger one is made; may be NULL: kept to close */

    /* Around the ops of a step, up to where the host reads what they made. Between these a device
     * may write down what it is asked for and do it all in the end, in one go where it has done the
     * same before; `begin` says whether it does, and then what is written stands in places that
     * don't go by the step (kv_keys and kv_values are not used). The bits are the same. An op that
     * gives the host numbers is allowed in between. Both may be NULL. */
    bool (*step_begin)(struct backend *b, const struct step_shape *shape);
    void (*step_end)(struct backend *b);

    /* x = scale * table[ids], or += where `add`. */
    void (*gather)(struct backend *b, const struct table *t, const int32_t *ids, float scale,
        bool add, struct rows x);

    /* out = norm(x) * gain + bias (bias may be NULL); out has f32 or act elements and may be x
     * itself if f32. */
    void (*norm)(struct backend *b, enum norm_kind kind, const struct vector *gain,
        const struct vector *bias, float eps, struct rows x, struct rows out);

    /* norm in place (f32), and what it made as act elements in `out` too. May be NULL: norm and
     * convert do the same. */
    void (*renorm)(struct backend *b, enum norm_kind kind, const struct vector *gain,
        const struct vector *bias, float eps, struct rows x, struct rows out);

    /* out = activation(x · wᵀ + bias) * scale, or out += that; x has act elements, out f32 or
     * act. */
    void (*matmul)(struct backend *b, const struct matrix *w, struct rows x, struct rows out,
        const struct epilogue *epilogue);

    /* out = activation(x · wᵀ + bias), each group's rows by its own matrix, all of one shape: many
     * small products at once. Rows of no group stay. May be NULL; else gather_add is there too. */
    void (*matmul_groups)(struct backend *b, const struct matmul_group *groups, uint32_t n_groups,
        enum activation activation, struct rows x, struct rows out);

    /* out row i += weights[i, e] * x row places[i, e], for each e < n_each in order (both f32). */
    void (*gather_add)(struct backend *b, const uint32_t *places, const float *weights,
        uint32_t n_each, struct rows x, struct rows out);

    /* out = activation(gate) * up, elementwise; out has f32 or act elements. */
    void (*gate)(struct backend *b, const struct gating *g, struct rows gate, struct rows up,
        struct rows out);

    /* out = curve(x), elementwise, where x is f32; out has act elements. */
    void (*curve)(struct backend *b, const struct learned_curve *c, struct rows x, struct rows out);

    /* A row's neighbours in its segment, number by number: out[t, i * taps + j] = x[t + j - taps /
     * 2, i], or 0 where the segment has no such row. out has act elements [T, C * taps]. */
    void (*unfold)(struct backend *b, uint32_t taps, const struct segment *segments,
        uint32_t n_segments, struct rows x, struct rows out);

    /* The norm of each head of x by itself, in place (f32). Gain and bias have D numbers, for all
     * heads, or H*D. */
    void (*norm_heads)(struct backend *b, enum norm_kind kind, const struct vector *gain,
        const struct vector *bias, float eps, uint32_t n_heads, struct rows x);

    /* out += scale * x (both f32). */
    void (*add)(struct backend *b, float scale, struct rows x, struct rows out);

    /* Each number of x (f32) cut to ± limit. */
    void (*clip)(struct backend *b, float limit, struct rows x);

    /* Row i of x (f32) into columns [first, first + its width) of every head of row i of out. */
    void (*spread)(
        struct backend *b, uint32_t n_heads, uint32_t first, struct rows x, struct rows out);

    /* out row index[i] += weights[i] * x row i (both f32); an index stands there once. */
    void (*scatter)(struct backend *b, const uint32_t *index, const float *weights, struct rows x,
        struct rows out);

    /* out = x rounded to out's elements (a copy where they are the same). */
    void (*convert)(struct backend *b, struct rows x, struct rows out);

    /* Rotates n_heads heads of width head_dim in each row of x (f32), in place. */
    void (*rotate)(struct backend *b, const struct rotary *r, const uint32_t *positions,
        uint32_t n_heads, uint32_t head_dim, struct rows x);

    /* Writes row i of k and v (f32, or act where they are done) to slots[i] of a layer; no buffer:
     * that half stays as it is. */
    void (*kv_store)(struct backend *b, struct kv_cache *kv, uint32_t layer, const uint32_t *slots,
        struct rows k, struct rows v);

    /* Slots of a layer as rows that a matmul may write (act elements): keys and values that
     * nothing is done to need no kv_store. May be NULL: the device has none. */
    struct rows (*kv_keys)(struct kv_cache *kv, uint32_t layer, uint32_t slot, uint32_t n);
    struct rows (*kv_values)(struct kv_cache *kv, uint32_t layer, uint32_t slot, uint32_t n);

    /* out[T, H*D] (act) from q[T, H*D] (f32; act where CAN_ACT_QUERIES and no bias looks at
     * queries) and the cache: every segment's rows against
     * ancestors and themselves. */
    void (*attend)(struct backend *b, const struct attention *a, struct kv_cache *kv,
        uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows q,
        struct rows out);

    /* u = activation(convolution of the cached channels up to each row's), f32 [T, N or M]. */
    void (*convolve)(struct backend *b, const struct recurrence *r, struct kv_cache *kv,
        uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows u);

    /* Every segment's rows, from a state that begins at position 0 with zeros:
     *     state = exp(step * -exp(decay)) * state + step * brought * u,  step = softplus(raw)
     *     out = (state · read + skip * u) * activation(gate)
     * read: f32 [T, S], of heads what `convolve` gave [T, M]; gate: f32 [T, N], or none (no
     * buffer): out is not gated. out has f32 or act elements. Where the recurrence corrects:
     *     state = exp(step * -exp(decay)) * state
     *     state += brought * sigmoid(weight) * (u - state · brought),  out = state · read */
    void (*recur)(struct backend *b, const struct recurrence *r, struct kv_cache *kv,
        uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows read,
        struct rows gate, struct rows out);

    /* dst row i = src row index[i] (same elements and width). */
    void (*pick)(struct backend *b, struct rows src, const uint32_t *index, struct rows dst);

    /* One pooled f32 row a segment (weights for weighted mean are positions 1..n). */
    void (*pool)(struct backend *b, enum pooling pooling, struct rows x,
        const struct segment *segments, uint32_t n_segments, struct rows out);

    /* x /= max(|x|, 1e-12), each row. */
    void (*normalize)(struct backend *b, struct rows x);

    /* log-softmax of the chosen tokens over rows x (act) times the head, vocabulary in blocks:
     * no [T, V] array. Targets are sorted by row. A logit is (x · w + bias) * scale, then
     * capped; softcap 0: none. */
    void (*logprobs)(struct backend *b, const struct matrix *head, const struct vector *bias,
        float scale, float softcap, struct rows x, struct target *targets, size_t n);

    /* All logits of the rows, f32, to the host: for sampling, a row or a few at a time. */
    void (*logits)(struct backend *b, const struct matrix *head, const struct vector *bias,
        float scale, float softcap, struct rows x, float *out);

    /* Work of the host beside that of the device: fn for items 0 .. n - 1 on caps->threads threads.
     * May be NULL: the caller's thread does it. */
    void (*share)(struct backend *b, size_t n, pool_fn *fn, void *arg);

    /* What the device gives at this moment, over about so many seconds, on all of its threads:
     * multiply-adds a second times two in the elements of `act`, with nothing to wait for; bytes a
     * second read from its memory. May be NULL: not measured. */
    double (*roof)(struct backend *b, double seconds);
    double (*stream)(struct backend *b, double seconds);

    /* Makes these devices one group that adds up: the first is rank 0, and so on. Before the first
     * all_reduce, once. NULL: such devices don't. */
    bool (*join)(struct backend *const *ranks, uint32_t n, struct err *err);
    /* x (f32) becomes the sum of what the ranks have there, rank after rank: ((x0 + x1) + x2) +
     * ..., on each of them the same to the bit. All ranks call it, each on a thread of its own, in
     * the same order with as many rows; where they don't, or one fails, the process ends. */
    void (*all_reduce)(struct backend *b, struct rows x);

    void (*download)(
        struct backend *b, struct rows x, float *out); /* f32 or act rows to host f32 */
    /* The same of f32 rows, begun: they are there when `settle` returns, which waits for nothing
     * that was asked for since. Both may be NULL: download is as good. */
    void (*fetch)(struct backend *b, struct rows x, float *out);
    void (*settle)(struct backend *b);
    uint64_t (*rows_filled)(const struct backend *b); /* since open */
};

struct backend {
    const struct backend_ops *ops;
};

MUST_CHECK struct backend *backend_cpu_open(const struct backend_config *config, struct err *err);

#endif
