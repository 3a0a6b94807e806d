/* Dequantisation: a run of blocks to f32. The arithmetic is ggml's, operation by operation, so that
 * results are the same bits. Data may be unaligned and is little-endian. Private to this folder. */
#ifndef ASSAY_HARNESS_FORMATS_QUANT_H
#define ASSAY_HARNESS_FORMATS_QUANT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t load_u16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t load_u32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t load_u64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline float float_of_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Exact, and free of branches so that loops over it vectorise: normal numbers get their exponent
 * moved by a multiplication, which carries infinities and NaN along; subnormal ones are built as
 * 0.5 + x and 0.5 taken away. */
static inline float float_of_half(uint16_t half) {
    const uint32_t wide = (uint32_t)half << 16, sign = wide & 0x80000000u, magnitude = wide << 1;
    const float normal = float_of_bits((magnitude >> 4) + (0xE0u << 23)) * 0x1.0p-112f;
    const float subnormal = float_of_bits((magnitude >> 17) | (126u << 23)) - 0.5f;
    const float f = magnitude < (1u << 27) ? subnormal : normal;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return float_of_bits(bits | sign);
}

static inline float load_half(const uint8_t *p) {
    return float_of_half(load_u16(p));
}

#define QUANT_N 32  /* elements of a small block */
#define SUPER_N 256 /* elements of a super-block */

typedef void to_f32_fn(const uint8_t *blocks, size_t n, float *out);

/* quant_k.c: super-blocks with scales of their own scales */
to_f32_fn q2_k_to_f32, q3_k_to_f32, q4_k_to_f32, q5_k_to_f32, q6_k_to_f32, q8_k_to_f32;
/* quant_iq.c: codebooks */
to_f32_fn iq1_s_to_f32, iq1_m_to_f32, iq2_xxs_to_f32, iq2_xs_to_f32, iq2_s_to_f32, iq3_xxs_to_f32,
    iq3_s_to_f32, iq4_nl_to_f32, iq4_xs_to_f32;
/* quant_small.c: ternary and 4-bit floating point */
to_f32_fn tq1_0_to_f32, tq2_0_to_f32, mxfp4_to_f32, nvfp4_to_f32, q1_0_to_f32, q2_0_to_f32;
/* quant_fp8.c */
to_f32_fn e4m3_to_f32, e5m2_to_f32, e8m0_to_f32, e4m3_fnuz_to_f32, e5m2_fnuz_to_f32;

#endif
