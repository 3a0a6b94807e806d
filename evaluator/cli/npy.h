/* Rows of float32 as NumPy's .npy, format 1.0, in C order. Rows go out as they come. The header
 * tells how many there are: it is right from the start where that is known before, else it is
 * written again at the end, for which the file must be one that can be gone back in. */
#ifndef ASSAY_CLI_NPY_H
#define ASSAY_CLI_NPY_H

#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct npy {
    FILE *file;
    const char *path; /* NULL: standard output */
    char *part;       /* what is written is called so until it is whole */
    uint32_t width;
    uint64_t rows, expected;
    bool known; /* how many rows are expected */
    long start; /* where the header is, in a file that was begun by others */
};
MUST_CHECK bool npy_open(struct npy *npy, const char *path, uint32_t width,
    const uint64_t *expected, struct err *err); /* expected NULL: not known */
MUST_CHECK bool npy_add(struct npy *npy, const float *rows, uint64_t n, struct err *err);
/* With `whole`, the file is now there; without, what was written of it is gone. */
MUST_CHECK bool npy_close(struct npy *npy, bool whole, struct err *err);

#endif
