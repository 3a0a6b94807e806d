/* Kernels for NEON; bf16 products by two fused multiply-adds a pair. */
#include "harness/cpu/simd_neon.h"

static inline vec v_dot_bf16(vec sum, vec a, vec b) {
    return v_fma(v_high(a), v_high(b), v_fma(v_low(a), v_low(b), sum));
}

static inline void v_store_bf16(uint16_t *p, vec x, size_t n) {
    v_store_quarter(p, v_round_bf16(x), n);
}

#include "harness/cpu/simd_kernels.h"

const struct kernels kernels_neon = SIMD_KERNELS("neon", SIMD_ROOF(roof_f32, 1), NULL);
