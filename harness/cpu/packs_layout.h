/* What the reader and the writer of packed weights have in common (see packs_file.h). */
#ifndef ASSAY_HARNESS_CPU_PACKS_LAYOUT_H
#define ASSAY_HARNESS_CPU_PACKS_LAYOUT_H

#include <stddef.h>

#include "harness/cpu/packs_file.h"

#define PACKS_MAGIC "ASSAYPKD"
enum { PACKS_VERSION = 1 };

static inline uint64_t packs_header_sum(const struct packs_header *h) {
    return packs_sum(NULL, h, offsetof(struct packs_header, sum));
}

#endif
