/* Inside the data room: the memory that the columns of a parquet file take together: windows of the
 * file, unpacked pages, dictionaries. A column of its own is bounded by the ceiling of a page; but
 * columns are many, and a page of zeros is small in the file. */
#ifndef ASSAY_DATA_PARQUET_MEMORY_H
#define ASSAY_DATA_PARQUET_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { PQ_MEMORY_MAX = 512 << 20 };

struct pq_memory {
    size_t used; /* at most PQ_MEMORY_MAX */
};

/* More than common files ever take: what is easily had again is given back at once then. */
static inline bool pq_memory_is_tight(const struct pq_memory *m) {
    return m->used > PQ_MEMORY_MAX / 8;
}

/* Memory that is used again and again; what it held is lost when it grows. */
struct pq_buffer {
    uint8_t *bytes;
    size_t capacity;
};
MUST_CHECK bool pq_buffer_fit(struct pq_buffer *b, struct pq_memory *m, size_t n, struct err *err);
void pq_buffer_release(struct pq_buffer *b, struct pq_memory *m);

#endif
