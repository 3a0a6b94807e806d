/* The codebooks of ggml's IQ types: what an index into one stands for is a few small numbers. An
 * entry packs the place of each number in a list, the first in the lowest bits: of IQ1 (-1, 0, 1)
 * and IQ2 (8, 25, 43) eight numbers of 2 bits, of IQ3_XXS (4, 12, 20, 28, 36, 44, 52, 62) and
 * IQ3_S (1, 3, ..., 15) four of 3 bits. Private to this folder. */
#ifndef ASSAY_HARNESS_FORMATS_IQ_GRIDS_H
#define ASSAY_HARNESS_FORMATS_IQ_GRIDS_H

#include <stdint.h>

extern const uint16_t IQ1_GRID[2048], IQ2_XXS_GRID[256], IQ2_XS_GRID[512], IQ2_S_GRID[1024],
    IQ3_XXS_GRID[256], IQ3_S_GRID[512];

#endif
