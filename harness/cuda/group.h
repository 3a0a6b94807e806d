/* Several devices of this process that add up what each has (--tensor-parallel); a thread of the
 * host each. */
#ifndef ASSAY_HARNESS_CUDA_GROUP_H
#define ASSAY_HARNESS_CUDA_GROUP_H

#include "harness/cuda/cuda.h"

bool cuda_join(struct backend *const *ranks, uint32_t n, struct err *err);
void cuda_leave(struct cuda *c); /* at close, once its stream is done */
void cuda_all_reduce(struct backend *b, struct rows x);

#endif
