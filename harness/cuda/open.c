/* assay_cuda_open: the module's one entry. It finds the device, makes what all ops share, and tries
 * a launch, so that a device that cannot run our kernels is known before a model is loaded.
 *
 * This version has been compiled and linked, but not yet run on a device. */
#include "harness/cuda/cuda.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/group.h"
#include "harness/cuda/load.h"
#include "harness/cuda/lt.h"
#include "harness/cuda/steps.h"

/* Rows of a step: enough for all of the device's processors to have blocks of a product. */
enum { STEP_ROWS = 8192 };

#define EXPORTED __attribute__((visibility("default")))

EXPORTED extern cuda_open_fn assay_cuda_open;
EXPORTED extern const struct cuda_door assay_cuda_door;
const struct cuda_door assay_cuda_door = CUDA_DOOR;

void cuda_must(cudaError_t e, const char *what) {
    if (e == cudaSuccess)
        return;
    char message[256];
    snprintf(message, sizeof message, "CUDA: %s: %s", what, cudaGetErrorString(e));
    err_bug(__FILE__, __LINE__, message);
}

struct cuda *cuda_enter(struct backend *b) {
    struct cuda *c = cuda_of(b);
    cuda_must(cudaSetDevice(c->device), "device");
    return c;
}

static const struct backend_caps *cuda_caps(const struct backend *b) {
    return &cuda_of(b)->caps;
}

static uint64_t cuda_rows_filled(const struct backend *b) {
    return cuda_of(b)->n_rows_filled;
}

/* Errors are of no use here any more: what cannot be freed is left to the end of the process. */
static void cuda_close(struct backend *b) {
    if (b == NULL)
        return;
    struct cuda *c = cuda_of(b);
    cudaSetDevice(c->device);
    if (c->stream != NULL)
        cudaStreamSynchronize(c->stream);
    cuda_leave(c);
    lt_close(c->lt);
    upload_free(c);
    fetch_free(c);
    for (struct owned *o = c->owned, *next; o != NULL; o = next) {
        next = o->next;
        cudaFree(o->device);
        free(o->object);
        free(o);
    }
    lists_release(&c->lists);
    steps_close(c);
    stage_free(c);
    attend_tiling_free(c->tiling);
    free(c->masses_host);
    free(c->targets_host);
    if (c->stream != NULL)
        cudaStreamDestroy(c->stream);
    pool_free(c->pool);
    free(c);
}

static const struct backend_ops cuda_ops = {
    .close = cuda_close,
    .caps = cuda_caps,
    .expect = cuda_expect,
    .expected = cuda_expected,
    .matrix = cuda_matrix,
    .keep = cuda_keep,
    .matrix_size = cuda_matrix_size,
    .table_size = cuda_table_size,
    .table = cuda_table,
    .vector = cuda_vector,
    .memory_free = cuda_memory_free,
    .reserve = cuda_reserve,
    .buffer = cuda_buffer,
    .kv_cache = cuda_kv_cache,
    .kv_bytes_per_slot = cuda_kv_bytes_per_slot,
    .kv_free = cuda_kv_free,
    .step_begin = cuda_step_begin,
    .step_end = cuda_step_end,
    .gather = cuda_gather,
    .norm = cuda_norm,
    .renorm = cuda_renorm,
    .matmul = cuda_matmul,
    .matmul_groups = cuda_matmul_groups,
    .gather_add = cuda_gather_add,
    .gate = cuda_gate,
    .curve = cuda_curve,
    .unfold = cuda_unfold,
    .norm_heads = cuda_norm_heads,
    .add = cuda_add,
    .clip = cuda_clip,
    .spread = cuda_spread,
    .scatter = cuda_scatter,
    .convert = cuda_convert,
    .rotate = cuda_rotate,
    .kv_store = cuda_kv_store,
    .kv_keys = cuda_kv_keys,
    .kv_values = cuda_kv_values,
    .attend = cuda_attend,
    .convolve = cuda_convolve,
    .recur = cuda_recur,
    .pick = cuda_pick,
    .pool = cuda_pool,
    .normalize = cuda_normalize,
    .logprobs = cuda_logprobs,
    .logits = cuda_logits,
    .share = cuda_share,
    .roof = cuda_roof,
    .stream = cuda_stream,
    .join = cuda_join,
    .all_reduce = cuda_all_reduce,
    .download = cuda_download,
    .fetch = cuda_fetch,
    .settle = cuda_settle,
    .rows_filled = cuda_rows_filled,
};

