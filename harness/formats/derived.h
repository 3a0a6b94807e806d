/* Tensors that are not in the file as they are meant: weights packed by GPTQ, AWQ,
 * compressed-tensors or bitsandbytes, FP8 with scales, MXFP4 experts, a base model's with an
 * adapter on top. Each is made of parts that are, and is computed as it is read; to everybody above
 * it is a tensor like others. Private to this folder. */
#ifndef ASSAY_HARNESS_FORMATS_DERIVED_H
#define ASSAY_HARNESS_FORMATS_DERIVED_H

#include "harness/formats/formats.h"

#define DERIVED_PARTS_MAX 6

struct derived;

/* Elements [from, from + n) of one row (of the last dimension). */
typedef void derived_row_fn(
    const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out);

struct derived {
    derived_row_fn *row;
    struct tensor parts[DERIVED_PARTS_MAX]; /* by kind; absent ones have no data */
    uint64_t rows, cols;
    uint32_t bits, group;            /* of packed whole numbers; elements that share a scale */
    bool dense;                      /* packed numbers run on from one word to the next */
    uint64_t block_rows, block_cols; /* that share a scale */
    bool scaled_only;                /* bytes of numbers, times these scales, and nothing else */
    float offset;                    /* added to a stored zero point, or to a nested scale */
    uint32_t nested_group;           /* scales that share a scale; 0: none */
    float codes[16];                 /* what four bits stand for */
    /* of an adapter: a [rank, inputs], b [outputs, rank] */
    const float *a, *b;
    const float *gains; /* DoRA: of each output, to the length that was learned; NULL: none */
    uint32_t rank;
    float scaling;
    bool divides;    /* of 4-bit floating point: scales are divided by `scaling`, not multiplied */
    bool transposed; /* the weight is [inputs, outputs] */
    uint64_t strides[TENSOR_MAX_DIMS]; /* in elements: of a tensor that does not lie in order */
};

void derived_read(const struct tensor *t, size_t from, size_t n, float *out);

/* Looks through a folder's tensors for such parts, by its config's quantization_config (NULL: it
 * has none) and by their names, and puts in their place what they are parts of. */
MUST_CHECK bool weights_derive(struct weights *w, const json_t *config, struct err *err);

#endif
