/* Eight-bit products in plain C: the oracle of int8.h. */
#include "harness/cpu/int8.h"

#include <string.h>

enum { TILE = 4, PANEL = 16, ROOF_CHAINS = 16 };

static float quantise(size_t n, const uint16_t *x, void *out) {
    uint16_t top = 0; /* magnitudes of bf16 are in the order of their bits, NaN above them all */
    for (size_t i = 0; i < n; i++)
        top = (x[i] & 0x7fff) > top ? x[i] & 0x7fff : top;
    float inverse = int8_inverse(bf16_to_f32(top));
    for (size_t i = 0; i < n; i++)
        ((int8_t *)out)[i] = inverse != 0 ? int8_round(bf16_to_f32(x[i]) * inverse) : 0;
    return int8_factor(bf16_to_f32(top));
}

static void multiply(uint32_t rows, uint32_t k, const void *a, size_t lda, const float *factors,
    const struct int8_panel *b, float *sums, size_t stride) {
    for (uint32_t r = 0; r < rows; r++) {
        const int8_t *x = (const int8_t *)a + r * lda;
        int32_t whole[PANEL] = { 0 };
        for (uint32_t i = 0; i < k; i++)
            for (uint32_t j = 0; j < PANEL; j++)
                whole[j] += x[i] * b->numbers[(size_t)i * PANEL + j];
        for (uint32_t j = 0; j < PANEL; j++)
            sums[r * stride + j] = (float)whole[j] * (factors[r] * b->factors[j]);
    }
}

/* As many multiply-adds as the compiler makes of it: nobody reads this figure of a plain build. */
static float roof(uint64_t steps) {
    uint32_t sums[ROOF_CHAINS] = { 0 }, total = 0;
    for (uint64_t s = 0; s < steps; s++)
        for (uint32_t i = 0; i < ROOF_CHAINS; i++)
            sums[i] += (sums[i] & 0xff) * (i + 1) + 1;
    for (uint32_t i = 0; i < ROOF_CHAINS; i++)
        total += sums[i];
    return (float)total;
}

const struct int8_kernels int8_plain = {
    .name = "plain",
    .tile = TILE,
    .panel = PANEL,
    .k_step = 1,
    .row_bytes = 1,
    .quantise = quantise,
    .multiply = multiply,
    .roof = roof,
    .roof_ops = 2 * ROOF_CHAINS,
};
