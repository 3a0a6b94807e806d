/* NCCL, where it is: how several devices of this process hand each other numbers. It moves bytes
 * and no more: sums are ours, in an order of ours (group.c). */
#ifndef ASSAY_HARNESS_CUDA_NCCL_H
#define ASSAY_HARNESS_CUDA_NCCL_H

#include "base/err.h"
#include "harness/cuda/nccl_api.h"

enum { NCCL_RANKS = 64 };
struct nccl {
    struct nccl_api api;
    unsigned n;
    _Atomic bool failed; /* some rank has, and ends the process */
    void *comms[NCCL_RANKS];
    char name[24]; /* "NCCL 2.27.5" */
};

/* A communicator for each of the devices. NULL with *err where the library isn't there
 * (ERR_UNSUPPORTED), or can't; ASSAY_NCCL names the file, empty: none. */
MUST_CHECK struct nccl *nccl_open(const int *devices, unsigned n, struct err *err);
/* Of one rank, at its close; whoever is last frees the rest with nccl_free. */
void nccl_leave(struct nccl *l, unsigned rank);
void nccl_free(struct nccl *l);

/* f32 numbers to and from one other rank; `to` or `from` may be NULL, with no numbers. */
struct nccl_trade {
    const float *from;
    float *to;
    size_t n_from, n_to;
};
/* One with each rank (its own is left out), in the rank's stream, all at once. A failure ends the
 * process, and with it all ranks. */
void nccl_trade(
    struct nccl *l, unsigned rank, const struct nccl_trade trades[], cudaStream_t stream);

#endif
