/* How packed weights are laid out, and how a row of one is read.
 *
 * Whole numbers stand in 32-bit words, the first in the lowest bits: along the inputs in GPTQ
 * (qweight [in / 8, out]; numbers of 3 bits run on from word to word), along the outputs in AWQ
 * (qweight [in, out / 8], in an order of its own), along the inputs of each output in
 * compressed-tensors (weight_packed [out, in / 8]). A weight is (number - zero point) * scale, a
 * scale serving a group of inputs. */
#include "harness/formats/packed.h"

#include <math.h>
#include <string.h>

#include "harness/formats/quant.h"

enum { WEIGHT, SCALES, ZEROS, ORDER, NESTED, EXTRA };

static float real_at(const struct tensor *t, uint64_t i) {
    const struct tensor_type_info *info = tensor_type_info(t->type);
    float v;
    info->to_f32(t->data + i * info->block_bytes, 1, &v);
    return v;
}

static uint32_t word_at(const struct tensor *t, uint64_t i) {
    return load_u32(t->data + 4 * i);
}

/* Number `i` of those packed in the words of one line that begins at word `first` and goes on every
 * `stride` words. */
static uint32_t packed_at(
    const struct tensor *t, uint64_t first, uint64_t stride, uint64_t i, uint32_t bits) {
    const uint32_t per = 32 / bits;
    return word_at(t, first + i / per * stride) >> (i % per * bits) & ((1u << bits) - 1);
}

/* The same where numbers run on from one word to the next. */
static uint32_t streamed_at(
    const struct tensor *t, uint64_t first, uint64_t stride, uint64_t i, uint32_t bits) {
    const uint64_t word = i * bits / 32;
    const uint32_t shift = (uint32_t)(i * bits % 32);
    uint64_t both = word_at(t, first + word * stride);
    if (shift + bits > 32)
        both |= (uint64_t)word_at(t, first + (word + 1) * stride) << 32;
    return (uint32_t)(both >> shift) & ((1u << bits) - 1);
}

static bool has(const struct derived *d, size_t at) {
    return d->parts[at].data != NULL;
}

static long long setting(const struct making *m, const char *key, long long otherwise) {
    return json_get_int(m->quantization, key, otherwise);
}

static bool bits_check(struct making *m, long long bits) {
    m->d->bits = (uint32_t)bits;
    if (bits == 2 || bits == 3 || bits == 4 || bits == 8)
        return true;
    return err_set(m->err, ERR_UNSUPPORTED,
        "packed weight '%s': %lld bits are not supported (2, 3, 4 and 8 are)", m->name, bits);
}

static bool group_check(struct making *m, long long group, uint64_t inputs) {
    if (group == -1)
        group = (long long)inputs;
    if (group < 1 || group > INT32_MAX)
        return part_refuse(m, "its group_size is not a number of inputs");
    m->d->group = (uint32_t)group;
    return true;
}

static bool matrix_check(struct making *m, size_t at) {
    return m->d->parts[at].n_dims == 2 || part_refuse(m, "its packed part is no matrix");
}

/* ---- GPTQ ---- */

/* Which group each input belongs to, where they were reordered: every entry is looked at. */
static bool order_check(struct making *m, uint64_t groups) {
    const struct tensor *t = &m->d->parts[ORDER];
    if (!has(m->d, ORDER))
        return true;
    if (!part_has_type(m, ORDER, TENSOR_I32, "group indices") ||
        !part_is(m, ORDER, 1, m->d->cols, "group indices"))
        return false;
    for (uint64_t i = 0; i < m->d->cols; i++)
        if (word_at(t, i) >= groups)
            return part_refuse(m, "an input belongs to a group that is not there");
    return true;
}

static bool gptq_is_v2(const struct making *m) {
    const char *format = json_get_string(m->quantization, "format", "gptq");
    return strcmp(json_get_string(m->quantization, "checkpoint_format", format), "gptq_v2") == 0;
}

