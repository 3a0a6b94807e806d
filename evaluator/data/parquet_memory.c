/* See parquet_memory.h. */
#include "evaluator/data/parquet_memory.h"

void pq_buffer_release(struct pq_buffer *b, struct pq_memory *m) {
    free(b->bytes);
    m->used -= b->capacity;
    *b = (struct pq_buffer) { 0 };
}

/* Not zeroed: a page that lies about its size costs address space only. */
bool pq_buffer_fit(struct pq_buffer *b, struct pq_memory *m, size_t n, struct err *err) {
    if (n <= b->capacity && b->bytes)
        return true;
    pq_buffer_release(b, m);
    if (n > PQ_MEMORY_MAX - m->used) {
        err_set(err, ERR_UNSUPPORTED,
            "the pages and dictionaries of the columns that are read take more than %d MiB at once",
            PQ_MEMORY_MAX >> 20);
        return err_hint(err, "read fewer columns, or write the file with smaller pages");
    }
    b->bytes = malloc(n + 1);
    if (!b->bytes)
        return err_set(err, ERR_RESOURCE, "could not allocate %zu bytes for a parquet page", n);
    b->capacity = n;
    m->used += n;
    return true;
}
