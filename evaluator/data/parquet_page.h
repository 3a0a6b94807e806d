/* Inside the data room: a column chunk as a series of pages, read through a window of the file that
 * is no larger than it has to be. */
#ifndef ASSAY_DATA_PARQUET_PAGE_H
#define ASSAY_DATA_PARQUET_PAGE_H

#include "evaluator/data/parquet_memory.h"
#include "evaluator/data/parquet_meta.h"

enum { PQ_PAGE_DATA = 0, PQ_PAGE_INDEX = 1, PQ_PAGE_DICTIONARY = 2, PQ_PAGE_DATA_V2 = 3 };

struct pq_page {
    int64_t type, n_values, encoding, def_encoding, rep_encoding, def_bytes, rep_bytes;
    int64_t unpacked_n, packed_n, crc;
    bool has_crc, is_packed;
    const uint8_t *data; /* packed_n bytes once taken, valid until the next page is read */
};

struct pq_pages {
    struct bytes *bytes;
    struct pq_memory *memory;
    const char *column;
    uint64_t at, end;        /* of the chunk: what has not been given yet */
    struct pq_buffer window; /* the file from window_at on, */
    uint64_t window_at;
    size_t window_n;  /* so many bytes of it */
    size_t read_size; /* of a read, where the page asks for no more */
    int codec;
    unsigned group, n; /* for messages: the row group, pages read so far */
};

/* `memory` and `column` outlive the pages. */
void pq_pages_init(struct pq_pages *p, struct bytes *bytes, struct pq_memory *memory,
    const char *column, size_t read_size);
void pq_pages_start(struct pq_pages *p, const struct pq_chunk *chunk, unsigned group);
void pq_pages_release(struct pq_pages *p);

/* Puts "column, row group, page" in front of *err; false. */
bool pq_pages_wrap(const struct pq_pages *p, struct err *err);
/* Sets *err to "column, row group, page: what"; false. */
bool pq_pages_bad(const struct pq_pages *p, struct err *err, const char *what);

/* The header of the next page, whose content is then taken or left. */
MUST_CHECK bool pq_pages_next(struct pq_pages *p, struct pq_page *page, struct err *err);
/* Reads the content, its checksum verified where it has one. */
MUST_CHECK bool pq_pages_take(struct pq_pages *p, struct pq_page *page, struct err *err);
/* Steps over it, unread. */
void pq_pages_leave(struct pq_pages *p, const struct pq_page *page);

/* The page's unpacked bytes, of which the first `skip` are not packed in the file either: a view of
 * the window where nothing is packed, else in `buffer`; the page's own bytes may be gone then. */
MUST_CHECK bool pq_pages_unpack(struct pq_pages *p, const struct pq_page *page, size_t skip,
    struct pq_buffer *buffer, const uint8_t **out, size_t *n, struct err *err);

#endif
