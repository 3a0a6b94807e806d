/* ggml's K types: 256 elements with one or two f16 numbers that scale the small scales (and
 * minimums) of their groups. The offsets at the head of each function are where its parts lie. */
#include "harness/formats/quant.h"

/* 16 groups of 16: scales[16] (low half scale, high half minimum), qs[64] of 2 bits, d, dmin */
void q2_k_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 84, out += SUPER_N) {
        const uint8_t *scales = in, *qs = in + 16;
        const float d = load_half(in + 80), dmin = load_half(in + 82);
        for (int i = 0; i < SUPER_N; i++) {
            const int group = i / 16, byte = i / 128 * 32 + i % 32, shift = i % 128 / 32 * 2;
            const float scale = d * (float)(scales[group] & 15),
                        minimum = dmin * (float)(scales[group] >> 4);
            out[i] = scale * (float)(qs[byte] >> shift & 3) - minimum;
        }
    }
}

/* Scale `i` of 16, 6 bits: four in the halves of bytes 0-7, two in bytes 8-11. */
static int q3_scale(const uint8_t *s, int i) {
    const int low = i < 8 ? s[i] & 15 : s[i - 8] >> 4, high = s[8 + i % 4] >> (i / 4 * 2) & 3;
    return (low | high << 4) - 32;
}

/* hmask[32]: the third bits, qs[64] of 2 bits, scales[12], d */
void q3_k_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 110, out += SUPER_N) {
        const uint8_t *high = in, *qs = in + 32;
        const float d = load_half(in + 108);
        for (int i = 0; i < SUPER_N; i++) {
            const int byte = i / 128 * 32 + i % 32, shift = i % 128 / 32 * 2;
            const int q = (qs[byte] >> shift & 3) - (high[i % 32] >> (i / 32) & 1 ? 0 : 4);
            out[i] = d * (float)q3_scale(in + 96, i / 16) * (float)q;
        }
    }
}

/* Scale and minimum `i` of 8, 6 bits each, in 12 bytes. */
static void q4_scale(const uint8_t *s, int i, uint8_t *scale, uint8_t *minimum) {
    if (i < 4) {
        *scale = s[i] & 63;
        *minimum = s[i + 4] & 63;
    } else {
        *scale = (uint8_t)((s[i + 4] & 15) | s[i - 4] >> 6 << 4);
        *minimum = (uint8_t)(s[i + 4] >> 4 | s[i] >> 6 << 4);
    }
}

/* A group of 32 out of nibbles, with fifth bits where there are any. */
static void q4_group(
    const uint8_t *in, int group, const uint8_t *qs, const uint8_t *fifth, float *out) {
    uint8_t scale, minimum;
    q4_scale(in + 4, group, &scale, &minimum);
    const float d = load_half(in) * (float)scale, m = load_half(in + 2) * (float)minimum;
    for (int i = 0; i < 32; i++) {
        const int low = group % 2 ? qs[i] >> 4 : qs[i] & 15,
                  high = fifth ? (fifth[i] >> group & 1) << 4 : 0;
        out[i] = d * (float)(low + high) - m;
    }
}

/* d, dmin, scales[12], qs[128] of 4 bits */
void q4_k_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 144, out += SUPER_N)
        for (int g = 0; g < 8; g++)
            q4_group(in, g, in + 16 + g / 2 * 32, NULL, out + g * 32);
}

/* d, dmin, scales[12], fifth[32], qs[128] of 4 bits */
void q5_k_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 176, out += SUPER_N)
        for (int g = 0; g < 8; g++)
            q4_group(in, g, in + 48 + g / 2 * 32, in + 16, out + g * 32);
}

/* ql[128] of 4 bits, qh[64] of 2, scales[16] signed, d */
void q6_k_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 210, out += SUPER_N) {
        const float d = load_half(in + 208);
        for (int i = 0; i < SUPER_N; i++) {
            const int half = i / 128, part = i % 128 / 32, at = i % 32;
            const uint8_t four = in[half * 64 + part % 2 * 32 + at];
            const int low = part < 2 ? four & 15 : four >> 4,
                      high = in[128 + half * 32 + at] >> (part * 2) & 3;
            out[i] = d * (float)(int8_t)in[192 + i / 16] * (float)((low | high << 4) - 32);
        }
    }
}

/* d in f32, 256 signed bytes, sums that only products use */
void q8_k_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= SUPER_N, in += 292, out += SUPER_N) {
        const float d = float_of_bits(load_u32(in));
        for (int i = 0; i < SUPER_N; i++)
            out[i] = d * (float)(int8_t)in[4 + i];
    }
}
