/* A kernel's launch as plain C sees it: LAUNCH (device.cuh) makes one of these, and it goes to its
 * stream at once, or, where a step is being recorded, into the record (steps.h). */
#ifndef ASSAY_HARNESS_CUDA_LAUNCH_H
#define ASSAY_HARNESS_CUDA_LAUNCH_H

#include <cuda_runtime_api.h>
#include <stddef.h>

enum { LAUNCH_ARGUMENTS = 16 }; /* at most */

struct launch_call {
    const void *kernel;
    unsigned grid[3], block[3];
    size_t shared_bytes;
    void *const *arguments; /* [n_arguments]: where each lies */
    const size_t *sizes;    /* [n_arguments] */
    unsigned n_arguments;
};

#ifdef __cplusplus
extern "C" {
#endif

/* What goes wrong is the thread's last error, as with any launch. */
void launch_do(const struct launch_call *l, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
