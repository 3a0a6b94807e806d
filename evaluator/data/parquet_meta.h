/* Inside the data room: a parquet file's footer, read and checked once at open.
 *
 * File: "PAR1", column chunks, footer (a thrift struct FileMetaData), its length as 4 bytes
 * little-endian, "PAR1". The schema is a tree of nodes in depth-first order. A leaf is a column;
 * its values carry a definition level (how many of the optional and repeated nodes above it are
 * there) and a repetition level (which list goes on): Dremel's scheme. */
#ifndef ASSAY_DATA_PARQUET_META_H
#define ASSAY_DATA_PARQUET_META_H

#include "base/err.h"
#include "base/mem.h"
#include "evaluator/data/bytes.h"

enum pq_type {
    PQ_BOOLEAN,
    PQ_INT32,
    PQ_INT64,
    PQ_INT96,
    PQ_FLOAT,
    PQ_DOUBLE,
    PQ_BYTE_ARRAY,
    PQ_FIXED,
    PQ_N_TYPES,
};

enum pq_repetition { PQ_REQUIRED, PQ_OPTIONAL, PQ_REPEATED };

/* What the bytes mean beyond their type; everything else is taken as stored. */
enum pq_meaning {
    PQ_PLAIN_MEANING,
    PQ_STRING,
    PQ_UNSIGNED,
    PQ_DECIMAL,
    PQ_FLOAT16,
    PQ_UUID,
    PQ_LIST,
    PQ_MAP
};

struct pq_node {
    const char *name; /* UTF-8 */
    size_t name_n;
    const char *path; /* the names from the root's column to this one, for messages */
    enum pq_repetition repetition;
    enum pq_meaning meaning;
    bool leaf;
    enum pq_type type;
    uint32_t width, scale; /* of PQ_FIXED: bytes; of PQ_DECIMAL: digits behind the point */
    uint32_t n_children,
        end; /* children begin at the next node; `end` is the node after the subtree */
    uint32_t first_leaf, n_leaves;
    uint8_t max_def, max_rep;
};

struct pq_chunk {
    int codec;
    uint64_t n_values;
    uint64_t offset, size; /* within the file, before the footer */
};

struct pq_group {
    uint64_t n_rows;
    struct pq_chunk *chunks; /* one a leaf */
};

struct pq_meta {
    struct bytes *bytes; /* the caller's */
    struct arena arena;
    struct pq_node *nodes; /* nodes[0] is the root */
    uint32_t n_nodes, n_leaves, n_groups;
    uint32_t *leaves; /* node of each leaf */
    struct pq_group *groups;
    const char *huggingface; /* value of that key, or NULL */
};

MUST_CHECK bool pq_meta_open(struct pq_meta *m, struct bytes *bytes, struct err *err);
void pq_meta_close(struct pq_meta *m); /* a zeroed struct is fine */

#endif