static bool gptq_make(struct making *m) {
    struct derived *d = m->d;
    const long long bits = setting(m, "bits", 4);
    if (!bits_check(m, bits) || !part_take(m, WEIGHT, ".qweight", true) ||
        !part_take(m, SCALES, ".scales", true) || !part_take(m, ZEROS, ".qzeros", true) ||
        !part_take(m, ORDER, ".g_idx", false) ||
        !part_has_type(m, WEIGHT, TENSOR_I32, "packed numbers") ||
        !part_has_type(m, ZEROS, TENSOR_I32, "zero points") || !matrix_check(m, WEIGHT) ||
        !part_is_real(m, SCALES, "scales"))
        return false;
    d->rows = d->parts[WEIGHT].shape[1];
    d->cols = d->parts[WEIGHT].shape[0] * 32 / d->bits;
    if (d->parts[WEIGHT].shape[0] * 32 % d->bits)
        return part_refuse(m, "its inputs are no whole words");
    if (!group_check(m, setting(m, "group_size", 128), d->cols))
        return false;
    const uint64_t groups = (d->cols + d->group - 1) / d->group;
    d->offset = gptq_is_v2(m) ? 0 : 1; /* the older format stores zero points less one */
    return part_is(m, SCALES, groups, d->rows, "scales") &&
           (d->rows * d->bits % 32 == 0 || part_refuse(m, "its outputs are no whole words")) &&
           part_is(m, ZEROS, groups, d->rows * d->bits / 32, "zero points") &&
           order_check(m, groups);
}

static void gptq_row(const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    const uint64_t words = d->rows * d->bits / 32;
    for (uint64_t i = from; i < from + n; i++) {
        const uint64_t group = has(d, ORDER) ? word_at(&d->parts[ORDER], i) : i / d->group;
        const float zero =
            (float)streamed_at(&d->parts[ZEROS], group * words, 1, row, d->bits) + d->offset;
        const float q = (float)streamed_at(&d->parts[WEIGHT], row, d->rows, i, d->bits);
        *out++ = (q - zero) * real_at(&d->parts[SCALES], group * d->rows + row);
    }
}

/* ---- AWQ ---- */

/* The layout for single rows of inputs: by outputs, in plain order; scales and zero points padded.
 */
static bool gemv_make(struct making *m) {
    struct derived *d = m->d;
    d->rows = d->parts[WEIGHT].shape[0];
    d->cols = d->parts[WEIGHT].shape[1] * 8;
    if (!group_check(m, setting(m, "group_size", 128), d->cols))
        return false;
    const struct tensor *scales = &d->parts[SCALES];
    const uint64_t groups = (d->cols + d->group - 1) / d->group,
                   padded = scales->n_dims == 2 ? scales->shape[1] : 0;
    if (padded < groups || padded % 8 || padded > groups + 64)
        return part_refuse(m, "its scales have another number than its groups");
    return part_is(m, SCALES, d->rows, padded, "scales") &&
           part_is(m, ZEROS, d->rows, padded / 8, "zero points");
}

static void gemv_row(const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    const uint64_t words = d->cols / 8, padded = d->parts[SCALES].shape[1];
    for (uint64_t i = from; i < from + n; i++) {
        const uint64_t group = i / d->group;
        const uint32_t q = packed_at(&d->parts[WEIGHT], row * words, 1, i, 4),
                       zero = packed_at(&d->parts[ZEROS], row * padded / 8, 1, group, 4);
        *out++ = (float)((int)q - (int)zero) * real_at(&d->parts[SCALES], row * padded + group);
    }
}

