/* What cuBLASLt is looked for as, unless ASSAY_CUBLASLT names one file (empty: none): by the module
 * that opens it, and by what says which it would be. */
#ifndef ASSAY_HARNESS_CUDA_LT_NAMES_H
#define ASSAY_HARNESS_CUDA_LT_NAMES_H

#include <stddef.h>

static const char *const lt_names[] = {
    "libcublasLt.so.13",
    "libcublasLt.so.12",
    "/usr/local/cuda/lib64/libcublasLt.so.13",
    "/usr/local/cuda/lib64/libcublasLt.so.12",
    NULL,
};

#endif
