/* Dequantisation against values worked out by hand, and f16 against its definition. The shared GGUF
 * fixtures, in test_gguf.c, compare every type with gguf-py's results bit for bit. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

static void assert_same_bits(float got, float want, size_t i) {
    uint32_t g, w;
    memcpy(&g, &got, sizeof g);
    memcpy(&w, &want, sizeof w);
    if (g != w)
        fail_msg("element %zu is %.9g, not %.9g", i, (double)got, (double)want);
}

/* IEEE 754 binary16 by its definition. */
static float half_by_definition(unsigned h) {
    const int exponent = (int)(h >> 10 & 31), mantissa = (int)(h & 1023);
    const double magnitude = exponent == 31 ? (mantissa ? NAN : INFINITY)
                             : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                                            : ldexp(mantissa, -24);
    return (float)(h & 0x8000 ? -magnitude : magnitude);
}

static void every_f16_becomes_the_f32_that_it_stands_for(void **state) {
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const uint16_t half = (uint16_t)h;
        const float want = half_by_definition(h);
        float got = 0;
        tensor_type_info(TENSOR_F16)->to_f32((const uint8_t *)&half, 1, &got);
        if (isnan(want))
            assert_true(isnan(got));
        else
            assert_same_bits(got, want, h);
    }
}

/* Reads `n` elements of a type from bytes put at an odd address. */
static void read_unaligned(
    enum tensor_type type, const void *bytes, size_t bytes_n, float *out, size_t n) {
    uint8_t odd[128];
    assert_true(bytes_n + 1 < sizeof odd);
    memcpy(odd + 1, bytes, bytes_n);
    const struct tensor t = { .name = "t",
        .type = type,
        .n_dims = 1,
        .shape = { n },
        .n_elements = n,
        .data = odd + 1,
        .bytes = bytes_n };
    tensor_read_f32(&t, 0, n, out);
}

static void plain_types_are_read_from_unaligned_bytes(void **state) {
    (void)state;
    float got[4];
    static const double f64[] = { 1.5, -0.1 };
    read_unaligned(TENSOR_F64, f64, sizeof f64, got, 2);
    assert_same_bits(got[0], 1.5f, 0);
    assert_same_bits(got[1], -0.1f, 1);
    static const float f32[] = { -0.0f, 3.25f };
    read_unaligned(TENSOR_F32, f32, sizeof f32, got, 2);
    assert_same_bits(got[0], -0.0f, 0);
    assert_same_bits(got[1], 3.25f, 1);
    static const uint16_t bf16[] = { 0x3fc0, 0xff80, 0x0001 };
    read_unaligned(TENSOR_BF16, bf16, sizeof bf16, got, 3);
    assert_same_bits(got[0], 1.5f, 0);
    assert_same_bits(got[1], -INFINITY, 1);
    assert_same_bits(got[2], 0x1p-133f, 2);
    static const int64_t i64[] = { -5, (int64_t)1 << 40 };
    read_unaligned(TENSOR_I64, i64, sizeof i64, got, 2);
    assert_same_bits(got[0], -5.0f, 0);
    assert_same_bits(got[1], 0x1p40f, 1);
    static const int32_t i32[] = { -70000 };
    read_unaligned(TENSOR_I32, i32, sizeof i32, got, 1);
    assert_same_bits(got[0], -70000.0f, 0);
    static const int16_t i16[] = { -300 };
    read_unaligned(TENSOR_I16, i16, sizeof i16, got, 1);
    assert_same_bits(got[0], -300.0f, 0);
    static const uint8_t byte[] = { 0x80, 2 };
    read_unaligned(TENSOR_I8, byte, 2, got, 2);
    assert_same_bits(got[0], -128.0f, 0);
    read_unaligned(TENSOR_U8, byte, 2, got, 2);
    assert_same_bits(got[0], 128.0f, 0);
    read_unaligned(TENSOR_BOOL, byte, 2, got, 2);
    assert_same_bits(got[0], 1.0f, 0);
}

