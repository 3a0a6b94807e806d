/* What the C files of the CUDA module share: its objects, device memory, and the stage.
 *
 * All work goes to one stream, in order. All device memory is made before the first step, by
 * cudaMalloc, with the objects that need it. Lists that an op gets from the host (ids, positions,
 * spans) go through the stage: one piece of device memory that each op overwrites from its start.
 * The stream's order keeps an op's lists there until its kernels are done; the host's copy may be
 * reused at once, since cudaMemcpyAsync from pageable memory returns after it has read it.
 *
 * The door's ops have no error to give, so a launch or copy that fails there ends the process with
 * CUDA's message: never a wrong number.
 *
 * This version has been compiled and linked, but not yet run on a device. */
#ifndef ASSAY_HARNESS_CUDA_CUDA_H
#define ASSAY_HARNESS_CUDA_CUDA_H

#include "harness/backend.h"
#include "harness/cuda/kernels.h"

struct buffer {
    enum elem elem;
    uint32_t n_rows, cols;
    uint8_t *data; /* [n_rows, cols] */
};

struct vector {
    uint32_t n;
    float *data; /* [n] */
};

struct matrix {
    uint32_t n, k;
    uint8_t *data; /* [n, k] act */
};

/* Dequantised as it is loaded: bf16 where the file has just that, else f32. */
struct table {
    uint32_t n, cols;
    enum elem elem;
    uint8_t *data; /* [n, cols] */
};

struct kv_cache {
    uint32_t n_layers, n_slots, width;
    uint8_t *keys, *values; /* [n_layers, n_slots, width] act, in one allocation */
};

struct owned {
    struct owned *next;
    void *device; /* cudaFree */
    void *object; /* free */
};

struct stage {
    uint8_t *device, *host;
    size_t bytes, used;
    size_t n_rows, n_slots; /* most that any buffer, any cache has: what the size follows from */
};

struct attend_tiling; /* what attention by tensor cores keeps: attend_tiles.c */

enum {
    HEAD_ROWS = 256,    /* rows of logits at a time: a multiple of MATMUL_TILE */
    HEAD_SPAN = 8192,   /* tokens of the vocabulary at a time */
    HEAD_TARGETS = 2048 /* targets at a time */
};

struct cuda {
    struct backend base; /* first: a struct backend * is a struct cuda * */
    struct backend_caps caps;
    char name[32];
    int device;
    cudaStream_t stream;
    struct stage stage;
    struct attend_tiling *tiling;
    float *logits;                 /* [HEAD_ROWS, HEAD_SPAN] */
    struct kernel_mass *masses;    /* [HEAD_ROWS] */
    struct kernel_target *targets; /* [HEAD_TARGETS] */
    struct kernel_mass *masses_host;
    struct kernel_target *targets_host;
    uint64_t n_rows_filled;
    struct owned *owned;
};

static inline struct cuda *cuda_of(const struct backend *b) {
    union {
        const struct backend *in;
        struct cuda *out;
    } cast = { .in = b };
    return cast.out;
}

static inline size_t elem_bytes(enum elem e) {
    return e == ELEM_BF16 ? 2 : 4;
}

/* Ends the process unless `e` is success. */
void cuda_must(cudaError_t e, const char *what);

/* The backend, with its device made the calling thread's. */
struct cuda *cuda_enter(struct backend *b);

/* The window as kernels see it; BUG where it leaves its buffer or is not `cols` wide. */
struct device_rows rows_view(struct rows r, uint32_t cols);
/* n rows of the window from row `from` on. */
struct device_rows rows_part(struct device_rows r, uint32_t from, uint32_t n);

/* cudaMalloc that lives until close with its object, which is freed too; NULL and ERR_RESOURCE,
 * and the object is freed. */
MUST_CHECK void *device_alloc(
    struct cuda *c, size_t n, size_t size, const char *what, void *object, struct err *err);

/* Makes the stage large enough for lists of as many rows and slots. */
MUST_CHECK bool stage_reserve(struct cuda *c, size_t n_rows, size_t n_slots, struct err *err);
void stage_begin(struct cuda *c);
/* Room for a list: where the host fills it in, and where the device will find it. */
void *stage_room(struct cuda *c, size_t bytes, const void **device);
const void *stage_add(struct cuda *c, const void *data, size_t bytes);
void stage_send(struct cuda *c); /* before the launch */

/* The objects and ops, by file: objects.c, ops.c, segments.c, head.c. */
struct matrix *cuda_matrix(
    struct backend *b, const struct weight_source *src, uint32_t n, uint32_t k, struct err *err);
struct table *cuda_table(
    struct backend *b, const struct weight_source *src, uint32_t n, uint32_t cols, struct err *err);
struct vector *cuda_vector(
    struct backend *b, const struct weight_source *src, uint32_t n, struct err *err);
struct buffer *cuda_buffer(
    struct backend *b, uint32_t n_rows, uint32_t cols, enum elem elem, struct err *err);
struct kv_cache *cuda_kv_cache(
    struct backend *b, uint32_t n_layers, uint32_t n_slots, uint32_t kv_width, struct err *err);
size_t cuda_kv_bytes_per_slot(const struct backend *b, uint32_t n_layers, uint32_t kv_width);
void cuda_kv_free(struct backend *b, struct kv_cache *kv);

void cuda_gather(struct backend *b, const struct table *t, const int32_t *ids, float scale,
    bool add, struct rows x);
void cuda_norm(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x, struct rows out);
void cuda_matmul(struct backend *b, const struct matrix *w, struct rows x, struct rows out,
    const struct epilogue *epilogue);
void cuda_gate(
    struct backend *b, const struct gating *g, struct rows gate, struct rows up, struct rows out);
void cuda_convert(struct backend *b, struct rows x, struct rows out);
void cuda_rotate(struct backend *b, const struct rotary *r, const uint32_t *positions,
    uint32_t n_heads, uint32_t head_dim, struct rows x);
void cuda_kv_store(struct backend *b, struct kv_cache *kv, uint32_t layer, const uint32_t *slots,
    struct rows k, struct rows v);
void cuda_attend(struct backend *b, const struct attention *a, struct kv_cache *kv, uint32_t layer,
    const struct segment *segments, uint32_t n_segments, struct rows q, struct rows out);
/* Attention by tensor cores, where it can: bf16, heads of 8 to 256 numbers in steps of 8. False,
 * and nothing is done, where it cannot. Segments have been checked. */
bool attend_tiled(struct cuda *c, const struct attention *a, const struct kv_cache *kv,
    uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows q,
    struct rows out);
struct attend_tiling *attend_tiling_new(const struct backend_config *config);
void attend_tiling_free(struct attend_tiling *t);
/* Memory for what it keeps of sequences that fill that many slots. */
MUST_CHECK bool attend_reserve(
    struct cuda *c, uint32_t n_slots, uint32_t kv_width, struct err *err);
void cuda_pick(struct backend *b, struct rows src, const uint32_t *index, struct rows dst);
void cuda_pool(struct backend *b, enum pooling pooling, struct rows x,
    const struct segment *segments, uint32_t n_segments, struct rows out);
void cuda_normalize(struct backend *b, struct rows x);
void cuda_logprobs(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, struct target *targets, size_t n);
void cuda_logits(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, float *out);
void cuda_download(struct backend *b, struct rows x, float *out);

/* A product counted: rows of its last tile that are not wanted. */
void count_filled(struct cuda *c, uint32_t n_rows);

#endif
