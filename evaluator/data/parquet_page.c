/* See parquet_page.h. A page is a thrift PageHeader and bytes. How long a header is shows when it
 * is read: where the window ends within one, it is read again with more. */
#include "evaluator/data/parquet_page.h"

#include <string.h>
#include <zlib.h>

#include "evaluator/data/parquet_codec.h"
#include "evaluator/data/parquet_value.h"
#include "evaluator/data/thrift.h"

enum { PAGE_MAX_BYTES = 128 << 20, HEADER_GUESS = 512, HEADER_MAX = 16 << 20 };

bool pq_pages_wrap(const struct pq_pages *p, struct err *err) {
    return err_wrap(err, "column '%.100s', row group %u, page %u", p->column, p->group, p->n);
}

bool pq_pages_bad(const struct pq_pages *p, struct err *err, const char *what) {
    err_set(err, ERR_INPUT, "%s", what);
    return pq_pages_wrap(p, err);
}

void pq_pages_init(struct pq_pages *p, struct bytes *bytes, struct pq_memory *memory,
    const char *column, size_t read_size) {
    *p = (struct pq_pages) {
        .bytes = bytes, .memory = memory, .column = column, .read_size = read_size
    };
}

void pq_pages_start(struct pq_pages *p, const struct pq_chunk *chunk, unsigned group) {
    p->at = chunk->offset;
    p->end = chunk->offset + chunk->size;
    p->window_n = 0;
    p->codec = chunk->codec;
    p->group = group;
    p->n = 0;
}

void pq_pages_release(struct pq_pages *p) {
    if (p->memory)
        pq_buffer_release(&p->window, p->memory);
    *p = (struct pq_pages) { 0 };
}

/* ---- the window ---- */

/* A larger window that keeps `kept` bytes of this one, from `from` on. */
static bool move_window(struct pq_pages *p, size_t from, size_t kept, size_t n, struct err *err) {
    struct pq_buffer old = p->window;
    if (n <= old.capacity) {
        memmove(old.bytes, old.bytes + from, kept);
        return true;
    }
    p->window = (struct pq_buffer) { 0 };
    bool ok = pq_buffer_fit(&p->window, p->memory, n, err);
    if (ok && kept > 0)
        memcpy(p->window.bytes, old.bytes + from, kept);
    pq_buffer_release(&old, p->memory);
    return ok;
}

/* Where memory is tight, a window that grew for one long page does not outlive it. */
static void drop_long_window(struct pq_pages *p) {
    if (p->window.capacity <= p->read_size || !pq_memory_is_tight(p->memory))
        return;
    pq_buffer_release(&p->window, p->memory);
    p->window_n = 0;
}

/* The next n bytes of the chunk, which has them, as *data. */
static bool need(struct pq_pages *p, size_t n, const uint8_t **data, struct err *err) {
    bool inside = p->window_n > 0 && p->at >= p->window_at && p->at <= p->window_at + p->window_n;
    size_t from = inside ? (size_t)(p->at - p->window_at) : 0;
    size_t kept = inside ? p->window_n - from : 0;
    if (kept < n) {
        uint64_t left = p->end - p->at;
        size_t want = n > p->read_size ? n : p->read_size;
        want = want < left ? want : (size_t)left;
        p->window_n = 0;
        if (!move_window(p, from, kept, want, err) ||
            !bytes_read(p->bytes, p->at + kept, p->window.bytes + kept, want - kept, err))
            return pq_pages_wrap(p, err);
        p->window_at = p->at;
        p->window_n = want;
        from = 0;
    }
    *data = p->window.bytes + from;
    return true;
}

/* ---- headers ---- */

/* The three kinds of page differ in where their fields stand. */
static void read_kind(struct thrift *t, struct pq_page *p, int kind) {
    struct thrift_field f = { 0 };
    bool v2 = kind == PQ_PAGE_DATA_V2;
    while (thrift_next(t, &f)) {
        int64_t *into = NULL;
        if (f.id == 1)
            into = &p->n_values;
        else if (f.id == (v2 ? 4 : 2))
            into = &p->encoding;
        else if (kind != PQ_PAGE_DICTIONARY && (f.id == 5 || f.id == 6) && v2)
            into = f.id == 5 ? &p->def_bytes : &p->rep_bytes;
        else if (kind == PQ_PAGE_DATA && (f.id == 3 || f.id == 4))
            into = f.id == 3 ? &p->def_encoding : &p->rep_encoding;
        if (into)
            *into = thrift_int(t, &f);
        else if (v2 && f.id == 7)
            p->is_packed = thrift_bool(t, &f);
        else
            thrift_skip(t, &f);
    }
}

