/* Parsing of GGUF v2 and v3 (little-endian):
 *
 *     "GGUF" u32 version  u64 n_tensors  u64 n_keys  keys  tensor infos  padding  data
 *     key     string, u32 type, value          string  u64 length, bytes
 *     tensor  string, u32 n_dims, u64 dims[n_dims], u32 type, u64 offset
 *     array   u32 element type, u64 count, elements
 *
 * Counts are held against ceilings and lengths against the bytes that are left;
 * the cursor below never passes the end. Stricter than the reference where that is lax: an
 * architecture is required, dimensions are at least 1, offsets are aligned. Keys found twice are
 * looked up in a hash map, so a million of them cost no more. */
#include "harness/formats/gguf_header.h"

#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "base/utf8.h"
#include "harness/formats/formats.h"
#include "harness/formats/quoted.h"

/* Sizes by ggml.h. Ids of types that were withdrawn (4, 5, 31-33, 36-38) are unknown here as they
 * are there. */
static const struct ggml_type_info ggml_types[] = {
    { 0, "F32", 1, 4, TENSOR_F32 },
    { 1, "F16", 1, 2, TENSOR_F16 },
    { 2, "Q4_0", 32, 18, TENSOR_Q4_0 },
    { 3, "Q4_1", 32, 20, TENSOR_Q4_1 },
    { 6, "Q5_0", 32, 22, TENSOR_Q5_0 },
    { 7, "Q5_1", 32, 24, TENSOR_Q5_1 },
    { 8, "Q8_0", 32, 34, TENSOR_Q8_0 },
    { 9, "Q8_1", 32, 36, TENSOR_Q8_1 },
    { 10, "Q2_K", 256, 84, TENSOR_Q2_K },
    { 11, "Q3_K", 256, 110, TENSOR_Q3_K },
    { 12, "Q4_K", 256, 144, TENSOR_Q4_K },
    { 13, "Q5_K", 256, 176, TENSOR_Q5_K },
    { 14, "Q6_K", 256, 210, TENSOR_Q6_K },
    { 15, "Q8_K", 256, 292, TENSOR_Q8_K },
    { 16, "IQ2_XXS", 256, 66, TENSOR_IQ2_XXS },
    { 17, "IQ2_XS", 256, 74, TENSOR_IQ2_XS },
    { 18, "IQ3_XXS", 256, 98, TENSOR_IQ3_XXS },
    { 19, "IQ1_S", 256, 50, TENSOR_IQ1_S },
    { 20, "IQ4_NL", 32, 18, TENSOR_IQ4_NL },
    { 21, "IQ3_S", 256, 110, TENSOR_IQ3_S },
    { 22, "IQ2_S", 256, 82, TENSOR_IQ2_S },
    { 23, "IQ4_XS", 256, 136, TENSOR_IQ4_XS },
    { 24, "I8", 1, 1, TENSOR_I8 },
    { 25, "I16", 1, 2, TENSOR_I16 },
    { 26, "I32", 1, 4, TENSOR_I32 },
    { 27, "I64", 1, 8, TENSOR_I64 },
    { 28, "F64", 1, 8, TENSOR_F64 },
    { 29, "IQ1_M", 256, 56, TENSOR_IQ1_M },
    { 30, "BF16", 1, 2, TENSOR_BF16 },
    { 34, "TQ1_0", 256, 54, TENSOR_TQ1_0 },
    { 35, "TQ2_0", 256, 66, TENSOR_TQ2_0 },
    { 39, "MXFP4", 32, 17, TENSOR_MXFP4 },
    { 40, "NVFP4", 64, 36, TENSOR_NVFP4 },
    { 41, "Q1_0", 128, 18, TENSOR_Q1_0 },
    { 42, "Q2_0", 64, 18, TENSOR_Q2_0 },
};

const struct ggml_type_info *ggml_type_find(uint32_t id) {
    for (size_t i = 0; i < sizeof ggml_types / sizeof *ggml_types; i++)
        if (ggml_types[i].id == id)
            return &ggml_types[i];
    return NULL;
}

size_t gguf_type_bytes(enum gguf_type type) {
    static const uint8_t sizes[GGUF_N_TYPES] = {
        [GGUF_U8] = 1,
        [GGUF_I8] = 1,
        [GGUF_U16] = 2,
        [GGUF_I16] = 2,
        [GGUF_U32] = 4,
        [GGUF_I32] = 4,
        [GGUF_F32] = 4,
        [GGUF_BOOL] = 1,
        [GGUF_U64] = 8,
        [GGUF_I64] = 8,
        [GGUF_F64] = 8,
    };
    return sizes[type];
}

/* ---- the cursor ---- */

struct cursor {
    const uint8_t *at, *end;
    size_t string_bytes;   /* of all strings so far */
    uint64_t array_values; /* numbers in arrays so far */
};

