/* See parquet_column.h. A chunk is an optional dictionary page, then data pages; each is a thrift
 * PageHeader and bytes. Version 1 packs levels and values together; version 2 leaves the levels
 * unpacked in front. */
#include "evaluator/data/parquet_column.h"

#include <limits.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "evaluator/data/thrift.h"

enum { PAGE_MAX_BYTES = 128 << 20, PAGE_MAX_VALUES = 1 << 28, VALUE_MAX_BYTES = 16 << 20 };

enum { PAGE_DATA = 0, PAGE_INDEX = 1, PAGE_DICTIONARY = 2, PAGE_DATA_V2 = 3 };

enum { CODEC_NONE = 0, CODEC_SNAPPY = 1, CODEC_GZIP = 2, CODEC_ZSTD = 6 };

struct page {
    int64_t type, unpacked, packed, crc, n_values, encoding, def_encoding, rep_encoding, def_bytes,
        rep_bytes;
    bool has_crc, is_packed;
    const uint8_t *data; /* `packed` bytes */
};

static bool bad(const struct pq_column *c, struct err *err, const char *what) {
    return err_set(err, ERR_INPUT, "column '%.100s', page %u: %s", c->leaf->name, c->page_n, what);
}

/* ---- headers ---- */

/* The three kinds of page differ in where their fields stand. */
static void read_kind(struct thrift *t, struct page *p, int kind) {
    struct thrift_field f = { 0 };
    bool v2 = kind == PAGE_DATA_V2;
    while (thrift_next(t, &f)) {
        int64_t *into = NULL;
        if (f.id == 1)
            into = &p->n_values;
        else if (f.id == (v2 ? 4 : 2))
            into = &p->encoding;
        else if (kind != PAGE_DICTIONARY && (f.id == 5 || f.id == 6) && v2)
            into = f.id == 5 ? &p->def_bytes : &p->rep_bytes;
        else if (kind == PAGE_DATA && (f.id == 3 || f.id == 4))
            into = f.id == 3 ? &p->def_encoding : &p->rep_encoding;
        if (into)
            *into = thrift_int(t, &f);
        else if (v2 && f.id == 7)
            p->is_packed = thrift_bool(t, &f);
        else
            thrift_skip(t, &f);
    }
}