static void read_fields(struct thrift *t, struct pq_page *p) {
    struct thrift_field f = { 0 };
    while (thrift_next(t, &f)) {
        int kind = f.id == 5   ? PQ_PAGE_DATA
                   : f.id == 7 ? PQ_PAGE_DICTIONARY
                   : f.id == 8 ? PQ_PAGE_DATA_V2
                               : -1;
        int64_t *into = f.id == 1   ? &p->type
                        : f.id == 2 ? &p->unpacked_n
                        : f.id == 3 ? &p->packed_n
                        : f.id == 4 ? &p->crc
                                    : NULL;
        p->has_crc |= f.id == 4;
        if (into)
            *into = thrift_int(t, &f);
        else if (kind >= 0 && thrift_struct(t, &f))
            read_kind(t, p, kind);
        else
            thrift_skip(t, &f);
    }
}

/* Reads the header and steps over it. */
static bool read_header(struct pq_pages *p, struct pq_page *page, struct err *err) {
    uint64_t left = p->end - p->at;
    for (size_t n = HEADER_GUESS;; n *= 8) {
        const uint8_t *data;
        n = n < left ? n : (size_t)left;
        *page = (struct pq_page) { .type = -1,
            .n_values = -1,
            .encoding = -1,
            .def_encoding = PQ_RLE,
            .rep_encoding = PQ_RLE,
            .unpacked_n = -1,
            .packed_n = -1,
            .is_packed = true };
        if (!need(p, n, &data, err))
            return false;
        struct thrift t = { .at = data, .end = data + n };
        read_fields(&t, page);
        if (!t.failed) {
            p->at += (size_t)(t.at - data);
            return true;
        }
        if (n == left || n > HEADER_MAX)
            return pq_pages_bad(p, err, "page header is damaged");
    }
}

bool pq_pages_next(struct pq_pages *p, struct pq_page *page, struct err *err) {
    p->n++;
    if (p->at >= p->end)
        return pq_pages_bad(p, err, "pages end before the chunk's values do");
    if (!read_header(p, page, err))
        return false;
    if (page->packed_n < 0 || (uint64_t)page->packed_n > p->end - p->at || page->unpacked_n < 0 ||
        page->packed_n > PAGE_MAX_BYTES || page->unpacked_n > PAGE_MAX_BYTES)
        return pq_pages_bad(
            p, err, "page size is over the chunk's, or over the ceiling of 128 MiB");
    return true;
}

void pq_pages_leave(struct pq_pages *p, const struct pq_page *page) {
    p->at += (uint64_t)page->packed_n;
}

bool pq_pages_take(struct pq_pages *p, struct pq_page *page, struct err *err) {
    size_t n = (size_t)page->packed_n;
    if (!need(p, n, &page->data, err))
        return false;
    p->at += n;
    return !page->has_crc || (uint32_t)page->crc == crc32(0, page->data, (uInt)n) ||
           pq_pages_bad(p, err, "page CRC does not match");
}

/* ---- unpacking ---- */

static bool unpack(const struct pq_pages *p, const struct pq_page *page, size_t skip, uint8_t *to) {
    size_t packed = (size_t)page->packed_n - skip, unpacked = (size_t)page->unpacked_n - skip;
    if (skip > 0)
        memcpy(to, page->data, skip);
    return (unpacked == 0 && packed == 0) ||
           pq_unpack(p->codec, page->data + skip, packed, to + skip, unpacked);
}

bool pq_pages_unpack(struct pq_pages *p, const struct pq_page *page, size_t skip,
    struct pq_buffer *buffer, const uint8_t **out, size_t *n, struct err *err) {
    size_t packed = (size_t)page->packed_n, unpacked = (size_t)page->unpacked_n;
    if (skip > packed || skip > unpacked)
        return pq_pages_bad(p, err, "levels are longer than the page");
    *n = unpacked;
    *out = page->data;
    if (p->codec == PQ_UNPACKED || !page->is_packed)
        return packed == unpacked || pq_pages_bad(p, err, "page sizes differ in an unpacked page");
    const char *codec = pq_codec_name(p->codec);
    if (!codec)
        return err_set(err, ERR_UNSUPPORTED, "column '%.100s': parquet codec %d is not read",
            p->column, p->codec);
    if (!pq_buffer_fit(buffer, p->memory, unpacked, err))
        return pq_pages_wrap(p, err);
    *out = buffer->bytes;
    bool ok = unpack(p, page, skip, buffer->bytes);
    drop_long_window(p);
    if (ok)
        return true;
    char what[80];
    snprintf(what, sizeof what,
        "%s data is damaged, or of another length than the page header says", codec);
    return pq_pages_bad(p, err, what);
}