/* ---- opening ---- */

static bool unusable(struct err *err, const char *what, cudaError_t e) {
    cudaGetLastError();
    err_set(err, ERR_UNSUPPORTED, "cannot use CUDA: %s: %s", what, cudaGetErrorString(e));
    return err_hint(err, "use --device cpu");
}

/* The runtime calls a driver that is not there too old; we say which it is. */
static bool driver_check(struct err *err) {
    int driver = 0;
    cudaError_t e = cudaDriverGetVersion(&driver);
    if (e == cudaSuccess && driver > 0)
        return true;
    err_set(err, ERR_UNSUPPORTED, "cannot use CUDA: there is no NVIDIA driver (libcuda.so.1)");
    return err_hint(err, "install the driver for this GPU, or use --device cpu");
}

static const char *gemm_wanted(const struct backend_config *config) {
    return config->gemm != NULL ? config->gemm : "auto";
}

static bool config_check(const struct backend_config *config, struct err *err) {
    if (config->dtype != DTYPE_F32 && config->dtype != DTYPE_BF16)
        return err_set(
            err, ERR_UNSUPPORTED, "cannot run in this dtype on CUDA: f32 and bf16 are supported");
    const char *gemm = gemm_wanted(config);
    bool known =
        strcmp(gemm, "auto") == 0 || strcmp(gemm, "plain") == 0 || strcmp(gemm, "cublaslt") == 0;
    return known ||
           err_set(err, ERR_UNSUPPORTED, "matrix library '%.32s' is not available on CUDA", gemm);
}

/* Devices older than sm_80 have no code in the module. */
static bool device_find(struct cuda *c, int device, struct err *err) {
    int n = 0, major = 0, minor = 0;
    cudaError_t e = cudaGetDeviceCount(&n);
    if (e != cudaSuccess)
        return unusable(err, "no device found", e);
    if (device < 0 || device >= n) {
        err_set(err, ERR_UNSUPPORTED, "no CUDA device %d: there are %d", device, n);
        return err_hint(err, "devices are numbered from 0; CUDA_VISIBLE_DEVICES hides some");
    }
    c->device = device;
    e = cudaSetDevice(device);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    if (e != cudaSuccess)
        return unusable(err, "could not open the device", e);
    if (major < 8)
        return err_set(err, ERR_UNSUPPORTED,
            "cannot use CUDA device %d: compute capability %d.%d is below 8.0", device, major,
            minor);
    snprintf(c->name, sizeof c->name, "cuda/sm_%d%d+bf16", major, minor);
    e = cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking);
    return e == cudaSuccess || unusable(err, "could not make a stream", e);
}

static bool threads_make(struct cuda *c, const struct backend_config *config, struct err *err) {
    c->pool = pool_new(config->threads != 0 ? config->threads : pool_default_threads(), err);
    return c->pool != NULL;
}

/* The library for products: where nobody asks for it, a device does without one that isn't there,
 * and the caps say so. */
static bool library_find(struct cuda *c, const struct backend_config *config, struct err *err) {
    struct err why = ERR_INIT;
    const char *gemm = gemm_wanted(config);
    if (strcmp(gemm, "plain") == 0)
        return true;
    c->lt = lt_open(c, &why);
    if (c->lt != NULL || (strcmp(gemm, "auto") == 0 && why.class == ERR_UNSUPPORTED))
        return true;
    *err = why;
    return err_hint(err, "use --gemm plain, or name the library in ASSAY_CUBLASLT");
}