static size_t left(const struct cursor *c) {
    return (size_t)(c->end - c->at);
}

static bool take(struct cursor *c, void *out, size_t n, struct err *err) {
    if (n > left(c))
        return err_set(err, ERR_INPUT, "the file ends within its header: truncated");
    memcpy(out, c->at, n);
    c->at += n;
    return true;
}

static bool take_u32(struct cursor *c, uint32_t *out, struct err *err) {
    return take(c, out, sizeof *out, err);
}

static bool take_u64(struct cursor *c, uint64_t *out, struct err *err) {
    return take(c, out, sizeof *out, err);
}

static bool take_string(struct cursor *c, const char **s, size_t *n, struct err *err) {
    uint64_t length = 0;
    if (!take_u64(c, &length, err))
        return false;
    if (length > left(c))
        return err_set(
            err, ERR_INPUT, "string length %" PRIu64 " runs past the end of the file", length);
    if (length > GGUF_STRING_BYTES_MAX - c->string_bytes)
        return err_set(
            err, ERR_INPUT, "strings of more than %u bytes in all", GGUF_STRING_BYTES_MAX);
    *s = (const char *)c->at;
    *n = (size_t)length;
    c->at += length;
    c->string_bytes += *n;
    return true;
}

/* ---- keys ---- */

static bool take_type(struct cursor *c, enum gguf_type *out, struct err *err) {
    uint32_t type = 0;
    if (!take_u32(c, &type, err))
        return false;
    if (type >= GGUF_N_TYPES)
        return err_set(err, ERR_INPUT, "unknown value type %" PRIu32, type);
    *out = (enum gguf_type)type;
    return true;
}

static bool pass_strings(struct cursor *c, uint64_t n, struct err *err) {
    const char *s;
    size_t len;
    for (uint64_t i = 0; i < n; i++)
        if (!take_string(c, &s, &len, err))
            return false;
    return true;
}

static bool array_head(struct cursor *c, struct gguf_key *key, struct err *err) {
    if (!take_type(c, &key->type, err) || !take_u64(c, &key->count, err))
        return false;
    if (key->type == GGUF_ARRAY)
        return err_set(err, ERR_UNSUPPORTED, "nested array: arrays of arrays are not supported");
    const size_t each = key->type == GGUF_STRING ? sizeof(uint64_t) : gguf_type_bytes(key->type);
    if (key->count > left(c) / each)
        return err_set(
            err, ERR_INPUT, "array length %" PRIu64 " runs past the end of the file", key->count);
    if (key->type == GGUF_STRING)
        return true;
    if (key->count > GGUF_ARRAY_VALUES_MAX - c->array_values)
        return err_set(err, ERR_INPUT, "array length %" PRIu64 ": more than %u numbers in all",
            key->count, GGUF_ARRAY_VALUES_MAX);
    c->array_values += key->count;
    return true;
}

static bool take_value(struct cursor *c, struct gguf_key *key, struct err *err) {
    if (!take_type(c, &key->type, err))
        return false;
    key->count = 1;
    key->is_array = key->type == GGUF_ARRAY;
    if (key->is_array && !array_head(c, key, err))
        return false;
    key->at = c->at;
    if (key->type == GGUF_STRING)
        return pass_strings(c, key->count, err);
    const size_t bytes = (size_t)key->count * gguf_type_bytes(key->type);
    if (bytes > left(c))
        return err_set(err, ERR_INPUT, "the file ends within its header: truncated");
    c->at += bytes;
    return true;
}

static bool take_key(struct cursor *c, struct gguf_key *key, struct strmap *seen, struct err *err) {
    struct quoted q;
    key->begin = c->at;
    if (!take_string(c, &key->name, &key->name_n, err))
        return err_wrap(err, "metadata key");
    const char *name = quoted(&q, key->name, key->name_n);
    if (!key->name_n || key->name_n > GGUF_KEY_BYTES_MAX || memchr(key->name, '\0', key->name_n) ||
        !utf8_valid(key->name, key->name_n))
        return err_set(err, ERR_INPUT,
            "metadata key '%s' is empty, longer than %d bytes, or not UTF-8", name,
            GGUF_KEY_BYTES_MAX);
    if (!strmap_add(seen, key->name, key->name_n, 0))
        return err_set(err, ERR_INPUT, "duplicate metadata key '%s'", name);
    if (!take_value(c, key, err))
        return err_wrap(err, "metadata '%s'", name);
    key->end = c->at;
    return true;
}

static bool take_keys(struct cursor *c, struct gguf_header *h, struct err *err) {
    struct strmap *seen = strmap_new(h->n_keys);
    bool ok = true;
    for (size_t i = 0; ok && i < h->n_keys; i++)
        ok = take_key(c, &h->keys[i], seen, err);
    strmap_free(seen);
    return ok;
}

