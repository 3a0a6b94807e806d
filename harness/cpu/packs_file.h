/* A file of packed weights:
 *
 *     header   64 bytes: magic, version, size of the file, where the index lies, sums of both
 *     panels   each matrix from a multiple of 4096 on
 *     index    the form, then a key, a place and a sum for each matrix, to the end of the file
 *
 * Numbers are the machine's own. The reader takes any bytes: what the header and the index don't
 * account for exactly is refused, before anything that they point at is looked at. Sums are against
 * damage, not against people: whoever can write here can run programs as this user. Private to
 * packs*.c and the fuzz target. */
#ifndef ASSAY_HARNESS_CPU_PACKS_FILE_H
#define ASSAY_HARNESS_CPU_PACKS_FILE_H

#include "base/mem.h"
#include "base/pool.h"
#include "base/strbuf.h"
#include "base/strmap.h"

enum { PACKS_ALIGN = 4096, PACKS_KEY_MAX = 1 << 20, PACKS_MATRICES_MAX = 1 << 20 };

struct packs_header {
    char magic[8];
    uint64_t version, file_bytes, index_at, index_sum, reserved[2];
    uint64_t sum; /* of the header up to here */
};

struct packs_entry {
    uint64_t at, bytes, sum;
    const char *key; /* in the index, not ended by NUL */
    size_t key_n;
};

struct packs_index {
    struct packs_entry *entries;
    size_t n, capacity;
    struct strmap *by_key; /* number of the entry */
};
void packs_index_release(struct packs_index *index);

/* False where the bytes are no such file, or are of another form; *index is to be released either
 * way. Keys point into the bytes. */
MUST_CHECK bool packs_read(
    struct packs_index *index, const uint8_t *bytes, size_t size, const char *form);

/* 64 bits that tell bytes from damaged ones; the pool, which may be NULL, makes it no other. */
uint64_t packs_sum(struct pool *pool, const void *data, size_t n);

/* ---- writing ---- */

struct packs_writer;

/* A new file beside `path`, of at most so many bytes; NULL where there cannot be one. */
struct packs_writer *packs_writer_new(const char *path, const char *form, uint64_t most_bytes);
/* False once it has failed, for good. A key that is there already is left alone. */
bool packs_writer_add(struct packs_writer *w, struct pool *pool, const char *key, size_t key_n,
    const void *data, size_t n);
/* Index, header, name. Frees w, like the other, which removes what there is. */
bool packs_writer_keep(struct packs_writer *w);
void packs_writer_drop(struct packs_writer *w);
/* ---- the folder ---- */

#define PACKS_ENDING ".packed"

/* Most bytes that a folder may hold; `asked` 0: 20 GiB, or a quarter of what is free and what it
 * holds already, whichever is less. */
uint64_t packs_folder_most(const char *dir, uint64_t asked);
/* Removes what was used longest ago until so many bytes are left at most, and files that a process
 * has died over. Files in use stay, and that of `path`. */
void packs_folder_trim(const char *dir, const char *path, uint64_t most_bytes);

#endif
