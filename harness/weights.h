/* Weights: one view of a model's tensors and metadata, whatever the file format. Private to the
 * harness.
 *
 * Everything about the files is checked once, at open: header sizes, names, shapes times element
 * size, offsets against the file length, overlaps. After that a tensor's `data` can be read
 * without further thought until weights_close. */
#ifndef ASSAY_HARNESS_WEIGHTS_H
#define ASSAY_HARNESS_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* Plain and quantised element types. Each row of a quantised tensor is a whole number of blocks. */
enum tensor_type {
    TENSOR_F64,
    TENSOR_F32,
    TENSOR_F16,
    TENSOR_BF16,
    TENSOR_I64,
    TENSOR_I32,
    TENSOR_I16,
    TENSOR_I8,
    TENSOR_U8,
    TENSOR_BOOL,
    TENSOR_U16,
    TENSOR_U32,
    TENSOR_U64,
    TENSOR_F8_E4M3,
    TENSOR_F8_E5M2,
    TENSOR_F8_E8M0,
    TENSOR_F8_E4M3FNUZ,
    TENSOR_F8_E5M2FNUZ,
    TENSOR_Q4_0, /* this and what follows: ggml's blocks */
    TENSOR_Q4_1,
    TENSOR_Q5_0,
    TENSOR_Q5_1,
    TENSOR_Q8_0,
    TENSOR_Q8_1,
    TENSOR_Q2_K,
    TENSOR_Q3_K,
    TENSOR_Q4_K,
    TENSOR_Q5_K,
    TENSOR_Q6_K,
    TENSOR_Q8_K,
    TENSOR_IQ1_S,
    TENSOR_IQ1_M,
    TENSOR_IQ2_XXS,
    TENSOR_IQ2_XS,
    TENSOR_IQ2_S,
    TENSOR_IQ3_XXS,
    TENSOR_IQ3_S,
    TENSOR_IQ4_NL,
    TENSOR_IQ4_XS,
    TENSOR_TQ1_0,
    TENSOR_TQ2_0,
    TENSOR_MXFP4,
    TENSOR_NVFP4,
    TENSOR_Q1_0,
    TENSOR_Q2_0,
    TENSOR_GPTQ, /* this and what follows: computed from other tensors as it is read */
    TENSOR_AWQ,
    TENSOR_INT_PACKED,
    TENSOR_SCALED,
    TENSOR_NF4,
    TENSOR_FP4,
    TENSOR_MXFP4_EXPERTS,
    TENSOR_FP4_SCALED,
    TENSOR_N_TYPES,
};

#define TENSOR_BLOCK_MAX 256 /* elements of the largest block */
struct tensor_type_info {
    const char *name;              /* as GGUF and safetensors spell it: "F32", "Q4_1" */
    uint32_t block_n, block_bytes; /* elements and bytes of a block; 1 element for plain types */
    void (*to_f32)(
        const uint8_t *blocks, size_t n, float *out); /* n elements, a multiple of block_n */
};
const struct tensor_type_info *tensor_type_info(enum tensor_type type);
bool tensor_type_is_real(enum tensor_type type); /* numbers with fractions, so weights */

#define TENSOR_MAX_DIMS 8
struct derived;
struct tensor {
    const char *name;
    enum tensor_type type;
    uint32_t n_dims;
    uint64_t shape[TENSOR_MAX_DIMS]; /* rows first: the last dimension is contiguous */
    uint64_t n_elements;
    const uint8_t *data; /* valid until weights_close; may be unaligned; NULL if derived */
    size_t bytes;
    const struct derived *derived; /* NULL: it lies in the file as it is */
    bool replaced;                 /* an adapter's own numbers stand in place of the file's */
};

struct weights;

/* A folder (model.safetensors, or model.safetensors.index.json with its shards; else
 * pytorch_model.bin likewise), a .safetensors file, a .gguf, or PyTorch's .bin, .pt or .pth. */
MUST_CHECK struct weights *weights_open(const char *path, struct err *err);
void weights_close(struct weights *w);

/* Appends what tells the bytes of these files from all others, by which what was made of them can
 * be found again; false where that can't be said. */
MUST_CHECK bool weights_stamp(const struct weights *w, struct strbuf *out);

const char *weights_format(const struct weights *w); /* "safetensors", "gguf" or "pytorch" */
size_t weights_count(const struct weights *w);
const struct tensor *weights_at(const struct weights *w, size_t i);           /* file order */
const struct tensor *weights_find(const struct weights *w, const char *name); /* NULL if absent */

/* An adapter has told the head from the embedding: the head is one of these tensors, whatever the
 * config says of tied weights. */
bool weights_untied(const struct weights *w);

/* The tensor has been copied: its pages leave this process's memory, and come back from the file
 * where they are read again. */
void weights_forget(const struct weights *w, const struct tensor *t);

/* Elements [from, from + n) of the flattened tensor as f32; both multiples of the type's block. */
void tensor_read_f32(const struct tensor *t, size_t from, size_t n, float *out);

/* A tensor of numbers of one byte, each times the scale of its block of rows and columns, rounded
 * to f32 once: its bytes as they lie in the file. */
struct scaled_bytes {
    enum tensor_type type; /* of a byte */
    const uint8_t *bytes;  /* [rows, cols] */
    uint64_t rows, cols;
    uint64_t block_rows, block_cols; /* that share a scale; the last ones may be cut off */
    const struct tensor *scales;     /* NULL: all are 1 */
};
bool tensor_scaled_bytes(const struct tensor *t, struct scaled_bytes *out);
float scaled_bytes_scale(const struct scaled_bytes *b, uint64_t row, uint64_t col);

/* GGUF metadata as JSON (an object; arrays of numbers and strings as arrays), NULL for
 * safetensors. Token lists can hold raw bytes that aren't UTF-8, so arrays of strings are
 * reached through the functions below. Borrowed. */
const json_t *weights_metadata(const struct weights *w);

/* A GGUF array of strings, in place. */
struct gguf_strings {
    const uint8_t *at; /* private: iterate with gguf_strings_next */
    uint64_t left;
};
bool weights_strings(
    const struct weights *w, const char *key, struct gguf_strings *out);    /* false if absent */
bool gguf_strings_next(struct gguf_strings *it, const char **s, size_t *n); /* false at the end */

#endif
