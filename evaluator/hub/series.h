/* Reads of remote files, told apart into series: each goes on where its last read ended, as one
 * column of a parquet file does while others are read in turn. A series says how many others there
 * are to share memory with, how far to reach ahead, and where another one began, past which nobody
 * needs to reach. Private to the hub room. */
#ifndef ASSAY_HUB_SERIES_H
#define ASSAY_HUB_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct series {
    size_t file;
    uint64_t at;            /* where its last read ended */
    uint64_t run;           /* bytes it has read; 0: it is new */
    uint64_t used, fetched; /* when it was read, and last asked the network, by the set's clock */
};

/* Where reads of a file began, of each block the lowest place. */
struct claims {
    uint32_t *lowest; /* plus one; 0: nobody was there */
    size_t n;
};

enum { SERIES_MAX = 1024 };

struct series_set {
    struct series items[SERIES_MAX];
    uint64_t clock;
    struct claims *claims; /* one a file */
    size_t n_claims, claims_capacity;
};

void series_release(struct series_set *set);

/* The series that a read at `at` goes on with, or a new one; valid until the next call. */
struct series *series_find(struct series_set *set, size_t file, uint64_t at);
void series_read(struct series_set *set, struct series *s, uint64_t at, size_t n);

/* Series that were read since this one last asked the network, itself included. */
size_t series_rivals(const struct series_set *set, const struct series *s);

/* [from, end) of the file was asked for, from a place where a read is. */
void series_claim(
    struct series_set *set, struct series *s, uint64_t size, uint64_t from, uint64_t end);
/* Where, from `at` on and before `end`, another series began; `end` if none did. */
uint64_t series_free_until(
    const struct series_set *set, const struct series *s, uint64_t at, uint64_t end);

#endif
