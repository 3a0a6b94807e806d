/* Weights to bf16 by AVX-512 with its bf16 conversion, which rounds as kernels_avx512bf16.c does.
 *
 * Where a scale is shared by 32 numbers of four or five bits there are 16 or 32 of them at most:
 * these are computed and rounded once, as a table in a register, and each number is looked up. */
#include "harness/cpu/unpack.h"

#include <immintrin.h>
#include <string.h>

enum { BLOCK = 32, SUPER = 256 };

static inline float half_at(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return _mm_cvtss_f32(_mm_maskz_cvtph_ps(1, _mm_cvtsi32_si128(h)));
}

/* ---- tables ---- */

/* from, from + 1, ..., from + 15 */
static inline __m512 steps(int from) {
    __m512i i = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_cvtepi32_ps(_mm512_add_epi32(i, _mm512_set1_epi32(from)));
}

/* 16 numbers, twice: the fifth bit of an index means nothing. */
static inline __m512i table_16(__m512 x) {
    return _mm512_broadcast_i64x4((__m256i)_mm512_cvtneps_pbh(x));
}

static inline __m512i table_32(__m512 low, __m512 high) {
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

static inline void look_up(__m512i table, __m512i index, uint16_t *out) {
    _mm512_storeu_si512(out, _mm512_permutexvar_epi16(index, table));
}

/* Numbers of a small block as they follow each other: the low halves of 16 bytes, then the high.
 * What is above four bits is left standing. */
static inline __m512i nibbles(const uint8_t *p) {
    __m256i low = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), _mm256_srli_epi16(low, 4), 1);
}

/* Four bits each with a fifth on top. */
static inline __m512i with_fifth(__m512i index, __mmask32 fifth) {
    index = _mm512_and_si512(index, _mm512_set1_epi16(15));
    return _mm512_or_si512(index, _mm512_maskz_set1_epi16(fifth, 16));
}

static inline __m512 scaled(float scale, __m512 x) {
    return _mm512_mul_ps(_mm512_set1_ps(scale), x);
}

/* ---- small blocks ---- */

static void q4_0(const uint8_t *in, size_t n, uint16_t *out) {
    for (; n; n -= BLOCK, in += 18, out += BLOCK)
        look_up(table_16(scaled(half_at(in), steps(-8))), nibbles(in + 2), out);
}

static void q4_1(const uint8_t *in, size_t n, uint16_t *out) {
    for (; n; n -= BLOCK, in += 20, out += BLOCK) {
        __m512 x = scaled(half_at(in), steps(0));
        look_up(table_16(_mm512_add_ps(x, _mm512_set1_ps(half_at(in + 2)))), nibbles(in + 4), out);
    }
}

static inline __mmask32 mask_at(const uint8_t *p) {
    uint32_t bits;
    memcpy(&bits, p, sizeof bits);
    return bits;
}

static void q5_0(const uint8_t *in, size_t n, uint16_t *out) {
    for (; n; n -= BLOCK, in += 22, out += BLOCK) {
        float scale = half_at(in);
        look_up(table_32(scaled(scale, steps(-16)), scaled(scale, steps(0))),
            with_fifth(nibbles(in + 6), mask_at(in + 2)), out);
    }
}

static void q5_1(const uint8_t *in, size_t n, uint16_t *out) {
    for (; n; n -= BLOCK, in += 24, out += BLOCK) {
        float scale = half_at(in);
        __m512 minimum = _mm512_set1_ps(half_at(in + 2));
        look_up(table_32(_mm512_add_ps(scaled(scale, steps(0)), minimum),
                    _mm512_add_ps(scaled(scale, steps(16)), minimum)),
            with_fifth(nibbles(in + 8), mask_at(in + 4)), out);
    }
}

/* 32 signed bytes by the scales of the first 16 and of the others. */
static inline void put_bytes(__m256i bytes, float first, float second, uint16_t *out) {
    __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(bytes)));
    __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(bytes, 1)));
    _mm512_storeu_si512(out, table_32(scaled(first, low), scaled(second, high)));
}

