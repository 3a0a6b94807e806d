/* The header of a GGUF file as it lies in the file: keys, and where tensors are. Everything is
 * checked at parse: after it, every `at` and offset here is within the file. Shared by the reader
 * and by truncation; values are turned into JSON elsewhere (gguf.c). */
#ifndef ASSAY_HARNESS_FORMATS_GGUF_HEADER_H
#define ASSAY_HARNESS_FORMATS_GGUF_HEADER_H

#include "harness/weights.h"

enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_N_TYPES,
};

/* Bytes of a value of the type; 0 for strings and arrays. */
size_t gguf_type_bytes(enum gguf_type type);

#define GGUF_MAX_DIMS 4

struct gguf_key {
    const char *name; /* in the file: name_n bytes of UTF-8 without NUL, but not terminated */
    size_t name_n;
    const uint8_t *begin, *at,
        *end;            /* of the whole entry, and where its value (or first element) is */
    enum gguf_type type; /* of the elements, for an array */
    bool is_array;
    uint64_t count; /* elements; 1 for what isn't an array */
};

struct gguf_tensor {
    const char *name;
    size_t name_n;
    uint32_t n_dims;
    uint64_t dims[GGUF_MAX_DIMS];       /* as in the file: the contiguous one first */
    uint64_t n_elements, bytes, offset; /* offset from the start of the data */
    const struct ggml_type_info *type;
};

/* Of a model in several files: which of how many this is, counted from 0, and the tensors of all.
 */
struct gguf_split {
    uint64_t no, count, n_tensors; /* count 0 or 1: it is the only one */
};

struct gguf_header {
    uint32_t version, alignment;
    struct gguf_split split;
    struct gguf_key *keys;
    size_t n_keys;
    struct gguf_tensor *tensors;
    size_t n_tensors;
    const uint8_t *data; /* the tensors' data */
    size_t data_bytes;
};
MUST_CHECK bool gguf_header_parse(
    struct gguf_header *h, const uint8_t *bytes, size_t size, struct err *err);
void gguf_header_release(struct gguf_header *h); /* a zeroed struct is fine */

const struct gguf_key *gguf_key_find(
    const struct gguf_header *h, const char *name); /* NULL if absent */
bool gguf_key_is(const struct gguf_key *key, const char *name);

/* A scalar of any whole-number type; false for others. */
MUST_CHECK bool gguf_key_uint(const struct gguf_key *key, uint64_t *out);

/* ggml's element types. */
struct ggml_type_info {
    uint32_t id;
    const char *name;
    uint32_t block_n, block_bytes;
    enum tensor_type type;
};
const struct ggml_type_info *ggml_type_find(uint32_t id); /* NULL if unknown */

#endif