static bool awq_make(struct making *m) {
    struct derived *d = m->d;
    const char *format = json_get_string(m->quantization, "format", "gemm"),
               *version = json_get_string(m->quantization, "version", format);
    if (!part_take(m, WEIGHT, ".qweight", true) || !part_take(m, SCALES, ".scales", true) ||
        !part_take(m, ZEROS, ".qzeros", true) ||
        !part_has_type(m, WEIGHT, TENSOR_I32, "packed numbers") ||
        !part_has_type(m, ZEROS, TENSOR_I32, "zero points") || !matrix_check(m, WEIGHT) ||
        !part_is_real(m, SCALES, "scales"))
        return false;
    const bool gemv = strcasecmp(version, "gemv") == 0;
    if (setting(m, "bits", 4) != 4 || (!gemv && strcasecmp(version, "gemm") != 0))
        return err_set(m->err, ERR_UNSUPPORTED,
            "packed weight '%s': of AWQ only 4 bits of the versions 'gemm' and 'gemv' are "
            "supported",
            m->name);
    d->bits = 4;
    if (gemv) {
        d->row = gemv_row;
        return gemv_make(m);
    }
    d->rows = d->parts[WEIGHT].shape[1] * 8;
    d->cols = d->parts[WEIGHT].shape[0];
    if (!group_check(m, setting(m, "group_size", 128), d->cols))
        return false;
    const uint64_t groups = (d->cols + d->group - 1) / d->group;
    return part_is(m, SCALES, groups, d->rows, "scales") &&
           part_is(m, ZEROS, groups, d->rows / 8, "zero points");
}

static void awq_row(const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    static const uint8_t nibble_of[8] = { 0, 4, 1, 5, 2, 6, 3, 7 };
    const uint32_t shift = nibble_of[row % 8] * 4u;
    const uint64_t words = d->rows / 8;
    for (uint64_t i = from; i < from + n; i++) {
        const uint64_t group = i / d->group;
        const uint32_t q = word_at(&d->parts[WEIGHT], i * words + row / 8) >> shift & 15,
                       zero = word_at(&d->parts[ZEROS], group * words + row / 8) >> shift & 15;
        *out++ = (float)((int)q - (int)zero) * real_at(&d->parts[SCALES], group * d->rows + row);
    }
}

/* ---- compressed-tensors ---- */

/* How the first group of layers has its weights; there is one group in what is published. */
static const json_t *weight_scheme(const struct making *m) {
    const json_t *groups = json_object_get(m->quantization, "config_groups"), *group;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)groups, name, group) return json_object_get(
        group, "weights");
    return NULL;
}

/* 32-bit words that n numbers take. */
static uint64_t words_of(const struct derived *d, uint64_t n) {
    const uint32_t per = 32 / d->bits;
    return d->dense ? (n * d->bits + 31) / 32 : (n + per - 1) / per;
}

/* Bits of a number and how words are filled: as the scheme has it, or, where layers have several
 * schemes, as the dimensions do. What fills no word evenly ran on in newer versions, and left some
 * bits unused in older ones. */
static bool packing_settle(struct making *m) {
    struct derived *d = m->d;
    const long long scheme = json_get_int(weight_scheme(m), "num_bits", 4);
    const uint32_t candidates[] = { scheme > 1 && scheme < 9 ? (uint32_t)scheme : 4, 4, 8, 2 };
    for (size_t i = 0; i < 2 * (sizeof candidates / sizeof *candidates); i++) {
        d->bits = candidates[i / 2];
        d->dense = i % 2 == 0;
        if (words_of(d, d->cols) == d->parts[WEIGHT].shape[1])
            return true;
    }
    return false;
}

static uint32_t number_at(
    const struct derived *d, size_t part, uint64_t first, uint64_t stride, uint64_t i) {
    return d->dense ? streamed_at(&d->parts[part], first, stride, i, d->bits)
                    : packed_at(&d->parts[part], first, stride, i, d->bits);
}

/* ---- 4-bit floating point with a scale for every few ---- */

static const float e2m1[16] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4,
    -6 };

/* E2M1, the first of two numbers in the low half of their byte. Scales of groups of 16 are in
 * E4M3, and have a scale of their own; those of groups of 32 are powers of two. */