static inline __m256i bytes_32(const uint8_t *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static void q8_0(const uint8_t *in, size_t n, uint16_t *out) {
    for (; n; n -= BLOCK, in += 34, out += BLOCK) {
        float scale = half_at(in);
        put_bytes(bytes_32(in + 2), scale, scale, out);
    }
}

/* ---- super-blocks ---- */

/* Scale and minimum of a group, 6 bits each, in 12 bytes. */
static inline void group_scale(const uint8_t *s, int g, uint8_t *scale, uint8_t *minimum) {
    if (g < 4) {
        *scale = s[g] & 63;
        *minimum = s[g + 4] & 63;
    } else {
        *scale = (uint8_t)((s[g + 4] & 15) | s[g - 4] >> 6 << 4);
        *minimum = (uint8_t)(s[g + 4] >> 4 | s[g] >> 6 << 4);
    }
}

/* Numbers of a group: the low halves of 32 bytes, or the high ones. */
static inline __m512i group_nibbles(const uint8_t *qs, int g) {
    __m512i bytes = _mm512_cvtepu8_epi16(bytes_32(qs + g / 2 * 32));
    return g % 2 ? _mm512_srli_epi16(bytes, 4) : bytes;
}

static void q4_k(const uint8_t *in, size_t n, uint16_t *out) {
    for (; n; n -= SUPER, in += 144) {
        const float d = half_at(in), dmin = half_at(in + 2);
        for (int g = 0; g < 8; g++, out += BLOCK) {
            uint8_t scale, minimum;
            group_scale(in + 4, g, &scale, &minimum);
            __m512 m = _mm512_set1_ps(dmin * (float)minimum);
            __m512 x = _mm512_sub_ps(scaled(d * (float)scale, steps(0)), m);
            look_up(table_16(x), group_nibbles(in + 16, g), out);
        }
    }
}

static void q5_k(const uint8_t *in, size_t n, uint16_t *out) {
    for (; n; n -= SUPER, in += 176) {
        const float d = half_at(in), dmin = half_at(in + 2);
        const __m256i fifth = bytes_32(in + 16);
        for (int g = 0; g < 8; g++, out += BLOCK) {
            uint8_t scale, minimum;
            group_scale(in + 4, g, &scale, &minimum);
            const float by = d * (float)scale;
            __m512 m = _mm512_set1_ps(dmin * (float)minimum);
            __m512 low = _mm512_sub_ps(scaled(by, steps(0)), m);
            __m512 high = _mm512_sub_ps(scaled(by, steps(16)), m);
            __mmask32 bits = _mm256_test_epi8_mask(fifth, _mm256_set1_epi8((char)(1 << g)));
            look_up(table_32(low, high), with_fifth(group_nibbles(in + 48, g), bits), out);
        }
    }
}

/* Part p of a half: 32 numbers of six bits, four from ql and two from qh, less 32. */
static inline __m256i six_bits(const uint8_t *ql, const uint8_t *qh, int p) {
    const __m256i fifteen = _mm256_set1_epi8(15);
    __m256i four = bytes_32(ql + p % 2 * 32);
    four = _mm256_and_si256(p < 2 ? four : _mm256_srli_epi16(four, 4), fifteen);
    __m256i two = _mm256_srli_epi16(bytes_32(qh), 2 * p);
    two = _mm256_slli_epi16(_mm256_and_si256(two, _mm256_set1_epi8(3)), 4);
    return _mm256_sub_epi8(_mm256_or_si256(four, two), _mm256_set1_epi8(32));
}

static void q6_k(const uint8_t *in, size_t n, uint16_t *out) {
    for (; n; n -= SUPER, in += 210) {
        const float d = half_at(in + 208);
        for (int g = 0; g < 8; g++, out += BLOCK) {
            const int half = g / 4, p = g % 4;
            const float first = d * (float)(int8_t)in[192 + 2 * g],
                        second = d * (float)(int8_t)in[193 + 2 * g];
            put_bytes(six_bits(in + half * 64, in + 128 + half * 32, p), first, second, out);
        }
    }
}

/* ---- plain types ---- */

static void f16(const uint8_t *in, size_t n, uint16_t *out) {
    for (; n >= 16; n -= 16, in += 32, out += 16) {
        __m512 x = _mm512_cvtph_ps(bytes_32(in));
        _mm256_storeu_si256((__m256i *)(void *)out, (__m256i)_mm512_cvtneps_pbh(x));
    }
    __mmask16 some = (__mmask16)((1U << n) - 1);
    __m512 x = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(some, in));
    _mm256_mask_storeu_epi16(out, some, (__m256i)_mm512_cvtneps_pbh(x));
}

/* ---- bytes with scales ---- */

/* Normal numbers get their exponent moved; the others are whole numbers of 2^-9. */
static inline __m512 e4m3(__m512i bytes) {
    __m512i magnitude = _mm512_and_si512(bytes, _mm512_set1_epi32(127));
    __m512i sign = _mm512_slli_epi32(_mm512_and_si512(bytes, _mm512_set1_epi32(128)), 24);
    __m512i bits = _mm512_add_epi32(_mm512_slli_epi32(magnitude, 20), _mm512_set1_epi32(120 << 23));
    __m512 small = _mm512_mul_ps(_mm512_cvtepi32_ps(magnitude), _mm512_set1_ps(0x1p-9F));
    __mmask16 is_small = _mm512_cmplt_epi32_mask(magnitude, _mm512_set1_epi32(8));
    __mmask16 is_none = _mm512_cmpeq_epi32_mask(magnitude, _mm512_set1_epi32(127));
    bits = _mm512_mask_mov_epi32(bits, is_small, _mm512_castps_si512(small));
    bits = _mm512_or_si512(bits, sign);
    return _mm512_castsi512_ps(_mm512_mask_mov_epi32(bits, is_none, _mm512_set1_epi32(0x7fc00000)));
}

static void e4m3_scaled(const uint8_t *in, size_t n, float scale, uint16_t *out) {
    __m512 by = _mm512_set1_ps(scale);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 some = (__mmask16)(n - i < 16 ? (1U << (n - i)) - 1 : 0xffff);
        __m512i bytes = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(some, in + i));
        __m512 x = _mm512_mul_ps(e4m3(bytes), by);
        _mm256_mask_storeu_epi16(out + i, some, (__m256i)_mm512_cvtneps_pbh(x));
    }
}

const struct unpack unpack_avx512bf16 = {
    .bf16 = {
        [TENSOR_F16] = f16,
        [TENSOR_Q4_0] = q4_0,
        [TENSOR_Q4_1] = q4_1,
        [TENSOR_Q5_0] = q5_0,
        [TENSOR_Q5_1] = q5_1,
        [TENSOR_Q8_0] = q8_0,
        [TENSOR_Q4_K] = q4_k,
        [TENSOR_Q5_K] = q5_k,
        [TENSOR_Q6_K] = q6_k,
    },
    .e4m3 = e4m3_scaled,
};
