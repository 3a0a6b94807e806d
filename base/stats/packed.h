/* Kernels on packed scores, one const table an instruction set: private to sheet.c and resample.c.
 *
 * Scores of eight documents are one byte, and the byte is an index: for each group of eight
 * documents a table of all 256 sums of their weights is made once, and every model then adds one
 * entry of it (the method of the four Russians). An entry is 32 resamples wide, so one addition
 * stands for 256 multiply-adds, in integers: every table gives the same sums. */
#ifndef ASSAY_PACKED_H
#define ASSAY_PACKED_H

#include <stddef.h>
#include <stdint.h>

enum {
    LANES = 32, /* resamples side by side */
    GROUP = 8,  /* documents a byte */
};

struct packed_kernels {
    const char *name;

    /* sums[row][lane] += the sum of the weights of those documents whose bit is set. Bits are
     * bytes[group * stride + row], weights[document][lane]; weights and sums are aligned to 64
     * bytes. No lane's weights may come to more than 65,535 altogether. */
    void (*add_weights)(const uint8_t *bytes, size_t stride, const uint16_t *weights,
        size_t n_groups, size_t n_rows, uint16_t *sums);

    /* How many bits are not the same. */
    size_t (*count_differing)(const uint64_t *a, const uint64_t *b, size_t n_words);

    /* How many of x are below the bound. */
    size_t (*count_below)(const float *x, size_t n, float bound);

    /* Those of x in [low, high), in order of place, at most `max` of them; how many that were. */
    size_t (*gather)(const float *x, size_t n, float low, float high, float *out, size_t max);

    /* out = a - b; *sum and *squares of out, each in 16 partial sums that are added up in order. */
    void (*subtract)(
        const float *a, const float *b, size_t n, float *out, double *sum, double *squares);
};

/* The best table for this processor, or the one that ASSAY_ISA names, as far as it has one here. */
const struct packed_kernels *packed_kernels_choose(void);

/* All that can run here, best first, NULL-terminated: for tests. */
const struct packed_kernels *const *packed_kernels_all(void);

#endif
