/* Element types: their names, block sizes, and how a block becomes f32.
 *
 * Quantised blocks are llama.cpp's: a scale (and for the _1 types a minimum) in f16, then the
 * numbers; 4-bit numbers lie with element i in the low half of byte i and element i + 16 in its
 * high half; the fifth bits of Q5 stand in one 32-bit word. The arithmetic is gguf-py's, one f32
 * multiplication and at most one addition, so that the results are the same bits (-ffp-contract=off
 * keeps the compiler from fusing them). Data may be unaligned and is little-endian. */
#include "harness/weights.h"

#include <string.h>

#define QUANT_N 32 /* elements of a block, all types here */

static uint16_t load_u16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t load_u32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static float float_of_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Exact, and free of branches so that loops over it vectorise: normal numbers get their exponent
 * moved by a multiplication, which carries infinities and NaN along; subnormal ones are built as
 * 0.5 + x and 0.5 taken away. */
static float float_of_half(uint16_t half) {
    const uint32_t wide = (uint32_t)half << 16, sign = wide & 0x80000000u, magnitude = wide << 1;
    const float normal = float_of_bits((magnitude >> 4) + (0xE0u << 23)) * 0x1.0p-112f;
    const float subnormal = float_of_bits((magnitude >> 17) | (126u << 23)) - 0.5f;
    const float f = magnitude < (1u << 27) ? subnormal : normal;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return float_of_bits(bits | sign);
}

static float load_half(const uint8_t *p) {
    return float_of_half(load_u16(p));
}

/* ---- plain types ---- */

static void f32_to_f32(const uint8_t *in, size_t n, float *out) {
    memcpy(out, in, n * sizeof *out);
}

static void f16_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = load_half(in + 2 * i);
}

static void bf16_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = float_of_bits((uint32_t)load_u16(in + 2 * i) << 16);
}

static void f64_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) {
        double v;
        memcpy(&v, in + 8 * i, sizeof v);
        out[i] = (float)v;
    }
}

static void i64_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) {
        int64_t v;
        memcpy(&v, in + 8 * i, sizeof v);
        out[i] = (float)v;
    }
}

static void i32_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(int32_t)load_u32(in + 4 * i);
}

static void i16_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(int16_t)load_u16(in + 2 * i);
}

static void i8_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(int8_t)in[i];
}

static void u8_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = (float)in[i];
}

static void bool_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] ? 1.0f : 0.0f;
}

/* ---- blocks of 32 ---- */

/* f16 scale, 16 bytes of nibbles holding q + 8 */
static void q4_0_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= QUANT_N, in += 18, out += QUANT_N) {
        const float scale = load_half(in);
        const uint8_t *nibbles = in + 2;
        for (int i = 0; i < QUANT_N / 2; i++) {
            out[i] = scale * (float)((nibbles[i] & 15) - 8);
            out[i + QUANT_N / 2] = scale * (float)((nibbles[i] >> 4) - 8);
        }
    }
}

/* f16 scale, f16 minimum, 16 bytes of nibbles */
static void q4_1_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= QUANT_N, in += 20, out += QUANT_N) {
        const float scale = load_half(in), minimum = load_half(in + 2);
        const uint8_t *nibbles = in + 4;
        for (int i = 0; i < QUANT_N / 2; i++) {
            out[i] = scale * (float)(nibbles[i] & 15) + minimum;
            out[i + QUANT_N / 2] = scale * (float)(nibbles[i] >> 4) + minimum;
        }
    }
}

/* Element i of a 5-bit block: its nibble, and bit i of `fifth` on top. */
static int five_bits(const uint8_t *nibbles, uint32_t fifth, int i) {
    const int low = i < QUANT_N / 2 ? nibbles[i] & 15 : nibbles[i - QUANT_N / 2] >> 4;
    return low | (int)(fifth >> i & 1) << 4;
}

/* f16 scale, 32 fifth bits, 16 bytes of nibbles; together they hold q + 16 */
static void q5_0_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= QUANT_N, in += 22, out += QUANT_N) {
        const float scale = load_half(in);
        const uint32_t fifth = load_u32(in + 2);
        for (int i = 0; i < QUANT_N; i++)
            out[i] = scale * (float)(five_bits(in + 6, fifth, i) - 16);
    }
}

/* f16 scale, f16 minimum, 32 fifth bits, 16 bytes of nibbles */
static void q5_1_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= QUANT_N, in += 24, out += QUANT_N) {
        const float scale = load_half(in), minimum = load_half(in + 2);
        const uint32_t fifth = load_u32(in + 4);
        for (int i = 0; i < QUANT_N; i++)
            out[i] = scale * (float)five_bits(in + 8, fifth, i) + minimum;
    }
}

/* f16 scale, 32 signed bytes */
static void q8_0_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= QUANT_N, in += 34, out += QUANT_N) {
        const float scale = load_half(in);
        for (int i = 0; i < QUANT_N; i++)
            out[i] = (float)(int8_t)in[2 + i] * scale;
    }
}

static const struct tensor_type_info types[TENSOR_N_TYPES] = {
    [TENSOR_F64] = { "F64", 1, 8, f64_to_f32 },
    [TENSOR_F32] = { "F32", 1, 4, f32_to_f32 },
    [TENSOR_F16] = { "F16", 1, 2, f16_to_f32 },
    [TENSOR_BF16] = { "BF16", 1, 2, bf16_to_f32 },
    [TENSOR_I64] = { "I64", 1, 8, i64_to_f32 },
    [TENSOR_I32] = { "I32", 1, 4, i32_to_f32 },
    [TENSOR_I16] = { "I16", 1, 2, i16_to_f32 },
    [TENSOR_I8] = { "I8", 1, 1, i8_to_f32 },
    [TENSOR_U8] = { "U8", 1, 1, u8_to_f32 },
    [TENSOR_BOOL] = { "BOOL", 1, 1, bool_to_f32 },
    [TENSOR_Q4_0] = { "Q4_0", QUANT_N, 18, q4_0_to_f32 },
    [TENSOR_Q4_1] = { "Q4_1", QUANT_N, 20, q4_1_to_f32 },
    [TENSOR_Q5_0] = { "Q5_0", QUANT_N, 22, q5_0_to_f32 },
    [TENSOR_Q5_1] = { "Q5_1", QUANT_N, 24, q5_1_to_f32 },
    [TENSOR_Q8_0] = { "Q8_0", QUANT_N, 34, q8_0_to_f32 },
};

const struct tensor_type_info *tensor_type_info(enum tensor_type type) {
    BUG_IF((unsigned)type >= TENSOR_N_TYPES);
    return &types[type];
}

void tensor_read_f32(const struct tensor *t, size_t from, size_t n, float *out) {
    const struct tensor_type_info *info = tensor_type_info(t->type);
    BUG_IF(from > t->n_elements || n > t->n_elements - from);
    BUG_IF(from % info->block_n || n % info->block_n);
    if (n)
        info->to_f32(t->data + from / info->block_n * info->block_bytes, n, out);
}
