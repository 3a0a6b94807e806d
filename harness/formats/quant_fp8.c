/* Floating point in eight bits. Every value is exact in f32. */
#include "harness/formats/quant.h"

#include <math.h>

/* sign, exponent with the bias, so many bits of mantissa; without infinities and NaN. Free of
 * branches and of f32's own subnormals, which processors are slow at: normal numbers get their
 * exponent moved, subnormal ones are built behind a power of two whose last bit counts as theirs.
 */
static inline float small_float(uint8_t x, int mantissa_bits, int bias) {
    const uint32_t sign = (x & 128u) << 24, magnitude = x & 127u;
    const uint32_t power = (uint32_t)(127 + 24 - bias - mantissa_bits) << 23;
    const float normal =
        float_of_bits((magnitude << (23 - mantissa_bits)) + ((uint32_t)(127 - bias) << 23));
    const float subnormal = float_of_bits(power | magnitude) - float_of_bits(power);
    const float f = magnitude >> mantissa_bits ? normal : subnormal;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return float_of_bits(bits | sign);
}

/* The one NaN of each sign is all ones; there is no infinity. */
void e4m3_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = (in[i] & 127) == 127 ? NAN : small_float(in[i], 3, 7);
}

/* The upper half of an f16. */
void e5m2_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = float_of_half((uint16_t)(in[i] << 8));
}

/* "FNUZ": a bias of one more, no infinity, no minus zero: that is NaN. */
static void fnuz_to_f32(const uint8_t *in, size_t n, int mantissa_bits, int bias, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] == 128 ? NAN : small_float(in[i], mantissa_bits, bias);
}

void e4m3_fnuz_to_f32(const uint8_t *in, size_t n, float *out) {
    fnuz_to_f32(in, n, 3, 8, out);
}

void e5m2_fnuz_to_f32(const uint8_t *in, size_t n, float *out) {
    fnuz_to_f32(in, n, 2, 16, out);
}

/* A power of two, for scales. */
void e8m0_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] == 255 ? NAN : ldexpf(1.0f, in[i] - 127);
}
