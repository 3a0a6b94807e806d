/* Packed weights that are kept on disk, so that the next open of a model maps them and packs
 * nothing. One file holds the packed form of all matrices of one model, as one build of the program
 * packs them for one instruction set, matrix library and element type (the file's form); a matrix
 * is found by a text that says what it was packed from, to the last factor.
 *
 * Nothing here fails: a file that is missing, foreign, cut or damaged is as good as none, and one
 * that cannot be written isn't. A file appears under its name whole or not at all, and is never
 * changed then, so any number of processes may read and write at once. Bytes are summed when they
 * are written and every time they are mapped: what doesn't add up is packed again. */
#ifndef ASSAY_HARNESS_CPU_PACKS_H
#define ASSAY_HARNESS_CPU_PACKS_H

#include "base/pool.h"
#include "harness/cpu/source.h"

struct packs;

/* Copies the config. `form`: what packing depends on besides the weights; the pool is used within
 * calls only. */
struct packs *packs_new(
    const struct packs_config *config, const char *form, uint64_t expected, struct pool *pool);
void packs_free(struct packs *p); /* what was found is gone with it; may be NULL */

/* The matrix as it was packed, `bytes` long, 64-byte aligned, valid until packs_free; NULL: not
 * there. */
const void *packs_find(struct packs *p, const struct source *s, size_t bytes);
/* One that had to be packed: written down for the next time. */
void packs_add(struct packs *p, const struct source *s, const void *packed, size_t bytes);
/* The model is open: what was written down gets its name. Without this it is thrown away. */
void packs_keep(struct packs *p);

#endif