bool gguf_key_is(const struct gguf_key *key, const char *name) {
    return key->name_n == strlen(name) && memcmp(key->name, name, key->name_n) == 0;
}

const struct gguf_key *gguf_key_find(const struct gguf_header *h, const char *name) {
    for (size_t i = 0; i < h->n_keys; i++)
        if (gguf_key_is(&h->keys[i], name))
            return &h->keys[i];
    return NULL;
}

bool gguf_key_uint(const struct gguf_key *key, uint64_t *out) {
    const size_t n = gguf_type_bytes(key->type);
    if (key->is_array || !n || key->type == GGUF_F32 || key->type == GGUF_F64 ||
        key->type == GGUF_BOOL)
        return false;
    const bool is_signed = key->type == GGUF_I8 || key->type == GGUF_I16 || key->type == GGUF_I32 ||
                           key->type == GGUF_I64;
    if (is_signed && key->at[n - 1] & 0x80)
        return false;
    uint64_t v = 0;
    memcpy(&v, key->at, n);
    *out = v;
    return true;
}

static uint64_t uint_of(const struct gguf_header *h, const char *name) {
    const struct gguf_key *key = gguf_key_find(h, name);
    uint64_t n = 0;
    return key && gguf_key_uint(key, &n) ? n : 0;
}

static void split_find(struct gguf_header *h) {
    h->split = (struct gguf_split) { uint_of(h, "split.no"), uint_of(h, "split.count"),
        uint_of(h, "split.tensors.count") };
}

/* Keys that decide how the rest is read. */
static bool keys_check(struct gguf_header *h, struct err *err) {
    const struct gguf_key *architecture = gguf_key_find(h, "general.architecture");
    split_find(h);
    const bool follows =
        h->split.count > 1 && h->split.no > 0; /* the first part has the keys of all */
    if (!follows && (!architecture || architecture->is_array || architecture->type != GGUF_STRING))
        return err_set(err, ERR_INPUT, "there is no general.architecture");
    const struct gguf_key *alignment = gguf_key_find(h, "general.alignment");
    uint64_t n = 32;
    if (alignment && (alignment->type != GGUF_U32 || alignment->is_array))
        return err_set(err, ERR_INPUT, "general.alignment is not a u32");
    if (alignment && (!gguf_key_uint(alignment, &n) || !n || n & (n - 1)))
        return err_set(err, ERR_INPUT, "alignment %" PRIu64 " is not a power of two", n);
    h->alignment = (uint32_t)n;
    return true;
}

/* ---- tensors ---- */

static bool take_dims(struct cursor *c, struct gguf_tensor *t, struct err *err) {
    if (!take_u32(c, &t->n_dims, err))
        return false;
    if (t->n_dims > GGUF_MAX_DIMS)
        return err_set(
            err, ERR_INPUT, "%" PRIu32 " dimensions (the limit is %d)", t->n_dims, GGUF_MAX_DIMS);
    t->n_elements = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        if (!take_u64(c, &t->dims[i], err))
            return false;
        if (!t->dims[i])
            return err_set(err, ERR_INPUT, "one of its dimensions is 0");
        if (__builtin_mul_overflow(t->n_elements, t->dims[i], &t->n_elements) ||
            t->n_elements > INT64_MAX)
            return err_set(err, ERR_INPUT, "its dimensions overflow");
    }
    return true;
}

static bool take_tensor_type(struct cursor *c, struct gguf_tensor *t, struct err *err) {
    uint32_t id = 0;
    if (!take_u32(c, &id, err))
        return false;
    t->type = ggml_type_find(id);
    if (!t->type)
        return err_set(err, ERR_UNSUPPORTED, "unknown ggml type %" PRIu32, id);
    const uint64_t row = t->n_dims ? t->dims[0] : 1;
    if (row % t->type->block_n)
        return err_set(err, ERR_INPUT,
            "a row of %" PRIu64 " is not a multiple of %s's block size %" PRIu32, row,
            t->type->name, t->type->block_n);
    if (__builtin_mul_overflow(
            t->n_elements / t->type->block_n, (uint64_t)t->type->block_bytes, &t->bytes))
        return err_set(err, ERR_INPUT, "its dimensions overflow");
    return true;
}

static bool take_tensor(
    struct cursor *c, struct gguf_header *h, struct gguf_tensor *t, struct err *err) {
    struct quoted q;
    if (!take_string(c, &t->name, &t->name_n, err))
        return err_wrap(err, "tensor name");
    const char *name = quoted(&q, t->name, t->name_n);
    if (!take_dims(c, t, err) || !take_tensor_type(c, t, err) || !take_u64(c, &t->offset, err))
        return err_wrap(err, "tensor '%s'", name);
    if (t->offset % h->alignment)
        return err_set(err, ERR_INPUT,
            "offset %" PRIu64 " of tensor '%s' does not keep the alignment of %" PRIu32, t->offset,
            name, h->alignment);
    return true;
}

