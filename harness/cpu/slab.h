/* Memory that lives as long as a backend: weights as they are packed, and activations. Pieces are
 * cut from large regions for which the kernel is asked for huge pages: a page of 4 KiB at a time,
 * filling memory takes longer than packing what goes there. What is not touched costs nothing. */
#ifndef ASSAY_HARNESS_CPU_SLAB_H
#define ASSAY_HARNESS_CPU_SLAB_H

#include <stddef.h>

struct slab;
struct slabs {
    struct slab *head; /* the region that is being cut */
};

/* Zeroes, 64-byte aligned; NULL where there is no memory. */
void *slab_take(struct slabs *s, size_t bytes);
void slabs_release(struct slabs *s); /* a zeroed struct is fine */

#endif
