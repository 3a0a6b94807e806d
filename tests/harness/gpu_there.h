/* What tests with the label `gpu` begin with. */
#ifndef ASSAY_TESTS_GPU_THERE_H
#define ASSAY_TESTS_GPU_THERE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/cuda/load.h"

/* ERR_UNSUPPORTED is no device, and the reason is printed; anything else is a failure, which the
 * tests will meet. */
static inline bool gpu_there(void) {
    const struct backend_config config = { .dtype = DTYPE_F32, .gemm = "auto" };
    struct err err = ERR_INIT;
    struct backend *b = backend_cuda_open(&config, 0, &err);
    if (b != NULL)
        b->ops->close(b);
    else
        printf("skipped: %s\n", err.msg);
    return b != NULL || err.class != ERR_UNSUPPORTED;
}

/* ctest's code for a skipped test; where a GPU must be there (ASSAY_REQUIRE_GPU=1), a failure. */
static inline int gpu_skip(void) {
    const char *required = getenv("ASSAY_REQUIRE_GPU");
    return required != NULL && required[0] == '1' ? 1 : 77;
}

#endif
