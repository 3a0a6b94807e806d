/* Kernels for AVX2 with FMA; bf16 products by two fused multiply-adds a pair. */
#include "harness/cpu/simd_avx2.h"

static inline vec v_dot_bf16(vec sum, vec a, vec b) {
    return v_fma(v_high(a), v_high(b), v_fma(v_low(a), v_low(b), sum));
}

#include "harness/cpu/simd_kernels.h"

const struct kernels kernels_avx2 = SIMD_KERNELS("avx2", SIMD_ROOF(roof_f32, 1), NULL);