static void fp4_scaled_row(
    const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    const uint64_t groups = d->cols / d->group;
    const uint8_t *bytes = d->parts[WEIGHT].data + row * (d->cols / 2);
    uint64_t group = UINT64_MAX;
    float scale = 0;
    for (uint64_t i = from; i < from + n; i++) {
        if (i / d->group != group) {
            group = i / d->group;
            scale = real_at(&d->parts[SCALES], row * groups + group);
            scale = d->divides ? scale / d->scaling : scale * d->scaling;
        }
        *out++ = e2m1[i % 2 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15] * scale;
    }
}

static bool fp4_scaled_make(struct making *m, const char *weight, const char *global) {
    struct derived *d = m->d;
    if (!part_take(m, WEIGHT, weight, true) || !part_take(m, SCALES, ".weight_scale", true) ||
        !part_has_type(m, WEIGHT, TENSOR_U8, "packed numbers") || !matrix_check(m, WEIGHT))
        return false;
    d->rows = d->parts[WEIGHT].shape[0];
    d->cols = d->parts[WEIGHT].shape[1] * 2;
    d->group = global ? 16 : 32;
    d->scaling = 1;
    d->row = fp4_scaled_row;
    m->type = global ? TENSOR_FP4_SCALED : TENSOR_MXFP4_EXPERTS;
    if (d->cols % d->group ||
        !part_has_type(m, SCALES, global ? TENSOR_F8_E4M3 : TENSOR_U8, "scales"))
        return d->cols % d->group ? part_refuse(m, "its inputs are no whole groups") : false;
    d->parts[SCALES].type =
        global ? TENSOR_F8_E4M3 : TENSOR_F8_E8M0; /* of which U8 are the bytes */
    if (global && (!part_take(m, EXTRA, global, true) || !part_is_real(m, EXTRA, "a scale")))
        return false;
    if (global && d->parts[EXTRA].n_elements != 1)
        return part_refuse(m, "it has not one scale of scales");
    d->scaling = global ? real_at(&d->parts[EXTRA], 0) : 1;
    return part_is(m, SCALES, d->rows, d->cols / d->group, "scales");
}

static bool is_fp4(struct making *m) {
    return m->d->parts[WEIGHT].type == TENSOR_U8;
}

static bool int_packed_make(struct making *m) {
    struct derived *d = m->d;
    if (!part_take(m, WEIGHT, ".weight_packed", true))
        return false;
    if (is_fp4(m)) {
        d->divides = part_is_there(m, ".weight_global_scale");
        return fp4_scaled_make(m, ".weight_packed", d->divides ? ".weight_global_scale" : NULL);
    }
    if (!part_take(m, SCALES, ".weight_scale", true) ||
        !part_take(m, ZEROS, ".weight_zero_point", false) ||
        !part_take(m, ORDER, ".weight_g_idx", false) ||
        !part_take(m, EXTRA, ".weight_shape", true) ||
        !part_has_type(m, WEIGHT, TENSOR_I32, "packed numbers") || !matrix_check(m, WEIGHT) ||
        !part_is_real(m, SCALES, "scales") || !part_has_type(m, EXTRA, TENSOR_I64, "dimensions") ||
        !part_is(m, EXTRA, 1, 2, "dimensions"))
        return false;
    int64_t shape[2];
    memcpy(shape, d->parts[EXTRA].data, sizeof shape);
    d->rows = d->parts[WEIGHT].shape[0];
    d->cols = (uint64_t)shape[1];
    if (shape[0] < 1 || (uint64_t)shape[0] != d->rows || shape[1] < 1 || shape[1] > INT32_MAX ||
        !packing_settle(m))
        return part_refuse(m, "its dimensions are not those of the packed part");
    const struct tensor *scales = &d->parts[SCALES];
    const uint64_t groups = scales->n_dims == 2 ? scales->shape[1] : 1;
    if (!groups || d->cols % groups || (has(d, ORDER) && groups == 1))
        return part_refuse(m, "its inputs are no whole groups");
    d->group = (uint32_t)(d->cols / groups);
    if (has(d, ZEROS) && (!part_has_type(m, ZEROS, TENSOR_I32, "zero points") ||
                             !part_is(m, ZEROS, words_of(d, d->rows), groups, "zero points")))
        return false;
    return part_is(m, SCALES, d->rows, groups, "scales") && order_check(m, groups);
}

