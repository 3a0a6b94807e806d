/* Floating point in eight bits. Every value is exact in f32. */
#include "harness/formats/quant.h"

#include <math.h>

/* sign, `bits` of exponent with the bias, the rest mantissa; without infinities and NaN. */
static float small_float(uint8_t x, int bits, int bias) {
    const int mantissa_bits = 7 - bits, exponent = (x & 127) >> mantissa_bits;
    const float mantissa = (float)(x & ((1 << mantissa_bits) - 1)) / (float)(1 << mantissa_bits);
    const float v =
        exponent ? ldexpf(1.0f + mantissa, exponent - bias) : ldexpf(mantissa, 1 - bias);
    return x & 128 ? -v : v;
}

/* The one NaN of each sign is all ones; there is no infinity. */
void e4m3_to_f32(const uint8_t *in, size_t n, float *out) {
    float table[256]; /* dearer to compute than to look up */
    for (int x = 0; x < 256; x++)
        table[x] = (x & 127) == 127 ? NAN : small_float((uint8_t)x, 4, 7);
    for (size_t i = 0; i < n; i++)
        out[i] = table[in[i]];
}

/* The upper half of an f16. */
void e5m2_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = float_of_half((uint16_t)(in[i] << 8));
}

/* "FNUZ": a bias of one more, no infinity, no minus zero: that is NaN. */
static void fnuz_to_f32(const uint8_t *in, size_t n, int bits, int bias, float *out) {
    float table[256];
    for (int x = 0; x < 256; x++)
        table[x] = x == 128 ? NAN : small_float((uint8_t)x, bits, bias);
    for (size_t i = 0; i < n; i++)
        out[i] = table[in[i]];
}

void e4m3_fnuz_to_f32(const uint8_t *in, size_t n, float *out) {
    fnuz_to_f32(in, n, 4, 8, out);
}

void e5m2_fnuz_to_f32(const uint8_t *in, size_t n, float *out) {
    fnuz_to_f32(in, n, 5, 16, out);
}

/* A power of two, for scales. */
void e8m0_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] == 255 ? NAN : ldexpf(1.0f, in[i] - 127);
}
