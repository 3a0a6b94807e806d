/* Weights of one byte with scales, as files have them: a folder with one weight, and a tiny model
 * (tiny_models.h) whose layers' matrices are such. */
#ifndef ASSAY_TESTS_FP8_FILES_H
#define ASSAY_TESTS_FP8_FILES_H

#include "harness/weights.h"
#include "tiny_models.h"

/* Rows and columns that share a scale, which are of a type of the file; 0: all of them. */
struct fp8_layout {
    const char *name;
    uint32_t block_rows, block_cols;
    enum tensor_type scales; /* F32, BF16 or F8_E8M0 */
};

/* Any bytes that are numbers. */
void fp8_noise(uint32_t seed, size_t n, uint8_t *out);

/* A folder whose one weight, "l.weight", is [n, k] of these bytes, with scales near 1 / 64. */
void fp8_write(const char *folder, const struct fp8_layout *layout, uint32_t n, uint32_t k,
    const uint8_t *bytes);

/* tiny_write, with the matrices of layers in blocks of 128 x 128. Other numbers than the tiny
 * model's, but near them. */
void fp8_write_tiny(const struct tiny *t, const char *folder);

#endif
