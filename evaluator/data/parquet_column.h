/* Inside the data room: one column chunk as a cursor over its values, page by page. Holds one
 * unpacked page and the dictionary, nothing else. */
#ifndef ASSAY_DATA_PARQUET_COLUMN_H
#define ASSAY_DATA_PARQUET_COLUMN_H

#include "evaluator/data/parquet_value.h"

struct pq_column {
    const struct pq_node *leaf;
    const uint8_t *at, *end; /* pages still to be read */
    int codec;
    uint64_t left;      /* values to come in the chunk */
    uint64_t page_left; /* of them in this page */
    unsigned page_n;    /* pages read, for messages */
    struct pq_runs reps, defs;
    struct pq_values values;
    struct pq_dictionary dictionary;
    uint8_t *page, *dictionary_page; /* unpacked bytes, owned */
    uint32_t rep, def;               /* of the value under the cursor */
    bool loaded;                     /* rep and def are valid */
};

void pq_column_init(struct pq_column *c, const struct pq_node *leaf);
void pq_column_start(struct pq_column *c, const struct pq_meta *m, const struct pq_chunk *chunk);
void pq_column_release(struct pq_column *c);

/* Loads the levels of the next value; false at the end of the chunk (err->class stays ERR_NONE) and
 * on failure. */
bool pq_column_peek(struct pq_column *c, struct err *err);
/* Takes the value under the cursor; *present says whether there is one at the leaf (def at its
 * maximum). */
MUST_CHECK bool pq_column_take(
    struct pq_column *c, bool *present, struct pq_value *value, struct err *err);

#endif