static void int_packed_row(
    const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    const uint64_t words = d->parts[WEIGHT].shape[1], groups = d->cols / d->group;
    const float middle = (float)(1u << (d->bits - 1)); /* numbers are stored without their sign */
    for (uint64_t i = from; i < from + n; i++) {
        const uint64_t group = has(d, ORDER) ? word_at(&d->parts[ORDER], i) : i / d->group;
        const float q = (float)number_at(d, WEIGHT, row * words, 1, i) - middle;
        const float zero =
            has(d, ZEROS) ? (float)number_at(d, ZEROS, group, groups, row) - middle : 0;
        *out++ = (q - zero) * real_at(&d->parts[SCALES], row * groups + group);
    }
}

/* ---- FP8 and whole bytes with scales ---- */

/* One scale for all, one a row, or one a block of rows and columns. */
static bool scales_settle(struct making *m) {
    struct derived *d = m->d;
    const struct tensor *s = &d->parts[SCALES];
    const json_t *block = json_object_get(m->quantization, "weight_block_size");
    if (!block)
        block = json_object_get(weight_scheme(m), "block_structure");
    const uint64_t down = s->n_dims ? s->shape[0] : 1, across = s->n_dims > 1 ? s->shape[1] : 1;
    d->block_rows = s->n_elements == 1 ? d->rows : down == d->rows ? 1 : 0;
    d->block_cols = across == 1 ? d->cols : d->cols % across == 0 ? d->cols / across : 0;
    if (s->n_dims == 2 && json_array_size(block) == 2 && d->block_rows != 1 && s->n_elements != 1) {
        d->block_rows = (uint64_t)json_integer_value(json_array_get(block, 0));
        d->block_cols = (uint64_t)json_integer_value(json_array_get(block, 1));
    }
    if (s->n_dims > 2 || !d->block_rows || !d->block_cols || d->block_rows > INT32_MAX ||
        d->block_cols > INT32_MAX || (d->rows + d->block_rows - 1) / d->block_rows != down ||
        (d->cols + d->block_cols - 1) / d->block_cols != across)
        return part_refuse(m, "its scales have a shape that fits no block size");
    return true;
}

static bool scaled_make_by(struct making *m, const char *scales) {
    struct derived *d = m->d;
    if (!part_take(m, SCALES, scales, true) || !part_take(m, WEIGHT, ".weight", true) ||
        !part_take(m, ZEROS, ".weight_zero_point", false) ||
        (d->parts[SCALES].type != TENSOR_F8_E8M0 && !part_is_real(m, SCALES, "scales")))
        return false;
    const enum tensor_type type = d->parts[WEIGHT].type;
    if (type != TENSOR_I8 && (type < TENSOR_F8_E4M3 || type > TENSOR_F8_E5M2FNUZ))
        return err_set(m->err, ERR_UNSUPPORTED,
            "packed weight '%s': %s with scales is not supported", m->name,
            tensor_type_info(type)->name);
    if (!matrix_check(m, WEIGHT))
        return false;
    d->rows = d->parts[WEIGHT].shape[0];
    d->cols = d->parts[WEIGHT].shape[1];
    if (!d->rows || !d->cols)
        return part_refuse(m, "it is empty");
    d->scaled_only = !has(d, ZEROS);
    return scales_settle(m) &&
           (!has(d, ZEROS) || (part_has_type(m, ZEROS, TENSOR_I8, "zero points") &&
                                  (d->parts[ZEROS].n_elements == d->parts[SCALES].n_elements ||
                                      part_refuse(m, "zero points and scales differ in number"))));
}

