/* What becomes of a product's sum once k is through, whichever kernel made it. */
#ifndef ASSAY_HARNESS_CUDA_PRODUCT_CUH
#define ASSAY_HARNESS_CUDA_PRODUCT_CUH

#include "harness/cuda/device.cuh"

static __device__ __forceinline__ void product_finish(
    const struct matmul_args &a, uint32_t row, uint32_t column, float sum) {
    if (row >= a.out.n || column >= a.out.cols)
        return;
    size_t at = (size_t)row * (a.pitch != 0 ? a.pitch : a.out.cols) + column;
    float y = a.bias == NULL ? sum : sum + a.bias[column];
    y = activated(a.activation, y) * a.scale;
    if (a.accumulate)
        y = ((const float *)a.out.data)[at] + y;
    element_store(a.out.data, a.out.bf16, at, y);
}

#endif
