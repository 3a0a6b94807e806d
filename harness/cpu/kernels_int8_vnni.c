/* Eight-bit products for AVX-512 with VNNI: vpdpbusd adds four products of a byte without and a
 * byte with a sign to each 32-bit sum, without cutting anything off. Rows therefore hold their
 * numbers plus 128, and sums begin with what that is too much. */
#include "harness/cpu/int8.h"

#include <immintrin.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { W = 16, TILE = 12, PANEL = 2 * W, STEP = 4, OFFSET = 128 };

static inline __mmask32 mask32(size_t n) {
    return n >= 32 ? 0xffffffff : (1U << n) - 1;
}

static uint16_t find_top(size_t n, const uint16_t *x) {
    const __m512i magnitude = _mm512_set1_epi16(0x7fff);
    __m512i top = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += 32) {
        __m512i y = _mm512_maskz_loadu_epi16(mask32(n - i), x + i);
        top = _mm512_max_epu16(top, _mm512_and_si512(y, magnitude));
    }
    __m512i even = _mm512_and_si512(top, _mm512_set1_epi32(0xffff)),
            odd = _mm512_srli_epi32(top, 16);
    return (uint16_t)_mm512_reduce_max_epu32(_mm512_max_epu32(even, odd));
}

static float quantise(size_t n, const uint16_t *x, void *out) {
    float top = bf16_to_f32(find_top(n, x)), inverse = int8_inverse(top);
    uint8_t *to = out;
    size_t padded = (n + STEP - 1) / STEP * STEP;
    if (inverse == 0) {
        memset(to, OFFSET, padded);
        return int8_factor(top);
    }
    for (size_t i = 0; i < padded; i += W) {
        __mmask16 in = (__mmask16)mask32(n > i ? n - i : 0), room = (__mmask16)mask32(padded - i);
        __m512i half = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(in, x + i));
        __m512 y = _mm512_castsi512_ps(_mm512_slli_epi32(half, 16));
        __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(y, _mm512_set1_ps(inverse)));
        __m128i bytes = _mm512_cvtepi32_epi8(_mm512_add_epi32(whole, _mm512_set1_epi32(OFFSET)));
        _mm_mask_storeu_epi8(to + i, room, bytes);
    }
    return int8_factor(top);
}

/* Spelled out, because gcc 12 puts a move of the sum before each of the intrinsic's. */
ALWAYS_INLINE __m512i dot(__m512i sum, __m512i a, __m512i b) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
}

ALWAYS_INLINE __m512i row_four(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
}

ALWAYS_INLINE void store(float *to, __m512i whole, float row, const float *columns) {
    __m512 factor = _mm512_mul_ps(_mm512_set1_ps(row), _mm512_loadu_ps(columns));
    _mm512_storeu_ps(to, _mm512_mul_ps(_mm512_cvtepi32_ps(whole), factor));
}

/* `rows` is a constant at each call, so the sums live in registers. */
ALWAYS_INLINE void tile(uint32_t rows, uint32_t k, const uint8_t *a, size_t lda,
    const float *factors, const struct int8_panel *b, float *sums, size_t stride) {
    __m512i left[TILE], right[TILE];
    const int8_t *numbers = b->numbers;
#pragma GCC unroll 12
    for (uint32_t r = 0; r < rows; r++) {
        left[r] = _mm512_loadu_si512(b->starts);
        right[r] = _mm512_loadu_si512(b->starts + W);
    }
    for (uint32_t i = 0; i < k; i += STEP, numbers += STEP * PANEL) {
        __m512i b0 = _mm512_loadu_si512(numbers), b1 = _mm512_loadu_si512(numbers + STEP * W);
#pragma GCC unroll 12
        for (uint32_t r = 0; r < rows; r++) {
            __m512i x = row_four(a + r * lda + i);
            left[r] = dot(left[r], x, b0);
            right[r] = dot(right[r], x, b1);
        }
    }
#pragma GCC unroll 12
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
        CASE(7);
        CASE(8);
        CASE(9);
        CASE(10);
        CASE(11);
        CASE(12);
#undef CASE
    default:
        BUG_IF(true);
    }
}

#define ROOF_SET(x) _mm512_set1_epi32((int)(1000 * (x)))
#define ROOF_PLUS _mm512_add_epi32
#define ROOF_SUM(x) ((float)_mm512_reduce_add_epi32(x))
#define ROOF_MULTIPLY_ADD(sum, a, b) dot(sum, a, b)
#include "harness/cpu/roof.h"
ROOF_MULTIPLY(roof, __m512i)

const struct int8_kernels int8_vnni = {
    .name = "avx512vnni",
    .tile = TILE,
    .panel = PANEL,
    .k_step = STEP,
    .row_bytes = 1,
    .offset = OFFSET,
    .quantise = quantise,
    .multiply = multiply,
    .roof = roof,
    .roof_ops = 2 * ROOF_CHAINS * W * STEP,
};
