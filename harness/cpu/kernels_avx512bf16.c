/* Kernels for AVX-512 with its bf16 dot product and conversion. Both take numbers below 1.2e-38
 * (subnormal) for zero, which the other tables do not. */
#include "harness/cpu/simd_avx512.h"

static inline vec v_dot_bf16(vec sum, vec a, vec b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

static inline void v_store_bf16(uint16_t *p, vec x, size_t n) {
    v_store_half(p, (__m256i)_mm512_cvtneps_pbh(x), n);
}

#include "harness/cpu/simd_kernels.h"

#define ROOF_MULTIPLY_ADD(sum, a, b) v_dot_bf16(sum, a, b)
ROOF_MULTIPLY(roof_bf16, vec)

const struct kernels kernels_avx512bf16 =
    SIMD_KERNELS("avx512bf16", SIMD_ROOF(roof_bf16, 2), &unpack_avx512bf16);
