/* Inside the data room: parquet's encodings, each a decoder that gives one value at a time and
 * keeps no more state than that needs. A decoder borrows the page's bytes. */
#ifndef ASSAY_DATA_PARQUET_VALUE_H
#define ASSAY_DATA_PARQUET_VALUE_H

#include "evaluator/data/parquet_memory.h"
#include "evaluator/data/parquet_meta.h"

/* Runs of one value, and groups of eight packed by bits, mixed: levels, dictionary indices,
 * booleans. */
struct pq_runs {
    const uint8_t *at, *end;
    unsigned width;        /* bits a value, 0 to 32 */
    uint64_t same, packed; /* values left in the run at hand */
    uint32_t value;        /* of `same` */
    uint64_t bit;          /* of `packed`: position from `at` */
    size_t packed_bytes;
    bool high_first; /* bits of `packed` are taken from a byte's high end */
};
void pq_runs_init(struct pq_runs *r, const uint8_t *data, size_t n, unsigned width);
/* All of it packed, high bits first: what levels were in before there were runs. */
void pq_runs_init_packed(struct pq_runs *r, const uint8_t *data, size_t n, unsigned width);
bool pq_runs_more(struct pq_runs *r, uint32_t *value);
static inline bool pq_runs_next(struct pq_runs *r, uint32_t *value) { /* false: they end too soon */
    if (r->same == 0)
        return pq_runs_more(r, value);
    r->same--;
    *value = r->value;
    return true;
}

/* Differences in blocks: DELTA_BINARY_PACKED. */
struct pq_deltas {
    const uint8_t *at, *end, *widths;
    uint64_t per_mini, n_mini, left; /* values a miniblock, miniblocks a block, values to come */
    uint64_t mini, in_mini, bit;     /* where it stands */
    uint64_t last, min_delta;
    bool first;
};

/* Whether bytes are UTF-8, where somebody has looked. */
enum pq_text { PQ_TEXT_UNKNOWN, PQ_TEXT_YES, PQ_TEXT_NO };

struct pq_value {
    union {
        int64_t i;
        double d;
    };
    const uint8_t *bytes;
    uint32_t n;
    enum pq_text text; /* of a dictionary's value, which many rows may share */
};

struct pq_dictionary {
    struct pq_value *values;
    size_t n;
};

enum pq_encoding {
    PQ_PLAIN = 0,
    PQ_PLAIN_DICTIONARY = 2,
    PQ_RLE = 3,
    PQ_BIT_PACKED = 4,
    PQ_DELTA_BINARY_PACKED = 5,
    PQ_DELTA_LENGTH = 6,
    PQ_DELTA_BYTES = 7,
    PQ_RLE_DICTIONARY = 8,
    PQ_STREAM_SPLIT = 9,
};

struct pq_values {
    bool (*next)(struct pq_values *v, struct pq_value *out);
    const uint8_t *at, *end;
    enum pq_type type;
    size_t width; /* of a fixed-size value in bytes */
    unsigned bit; /* PLAIN booleans */
    struct pq_runs runs;
    const struct pq_dictionary *dictionary; /* NULL: values stand in the page */
    struct pq_deltas deltas, prefixes;
    /* DELTA_BYTE_ARRAY: the value before; BYTE_STREAM_SPLIT: the one at hand. Kept from page to
     * page as a buffer, out of `memory`. */
    struct pq_buffer previous;
    struct pq_memory *memory;
    size_t previous_n;
    size_t split_i, split_n; /* BYTE_STREAM_SPLIT */
};

/* `max` bounds how many values the page can hold. A zeroed struct with its memory set, or one that
 * was used for another page. */
MUST_CHECK bool pq_values_init(struct pq_values *v, int encoding, const struct pq_node *leaf,
    const uint8_t *data, size_t n, uint64_t max, const struct pq_dictionary *dictionary,
    struct err *err);
/* False: the bytes end too soon or make no sense. Bytes given are valid until the next call. */
static inline bool pq_values_next(struct pq_values *v, struct pq_value *out) {
    return v->next(v, out);
}

#endif