/* ModelOpt's 4-bit weights have scales of scales, and the names of its FP8. */
static bool scaled_make(struct making *m) {
    if (part_is_there(m, ".weight_scale_2"))
        return fp4_scaled_make(m, ".weight", ".weight_scale_2");
    return scaled_make_by(m, ".weight_scale");
}

static bool scaled_inv_make(struct making *m) {
    return scaled_make_by(m, ".weight_scale_inv");
}

/* Columns that share a scale go together. */
static void scaled_row(
    const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    const uint64_t across = (d->cols + d->block_cols - 1) / d->block_cols,
                   line = row / d->block_rows * across;
    const struct tensor_type_info *info = tensor_type_info(d->parts[WEIGHT].type);
    info->to_f32(d->parts[WEIGHT].data + row * d->cols + from, n, out);
    for (uint64_t i = 0; i < n;) {
        const uint64_t block = (from + i) / d->block_cols,
                       left = (block + 1) * d->block_cols - from;
        const uint64_t end = left < n ? left : n;
        const float scale = real_at(&d->parts[SCALES], line + block);
        const float zero = has(d, ZEROS) ? real_at(&d->parts[ZEROS], line + block) : 0;
        for (; i < end; i++)
            out[i] = (out[i] - zero) * scale;
    }
}

/* Of bytes that have no scales, which there are too. */
static bool bytes_view(const struct tensor *t, struct scaled_bytes *out) {
    const uint64_t cols = t->n_dims > 0 ? t->shape[t->n_dims - 1] : 0;
    if (t->type < TENSOR_F8_E4M3 || t->type > TENSOR_F8_E5M2FNUZ || cols == 0)
        return false;
    const uint64_t rows = t->n_elements / cols;
    *out = (struct scaled_bytes) { t->type, t->data, rows, cols, rows, cols, NULL };
    return true;
}

bool tensor_scaled_bytes(const struct tensor *t, struct scaled_bytes *out) {
    const struct derived *d = t->derived;
    if (!d)
        return bytes_view(t, out);
    if (!d->scaled_only)
        return false;
    const struct tensor *w = &d->parts[WEIGHT];
    *out = (struct scaled_bytes) { w->type, w->data, d->rows, d->cols, d->block_rows, d->block_cols,
        &d->parts[SCALES] };
    return true;
}

float scaled_bytes_scale(const struct scaled_bytes *b, uint64_t row, uint64_t col) {
    const uint64_t across = (b->cols + b->block_cols - 1) / b->block_cols;
    return b->scales ? real_at(b->scales, row / b->block_rows * across + col / b->block_cols) : 1;
}

/* ---- bitsandbytes ---- */

/* Eight bits: a scale a row, in which 127 is 1. */
static bool scb_make(struct making *m) {
    struct derived *d = m->d;
    if (!part_take(m, SCALES, ".SCB", true) || !part_take(m, WEIGHT, ".weight", true) ||
        !part_take(m, EXTRA, ".weight_format", false) ||
        !part_has_type(m, WEIGHT, TENSOR_I8, "numbers") || !matrix_check(m, WEIGHT) ||
        !part_is_real(m, SCALES, "scales"))
        return false;
    if (has(d, EXTRA) && (d->parts[EXTRA].n_elements != 1 || real_at(&d->parts[EXTRA], 0) != 0))
        return err_set(m->err, ERR_UNSUPPORTED,
            "packed weight '%s': only weights that lie by rows are supported", m->name);
    d->rows = d->parts[WEIGHT].shape[0];
    d->cols = d->parts[WEIGHT].shape[1];
    return part_is(m, SCALES, d->rows, 1, "scales");
}

