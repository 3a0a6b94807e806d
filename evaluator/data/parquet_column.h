/* Inside the data room: one column chunk as a cursor over its values, page by page. Holds a window
 * of the file, one unpacked page and the dictionary, out of the memory that all columns share. */
#ifndef ASSAY_DATA_PARQUET_COLUMN_H
#define ASSAY_DATA_PARQUET_COLUMN_H

#include "evaluator/data/parquet_page.h"
#include "evaluator/data/parquet_value.h"

struct pq_column {
    const struct pq_node *leaf;
    struct pq_pages pages;
    uint64_t left;      /* values to come in the chunk */
    uint64_t page_left; /* of them in this page */
    struct pq_runs reps, defs;
    struct pq_values values;
    struct pq_dictionary dictionary;
    struct pq_buffer page, dictionary_page; /* unpacked bytes */
    struct pq_buffer dictionary_values;     /* what `dictionary` points to */
    uint32_t rep, def;                      /* of the value under the cursor */
    bool loaded;                            /* rep and def are valid */
};

/* Reads `read_size` bytes at a time, or more where a page is longer. */
void pq_column_init(struct pq_column *c, const struct pq_node *leaf, struct bytes *bytes,
    struct pq_memory *memory, size_t read_size);
void pq_column_start(struct pq_column *c, const struct pq_chunk *chunk, unsigned group);
void pq_column_release(struct pq_column *c); /* a zeroed column is fine */

/* Sets *err to where the cursor stands, and what is wrong; false. */
static inline bool pq_column_bad(const struct pq_column *c, struct err *err, const char *what) {
    return pq_pages_bad(&c->pages, err, what);
}

/* Loads the levels of the next value; false at the end of the chunk (err->class stays ERR_NONE) and
 * on failure. */
bool pq_column_load(struct pq_column *c, struct err *err);
static inline bool pq_column_peek(struct pq_column *c, struct err *err) {
    return c->loaded || pq_column_load(c, err);
}

/* Takes the value under the cursor; *present says whether there is one at the leaf (def at its
 * maximum). Bytes are valid until the next call; those of a dictionary until the next chunk. */
MUST_CHECK bool pq_column_take(
    struct pq_column *c, bool *present, struct pq_value *value, struct err *err);

/* Passes over the values of so many rows, which the chunk has; pages of nothing else stay unread
 * where a value is a row. */
MUST_CHECK bool pq_column_skip(struct pq_column *c, uint64_t rows, struct err *err);

#endif
