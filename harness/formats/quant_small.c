/* Elements of less than four bits, and of four-bit floating point. */
#include "harness/formats/quant.h"

/* Digit `k` of a byte that holds five to the base 3, as a fraction of 256: multiplying moves the
 * digit to the front, and what overflows is gone. */
static float trit(uint8_t byte, int k) {
    static const uint8_t powers[5] = { 1, 3, 9, 27, 81 };
    const uint8_t moved = (uint8_t)(byte * powers[k]);
    return (float)(moved * 3 >> 8) - 1.0f;
}

/* 32 bytes of five trits, 16 of five, 4 of four; a byte's trits stand that many elements apart; d
 */
void tq1_0_to_f32(const uint8_t *in, size_t n, float *out) {
    static const struct {
        uint8_t from, bytes, trits;
    } parts[] = { { 0, 32, 5 }, { 32, 16, 5 }, { 48, 4, 4 } };
    for (; n; n -= SUPER_N, in += 54) {
        const float d = load_half(in + 52);
        for (int p = 0; p < 3; p++)
            for (int k = 0; k < parts[p].trits; k++)
                for (int i = 0; i < parts[p].bytes; i++)
                    *out++ = trit(in[parts[p].from + i], k) * d;
    }
}

/* 64 bytes of four elements of 2 bits, which stand 32 apart; d */
void tq2_0_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 66, out += SUPER_N) {
        const float d = load_half(in + 64);
        for (int i = 0; i < SUPER_N; i++)
            out[i] = (float)((in[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3) - 1) * d;
    }
}

/* d, 128 bits: plus or minus d */
void q1_0_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= 128, in += 18, out += 128) {
        const float d = load_half(in);
        for (int i = 0; i < 128; i++)
            out[i] = in[2 + i / 8] >> (i % 8) & 1 ? d : -d;
    }
}

/* d, 64 times two bits: -1 to 2 times d */
void q2_0_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= 64, in += 18, out += 64) {
        const float d = load_half(in);
        for (int i = 0; i < 64; i++)
            out[i] = (float)((in[2 + i / 4] >> (i % 4 * 2) & 3) - 1) * d;
    }
}

/* E2M1: one sign, two bits of exponent, one of mantissa; twice the value, so that it is whole. */
static const int8_t e2m1_doubled[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

static void put_e2m1(float scale, const uint8_t *qs, int bytes, float *out) {
    for (int i = 0; i < bytes; i++) {
        out[i] = scale * (float)e2m1_doubled[qs[i] & 15];
        out[i + bytes] = scale * (float)e2m1_doubled[qs[i] >> 4];
    }
}

/* Half of two to the power e - 127. */
static float half_e8m0(uint8_t e) {
    return float_of_bits(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

/* the scale's exponent, 16 bytes of nibbles */
void mxfp4_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= QUANT_N, in += 17, out += QUANT_N)
        put_e2m1(half_e8m0(in[0]), in + 1, 16, out);
}

/* Half of an unsigned E4M3 number; what would be NaN is 0. */
static float half_ue4m3(uint8_t x) {
    const int exponent = x >> 3 & 15;
    const float mantissa = (float)(x & 7);
    if (x == 0x7f)
        return 0;
    const float v = exponent
                        ? (1.0f + mantissa / 8.0f) * float_of_bits((uint32_t)(exponent + 120) << 23)
                        : mantissa * 0x1p-9f;
    return v * 0.5f;
}

/* four scales, four times 8 bytes of nibbles */
void nvfp4_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= 64, in += 36, out += 64)
        for (int g = 0; g < 4; g++)
            put_e2m1(half_ue4m3(in[g]), in + 4 + g * 8, 8, out + g * 16);
}