/* The data begins at the next multiple of the alignment; a file without tensors may end before
 * that. */
static bool data_find(
    struct gguf_header *h, const uint8_t *bytes, const struct cursor *c, struct err *err) {
    const size_t used = (size_t)(c->at - bytes),
                 padding = (h->alignment - used % h->alignment) % h->alignment;
    if (padding > left(c) && h->n_tensors)
        return err_set(err, ERR_INPUT, "truncated: the file ends before its tensors' data");
    h->data = padding > left(c) ? c->end : c->at + padding;
    h->data_bytes = (size_t)(c->end - h->data);
    return true;
}

static bool tensors_check(const struct gguf_header *h, struct err *err) {
    for (size_t i = 0; i < h->n_tensors; i++) {
        const struct gguf_tensor *t = &h->tensors[i];
        struct quoted q;
        const char *name = quoted(&q, t->name, t->name_n);
        if (t->offset > h->data_bytes)
            return err_set(err, ERR_INPUT,
                "offset %" PRIu64 " of tensor '%s' is past the end of the file", t->offset, name);
        if (t->bytes > h->data_bytes - t->offset)
            return err_set(err, ERR_INPUT,
                "truncated: tensor '%s' takes %" PRIu64 " bytes at offset %" PRIu64
                ", the file has %zu bytes of data",
                name, t->bytes, t->offset, h->data_bytes);
    }
    return true;
}

/* ---- the whole ---- */

static bool take_version(struct cursor *c, struct gguf_header *h, struct err *err) {
    char magic[4];
    if (lfs_pointer_refuse(c->at, left(c), err))
        return false;
    if (left(c) < 24)
        return err_set(
            err, ERR_INPUT, "too short: %zu bytes, and the smallest header takes 24", left(c));
    if (!take(c, magic, sizeof magic, err) || !take_u32(c, &h->version, err))
        return false;
    if (memcmp(magic, "GGUF", sizeof magic) != 0)
        return err_set(err, ERR_INPUT, "the magic number is not 'GGUF'");
    if (h->version && !(h->version & 0xffff))
        return err_set(err, ERR_UNSUPPORTED, "a big-endian file (version %" PRIu32 ")",
            __builtin_bswap32(h->version));
    if (h->version != 2 && h->version != 3)
        return err_set(
            err, ERR_UNSUPPORTED, "GGUF version %" PRIu32 " (2 and 3 are supported)", h->version);
    return true;
}

/* The ceilings bound what is allocated here; that the file holds as many entries shows when they
 * are read. */
static bool take_counts(struct cursor *c, struct gguf_header *h, struct err *err) {
    uint64_t n_tensors = 0, n_keys = 0;
    if (!take_u64(c, &n_tensors, err) || !take_u64(c, &n_keys, err))
        return false;
    if (n_tensors > WEIGHTS_TENSORS_MAX)
        return err_set(err, ERR_INPUT, "tensor count %" PRIu64 " is past the limit of %d",
            n_tensors, WEIGHTS_TENSORS_MAX);
    if (n_keys > GGUF_KEYS_MAX)
        return err_set(err, ERR_INPUT, "metadata count %" PRIu64 " is past the limit of %d", n_keys,
            GGUF_KEYS_MAX);
    h->n_tensors = (size_t)n_tensors;
    h->n_keys = (size_t)n_keys;
    h->keys = xcalloc(h->n_keys + 1, sizeof *h->keys);
    h->tensors = xcalloc(h->n_tensors + 1, sizeof *h->tensors);
    return true;
}

static bool parse(struct gguf_header *h, const uint8_t *bytes, size_t size, struct err *err) {
    struct cursor c = { .at = bytes, .end = bytes + size };
    if (!take_version(&c, h, err) || !take_counts(&c, h, err) || !take_keys(&c, h, err) ||
        !keys_check(h, err))
        return false;
    for (size_t i = 0; i < h->n_tensors; i++)
        if (!take_tensor(&c, h, &h->tensors[i], err))
            return false;
    return data_find(h, bytes, &c, err) && tensors_check(h, err);
}

bool gguf_header_parse(struct gguf_header *h, const uint8_t *bytes, size_t size, struct err *err) {
    *h = (struct gguf_header) { 0 };
    if (parse(h, bytes, size, err))
        return true;
    gguf_header_release(h);
    return false;
}

void gguf_header_release(struct gguf_header *h) {
    free(h->keys);
    free(h->tensors);
    *h = (struct gguf_header) { 0 };
}
