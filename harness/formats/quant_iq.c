/* ggml's IQ types: groups of 8 (or 4) elements are an entry of a codebook, some with signs beside
 * it; IQ4 has a codebook of single numbers. */
#include "harness/formats/iq_grids.h"
#include "harness/formats/quant.h"

static const float iq2_values[4] = { 8, 25, 43, 0 };
static const float iq3_xxs_values[8] = { 4, 12, 20, 28, 36, 44, 52, 62 };
static const float iq3_s_values[8] = { 1, 3, 5, 7, 9, 11, 13, 15 };

/* Seven signs are stored; the eighth makes the number of minus signs even. */
static uint8_t eight_signs(uint32_t seven) {
    return (uint8_t)(seven | (uint32_t)__builtin_parity(seven) << 7);
}

static void put_eight(float scale, uint16_t entry, uint8_t signs, float *out) {
    for (int i = 0; i < 8; i++) {
        const float v = scale * iq2_values[entry >> (2 * i) & 3];
        out[i] = signs >> i & 1 ? -v : v;
    }
}

static void put_four(
    float scale, uint16_t entry, const float values[8], uint8_t signs, float *out) {
    for (int i = 0; i < 4; i++) {
        const float v = scale * values[entry >> (3 * i) & 7];
        out[i] = signs >> i & 1 ? -v : v;
    }
}

/* d, then 8 times: four indices of 8 bits; four times 7 signs and a scale of 4 bits */
void iq2_xxs_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 66, out += SUPER_N) {
        const float d = load_half(in);
        for (int g = 0; g < 8; g++) {
            const uint8_t *at = in + 2 + g * 8;
            const uint32_t rest = load_u32(at + 4);
            const float scale = d * (0.5f + (float)(rest >> 28)) * 0.25f;
            for (int k = 0; k < 4; k++)
                put_eight(scale, IQ2_XXS_GRID[at[k]], eight_signs(rest >> (7 * k) & 127),
                    out + g * 32 + k * 8);
        }
    }
}

/* Scales of 4 bits, one for 16 elements. */
static float iq2_scale(float d, uint8_t scales, int second) {
    return d * (0.5f + (float)(second ? scales >> 4 : scales & 15)) * 0.25f;
}

/* d, 32 times an index of 9 bits with 7 signs, scales[8] */
void iq2_xs_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 74, out += SUPER_N) {
        const float d = load_half(in);
        for (int k = 0; k < 32; k++) {
            const uint16_t q = load_u16(in + 2 + 2 * k);
            put_eight(iq2_scale(d, in[66 + k / 4], k % 4 / 2), IQ2_XS_GRID[q & 511],
                eight_signs(q >> 9), out + k * 8);
        }
    }
}

/* d, low[32] of the indices, signs[32], high[8] (2 bits an index), scales[8] */
void iq2_s_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 82, out += SUPER_N) {
        const float d = load_half(in);
        for (int k = 0; k < 32; k++) {
            const int index = in[2 + k] | (in[66 + k / 4] >> (k % 4 * 2) & 3) << 8;
            put_eight(iq2_scale(d, in[74 + k / 4], k % 4 / 2), IQ2_S_GRID[index], in[34 + k],
                out + k * 8);
        }
    }
}

/* d, 64 indices of four elements, 8 times four times 7 signs and a scale of 4 bits */
void iq3_xxs_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 98, out += SUPER_N) {
        const float d = load_half(in);
        for (int k = 0; k < 64; k++) {
            const uint32_t rest = load_u32(in + 66 + k / 8 * 4);
            const float scale = d * (0.5f + (float)(rest >> 28)) * 0.5f;
            const uint8_t signs = eight_signs(rest >> (k % 8 / 2 * 7) & 127);
            put_four(scale, IQ3_XXS_GRID[in[2 + k]], iq3_xxs_values,
                (uint8_t)(k % 2 ? signs >> 4 : signs), out + k * 4);
        }
    }
}

/* d, low[64] of the indices, high[8] (1 bit an index), signs[32], scales[4] */
void iq3_s_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 110, out += SUPER_N) {
        const float d = load_half(in);
        for (int k = 0; k < 64; k++) {
            const int index = in[2 + k] | (in[66 + k / 8] >> (k % 8) & 1) << 8,
                      four = k / 8 % 2 ? in[106 + k / 16] >> 4 : in[106 + k / 16] & 15;
            const uint8_t signs = in[74 + k / 2];
            put_four(d * (float)(1 + 2 * four), IQ3_S_GRID[index], iq3_s_values,
                (uint8_t)(k % 2 ? signs >> 4 : signs), out + k * 4);
        }
    }
}

/* Eight numbers of -1, 0 and 1, all moved by the same eighth up or down. */
static void put_ternary(float scale, uint16_t entry, int down, float *out) {
    const float delta = down ? -0.125f : 0.125f;
    for (int i = 0; i < 8; i++)
        out[i] = scale * ((float)(entry >> (2 * i) & 3) - 1.0f + delta);
}

/* d, low[32] of the indices, 8 words: four times 3 high bits, a scale of 3 bits, which way */
void iq1_s_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 50, out += SUPER_N) {
        const float d = load_half(in);
        for (int k = 0; k < 32; k++) {
            const uint16_t high = load_u16(in + 34 + k / 4 * 2);
            put_ternary(d * (float)(2 * (high >> 12 & 7) + 1),
                IQ1_GRID[in[k + 2] | (high >> (k % 4 * 3) & 7) << 8], high >> 15, out + k * 8);
        }
    }
}

/* low[32] of the indices, high[16] (3 bits an index, and which way), scales[8]: 16 of 3 bits, with
 * four bits of d behind each four */
void iq1_m_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 56, out += SUPER_N) {
        const uint8_t *s = in + 48;
        const float d = float_of_half(
            (uint16_t)(s[1] >> 4 | (s[3] & 0xf0) | (s[5] & 0xf0) << 4 | (s[7] & 0xf0) << 8));
        for (int k = 0; k < 32; k++) {
            const int four = in[32 + k / 2] >> (k % 2 * 4) & 15;
            const int scale = load_u16(s + k / 8 * 2) >> (k % 8 / 2 * 3) & 7;
            put_ternary(d * (float)(2 * scale + 1), IQ1_GRID[in[k] | (four & 7) << 8], four >> 3,
                out + k * 8);
        }
    }
}

static const int8_t iq4_values[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53,
    69, 89, 113 };

static void put_nibbles(float scale, const uint8_t *qs, float *out) {
    for (int i = 0; i < QUANT_N / 2; i++) {
        out[i] = scale * (float)iq4_values[qs[i] & 15];
        out[i + QUANT_N / 2] = scale * (float)iq4_values[qs[i] >> 4];
    }
}

/* d, qs[16] */
void iq4_nl_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= QUANT_N, in += 18, out += QUANT_N)
        put_nibbles(load_half(in), in + 2, out);
}

/* d, high bits of 8 scales (2 each), low ones (4 each), qs[128] */
void iq4_xs_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 136, out += SUPER_N) {
        const float d = load_half(in);
        for (int g = 0; g < 8; g++) {
            const int low = in[4 + g / 2] >> (g % 2 * 4) & 15,
                      high = load_u16(in + 2) >> (2 * g) & 3;
            put_nibbles(d * (float)((low | high << 4) - 32), in + 8 + g * 16, out + g * 32);
        }
    }
}
