/* Eight-bit products for AVX2. Both sides are widened to 16 bits and multiplied in pairs into 32
 * (vpmaddwd), which is exact; the instruction for bytes, vpmaddubsw, cuts its sums to 16 bits and
 * would not be. Rows are kept in 16 bits, so that a pair of theirs is one 32-bit broadcast. */
#include "harness/cpu/int8.h"

#include <immintrin.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { W = 8, TILE = 6, PANEL = 2 * W, STEP = 2 };

static uint16_t find_top(size_t n, const uint16_t *x) {
    const __m256i magnitude = _mm256_set1_epi16(0x7fff);
    __m256i top = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i y = _mm256_loadu_si256((const __m256i *)(const void *)(x + i));
        top = _mm256_max_epu16(top, _mm256_and_si256(y, magnitude));
    }
    __m128i half = _mm_max_epu16(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
    half = _mm_sub_epi16(_mm_set1_epi16(-1), half); /* there is only a smallest of eight */
    uint16_t most = (uint16_t)(0xffff - _mm_extract_epi16(_mm_minpos_epu16(half), 0));
    for (; i < n; i++)
        most = (x[i] & 0x7fff) > most ? x[i] & 0x7fff : most;
    return most;
}

static float quantise(size_t n, const uint16_t *x, void *out) {
    float top = bf16_to_f32(find_top(n, x)), inverse = int8_inverse(top);
    int16_t *to = out;
    size_t padded = (n + STEP - 1) / STEP * STEP, i = 0;
    if (inverse == 0) {
        memset(to, 0, padded * sizeof *to);
        return int8_factor(top);
    }
    for (; i + W <= n; i += W) {
        __m128i half = _mm_loadu_si128((const __m128i *)(const void *)(x + i));
        __m256 y = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
        __m256i whole = _mm256_cvtps_epi32(_mm256_mul_ps(y, _mm256_set1_ps(inverse)));
        __m128i low = _mm256_castsi256_si128(whole), high = _mm256_extracti128_si256(whole, 1);
        _mm_storeu_si128((__m128i *)(void *)(to + i), _mm_packs_epi32(low, high));
    }
    for (; i < padded; i++)
        to[i] = i < n ? int8_round(bf16_to_f32(x[i]) * inverse) : 0;
    return int8_factor(top);
}

ALWAYS_INLINE __m256i load_pairs(const int8_t *p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
}

ALWAYS_INLINE __m256i row_pair(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm256_set1_epi32(pair);
}

ALWAYS_INLINE __m256i dot(__m256i sum, __m256i a, __m256i b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

ALWAYS_INLINE void store(float *to, __m256i whole, float row, const float *columns) {
    __m256 factor = _mm256_mul_ps(_mm256_set1_ps(row), _mm256_loadu_ps(columns));
    _mm256_storeu_ps(to, _mm256_mul_ps(_mm256_cvtepi32_ps(whole), factor));
}

/* `rows` is a constant at each call, so the sums live in registers. */
ALWAYS_INLINE void tile(uint32_t rows, uint32_t k, const int16_t *a, size_t lda,
    const float *factors, const struct int8_panel *b, float *sums, size_t stride) {
    __m256i left[TILE], right[TILE];
    const int8_t *numbers = b->numbers;
#pragma GCC unroll 6
    for (uint32_t r = 0; r < rows; r++)
        left[r] = right[r] = _mm256_setzero_si256();
    for (uint32_t i = 0; i < k; i += STEP, numbers += STEP * PANEL) {
        __m256i b0 = load_pairs(numbers), b1 = load_pairs(numbers + STEP * W);
#pragma GCC unroll 6
        for (uint32_t r = 0; r < rows; r++) {
            __m256i x = row_pair(a + r * lda + i);
            left[r] = dot(left[r], x, b0);
            right[r] = dot(right[r], x, b1);
        }
    }
#pragma GCC unroll 6
    for (uint32_t r = 0; r < rows; r++) {
        store(sums + r * stride, left[r], factors[r], b->factors);
        store(sums + r * stride + W, right[r], factors[r], b->factors + W);
    }
}

static void multiply(uint32_t rows, uint32_t k, const void *a, size_t lda, const float *factors,
    const struct int8_panel *b, float *sums, size_t stride) {
    switch (rows) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        tile(n, k, a, lda, factors, b, sums, stride);                                              \
        break
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
#undef CASE
    default:
        BUG_IF(true);
    }
}

#define ROOF_SET(x) _mm256_set1_epi32((int)(1000 * (x)))
#define ROOF_PLUS _mm256_add_epi32
#define ROOF_SUM(x) ((float)_mm256_extract_epi32(x, 0))
#define ROOF_MULTIPLY_ADD(sum, a, b) dot(b, sum, a)
#include "harness/cpu/roof.h"
ROOF_MULTIPLY(roof, __m256i)

const struct int8_kernels int8_avx2 = {
    .name = "avx2",
    .tile = TILE,
    .panel = PANEL,
    .k_step = STEP,
    .row_bytes = sizeof(int16_t),
    .quantise = quantise,
    .multiply = multiply,
    .roof = roof,
    .roof_ops = 2 * ROOF_CHAINS * W * STEP,
};