static void read_fields(struct thrift *t, struct page *p) {
    struct thrift_field f = { 0 };
    while (thrift_next(t, &f)) {
        int kind = f.id == 5   ? PAGE_DATA
                   : f.id == 7 ? PAGE_DICTIONARY
                   : f.id == 8 ? PAGE_DATA_V2
                               : -1;
        int64_t *into = f.id == 1   ? &p->type
                        : f.id == 2 ? &p->unpacked
                        : f.id == 3 ? &p->packed
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

static bool read_page(struct pq_column *c, struct page *p, struct err *err) {
    *p = (struct page) { .type = -1,
        .n_values = -1,
        .encoding = -1,
        .def_encoding = PQ_RLE,
        .rep_encoding = PQ_RLE,
        .is_packed = true };
    struct thrift t = { .at = c->at, .end = c->end };
    c->page_n++;
    read_fields(&t, p);
    if (t.failed)
        return bad(c, err, "page header is damaged");
    if (p->packed < 0 || p->packed > t.end - t.at || p->unpacked < 0 ||
        p->unpacked > PAGE_MAX_BYTES)
        return bad(c, err, "page size is over the chunk's, or over the ceiling of 128 MiB");
    p->data = t.at;
    c->at = t.at + p->packed;
    if (p->has_crc && (uint32_t)p->crc != crc32(crc32(0, NULL, 0), p->data, (uInt)p->packed))
        return bad(c, err, "page CRC does not match");
    return true;
}

/* ---- unpacking ---- */

static bool inflate_all(const uint8_t *in, size_t n, uint8_t *out, size_t out_n) {
    z_stream z = { .next_in = (Bytef *)(uintptr_t)in,
        .avail_in = (uInt)n,
        .next_out = out,
        .avail_out = (uInt)out_n };
    if (inflateInit2(&z, 15 + 32) != Z_OK)
        return false;
    int status = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return status == Z_STREAM_END && z.avail_out == 0;
}

static bool unsnap(const uint8_t *in, size_t n, uint8_t *out, size_t out_n) {
    size_t len;
    return snappy_uncompressed_length((const char *)in, n, &len) == SNAPPY_OK && len == out_n &&
           snappy_uncompress((const char *)in, n, (char *)out, &len) == SNAPPY_OK && len == out_n;
}

static bool unpack_into(
    struct pq_column *c, const uint8_t *in, size_t n, uint8_t *out, size_t out_n, struct err *err) {
    bool ok;
    switch (c->codec) {
    case CODEC_SNAPPY:
        ok = unsnap(in, n, out, out_n);
        return ok || bad(c, err,
                         "snappy data is damaged, or of another length than the page header says");
    case CODEC_GZIP:
        return inflate_all(in, n, out, out_n) || bad(c, err, "gzip data is damaged");
    case CODEC_ZSTD:
        ok = ZSTD_decompress(out, out_n, in, n) == out_n;
        return ok || bad(c, err, "zstd data is damaged");
    default:
        return err_set(err, ERR_UNSUPPORTED, "column '%.100s': parquet codec %d is not read",
            c->leaf->name, c->codec);
    }
}

/* The bytes after the first `skip`, unpacked: a view of the file where nothing is packed, else
 * *owned. */
static bool unpack(struct pq_column *c, const struct page *p, size_t skip, uint8_t **owned,
    const uint8_t **out, size_t *n, struct err *err) {
    size_t packed = (size_t)p->packed, unpacked = (size_t)p->unpacked;
    if (skip > packed || skip > unpacked)
        return bad(c, err, "levels are longer than the page");
    *n = unpacked - skip;
    *out = p->data + skip;
    if (c->codec == CODEC_NONE || !p->is_packed)
        return packed == unpacked || bad(c, err, "page sizes differ in an unpacked page");
    free(*owned);
    *owned =
        malloc(*n + 1); /* not zeroed: a page that lies about its size costs address space only */
    if (!*owned)
        return err_set(err, ERR_RESOURCE, "could not allocate %zu bytes for a parquet page", *n);
    *out = *owned;
    return (*n == 0 && packed == skip) ||
           unpack_into(c, p->data + skip, packed - skip, *owned, *n, err);
}

/* ---- pages ---- */

static bool read_dictionary(struct pq_column *c, const struct page *p, struct err *err) {
    const uint8_t *data;
    size_t n;
    if (c->dictionary.values || p->n_values < 0 || c->leaf->type == PQ_BOOLEAN)
        return bad(c, err, "dictionary page is damaged");
    if (!unpack(c, p, 0, &c->dictionary_page, &data, &n, err))
        return false;
    struct pq_values plain = { 0 };
    size_t count = (size_t)p->n_values;
    if (count > n) /* a value takes a byte at least */
        return bad(c, err, "dictionary says more values than it has bytes");
    if (!pq_values_init(&plain, PQ_PLAIN, c->leaf, data, n, count, NULL, err))
        return false;
    c->dictionary.values = xcalloc(count + 1, sizeof *c->dictionary.values);
    for (; c->dictionary.n < count; c->dictionary.n++)
        if (!pq_values_next(&plain, &c->dictionary.values[c->dictionary.n]))
            return bad(c, err, "dictionary page ends too soon");
    return true;
}

static unsigned level_width(unsigned max) {
    return max == 0 ? 0 : 32 - (unsigned)__builtin_clz(max);
}

/* Version 1: each kind of level that the column has begins with its length. */
static bool take_levels(struct pq_column *c, struct pq_runs *runs, unsigned max, int64_t encoding,
    const uint8_t **data, size_t *n, struct err *err) {
    pq_runs_init(runs, *data, 0, 0);
    if (max == 0)
        return true;
    if (encoding != PQ_RLE)
        return err_set(err, ERR_UNSUPPORTED,
            "column '%.100s': levels in encoding %lld are not read", c->leaf->name,
            (long long)encoding);
    size_t len = *n < 4 ? SIZE_MAX
                        : (size_t)((*data)[0] | (*data)[1] << 8 | (*data)[2] << 16) |
                              (size_t)(*data)[3] << 24;
    if (len == SIZE_MAX || len > *n - 4)
        return bad(c, err, "levels are longer than the page");
    pq_runs_init(runs, *data + 4, len, level_width(max));
    *data += 4 + len;
    *n -= 4 + len;
    return true;
}

static bool start_v1(
    struct pq_column *c, const struct page *p, const uint8_t **data, size_t *n, struct err *err) {
    return unpack(c, p, 0, &c->page, data, n, err) &&
           take_levels(c, &c->reps, c->leaf->max_rep, p->rep_encoding, data, n, err) &&
           take_levels(c, &c->defs, c->leaf->max_def, p->def_encoding, data, n, err);
}

static bool start_v2(
    struct pq_column *c, const struct page *p, const uint8_t **data, size_t *n, struct err *err) {
    if (p->rep_bytes < 0 || p->def_bytes < 0 || p->rep_bytes > p->packed ||
        p->def_bytes > p->packed - p->rep_bytes)
        return bad(c, err, "levels are longer than the page");
    size_t rep_n = (size_t)p->rep_bytes, def_n = (size_t)p->def_bytes;
    pq_runs_init(&c->reps, p->data, rep_n, level_width(c->leaf->max_rep));
    pq_runs_init(&c->defs, p->data + rep_n, def_n, level_width(c->leaf->max_def));
    return unpack(c, p, rep_n + def_n, &c->page, data, n, err);
}

static bool start_data(struct pq_column *c, const struct page *p, struct err *err) {
    const uint8_t *data = NULL;
    size_t n = 0;
    if (p->n_values < 0 || p->n_values > PAGE_MAX_VALUES || (uint64_t)p->n_values > c->left)
        return bad(c, err, "page has more values than its chunk");
    bool ok =
        p->type == PAGE_DATA ? start_v1(c, p, &data, &n, err) : start_v2(c, p, &data, &n, err);
    if (!ok)
        return false;
    c->page_left = (uint64_t)p->n_values;
    if (n == 0) /* only nulls, or nothing: no decoder needs to look */
        return pq_values_init(&c->values, PQ_PLAIN, c->leaf, data, 0, 0, NULL, err);
    if (pq_values_init(
            &c->values, (int)p->encoding, c->leaf, data, n, c->page_left, &c->dictionary, err))
        return true;
    return err_wrap(err, "column '%.100s', page %u", c->leaf->name, c->page_n);
}

static bool next_page(struct pq_column *c, struct err *err) {
    while (c->page_left == 0) {
        struct page p;
        if (c->at >= c->end)
            return bad(c, err, "pages end before the chunk's values do");
        if (!read_page(c, &p, err))
            return false;
        bool ok = true;
        if (p.type == PAGE_DICTIONARY)
            ok = read_dictionary(c, &p, err);
        else if (p.type == PAGE_DATA || p.type == PAGE_DATA_V2)
            ok = start_data(c, &p, err);
        else if (p.type != PAGE_INDEX)
            ok = bad(c, err, "page is of an unknown kind");
        if (!ok)
            return false;
    }
    return true;
}

/* ---- the cursor ---- */

void pq_column_init(struct pq_column *c, const struct pq_node *leaf) {
    *c = (struct pq_column) { .leaf = leaf };
    strbuf_init(&c->values.previous, VALUE_MAX_BYTES);
}

void pq_column_start(struct pq_column *c, const struct pq_meta *m, const struct pq_chunk *chunk) {
    const struct pq_node *leaf = c->leaf;
    pq_column_release(c);
    pq_column_init(c, leaf);
    c->at = m->map.data + chunk->offset;
    c->end = c->at + chunk->size;
    c->codec = chunk->codec;
    c->left = chunk->n_values;
}

void pq_column_release(struct pq_column *c) {
    strbuf_release(&c->values.previous);
    free(c->dictionary.values);
    free(c->dictionary_page);
    free(c->page);
    *c = (struct pq_column) { .leaf = c->leaf };
}

bool pq_column_peek(struct pq_column *c, struct err *err) {
    if (c->loaded)
        return true;
    if (c->left == 0 || (c->page_left == 0 && !next_page(c, err)))
        return false;
    if (!pq_runs_next(&c->reps, &c->rep) || !pq_runs_next(&c->defs, &c->def) ||
        c->rep > c->leaf->max_rep || c->def > c->leaf->max_def)
        return bad(c, err, "levels are damaged");
    c->loaded = true;
    return true;
}

bool pq_column_take(struct pq_column *c, bool *present, struct pq_value *value, struct err *err) {
    if (!pq_column_peek(c, err))
        return c->left == 0 ? bad(c, err, "column ends before the row does") : false;
    *present = c->def == c->leaf->max_def;
    c->loaded = false;
    c->left--;
    c->page_left--;
    return !*present || pq_values_next(&c->values, value) ||
           bad(c, err, "page ends too soon, or a value is damaged");
}
