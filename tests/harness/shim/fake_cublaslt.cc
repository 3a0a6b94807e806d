/* A stand-in for cuBLASLt in the shim's module, where lt_load.c finds it by its names: plain loops
 * behind the calls that the backend makes, which do what was asked only if it was asked as the
 * library's manual wants it. Products wait in the stream as kernels do.
 *
 * Of the algorithms that it offers, all but one are of a kind that must not be taken; whoever takes
 * one gets numbers that are off by one. ASSAY_FAKE_CUBLASLT makes it fail or misbehave:
 *
 *     cublasLtMatmul      (or another name) this call fails
 *     by_rows             a sum's order goes by how many rows there are
 *     by_place            ... and by where the row stands
 *     room                the one good algorithm wants memory to work in
 *     none                there is no good algorithm
 *     allocates           a product takes memory of the device for as long as it lasts
 *     starves             the library finds no memory for a product */
#include <map>
#include <math.h>
#include <shim_launch.h>
#include <stdlib.h>

#include "harness/cuda/lt_api.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

enum { SIDE = 16, GOOD = 0, SPLIT, REDUCED, COARSE, BROKEN, N_ALGOS, ROOM_BYTES = 1 << 20 };

struct object {
    char kind; /* h, d, l or p */
    /* of a product */
    uint32_t transa, transb, epilogue, bias_type;
    const void *bias;
    /* of a layout */
    int type;
    uint64_t rows, cols;
    int64_t pitch;
    /* of a preference */
    uint64_t workspace;
    uint32_t alignment[4];
};

static std::map<struct object *, bool> live;
static unsigned n_products;

static bool told(const char *word) {
    const char *words = getenv("ASSAY_FAKE_CUBLASLT");
    return words != NULL && strcmp(words, word) == 0;
}

/* In a function that is named as the library's. */
#define FAILS_IF_TOLD                                                                              \
    if (told(__func__))                                                                            \
    return LT_NOT_INITIALIZED

static struct object *object_of(void *p, char kind) {
    struct object *o = (struct object *)p;
    return live.count(o) == 1 && o->kind == kind ? o : NULL;
}

static struct object blank(char kind) {
    struct object o = {};
    o.kind = kind;
    return o;
}

static int make(void **out, const struct object &what) {
    struct object *o = new object(what);
    live[o] = true;
    *out = o;
    return LT_SUCCESS;
}

static int unmake(void *p, char kind) {
    struct object *o = object_of(p, kind);
    if (o == NULL)
        return LT_INVALID_VALUE;
    live.erase(o);
    delete o;
    return LT_SUCCESS;
}

template <typename T> static int take(T *member, const void *value, size_t bytes) {
    if (bytes != sizeof *member)
        return LT_INVALID_VALUE;
    memcpy(member, value, bytes);
    return LT_SUCCESS;
}

/* ---- for the tests ---- */

EXPORTED unsigned fake_cublaslt_products(void) {
    return n_products;
}

EXPORTED unsigned fake_cublaslt_live(void) {
    return (unsigned)live.size();
}

/* ---- objects ---- */

EXPORTED size_t cublasLtGetVersion(void) {
    return 130203;
}

EXPORTED int cublasLtCreate(void **out) {
    FAILS_IF_TOLD;
    return make(out, blank('h'));
}

EXPORTED int cublasLtDestroy(void *p) {
    return unmake(p, 'h');
}

EXPORTED int cublasLtMatmulDescCreate(void **out, int compute, int scale_type) {
    FAILS_IF_TOLD;
    if (compute != LT_COMPUTE_F32 || scale_type != LT_F32)
        return LT_NOT_SUPPORTED;
    struct object desc = blank('d');
    desc.transa = desc.transb = LT_OP_N;
    desc.epilogue = LT_EPILOGUE_NONE;
    desc.bias_type = UINT32_MAX;
    return make(out, desc);
}

