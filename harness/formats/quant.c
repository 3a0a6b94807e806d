/* Element types: their names, block sizes, and how a block becomes f32.
 *
 * Quantised blocks are llama.cpp's: a scale (and for the _1 types a minimum) in f16, then the
 * numbers; 4-bit numbers lie with element i in the low half of byte i and element i + 16 in its
 * high half; the fifth bits of Q5 stand in one 32-bit word. The arithmetic is gguf-py's, one f32
 * multiplication and at most one addition, so that the results are the same bits (-ffp-contract=off
 * keeps the compiler from fusing them). Data may be unaligned and is little-endian. */
#include "harness/weights.h"

#include "harness/formats/derived.h"
#include "harness/formats/quant.h"

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

/* f16 scale, f16 sum that only products use, 32 signed bytes */
static void q8_1_to_f32(const uint8_t *in, size_t n, float *out) {
    for (; n; n -= QUANT_N, in += 36, out += QUANT_N) {
        const float scale = load_half(in);
        for (int i = 0; i < QUANT_N; i++)
            out[i] = (float)(int8_t)in[4 + i] * scale;
    }
}

static void u16_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = (float)load_u16(in + 2 * i);
}

static void u32_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = (float)load_u32(in + 4 * i);
}

static void u64_to_f32(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) {
        uint64_t v;
        memcpy(&v, in + 8 * i, sizeof v);
        out[i] = (float)v;
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
    [TENSOR_U16] = { "U16", 1, 2, u16_to_f32 },
    [TENSOR_U32] = { "U32", 1, 4, u32_to_f32 },
    [TENSOR_U64] = { "U64", 1, 8, u64_to_f32 },
    [TENSOR_F8_E4M3] = { "F8_E4M3", 1, 1, e4m3_to_f32 },
    [TENSOR_F8_E5M2] = { "F8_E5M2", 1, 1, e5m2_to_f32 },
    [TENSOR_F8_E8M0] = { "F8_E8M0", 1, 1, e8m0_to_f32 },
    [TENSOR_F8_E4M3FNUZ] = { "F8_E4M3FNUZ", 1, 1, e4m3_fnuz_to_f32 },
    [TENSOR_F8_E5M2FNUZ] = { "F8_E5M2FNUZ", 1, 1, e5m2_fnuz_to_f32 },
    [TENSOR_Q4_0] = { "Q4_0", QUANT_N, 18, q4_0_to_f32 },
    [TENSOR_Q4_1] = { "Q4_1", QUANT_N, 20, q4_1_to_f32 },
    [TENSOR_Q5_0] = { "Q5_0", QUANT_N, 22, q5_0_to_f32 },
    [TENSOR_Q5_1] = { "Q5_1", QUANT_N, 24, q5_1_to_f32 },
    [TENSOR_Q8_0] = { "Q8_0", QUANT_N, 34, q8_0_to_f32 },
    [TENSOR_Q8_1] = { "Q8_1", QUANT_N, 36, q8_1_to_f32 },
    [TENSOR_Q2_K] = { "Q2_K", SUPER_N, 84, q2_k_to_f32 },
    [TENSOR_Q3_K] = { "Q3_K", SUPER_N, 110, q3_k_to_f32 },
    [TENSOR_Q4_K] = { "Q4_K", SUPER_N, 144, q4_k_to_f32 },
    [TENSOR_Q5_K] = { "Q5_K", SUPER_N, 176, q5_k_to_f32 },
    [TENSOR_Q6_K] = { "Q6_K", SUPER_N, 210, q6_k_to_f32 },
    [TENSOR_Q8_K] = { "Q8_K", SUPER_N, 292, q8_k_to_f32 },
    [TENSOR_IQ1_S] = { "IQ1_S", SUPER_N, 50, iq1_s_to_f32 },
    [TENSOR_IQ1_M] = { "IQ1_M", SUPER_N, 56, iq1_m_to_f32 },
    [TENSOR_IQ2_XXS] = { "IQ2_XXS", SUPER_N, 66, iq2_xxs_to_f32 },
    [TENSOR_IQ2_XS] = { "IQ2_XS", SUPER_N, 74, iq2_xs_to_f32 },
    [TENSOR_IQ2_S] = { "IQ2_S", SUPER_N, 82, iq2_s_to_f32 },
    [TENSOR_IQ3_XXS] = { "IQ3_XXS", SUPER_N, 98, iq3_xxs_to_f32 },
    [TENSOR_IQ3_S] = { "IQ3_S", SUPER_N, 110, iq3_s_to_f32 },
    [TENSOR_IQ4_NL] = { "IQ4_NL", QUANT_N, 18, iq4_nl_to_f32 },
    [TENSOR_IQ4_XS] = { "IQ4_XS", SUPER_N, 136, iq4_xs_to_f32 },
    [TENSOR_TQ1_0] = { "TQ1_0", SUPER_N, 54, tq1_0_to_f32 },
    [TENSOR_TQ2_0] = { "TQ2_0", SUPER_N, 66, tq2_0_to_f32 },
    [TENSOR_MXFP4] = { "MXFP4", QUANT_N, 17, mxfp4_to_f32 },
    [TENSOR_NVFP4] = { "NVFP4", 64, 36, nvfp4_to_f32 },
    [TENSOR_Q1_0] = { "Q1_0", 128, 18, q1_0_to_f32 },
    [TENSOR_Q2_0] = { "Q2_0", 64, 18, q2_0_to_f32 },
    [TENSOR_GPTQ] = { "GPTQ", 1, 1, NULL },
    [TENSOR_AWQ] = { "AWQ", 1, 1, NULL },
    [TENSOR_INT_PACKED] = { "INT_PACKED", 1, 1, NULL },
    [TENSOR_SCALED] = { "SCALED", 1, 1, NULL },
    [TENSOR_NF4] = { "NF4", 1, 1, NULL },
    [TENSOR_FP4] = { "FP4", 1, 1, NULL },
    [TENSOR_MXFP4_EXPERTS] = { "MXFP4", 1, 1, NULL },
    [TENSOR_FP4_SCALED] = { "NVFP4", 1, 1, NULL },
};

const struct tensor_type_info *tensor_type_info(enum tensor_type type) {
    BUG_IF((unsigned)type >= TENSOR_N_TYPES);
    return &types[type];
}

bool tensor_type_is_real(enum tensor_type type) {
    return type <= TENSOR_BF16 || type >= TENSOR_F8_E4M3;
}

void tensor_read_f32(const struct tensor *t, size_t from, size_t n, float *out) {
    const struct tensor_type_info *info = tensor_type_info(t->type);
    BUG_IF(from > t->n_elements || n > t->n_elements - from);
    BUG_IF(from % info->block_n || n % info->block_n);
    if (t->derived)
        derived_read(t, from, n, out);
    else if (n)
        info->to_f32(t->data + from / info->block_n * info->block_bytes, n, out);
}
