/* What the files of the CPU backend share: its objects, its threads' scratch memory, and rows of
 * any element type. */
#ifndef ASSAY_HARNESS_CPU_CPU_H
#define ASSAY_HARNESS_CPU_CPU_H

#include "harness/cpu/gemm.h"
#include "base/pool.h"
#include "harness/cpu/budget.h"
#include "harness/cpu/packs.h"

struct buffer {
    enum elem elem;
    uint32_t n_rows, cols;
    void *data;  /* [n_rows, cols] */
    void *block; /* of memory, in which they lie */
};

struct vector {
    uint32_t n;
    float *data; /* [n] */
};

struct matrix {
    struct gemm_weight *weight;
    struct source *source; /* strips.h: it stays in its file, and the weight has no panels; NULL: it
                              is packed */
};

/* Rows are read from the file's tensor as they are gathered: no copy, whatever their type. */
struct table {
    struct source source;
};

/* Keys and values have act elements: half the memory and bandwidth in bf16, where they come out of
 * matmuls with inputs of that precision anyway. Two arrays [n_layers, n_slots, width]. */
struct kv_cache {
    enum elem elem;
    uint32_t n_layers, n_slots, width;
    uint8_t *keys, *values;
    struct buffer *key_rows, *value_rows; /* [n_layers]: the same memory, as rows */
};

/* Sines and cosines of one rotary embedding, a row a position, made as positions come up. */
struct rotary_table {
    struct rotary of; /* inv_freq is our own copy */
    uint32_t n_positions;
    float *angles; /* [n_positions, 2, rotary_dim / 2]: cosines, then sines */
    uint64_t used; /* for choosing which to forget */
};
enum { ROTARY_TABLES = 4 };

struct scratch {
    uint8_t *data;
    size_t bytes;
};

struct owned {
    struct owned *next;
    void (*release)(void *object);
    void *object;
};

struct cpu {
    struct backend base; /* first: a struct backend * is a struct cpu * */
    struct backend_caps caps;
    char name[32];
    const struct kernels *kernels;
    struct gemm *gemm;
    struct gemm *gemm_int8; /* of weights in eight bits; NULL: none are */
    struct pool *pool;
    struct packs *packs;     /* NULL: none are kept */
    struct scratch *scratch; /* one a thread */
    struct scratch shared;   /* the calling thread's, for lists that live through one op */
    struct rotary_table rotary[ROTARY_TABLES];
    uint64_t rotary_clock;
    uint64_t n_rows_filled;
    enum weights_form weights;
    struct budget budget;    /* of memory, among weights */
    struct cpu_group *group; /* NULL: it is in none */
    uint32_t rank;           /* in its group */
    struct owned *owned;
};

static inline struct cpu *cpu_of(const struct backend *b) {
    union {
        const struct backend *in;
        struct cpu *out;
    } cast = { .in = b };
    return cast.out;
}

static inline size_t elem_bytes(enum elem e) {
    return e == ELEM_BF16 ? 2 : 4;
}

/* Row i of a window; BUG where the window leaves its buffer. */
static inline void *row_at(struct rows r, uint32_t i) {
    return (uint8_t *)r.buf->data + (size_t)(r.row + i) * r.buf->cols * elem_bytes(r.buf->elem);
}
void rows_check(struct rows r, uint32_t cols);

/* The f32 form of row i: where it lies, or brought into `space`. */
const float *row_f32(const struct cpu *c, struct rows r, uint32_t i, float *space);
/* Writes n numbers to row i in its own elements. */
void row_write(const struct cpu *c, struct rows r, uint32_t i, const float *x);

/* At least `bytes` of scratch for each thread; it is there until the next call. Grows to what the
 * largest op needs and stays, so that steps after the first allocate nothing. */
void cpu_reserve(struct cpu *c, size_t bytes);
static inline void *cpu_scratch(const struct cpu *c, unsigned thread) {
    return c->scratch[thread].data;
}
/* The same for the calling thread, untouched by cpu_reserve. */
void *cpu_shared(struct cpu *c, size_t bytes);
void scratch_grow(struct scratch *s, size_t bytes);