/* A block whose nibbles are 0..15 in the low halves and 15..0 in the high ones, behind `head`. */
static size_t nibble_block(uint8_t *block, const uint8_t *head, size_t head_n) {
    memcpy(block, head, head_n);
    for (unsigned i = 0; i < 16; i++)
        block[head_n + i] = (uint8_t)(i | (15 - i) << 4);
    return head_n + 16;
}

static int nibble(size_t i) {
    return i < 16 ? (int)i : 15 - (int)(i - 16);
}

static void q4_0_is_scale_times_nibble_less_8(void **state) {
    (void)state;
    static const uint8_t head[] = { 0x00, 0xb4 }; /* -0.25 */
    uint8_t block[64];
    float got[32];
    read_unaligned(TENSOR_Q4_0, block, nibble_block(block, head, sizeof head), got, 32);
    for (size_t i = 0; i < 32; i++)
        assert_same_bits(got[i], -0.25f * (float)(nibble(i) - 8), i);
    assert_true(signbit(got[8])); /* a negative scale times zero */
}

static void q4_1_adds_its_minimum(void **state) {
    (void)state;
    static const uint8_t head[] = { 0x00, 0x38, 0x00, 0xc0 }; /* 0.5, -2 */
    uint8_t block[64];
    float got[32];
    read_unaligned(TENSOR_Q4_1, block, nibble_block(block, head, sizeof head), got, 32);
    for (size_t i = 0; i < 32; i++)
        assert_same_bits(got[i], 0.5f * (float)nibble(i) - 2.0f, i);
}

/* Fifth bits: set for elements 0, 5 and 31. */
static int five(size_t i) {
    return nibble(i) + (i == 0 || i == 5 || i == 31 ? 16 : 0);
}

static void q5_0_takes_its_fifth_bits_from_one_word(void **state) {
    (void)state;
    static const uint8_t head[] = { 0x00, 0x3c, 0x21, 0x00, 0x00, 0x80 }; /* 1 */
    uint8_t block[64];
    float got[32];
    read_unaligned(TENSOR_Q5_0, block, nibble_block(block, head, sizeof head), got, 32);
    for (size_t i = 0; i < 32; i++)
        assert_same_bits(got[i], (float)(five(i) - 16), i);
}

static void q5_1_adds_its_minimum(void **state) {
    (void)state;
    static const uint8_t head[] = { 0x00, 0x40, 0x00, 0x3e, 0x21, 0x00, 0x00, 0x80 }; /* 2, 1.5 */
    uint8_t block[64];
    float got[32];
    read_unaligned(TENSOR_Q5_1, block, nibble_block(block, head, sizeof head), got, 32);
    for (size_t i = 0; i < 32; i++)
        assert_same_bits(got[i], 2.0f * (float)five(i) + 1.5f, i);
}

/* 0.1 in f16 times 100 and then plus 0.3 rounds twice; a fused multiply-add would round once and
 * differ. */
static void multiplication_and_addition_round_separately(void **state) {
    (void)state;
    static const uint8_t head[] = { 0x67, 0x2e, 0xcd, 0x34 };
    uint8_t block[64];
    float got[32];
    read_unaligned(TENSOR_Q4_1, block, nibble_block(block, head, sizeof head), got, 32);
    for (size_t i = 0; i < 32; i++) {
        const volatile float product = half_by_definition(0x2e67) * (float)nibble(i);
        const volatile float sum = product + half_by_definition(0x34cd);
        assert_same_bits(got[i], sum, i);
    }
}

static void q8_0_is_scale_times_signed_byte(void **state) {
    (void)state;
    uint8_t block[34] = { 0x00, 0x34 }; /* 0.25 */
    for (size_t i = 0; i < 32; i++)
        block[2 + i] = (uint8_t)(i * 8 - 128);
    float got[32];
    read_unaligned(TENSOR_Q8_0, block, sizeof block, got, 32);
    for (size_t i = 0; i < 32; i++)
        assert_same_bits(got[i], 0.25f * (float)((int)i * 8 - 128), i);
}

