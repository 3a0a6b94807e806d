/* Where a segment's positions lie in the cache, as the host lists it for kernels (spans.cuh). */
#ifndef ASSAY_HARNESS_CUDA_SPANS_H
#define ASSAY_HARNESS_CUDA_SPANS_H

#include "harness/backend.h"
#include "harness/cuda/kernels.h"

/* The segment's spans in order of position, itself the last; returns how many, one more than it has
 * ancestors at most. Ancestors of no tokens are left out, so that positions rise, and slots that go
 * on from those before are no span of their own. */
uint32_t spans_list(const struct segment *s, struct attend_span *out);

#endif