/* Runs fn(item) over 0 .. n - 1 rows in batches of `grain` rows. */
typedef void rows_fn(const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to);
void cpu_rows(struct cpu *c, uint32_t n, uint32_t grain, rows_fn *fn, void *arg);

/* The ops, by file. */
void cpu_gather(struct backend *b, const struct table *t, const int32_t *ids, float scale, bool add,
    struct rows x);
void cpu_norm(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x, struct rows out);
void cpu_renorm(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x, struct rows out);
void cpu_matmul(struct backend *b, const struct matrix *w, struct rows x, struct rows out,
    const struct epilogue *epilogue);
void cpu_matmul_int8(struct cpu *c, const struct gemm_weight *w, struct rows x, struct rows out,
    const struct finish *finish);
void cpu_gate(
    struct backend *b, const struct gating *g, struct rows gate, struct rows up, struct rows out);
void cpu_curve(
    struct backend *b, const struct learned_curve *curve, struct rows x, struct rows out);
void cpu_unfold(struct backend *b, uint32_t taps, const struct segment *segments,
    uint32_t n_segments, struct rows x, struct rows out);
void cpu_norm_heads(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, uint32_t n_heads, struct rows x);
void cpu_add(struct backend *b, float scale, struct rows x, struct rows out);
void cpu_clip(struct backend *b, float limit, struct rows x);
void cpu_spread(
    struct backend *b, uint32_t n_heads, uint32_t first, struct rows x, struct rows out);
void cpu_scatter(
    struct backend *b, const uint32_t *index, const float *weights, struct rows x, struct rows out);
void cpu_convert(struct backend *b, struct rows x, struct rows out);
void cpu_rotate(struct backend *b, const struct rotary *r, const uint32_t *positions,
    uint32_t n_heads, uint32_t head_dim, struct rows x);
void cpu_kv_store(struct backend *b, struct kv_cache *kv, uint32_t layer, const uint32_t *slots,
    struct rows k, struct rows v);
struct rows cpu_kv_keys(struct kv_cache *kv, uint32_t layer, uint32_t slot, uint32_t n);
struct rows cpu_kv_values(struct kv_cache *kv, uint32_t layer, uint32_t slot, uint32_t n);
void cpu_attend(struct backend *b, const struct attention *a, struct kv_cache *kv, uint32_t layer,
    const struct segment *segments, uint32_t n_segments, struct rows q, struct rows out);
void cpu_convolve(struct backend *b, const struct recurrence *r, struct kv_cache *kv,
    uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows u);
void cpu_recur(struct backend *b, const struct recurrence *r, struct kv_cache *kv, uint32_t layer,
    const struct segment *segments, uint32_t n_segments, struct rows read, struct rows gate,
    struct rows out);
void cpu_pick(struct backend *b, struct rows src, const uint32_t *index, struct rows dst);
void cpu_pool(struct backend *b, enum pooling pooling, struct rows x,
    const struct segment *segments, uint32_t n_segments, struct rows out);
void cpu_normalize(struct backend *b, struct rows x);
void cpu_logprobs(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, struct target *targets, size_t n);
void cpu_logits(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, float *out);
double cpu_roof(struct backend *b, double seconds);
double cpu_stream(struct backend *b, double seconds);
void cpu_download(struct backend *b, struct rows x, float *out);

/* group.c */
bool cpu_join(struct backend *const *ranks, uint32_t n, struct err *err);
void cpu_leave(struct cpu *c); /* at close */
void cpu_all_reduce(struct backend *b, struct rows x);

/* Blocks of rows for the GEMM: x is split into blocks of gemm->row_block rows; a block that needs
 * filling or a wider stride is copied to `space` (block_bytes of it). */
size_t block_bytes(const struct cpu *c, const struct gemm_weight *w);
/* The sums of a block by a chunk of columns, and `space` behind them. */
size_t block_room(const struct cpu *c, const struct gemm_weight *w);
uint32_t block_count(const struct cpu *c, uint32_t n_rows);
void block_call(
    const struct cpu *c, struct rows x, uint32_t block, void *space, struct gemm_call *call);
/* Rows that such a product fills, to be counted once. */
void block_count_filled(struct cpu *c, uint32_t n_rows);

#endif
