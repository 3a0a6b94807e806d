/* The part of NCCL's C API that we call, in our own words: the library is opened at run time, and
 * nobody needs its header to build. The same in all versions 2.7 and later; where the header is
 * there, tests/harness/nccl_header.c compares them.
 *
 * A communicator is a pointer to what only the library knows. A result of 0 is success. */
#ifndef ASSAY_HARNESS_CUDA_NCCL_API_H
#define ASSAY_HARNESS_CUDA_NCCL_API_H

#include <cuda_runtime_api.h>
#include <stddef.h>

enum { NCCL_SUCCESS = 0, NCCL_SYSTEM_ERROR = 2, NCCL_INVALID_ARGUMENT = 4, NCCL_INVALID_USAGE = 5 };
enum { NCCL_F32 = 7 };

struct nccl_api {
    int (*version)(int *version);
    int (*init_all)(void **comms, int n, const int *devices);
    int (*destroy)(void *comm);
    int (*abort)(void *comm);
    int (*async_error)(void *comm, int *error);
    const char *(*error)(int result);
    int (*group_start)(void);
    int (*group_end)(void);
    int (*send)(
        const void *from, size_t count, int type, int peer, void *comm, cudaStream_t stream);
    int (*recv)(void *to, size_t count, int type, int peer, void *comm, cudaStream_t stream);
};

#endif