static void scb_row(const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    const float scale = real_at(&d->parts[SCALES], row);
    const uint8_t *at = d->parts[WEIGHT].data + row * d->cols + from;
    for (uint64_t i = 0; i < n; i++)
        out[i] = (float)(int8_t)at[i] * scale / 127.0f;
}

/* What the file says of a 4-bit weight is JSON in a tensor of bytes. */
static json_t *four_state(struct making *m, const char *kind) {
    char suffix[64];
    snprintf(suffix, sizeof suffix, ".weight.quant_state.bitsandbytes__%s", kind);
    if (!part_take(m, EXTRA, suffix, true) || !part_has_type(m, EXTRA, TENSOR_U8, "settings"))
        return NULL;
    return json_parse(
        (const char *)m->d->parts[EXTRA].data, m->d->parts[EXTRA].bytes, m->name, m->err);
}

static bool four_shape(struct making *m, const json_t *state) {
    struct derived *d = m->d;
    const json_t *shape = json_object_get(state, "shape");
    const json_int_t rows = json_integer_value(json_array_get(shape, 0)),
                     cols = json_integer_value(json_array_get(shape, 1)),
                     group = json_get_int(state, "blocksize", 0);
    if (json_array_size(shape) != 2 || rows < 1 || cols < 1 || rows > INT32_MAX ||
        cols > INT32_MAX || group < 1 || group > INT32_MAX)
        return part_refuse(m, "its settings are not understood");
    d->rows = (uint64_t)rows;
    d->cols = (uint64_t)cols;
    d->group = (uint32_t)group;
    /* the bytes may be dressed up as another type, for sharding (bnb_4bit_quant_storage) */
    return d->parts[WEIGHT].bytes == (d->rows * d->cols + 1) / 2 ||
           part_refuse(m, "its packed part has another length than its shape says");
}

/* Scales may be bytes themselves, with a codebook and scales of their own. */
static bool four_scales(struct making *m, const json_t *state) {
    struct derived *d = m->d;
    const uint64_t groups = (d->rows * d->cols + d->group - 1) / d->group;
    if (!part_is(m, SCALES, groups, 1, "scales"))
        return false;
    if (d->parts[SCALES].type != TENSOR_U8)
        return part_is_real(m, SCALES, "scales");
    const long long nested = json_get_int(state, "nested_blocksize", 0);
    if (nested < 1 || nested > INT32_MAX)
        return part_refuse(m, "its nested_blocksize is not a number of scales");
    d->nested_group = (uint32_t)nested;
    d->offset = (float)json_get_number(state, "nested_offset", 0);
    return part_take(m, NESTED, ".weight.nested_absmax", true) &&
           part_take(m, ORDER, ".weight.nested_quant_map", true) &&
           part_is_real(m, NESTED, "nested scales") &&
           part_is(
               m, NESTED, (groups + d->nested_group - 1) / d->nested_group, 1, "nested scales") &&
           part_is_real(m, ORDER, "nested codes") && part_is(m, ORDER, 256, 1, "nested codes");
}

static bool four_make_by(struct making *m, const char *kind) {
    struct derived *d = m->d;
    json_t *state = four_state(m, kind);
    const bool ok = state && part_take(m, WEIGHT, ".weight", true) &&
                    part_take(m, SCALES, ".weight.absmax", true) &&
                    part_take(m, ZEROS, ".weight.quant_map", true) &&
                    part_is_real(m, ZEROS, "codes") && part_is(m, ZEROS, 16, 1, "codes") &&
                    four_shape(m, state) && four_scales(m, state);
    for (int i = 0; ok && i < 16; i++)
        d->codes[i] = real_at(&d->parts[ZEROS], (uint64_t)i);
    json_decref(state);
    return ok;
}

static bool nf4_make(struct making *m) {
    return four_make_by(m, "nf4");
}

static bool fp4_make(struct making *m) {
    return four_make_by(m, "fp4");
}

