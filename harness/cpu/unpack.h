/* Weights of a file straight to the elements that products take: what dequantising to f32
 * (tensor_type_info) and then rounding gives, bit for bit, for the types that are common. Of a type
 * that has no entry the two steps are gone one after the other. */
#ifndef ASSAY_HARNESS_CPU_UNPACK_H
#define ASSAY_HARNESS_CPU_UNPACK_H

#include "harness/weights.h"

/* n elements, a multiple of the type's block. */
typedef void unpack_bf16_fn(const uint8_t *blocks, size_t n, uint16_t *out);

/* n numbers of one byte, times a scale. */
typedef void scaled_bf16_fn(const uint8_t *bytes, size_t n, float scale, uint16_t *out);

struct unpack {
    unpack_bf16_fn *bf16[TENSOR_N_TYPES];
    scaled_bf16_fn *e4m3; /* see struct scaled_bytes */
};

#if defined(__x86_64__)
extern const struct unpack unpack_avx512bf16;
#endif

#endif
