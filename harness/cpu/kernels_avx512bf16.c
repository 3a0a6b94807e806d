/* Kernels for AVX-512 with its bf16 dot product (vdpbf16ps). */
#include "harness/cpu/simd_avx512.h"

static inline vec v_dot_bf16(vec sum, vec a, vec b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

#include "harness/cpu/simd_kernels.h"

const struct kernels kernels_avx512bf16 = SIMD_KERNELS("avx512bf16");