static float four_scale(const struct derived *d, uint64_t group) {
    if (!d->nested_group)
        return real_at(&d->parts[SCALES], group);
    const uint8_t code = d->parts[SCALES].data[group];
    return real_at(&d->parts[ORDER], code) * real_at(&d->parts[NESTED], group / d->nested_group) +
           d->offset;
}

/* The first of two numbers is in the high half of their byte. */
static void four_row(const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    for (uint64_t i = row * d->cols + from, end = i + n; i < end; i++) {
        const uint8_t byte = d->parts[WEIGHT].data[i / 2];
        *out++ = d->codes[i % 2 ? byte & 15 : byte >> 4] * four_scale(d, i / d->group);
    }
}

/* ---- MXFP4 experts ---- */

/* blocks [experts, out, groups, 16], scales [experts, out, groups]; the weight is [experts, in,
 * out], as its unpacked kin. */
static bool experts_make(struct making *m) {
    struct derived *d = m->d;
    if (!part_take(m, WEIGHT, "_blocks", true) || !part_take(m, SCALES, "_scales", true) ||
        !part_has_type(m, WEIGHT, TENSOR_U8, "packed numbers") ||
        !part_has_type(m, SCALES, TENSOR_U8, "scales"))
        return false;
    const struct tensor *b = &d->parts[WEIGHT], *s = &d->parts[SCALES];
    if (b->n_dims != 4 || s->n_dims != 3 || b->shape[3] != 16 ||
        memcmp(b->shape, s->shape, 3 * sizeof *s->shape) != 0)
        return part_refuse(m, "its blocks and scales have other shapes than experts have");
    d->rows = b->shape[0] * b->shape[2] * 32;
    d->cols = b->shape[1];
    return true;
}

static void experts_shape(const struct derived *d, struct tensor *t) {
    t->n_dims = 3;
    t->shape[0] = d->parts[WEIGHT].shape[0];
    t->shape[1] = d->parts[WEIGHT].shape[2] * 32;
    t->shape[2] = d->cols;
}

static void experts_row(
    const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    const uint64_t groups = d->parts[WEIGHT].shape[2], expert = row / (groups * 32),
                   input = row % (groups * 32);
    for (uint64_t o = from; o < from + n; o++) {
        const uint64_t group = (expert * d->cols + o) * groups + input / 32;
        const uint8_t byte = d->parts[WEIGHT].data[group * 16 + input % 32 / 2];
        *out++ =
            ldexpf(e2m1[input % 2 ? byte >> 4 : byte & 15], d->parts[SCALES].data[group] - 127);
    }
}

const struct packing packings[] = {
    { ".qweight", "gptq", NULL, ".weight", TENSOR_GPTQ, gptq_make, gptq_row, NULL },
    { ".qweight", "awq", NULL, ".weight", TENSOR_AWQ, awq_make, awq_row, NULL },
    { ".weight_packed", "compressed-tensors", NULL, ".weight", TENSOR_INT_PACKED, int_packed_make,
        int_packed_row, NULL },
    { ".weight_scale_inv", NULL, ".weight", ".weight", TENSOR_SCALED, scaled_inv_make, scaled_row,
        NULL },
    { ".weight_scale", NULL, ".weight", ".weight", TENSOR_SCALED, scaled_make, scaled_row, NULL },
    { ".SCB", NULL, ".weight", ".weight", TENSOR_SCALED, scb_make, scb_row, NULL },
    { ".weight.quant_state.bitsandbytes__nf4", NULL, NULL, ".weight", TENSOR_NF4, nf4_make,
        four_row, NULL },
    { ".weight.quant_state.bitsandbytes__fp4", NULL, NULL, ".weight", TENSOR_FP4, fp4_make,
        four_row, NULL },
    { "_blocks", "mxfp4", NULL, "", TENSOR_MXFP4_EXPERTS, experts_make, experts_row,
        experts_shape },
    { 0 },
};