EXPORTED int cublasLtMatmulDescSetAttribute(
    void *p, int attribute, const void *value, size_t bytes) {
    FAILS_IF_TOLD;
    struct object *o = object_of(p, 'd');
    switch (o != NULL ? attribute : -1) {
    case LT_DESC_TRANSA:
        return take(&o->transa, value, bytes);
    case LT_DESC_TRANSB:
        return take(&o->transb, value, bytes);
    case LT_DESC_EPILOGUE:
        return take(&o->epilogue, value, bytes);
    case LT_DESC_BIAS:
        return take(&o->bias, value, bytes);
    case LT_DESC_BIAS_TYPE:
        return take(&o->bias_type, value, bytes);
    default:
        return LT_INVALID_VALUE;
    }
}

EXPORTED int cublasLtMatmulDescDestroy(void *p) {
    return unmake(p, 'd');
}

EXPORTED int cublasLtMatrixLayoutCreate(
    void **out, int type, uint64_t rows, uint64_t cols, int64_t pitch) {
    FAILS_IF_TOLD;
    if ((type != LT_F32 && type != LT_BF16) || rows == 0 || cols == 0 || pitch < (int64_t)rows)
        return LT_INVALID_VALUE;
    struct object layout = blank('l');
    layout.type = type;
    layout.rows = rows;
    layout.cols = cols;
    layout.pitch = pitch;
    return make(out, layout);
}

EXPORTED int cublasLtMatrixLayoutSetAttribute(
    void *p, int attribute, const void *value, size_t bytes) {
    FAILS_IF_TOLD;
    struct object *o = object_of(p, 'l');
    return o != NULL && attribute == LT_LAYOUT_COLS ? take(&o->cols, value, bytes)
                                                    : LT_INVALID_VALUE;
}

EXPORTED int cublasLtMatrixLayoutDestroy(void *p) {
    return unmake(p, 'l');
}

EXPORTED int cublasLtMatmulPreferenceCreate(void **out) {
    FAILS_IF_TOLD;
    struct object preference = blank('p');
    for (uint32_t &bytes : preference.alignment)
        bytes = 256;
    return make(out, preference);
}

EXPORTED int cublasLtMatmulPreferenceSetAttribute(
    void *p, int attribute, const void *value, size_t bytes) {
    FAILS_IF_TOLD;
    struct object *o = object_of(p, 'p');
    uint32_t reductions = 0;
    if (o == NULL)
        return LT_INVALID_VALUE;
    if (attribute >= LT_PREF_ALIGNMENT_A && attribute <= LT_PREF_ALIGNMENT_D)
        return take(&o->alignment[attribute - LT_PREF_ALIGNMENT_A], value, bytes);
    if (attribute == LT_PREF_REDUCTIONS)
        return take(&reductions, value, bytes);
    return attribute == LT_PREF_WORKSPACE ? take(&o->workspace, value, bytes) : LT_INVALID_VALUE;
}

EXPORTED int cublasLtMatmulPreferenceDestroy(void *p) {
    return unmake(p, 'p');
}

/* ---- what is asked ---- */

struct asked {
    struct object desc, a, b, c, d;
};

static bool asked_fill(struct asked *q, void *desc, void *a, void *b, void *c, void *d) {
    struct object *all[] = { object_of(desc, 'd'), object_of(a, 'l'), object_of(b, 'l'),
        object_of(c, 'l'), object_of(d, 'l') };
    for (struct object *o : all)
        if (o == NULL)
            return false;
    *q = { *all[0], *all[1], *all[2], *all[3], *all[4] };
    return true;
}

static size_t size_of(int type) {
    return type == LT_BF16 ? 2 : 4;
}

static bool has_bias(const struct object &desc) {
    return (desc.epilogue & LT_EPILOGUE_BIAS) != 0;
}

/* D [n, m] = A [k, n]ᵀ · B [k, m]; both sides of one type, sums of f32 or rounded to it. */
static bool shapes_fit(const struct asked &q) {
    return q.desc.transa == LT_OP_T && q.desc.transb == LT_OP_N && q.a.rows == q.b.rows &&
           q.a.cols == q.d.rows && q.b.cols == q.d.cols && q.c.rows == q.d.rows &&
           q.c.cols == q.d.cols && q.c.pitch == q.d.pitch && q.a.type == q.b.type &&
           q.c.type == q.d.type && (q.d.type == LT_F32 || q.a.type == LT_BF16);
}