static bool memory_make(struct cuda *c, struct err *err) {
    c->logits = device_alloc(c, HEAD_ROWS * HEAD_SPAN, sizeof *c->logits, "logits", NULL, err);
    if (c->logits == NULL)
        return false;
    c->masses = device_alloc(c, HEAD_ROWS, sizeof *c->masses, "sums", NULL, err);
    if (c->masses == NULL)
        return false;
    c->targets = device_alloc(c, HEAD_TARGETS, sizeof *c->targets, "targets", NULL, err);
    if (c->targets == NULL)
        return false;
    c->masses_host = xcalloc(HEAD_ROWS, sizeof *c->masses_host);
    c->targets_host = xcalloc(HEAD_TARGETS, sizeof *c->targets_host);
    return stage_reserve(c, 0, 0, err);
}

/* Numbers go there, through a kernel, and come back. */
static bool launch_try(struct cuda *c, struct err *err) {
    enum { N = 8 };
    const float sent[N] = { 0, 1, -2, 0.5F, 65536, -0.0078125F, 3, 7 };
    float got[N] = { 0 };
    stage_begin(c);
    union {
        const void *in;
        void *out;
    } there = { .in = stage_add(c, sent, sizeof sent) };
    stage_send(c);
    struct device_rows x = { .data = there.out, .n = 2, .cols = N / 2 };
    struct device_rows y = { .data = c->logits, .n = 2, .cols = N / 2 };
    cudaError_t e = launch_convert(x, y, c->stream);
    if (e == cudaSuccess)
        e = cudaMemcpyAsync(got, y.data, sizeof got, cudaMemcpyDeviceToHost, c->stream);
    if (e == cudaSuccess)
        e = cudaStreamSynchronize(c->stream);
    if (e != cudaSuccess)
        return unusable(err, "could not run a kernel", e);
    return memcmp(got, sent, sizeof got) == 0 ||
           err_set(err, ERR_UNSUPPORTED, "cannot use CUDA: a copy came back changed");
}

/* What weights may take: as we are told, but never more than three quarters of the
 * device, so that what else runs there doesn't say which stay in blocks; where less is left, of
 * that. */
static uint64_t weight_room(const struct backend_config *config) {
    size_t left = 0, all = 0;
    cuda_must(cudaMemGetInfo(&left, &all), "memory");
    uint64_t most = all - all / 4, told = config->weight_room;
    most = most < left ? most : left - left / 4;
    return told != 0 && told < most ? told : most;
}

struct backend *assay_cuda_open(const struct backend_config *config, int device, struct err *err) {
    if (!config_check(config, err))
        return NULL;
    struct cuda *c = xcalloc(1, sizeof *c);
    c->base.ops = &cuda_ops;
    if (!driver_check(err) || !device_find(c, device, err) || !threads_make(c, config, err) ||
        !steps_open(c, err) || !memory_make(c, err) || !launch_try(c, err) ||
        !library_find(c, config, err)) {
        cuda_close(&c->base);
        return NULL;
    }
    c->tiling = attend_tiling_new(config, device);
    c->caps = (struct backend_caps) { .name = c->name,
        .gemm = c->lt != NULL ? c->lt->name : "plain",
        .act = config->dtype == DTYPE_BF16 ? ELEM_BF16 : ELEM_F32,
        .packed = config->dtype == DTYPE_BF16 ? ELEM_BF16 : ELEM_F32,
        .row_block = MATMUL_TILE,
        .step_rows = STEP_ROWS,
        .threads = pool_n_threads(c->pool),
        .can = CAN_HEAD_NORMS | CAN_BIAS | CAN_SINKS | CAN_GATING | CAN_ADD | CAN_EXPERTS |
               CAN_ROTARY_INNER | CAN_CROSS | CAN_RECUR | CAN_UNFOLD | CAN_CURVE |
               CAN_ACT_QUERIES };
    c->weights = config->weights;
    c->budget.room = weight_room(config);
    c->strip_bytes = EXPAND_BYTES;
    if (c->caps.act == ELEM_BF16)
        c->caps.can |= CAN_STAY_IN_FILE;
    return &c->base;
}
