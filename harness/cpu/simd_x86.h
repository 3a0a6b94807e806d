/* What AVX-512 and AVX2 do the same way: numbers that only change places go by vectors of 256 bits
 * on both. Included by simd_avx512.h and simd_avx2.h, which say how wide a PANEL is. */
#ifndef ASSAY_HARNESS_CPU_SIMD_X86_H
#define ASSAY_HARNESS_CPU_SIMD_X86_H

/* A side of a panel, left or right, which is a vector here. */
enum { SIDE = PANEL / 2 };
typedef vec side;
#define side_set v_set
#define side_load v_load
#define side_store v_store
#define side_fma v_fma
#define side_dot_bf16 v_dot_bf16

/* A step of the roof, see roof.h. */
#define v_step v_fma

/* out[i * PANEL + j] = rows[j][d + i], 8 × 8; missing rows (NULL) give zeros. */
static inline __attribute__((always_inline)) void v_transpose_8(
    const float *const *rows, uint32_t d, float *out) {
    __m256 r[8], t[8];
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++)
        r[j] = rows[j] == NULL ? _mm256_setzero_ps() : _mm256_loadu_ps(rows[j] + d);
#pragma GCC unroll 4
    for (int j = 0; j < 8; j += 2) {
        t[j] = _mm256_unpacklo_ps(r[j], r[j + 1]);
        t[j + 1] = _mm256_unpackhi_ps(r[j], r[j + 1]);
    }
#pragma GCC unroll 2
    for (int j = 0; j < 8; j += 4) {
        r[j] = _mm256_shuffle_ps(t[j], t[j + 2], 0x44);
        r[j + 1] = _mm256_shuffle_ps(t[j], t[j + 2], 0xee);
        r[j + 2] = _mm256_shuffle_ps(t[j + 1], t[j + 3], 0x44);
        r[j + 3] = _mm256_shuffle_ps(t[j + 1], t[j + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        _mm256_storeu_ps(out + j * PANEL, _mm256_permute2f128_ps(r[j], r[j + 4], 0x20));
        _mm256_storeu_ps(out + (j + 4) * PANEL, _mm256_permute2f128_ps(r[j], r[j + 4], 0x31));
    }
}

/* out[2 * i] = a[from + i], out[2 * i + 1] = b[from + i], 16 of each; NULL gives zeros. */
static inline __attribute__((always_inline)) void v_interleave_16(
    const uint16_t *a, const uint16_t *b, size_t from, uint16_t *out) {
    __m256i zero = _mm256_setzero_si256();
    __m256i x = a == NULL ? zero : _mm256_loadu_si256((const __m256i *)(const void *)(a + from));
    __m256i y = b == NULL ? zero : _mm256_loadu_si256((const __m256i *)(const void *)(b + from));
    __m256i low = _mm256_unpacklo_epi16(x, y), high = _mm256_unpackhi_epi16(x, y);
    __m256i *to = (__m256i *)(void *)out;
    _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
}

#endif
