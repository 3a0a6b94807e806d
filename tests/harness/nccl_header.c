/* Our words for NCCL (harness/cuda/nccl_api.h) beside its own header, where that is: compiled,
 * never run. */
#include <nccl.h>

#include "harness/cuda/nccl_api.h"

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)
SAME(NCCL_SUCCESS, ncclSuccess);
SAME(NCCL_SYSTEM_ERROR, ncclSystemError);
SAME(NCCL_INVALID_ARGUMENT, ncclInvalidArgument);
SAME(NCCL_INVALID_USAGE, ncclInvalidUsage);
SAME(NCCL_F32, ncclFloat32);
SAME(sizeof(void *), sizeof(ncclComm_t));

/* Arguments that a call has in both: as many, each converting to the other's. */
void nccl_header_calls(struct nccl_api *api);
void nccl_header_calls(struct nccl_api *api) {
    ncclComm_t comm = NULL;
    ncclResult_t error = ncclSuccess;
    int n = 0;
    (void)ncclGetVersion(&n);
    (void)ncclCommInitAll(&comm, 1, &n);
    (void)ncclCommDestroy(comm);
    (void)ncclCommAbort(comm);
    (void)ncclCommGetAsyncError(comm, &error);
    (void)ncclGroupStart();
    (void)ncclSend(api, 1, ncclFloat32, 0, comm, NULL);
    (void)ncclRecv(api, 1, ncclFloat32, 0, comm, NULL);
    (void)ncclGroupEnd();
    api->error = NULL;
    (void)ncclGetErrorString(error);
}