static void a_slice_is_the_same_as_its_part_of_the_whole(void **state) {
    (void)state;
    uint8_t blocks[4 * 18];
    for (size_t i = 0; i < sizeof blocks; i++)
        blocks[i] = (uint8_t)(i * 37 & 0x3f); /* scales stay finite */
    const struct tensor t = { .name = "t",
        .type = TENSOR_Q4_0,
        .n_dims = 2,
        .shape = { 2, 64 },
        .n_elements = 128,
        .data = blocks,
        .bytes = sizeof blocks };
    float whole[128], part[64];
    tensor_read_f32(&t, 0, 128, whole);
    tensor_read_f32(&t, 32, 64, part);
    assert_memory_equal(part, whole + 32, sizeof part);
    tensor_read_f32(&t, 128, 0, part); /* nothing, at the end */
}

static void every_type_has_a_name_and_a_size(void **state) {
    (void)state;
    for (int type = 0; type < TENSOR_N_TYPES; type++) {
        const struct tensor_type_info *info = tensor_type_info((enum tensor_type)type);
        assert_non_null(info->name);
        assert_true((info->to_f32 != NULL) == (type < TENSOR_GPTQ)); /* the others are computed */
        assert_true(info->block_n && info->block_bytes);
    }
}

/* ---- recorded blocks ---- */

static size_t unhex(const char *hex, uint8_t *out, size_t max) {
    const size_t n = strlen(hex) / 2;
    assert_true(n <= max);
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return n;
}

static const struct tensor_type_info *type_named(const char *name) {
    for (int i = 0; i < TENSOR_N_TYPES; i++)
        if (strcmp(tensor_type_info((enum tensor_type)i)->name, name) == 0)
            return tensor_type_info((enum tensor_type)i);
    fail_msg("no type %s", name);
    return NULL;
}

static void block_check(const json_t *row) {
    static uint8_t blocks[3 * 512 + 1], wanted[3 * TENSOR_BLOCK_MAX * 4];
    static float got[3 * TENSOR_BLOCK_MAX];
    const struct tensor_type_info *type = type_named(json_get_string(row, "type", ""));
    const size_t bytes = unhex(json_get_string(row, "blocks", ""), blocks + 1, sizeof blocks - 1),
                 n = unhex(json_get_string(row, "f32", ""), wanted, sizeof wanted) / 4;
    assert_int_equal(bytes, 3 * type->block_bytes);
    assert_int_equal(n, 3 * type->block_n);
    type->to_f32(blocks + 1, n, got);
    for (size_t i = 0; i < n; i++) {
        float want;
        memcpy(&want, wanted + 4 * i, sizeof want);
        if (memcmp(&want, &got[i], sizeof want) != 0)
            fail_msg(
                "%s: element %zu is %.9g, not %.9g", type->name, i, (double)got[i], (double)want);
    }
}

static void every_type_of_ggml_is_gguf_pys_bit_for_bit(void **state) {
    (void)state;
    struct strbuf text = { 0 };
    struct err err = ERR_INIT;
    size_t n = 0;
    assert_true(file_read(ASSAY_TESTS_DIR "/fixtures/quant/blocks.jsonl", 1 << 20, &text, &err));
    for (char *line = strtok(text.text, "\n"); line; line = strtok(NULL, "\n"), n++) {
        json_t *row = json_parse(line, strlen(line), "blocks.jsonl", &err);
        assert_non_null(row);
        block_check(row);
        json_decref(row);
    }
    assert_int_equal(n, TENSOR_Q2_0 - TENSOR_Q4_0 + 1);
    strbuf_release(&text);
}

