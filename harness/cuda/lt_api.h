/* The part of cuBLASLt's C API that we call, in our own words: the library is opened at run time,
 * and nobody needs its headers to build. The functions, numbers and layouts below are the same in
 * its versions 12 and 13; where the headers are there, tests/harness/lt_header.c compares them.
 *
 * Objects are pointers to what only the library knows. A status of 0 is success. */
#ifndef ASSAY_HARNESS_CUDA_LT_API_H
#define ASSAY_HARNESS_CUDA_LT_API_H

#include <cuda_runtime_api.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LT_SUCCESS = 0,
    LT_NOT_INITIALIZED = 1,
    LT_NO_MEMORY = 3,
    LT_INVALID_VALUE = 7,
    LT_NOT_SUPPORTED = 15
};

enum lt_type { LT_F32 = 0, LT_BF16 = 14 };
enum { LT_COMPUTE_F32 = 68 };
enum { LT_OP_N = 0, LT_OP_T = 1 };

enum lt_epilogue {
    LT_EPILOGUE_NONE = 1,
    LT_EPILOGUE_BIAS = 4,
    LT_EPILOGUE_GELU = 32, /* its tanh form */
    LT_EPILOGUE_GELU_BIAS = 36,
};

/* Attributes of a product, a layout, a preference, an algorithm's setting and an algorithm. */
enum {
    LT_DESC_TRANSA = 3,    /* int32_t */
    LT_DESC_TRANSB = 4,    /* int32_t */
    LT_DESC_EPILOGUE = 7,  /* uint32_t */
    LT_DESC_BIAS = 8,      /* const void * */
    LT_DESC_BIAS_TYPE = 26 /* int32_t */
};
enum { LT_LAYOUT_COLS = 3 /* uint64_t */ };
enum {
    LT_PREF_WORKSPACE = 1,   /* uint64_t: bytes at most */
    LT_PREF_REDUCTIONS = 3,  /* uint32_t: schemes allowed; 0: none */
    LT_PREF_ALIGNMENT_A = 5, /* uint32_t: bytes at least; then B, C and D */
    LT_PREF_ALIGNMENT_D = 8,
};
enum {
    LT_CONFIG_ID = 0,        /* int32_t */
    LT_CONFIG_TILE = 1,      /* uint32_t */
    LT_CONFIG_SPLITS = 2,    /* int32_t: parts that k is cut into */
    LT_CONFIG_REDUCTION = 3, /* uint32_t: how these are added; 0: they aren't */
    LT_CONFIG_STAGES = 6,    /* uint32_t */
};
enum { LT_CAP_NUMBERS = 15 /* uint64_t: what a product is computed with */ };
#define LT_NUMBERS_TENSOR 0xfeULL /* tensor cores of whatever kind */
#define LT_NUMBERS_SUM_F16 (1ULL << 8)
#define LT_NUMBERS_FROM_F16 (1ULL << 16)
#define LT_NUMBERS_FROM_BF16 (1ULL << 17)
#define LT_NUMBERS_FROM_TF32 (1ULL << 18)

struct lt_algo {
    uint64_t data[8];
};

struct lt_found {
    struct lt_algo algo;
    size_t workspace;
    int state; /* a status: the rest means nothing unless it is success */
    float waves;
    int reserved[4];
};

typedef int lt_create_fn(void **out);
typedef int lt_destroy_fn(void *object);
typedef int lt_set_fn(void *object, int attribute, const void *value, size_t bytes);
typedef int lt_get_fn(
    const struct lt_algo *algo, int attribute, void *value, size_t bytes, size_t *written);

struct lt_api {
    size_t (*version)(void);
    lt_create_fn *create;
    lt_destroy_fn *destroy;
    int (*desc_create)(void **out, int compute, int scale_type);
    lt_set_fn *desc_set;
    lt_destroy_fn *desc_destroy;
    int (*layout_create)(void **out, int type, uint64_t rows, uint64_t cols, int64_t pitch);
    lt_set_fn *layout_set;
    lt_destroy_fn *layout_destroy;
    lt_create_fn *preference_create;
    lt_set_fn *preference_set;
    lt_destroy_fn *preference_destroy;
    int (*find)(void *handle, void *desc, void *a, void *b, void *c, void *d, void *preference,
        int n_wanted, struct lt_found *found, int *n_found);
    lt_get_fn *config_get;
    lt_get_fn *cap_get;
    int (*matmul)(void *handle, void *desc, const void *alpha, const void *a, void *a_layout,
        const void *b, void *b_layout, const void *beta, const void *c, void *c_layout, void *d,
        void *d_layout, const struct lt_algo *algo, void *workspace, size_t workspace_bytes,
        cudaStream_t stream);
};

#endif
