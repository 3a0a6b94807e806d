/* Kernels for NEON with its bf16 dot product (BFDOT). It takes numbers below 1.2e-38 (subnormal)
 * for zero, and rounds a product and a sum by a rule of its own, to odd, which the other tables do
 * not. */
#include "harness/cpu/simd_neon.h"

static inline vec v_dot_bf16(vec sum, vec a, vec b) {
    return vbfdotq_f32(sum, vreinterpretq_bf16_f32(a), vreinterpretq_bf16_f32(b));
}

static inline void v_store_bf16(uint16_t *p, vec x, size_t n) {
    v_store_quarter(p, vreinterpret_u16_bf16(vcvt_bf16_f32(x)), n);
}

#include "harness/cpu/simd_kernels.h"

#define ROOF_MULTIPLY_ADD(sum, a, b) v_dot_bf16(sum, a, b)
ROOF_MULTIPLY(roof_bf16, vec)

const struct kernels kernels_neonbf16 = SIMD_KERNELS("neonbf16", SIMD_ROOF(roof_bf16, 2), NULL);