static void fp8_has_its_corners(void **state) {
    (void)state;
    static const uint8_t bytes[] = { 0x00, 0x80, 0x01, 0x08, 0x7e, 0xfe, 0x7f, 0x38 };
    float got[8];
    read_unaligned(TENSOR_F8_E4M3, bytes, sizeof bytes, got, 8);
    static const float e4m3[] = { 0, -0.0f, 0x1p-9f, 0x1p-6f, 448, -448, 0, 1 };
    for (size_t i = 0; i < 8; i++)
        if (i != 6)
            assert_same_bits(got[i], e4m3[i], i);
    assert_true(isnan(got[6]));
    static const uint8_t wide[] = { 0x3c, 0x7b, 0x7c, 0x01 };
    read_unaligned(TENSOR_F8_E5M2, wide, sizeof wide, got, 4);
    assert_same_bits(got[0], 1, 0);
    assert_same_bits(got[1], 57344, 1);
    assert_true(isinf(got[2]));
    assert_same_bits(got[3], 0x1p-16f, 3);
    static const uint8_t powers[] = { 0, 127, 254, 255 };
    read_unaligned(TENSOR_F8_E8M0, powers, sizeof powers, got, 4);
    assert_same_bits(got[0], 0x1p-127f, 0);
    assert_same_bits(got[1], 1, 1);
    assert_same_bits(got[2], 0x1p127f, 2);
    assert_true(isnan(got[3]));
    static const uint8_t fnuz[] = { 0x80, 0x7f, 0x40 };
    read_unaligned(TENSOR_F8_E4M3FNUZ, fnuz, sizeof fnuz, got, 3);
    assert_true(isnan(got[0]));
    assert_same_bits(got[1], 240, 1);
    assert_same_bits(got[2], 1, 2);
    read_unaligned(TENSOR_F8_E5M2FNUZ, fnuz, sizeof fnuz, got, 3);
    assert_true(isnan(got[0]));
    assert_same_bits(got[1], 57344, 1);
    assert_same_bits(got[2], 1, 2);
}

/* By its definition: sign, exponent, so many bits of mantissa. */
static float byte_by_definition(int byte, int mantissa_bits, int bias) {
    const int exponent = (byte & 127) >> mantissa_bits, one = 1 << mantissa_bits;
    const int mantissa = byte & (one - 1);
    const double magnitude = exponent ? ldexp(one + mantissa, exponent - bias - mantissa_bits)
                                      : ldexp(mantissa, 1 - bias - mantissa_bits);
    return (float)(byte & 128 ? -magnitude : magnitude);
}

static void every_byte_becomes_the_f32_that_it_stands_for(void **state) {
    (void)state;
    static const struct {
        enum tensor_type type;
        int mantissa_bits, bias, none, mask; /* no number where the masked bits are `none` */
    } types[] = { { TENSOR_F8_E4M3, 3, 7, 127, 127 }, { TENSOR_F8_E4M3FNUZ, 3, 8, 128, 255 },
        { TENSOR_F8_E5M2FNUZ, 2, 16, 128, 255 } };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int byte = 0; byte < 256; byte++) {
            const uint8_t in = (uint8_t)byte;
            float got;
            tensor_type_info(types[t].type)->to_f32(&in, 1, &got);
            if ((byte & types[t].mask) == types[t].none)
                assert_true(isnan(got));
            else
                assert_same_bits(got,
                    byte_by_definition(byte, types[t].mantissa_bits, types[t].bias), (size_t)byte);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_of_ggml_is_gguf_pys_bit_for_bit),
        cmocka_unit_test(fp8_has_its_corners),
        cmocka_unit_test(every_byte_becomes_the_f32_that_it_stands_for),
        cmocka_unit_test(every_f16_becomes_the_f32_that_it_stands_for),
        cmocka_unit_test(plain_types_are_read_from_unaligned_bytes),
        cmocka_unit_test(q4_0_is_scale_times_nibble_less_8),
        cmocka_unit_test(q4_1_adds_its_minimum),
        cmocka_unit_test(q5_0_takes_its_fifth_bits_from_one_word),
        cmocka_unit_test(q5_1_adds_its_minimum),
        cmocka_unit_test(multiplication_and_addition_round_separately),
        cmocka_unit_test(q8_0_is_scale_times_signed_byte),
        cmocka_unit_test(a_slice_is_the_same_as_its_part_of_the_whole),
        cmocka_unit_test(every_type_has_a_name_and_a_size),
    };
    return cmocka_run_group_tests_name("quant", tests, NULL, NULL);
}
