/* Libraries that are opened at run time where they are: the NVIDIA driver's and CUDA's. */
#ifndef ASSAY_HARNESS_CUDA_DYNAMIC_H
#define ASSAY_HARNESS_CUDA_DYNAMIC_H

#include <stddef.h>

#include "base/err.h"

/* A function of a library, and where its address goes in the caller's struct of pointers. */
struct dynamic_symbol {
    const char *name;
    size_t at;
};

/* The first of the names (NULL-terminated) that opens; NULL with *err. *found is its name. */
MUST_CHECK void *dynamic_open(const char *const *names, const char **found, struct err *err);
/* Fills in `table` with all of the symbols (ended by a NULL name); false with *err where one is
 * missing. */
MUST_CHECK bool dynamic_bind(
    void *library, const struct dynamic_symbol *symbols, void *table, struct err *err);

#endif
