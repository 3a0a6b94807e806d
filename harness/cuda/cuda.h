/* What the C files of the CUDA module share: its objects, device memory, and the stage.
 *
 * All work goes to one stream, in order (a step's at its end, where its shape has come before:
 * steps.h), and nobody waits for it but where numbers come back to
 * the host: download, logits, logprobs. All device memory is made before the first step, with the
 * objects that need it: buffers of a step come out of one piece, where the host has said how large
 * (reserve); lists of a model (biases, taps) at their first use, and stay (lists.c). Lists that an
 * op gets for a step (ids, positions, spans) go through the stage, a ring in pinned memory
 * (stage.c).
 *
 * The door's ops have no error to give, so a launch or copy that fails there ends the process with
 * CUDA's message: never a wrong number.
 *
 * This version has been compiled and linked, but not yet run on a device. */
#ifndef ASSAY_HARNESS_CUDA_CUDA_H
#define ASSAY_HARNESS_CUDA_CUDA_H

#include "harness/backend.h"
#include "harness/cpu/budget.h"
#include "harness/cpu/source.h"
#include "harness/cuda/kernels.h"

struct buffer {
    enum elem elem;
    uint32_t n_rows, cols;
    uint8_t *data; /* [n_rows, cols] */
};

struct vector {
    uint32_t n;
    float *data; /* [n] */
    void *bf16;  /* [n] rounded, where products are in bf16; else NULL */
};

struct matrix {
    uint32_t n, k;
    uint8_t *data; /* [n, k] act, or rows of the file's blocks */
    enum kernel_blocks blocks;
    size_t row_bytes;
};

/* Dequantised as it is loaded: bf16 where the file has just that, else f32. */
struct table {
    uint32_t n, cols;
    enum elem elem;
    uint8_t *data; /* [n, cols] */
};

struct kv_cache {
    uint32_t n_layers, n_slots, width;
    uint8_t *keys, *values;               /* [n_layers, n_slots, width] act, in one allocation */
    struct buffer *key_rows, *value_rows; /* [n_layers]: slots as rows; with the cache itself */
};

struct owned {
    struct owned *next;
    void *device; /* cudaFree; NULL: part of a room */
    void *object; /* free */
};

/* Memory of the host for copies that don't wait: pinned, or any where there is no more of it. */
struct host_room {
    uint8_t *data;
    size_t bytes;
    bool pinned;
};

/* A list that the device has, `at` so many bytes from the ring's start. */
struct stage_list {
    size_t at, bytes; /* bytes 0: forgotten */
    unsigned part;
};

enum { STAGE_PARTS = 4, STAGE_LISTS = 32 };
struct stage {
    uint8_t *device;
    struct host_room host;
    size_t bytes;             /* that one op's lists may take; a part of the ring has twice that */
    unsigned part;            /* that is being filled */
    size_t used, begun, sent; /* in it: so far; by ops before; copied */
    cudaEvent_t left[STAGE_PARTS]; /* behind the last kernel that reads the part */
    struct stage_list lists[STAGE_LISTS];
    unsigned n_lists;       /* so far */
    size_t n_rows, n_slots; /* most that any buffer, any cache has: what the size follows from */
};

/* A list of the host's that stays as it is until close, and where it is on the device. */
struct kept_list {
    const void *host;
    size_t bytes;
    void *device;
    uint8_t sample[16];
};

struct lists {
    struct kept_list *kept;
    size_t n, capacity, next; /* next: where to look first */
};

enum { UPLOAD_PARTS = 2 };
struct upload_part {
    struct host_room host;
    cudaEvent_t copied; /* behind the copy from it */
};

/* Rows on their way to the host: through pinned memory, from which they are handed on. */
enum { FETCHES = 16 };
struct fetching {
    struct host_room host;
    cudaEvent_t done; /* behind the last copy */
    struct {
        float *out;
        size_t at, bytes;
    } parts[FETCHES];
    unsigned n;
    size_t used;
};