static bool epilogue_fits(const struct asked &q) {
    switch (q.desc.epilogue) {
    case LT_EPILOGUE_NONE:
    case LT_EPILOGUE_GELU:
        return true;
    case LT_EPILOGUE_BIAS:
    case LT_EPILOGUE_GELU_BIAS:
        return q.desc.bias != NULL && q.desc.bias_type == (uint32_t)q.d.type;
    default:
        return false;
    }
}

static bool pitches_fit(const struct asked &q) {
    const struct object *all[] = { &q.a, &q.b, &q.c, &q.d };
    for (const struct object *o : all)
        if ((size_t)o->pitch * size_of(o->type) % SIDE != 0)
            return false;
    return true;
}

static bool fits(const struct asked &q) {
    return shapes_fit(q) && epilogue_fits(q) && pitches_fit(q);
}

/* ---- algorithms: which one, and what it was chosen for ---- */

static struct lt_algo algo_of(const struct asked &q, uint64_t which, uint64_t room) {
    return { { which, room, q.a.cols, q.a.rows, (uint64_t)q.a.type, (uint64_t)q.d.type,
        q.desc.epilogue, (uint64_t)q.d.pitch } };
}

static struct lt_found found_of(const struct asked &q, uint64_t which, uint64_t room) {
    struct lt_found f = {};
    f.algo = algo_of(q, which, room);
    f.workspace = room;
    f.state = which == BROKEN ? LT_NOT_SUPPORTED : LT_SUCCESS;
    return f;
}

EXPORTED int cublasLtMatmulAlgoGetHeuristic(void *handle, void *desc, void *a, void *b, void *c,
    void *d, void *preference, int n_wanted, struct lt_found *found, int *n_found) {
    FAILS_IF_TOLD;
    struct asked q;
    struct object *p = object_of(preference, 'p');
    uint64_t room = told("room") ? ROOM_BYTES : 0;
    *n_found = 0;
    if (object_of(handle, 'h') == NULL || p == NULL || !asked_fill(&q, desc, a, b, c, d) ||
        !fits(q) || n_wanted < N_ALGOS)
        return LT_INVALID_VALUE;
    for (uint32_t bytes : p->alignment)
        if (bytes < SIDE)
            return LT_NOT_SUPPORTED;
    for (uint64_t which = N_ALGOS; which-- > 1;)
        found[(*n_found)++] = found_of(q, which, 0);
    if (!told("none") && room <= p->workspace)
        found[(*n_found)++] = found_of(q, GOOD, room);
    return LT_SUCCESS;
}

EXPORTED int cublasLtMatmulAlgoConfigGetAttribute(
    const struct lt_algo *algo, int attribute, void *value, size_t bytes, size_t *written) {
    FAILS_IF_TOLD;
    int32_t number = algo->data[0] == REDUCED;
    if (attribute == LT_CONFIG_SPLITS)
        number = algo->data[0] == SPLIT ? 4 : 1;
    if (attribute == LT_CONFIG_ID)
        number = (int32_t)algo->data[0];
    if (bytes != sizeof number ||
        (attribute != LT_CONFIG_SPLITS && attribute != LT_CONFIG_REDUCTION &&
            attribute != LT_CONFIG_ID))
        return LT_INVALID_VALUE;
    memcpy(value, &number, bytes);
    *written = bytes;
    return LT_SUCCESS;
}

EXPORTED int cublasLtMatmulAlgoCapGetAttribute(
    const struct lt_algo *algo, int attribute, void *value, size_t bytes, size_t *written) {
    FAILS_IF_TOLD;
    bool bf16 = algo->data[4] == LT_BF16, coarse = algo->data[0] == COARSE;
    uint64_t numbers = bf16     ? LT_NUMBERS_FROM_BF16 | (coarse ? LT_NUMBERS_SUM_F16 : 2)
                       : coarse ? LT_NUMBERS_FROM_TF32 | 2
                                : 1;
    if (attribute != LT_CAP_NUMBERS || bytes != sizeof numbers)
        return LT_INVALID_VALUE;
    memcpy(value, &numbers, bytes);
    *written = bytes;
    return LT_SUCCESS;
}

