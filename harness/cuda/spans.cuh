/* Where a position of a sequence lies in the cache: its spans of slots, in order of position. */
#ifndef ASSAY_HARNESS_CUDA_SPANS_CUH
#define ASSAY_HARNESS_CUDA_SPANS_CUH

#include "harness/cuda/device.cuh"

/* The slot of a position: of the last span that begins at or before it. */
static __device__ __forceinline__ uint32_t slot_of(
    const struct attend_span *spans, uint32_t n_spans, uint32_t position) {
    uint32_t low = 0, high = n_spans; /* spans[low].position <= position < spans[high].position */
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (spans[mid].position <= position)
            low = mid;
        else
            high = mid;
    }
    return spans[low].slot + (position - spans[low].position);
}

#endif