/* One piece of device memory, out of which buffers are cut. */
struct room {
    uint8_t *data;
    size_t bytes, used;
};

struct steps;         /* those whose shape comes again: steps.h */
struct attend_tiling; /* what attention by tensor cores keeps: attend_tiles.c */

enum {
    HEAD_ROWS = 2048,        /* rows of logits at a time: a multiple of MATMUL_TILE */
    HEAD_SPAN = 4096,        /* tokens of the vocabulary at a time */
    HEAD_TARGETS = 8192,     /* targets at a time */
    EXPAND_BYTES = 64 << 20, /* at most, of a strip of columns whose blocks are expanded */
};

struct cuda {
    struct backend base; /* first: a struct backend * is a struct cuda * */
    struct backend_caps caps;
    char name[32];
    int device;
    cudaStream_t stream; /* while a step is recorded, one that nothing is to go to: steps.h */
    struct steps *steps; /* NULL: none is recorded */
    struct pool *pool;   /* threads of the host, for what it does beside the device */
    struct lt *lt;       /* NULL: products are our own */
    struct stage stage;
    struct lists lists;
    struct room room;
    struct fetching fetching;
    struct upload_part upload[UPLOAD_PARTS];
    unsigned n_uploaded;
    enum weights_form weights;
    struct budget budget; /* of device memory, among weights */
    uint16_t *expanded;   /* a strip of columns; NULL: no matrix is in blocks */
    size_t expanded_bytes;
    size_t strip_bytes; /* of it that are used at most */
    struct attend_tiling *tiling;
    float *logits;                 /* [HEAD_ROWS, HEAD_SPAN] */
    struct kernel_mass *masses;    /* [HEAD_ROWS] */
    struct kernel_target *targets; /* [HEAD_TARGETS] */
    struct kernel_mass *masses_host;
    struct kernel_target *targets_host;
    uint64_t n_rows_filled;
    struct cuda_group *group; /* group.h; NULL: it is in none */
    uint32_t rank;            /* in its group */
    float *parts;             /* of other ranks; with a group */
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

/* Whether it went well. An error that its caller reports shall not fail the next launch too, and so
 * is taken from CUDA, which hands each out once more. */
static inline bool cuda_went(cudaError_t e) {
    if (e != cudaSuccess)
        (void)cudaGetLastError();
    return e == cudaSuccess;
}

/* Ends the process unless `e` is success. */
void cuda_must(cudaError_t e, const char *what);

/* The backend, with its device made the calling thread's. */
struct cuda *cuda_enter(struct backend *b);

/* The window as kernels see it; BUG where it leaves its buffer or is not `cols` wide. */
struct device_rows rows_view(struct rows r, uint32_t cols);
/* n rows of the window from row `from` on. */
struct device_rows rows_part(struct device_rows r, uint32_t from, uint32_t n);

/* memory.c: cudaMalloc that lives until close with its object, which is freed too; NULL and
 * ERR_RESOURCE, and the object is freed. */
MUST_CHECK void *device_alloc(
    struct cuda *c, size_t n, size_t size, const char *what, void *object, struct err *err);
/* ERR_RESOURCE, with what there is; returns false. */
bool device_failed(struct err *err, cudaError_t e, size_t bytes, const char *what);
/* Frees the object and its memory now, once the device is done with it; false: there is none. */
bool device_release(struct cuda *c, const void *object);
/* Of the room for activations, for an object that is then freed at close; NULL: no more of it. */
void *room_take(struct cuda *c, size_t bytes, void *object);

MUST_CHECK bool host_room_make(
    struct host_room *h, size_t bytes, const char *what, struct err *err);
void host_room_free(struct host_room *h);

/* upload.c: all rows of the source to the device; in the stream, as all that reads them. As
 * elements, or as threads of the host write them, each so many rows of row_bytes from `row` on. */
typedef void upload_fill_fn(const struct source *s, uint64_t row, uint64_t n, uint8_t *out);
MUST_CHECK bool upload_filled(struct cuda *c, const struct source *s, upload_fill_fn *fill,
    size_t row_bytes, uint8_t *device, struct err *err);
MUST_CHECK bool upload_rows(
    struct cuda *c, const struct source *s, enum elem elem, uint8_t *device, struct err *err);
void upload_free(struct cuda *c);

/* stage.c. An op begins, adds its lists, sends them, launches. Makes the stage large enough for
 * lists of as many rows and slots. */
MUST_CHECK bool stage_reserve(struct cuda *c, size_t n_rows, size_t n_slots, struct err *err);
void stage_free(struct cuda *c);
void stage_begin(struct cuda *c);
/* Room for a list: where the host fills it in, and where the device will find it. */
void *stage_room(struct cuda *c, size_t bytes, const void **device);
/* The same filled; where the device has such a list already, that one. */
const void *stage_add(struct cuda *c, const void *data, size_t bytes);
/* The room that was given last has been filled: where the device has the same already, that, and
 * the room is free again. */
const void *stage_fold(struct cuda *c, const void *room, size_t bytes);
void stage_send(struct cuda *c); /* before the launch */

/* lists.c: n elements of `size` bytes on the device; NULL for NULL. */
const void *list_keep(struct cuda *c, const void *host, size_t n, size_t size);
void lists_release(struct lists *l);

enum kernel_activation kernel_activation(enum activation a);

/* A layer's slots, of kv->keys or kv->values. */
uint8_t *cache_layer(
    const struct cuda *c, const struct kv_cache *kv, uint8_t *cache, uint32_t layer);

/* packed.c: matrices in blocks, and products with any. */

/* How a matrix can lie. */
struct packed_form {
    enum kernel_blocks blocks;
    size_t row_bytes;
};
/* What is to be made is counted, and the room for strips of it. */
void packed_expect(struct cuda *c, const struct source *s);
/* How it will lie; its room is taken. */
struct packed_form packed_choose(struct cuda *c, const struct source *s);
MUST_CHECK bool packed_upload(struct cuda *c, const struct source *s, const struct packed_form *f,
    uint8_t *device, struct err *err);
/* Room for the strips of one, before it is used. */
MUST_CHECK bool packed_reserve(struct cuda *c, const struct source *s, struct err *err);
/* Whether a product with so many rows expands strips, of how many columns, and columns [from, from
 * + n) as bf16 until the next are expanded. */
bool packed_by_strips(const struct matrix *m, uint32_t n_rows);
uint32_t packed_strip(const struct cuda *c, const struct matrix *m);
const uint16_t *packed_expand(struct cuda *c, const struct matrix *m, uint32_t from, uint32_t n);
/* What `a` says, with the matrix's columns from `first` on as the weight. */
void matrix_product(struct cuda *c, const struct matrix *m, uint32_t first, struct matmul_args *a);

/* The objects and ops, by file: memory.c, objects.c, step.c, ops.c, elements.c, groups.c,
 * segments.c, recur.c, head.c, limits.c. */
void cuda_expect(struct backend *b, enum weight_kind kind, const struct weight_source *src,
    uint32_t n, uint32_t k);
uint64_t cuda_expected(const struct backend *b);
struct matrix_size cuda_table_size(const struct backend *b, const struct table *t);
uint64_t cuda_memory_free(const struct backend *b);
bool cuda_reserve(struct backend *b, uint32_t n_buffers, size_t bytes, struct err *err);
void cuda_keep(struct backend *b);
struct matrix *cuda_matrix(
    struct backend *b, const struct weight_source *src, uint32_t n, uint32_t k, struct err *err);
struct matrix_size cuda_matrix_size(const struct backend *b, const struct matrix *m);
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
bool cuda_step_begin(struct backend *b, const struct step_shape *shape);
void cuda_step_end(struct backend *b);

void cuda_gather(struct backend *b, const struct table *t, const int32_t *ids, float scale,
    bool add, struct rows x);
void cuda_norm(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x, struct rows out);
void cuda_renorm(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x, struct rows out);
void cuda_norm_heads(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, uint32_t n_heads, struct rows x);
void cuda_matmul(struct backend *b, const struct matrix *w, struct rows x, struct rows out,
    const struct epilogue *epilogue);
void cuda_matmul_groups(struct backend *b, const struct matmul_group *groups, uint32_t n_groups,
    enum activation activation, struct rows x, struct rows out);
void cuda_gather_add(struct backend *b, const uint32_t *places, const float *weights,
    uint32_t n_each, struct rows x, struct rows out);
void cuda_gate(
    struct backend *b, const struct gating *g, struct rows gate, struct rows up, struct rows out);
void cuda_curve(
    struct backend *b, const struct learned_curve *curve, struct rows x, struct rows out);
void cuda_add(struct backend *b, float scale, struct rows x, struct rows out);
void cuda_clip(struct backend *b, float limit, struct rows x);
void cuda_spread(
    struct backend *b, uint32_t n_heads, uint32_t first, struct rows x, struct rows out);
void cuda_scatter(
    struct backend *b, const uint32_t *index, const float *weights, struct rows x, struct rows out);
void cuda_unfold(struct backend *b, uint32_t taps, const struct segment *segments,
    uint32_t n_segments, struct rows x, struct rows out);
void cuda_convert(struct backend *b, struct rows x, struct rows out);
void cuda_rotate(struct backend *b, const struct rotary *r, const uint32_t *positions,
    uint32_t n_heads, uint32_t head_dim, struct rows x);
void cuda_kv_store(struct backend *b, struct kv_cache *kv, uint32_t layer, const uint32_t *slots,
    struct rows k, struct rows v);
struct rows cuda_kv_keys(struct kv_cache *kv, uint32_t layer, uint32_t slot, uint32_t n);
struct rows cuda_kv_values(struct kv_cache *kv, uint32_t layer, uint32_t slot, uint32_t n);
void cuda_attend(struct backend *b, const struct attention *a, struct kv_cache *kv, uint32_t layer,
    const struct segment *segments, uint32_t n_segments, struct rows q, struct rows out);
void cuda_convolve(struct backend *b, const struct recurrence *r, struct kv_cache *kv,
    uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows u);
void cuda_recur(struct backend *b, const struct recurrence *r, struct kv_cache *kv, uint32_t layer,
    const struct segment *segments, uint32_t n_segments, struct rows read, struct rows gate,
    struct rows out);
/* Attention by tensor cores, where it can: bf16, heads of 8 to 256 numbers in steps of 8. False,
 * and nothing is done, where it cannot. Segments have been checked. */
bool attend_tiled(struct cuda *c, const struct attention *a, const struct kv_cache *kv,
    uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows q,
    struct rows out);
struct attend_tiling *attend_tiling_new(const struct backend_config *config, int device);
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
void cuda_share(struct backend *b, size_t n, pool_fn *fn, void *arg);
double cuda_roof(struct backend *b, double seconds);
double cuda_stream(struct backend *b, double seconds);
void cuda_download(struct backend *b, struct rows x, float *out);

/* fetch.c */
void cuda_fetch(struct backend *b, struct rows x, float *out);
void cuda_settle(struct backend *b);
void fetch_free(struct cuda *c);

/* product.c: a matrix product, by the library where there is one and it is for it, else by our
 * kernels: tensor cores where they fit, else the plain one. */
void cuda_product(struct cuda *c, const struct matmul_args *a);
/* Rows of the last tile of our own product that are not wanted. */
void count_filled(struct cuda *c, uint32_t n_rows);

#endif