/* ---- products ---- */

struct product {
    struct asked q;
    float alpha, beta;
    const char *a, *b;
    char *d;
    bool wrong, by_rows, by_place;
};

static float number(const void *at, int type, size_t i) {
    if (type == LT_F32)
        return ((const float *)at)[i];
    return __uint_as_float((uint32_t)((const uint16_t *)at)[i] << 16);
}

static void number_set(void *at, int type, size_t i, float x) {
    uint32_t u = __float_as_uint(x);
    if (type == LT_F32)
        ((float *)at)[i] = x;
    else
        ((uint16_t *)at)[i] =
            (uint16_t)(x != x ? u >> 16 | 0x40 : (u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static float sum_of(const struct product &p, size_t row, size_t column) {
    const struct asked &q = p.q;
    bool back = (p.by_rows && q.d.cols < 100) || (p.by_place && row >= 64);
    size_t k = q.a.rows;
    float sum = 0;
    for (size_t i = 0; i < k; i++) {
        size_t j = back ? k - 1 - i : i;
        sum = fmaf(number(p.a, q.a.type, column * (size_t)q.a.pitch + j),
            number(p.b, q.b.type, row * (size_t)q.b.pitch + j), sum);
    }
    return p.wrong ? sum + 1 : sum;
}

static float finished(const struct product &p, size_t at, size_t column, float sum) {
    const struct asked &q = p.q;
    float y = p.alpha * sum;
    if (p.beta != 0)
        y += p.beta * number(p.d, q.d.type, at);
    if (has_bias(q.desc))
        y += number(q.desc.bias, q.d.type, column);
    if (q.desc.epilogue & LT_EPILOGUE_GELU)
        y = 0.5F * y * (1 + tanhf(0.79788456F * (y + 0.044715F * y * y * y)));
    return y;
}

static void multiply(const struct product &p) {
    for (size_t row = 0; row < p.q.d.cols; row++) {
        for (size_t column = 0; column < p.q.d.rows; column++) {
            size_t at = row * (size_t)p.q.d.pitch + column;
            number_set(p.d, p.q.d.type, at, finished(p, at, column, sum_of(p, row, column)));
        }
    }
}

static bool is_aligned(const void *p) {
    return p != NULL && (uintptr_t)p % SIDE == 0;
}

static bool same(const struct lt_algo &a, const struct lt_algo &b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool memory_comes_and_goes(void) {
    void *room = NULL;
    return cudaMalloc(&room, ROOM_BYTES) == cudaSuccess && cudaFree(room) == cudaSuccess;
}

EXPORTED int cublasLtMatmul(void *handle, void *desc, const void *alpha, const void *a,
    void *a_layout, const void *b, void *b_layout, const void *beta, const void *c, void *c_layout,
    void *d, void *d_layout, const struct lt_algo *algo, void *workspace, size_t workspace_bytes,
    cudaStream_t stream) {
    FAILS_IF_TOLD;
    struct asked q;
    if (object_of(handle, 'h') == NULL ||
        !asked_fill(&q, desc, a_layout, b_layout, c_layout, d_layout) || !fits(q) || algo == NULL ||
        !same(*algo, algo_of(q, algo->data[0], algo->data[1])) || workspace_bytes < algo->data[1] ||
        !is_aligned(workspace) || !is_aligned(a) || !is_aligned(b) || c != d || !is_aligned(d) ||
        (has_bias(q.desc) && !is_aligned(q.desc.bias)))
        return LT_INVALID_VALUE;
    if (told("starves"))
        return LT_NO_MEMORY;
    if (told("allocates") && !memory_comes_and_goes())
        return LT_NOT_SUPPORTED;
    struct product p = { q, *(const float *)alpha, *(const float *)beta, (const char *)a,
        (const char *)b, (char *)d, algo->data[0] != GOOD, told("by_rows") || told("by_place"),
        told("by_place") };
    n_products++;
    shim_launch_add(
        (const void *)multiply, { "cublasLtMatmul", 1, 1, 0, [p] { multiply(p); } }, stream);
    return cudaGetLastError() == cudaSuccess ? LT_SUCCESS : LT_NOT_SUPPORTED;
}
