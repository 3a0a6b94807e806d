/* See parquet_column.h. A chunk is an optional dictionary page, then data pages. Version 1 packs
 * levels and values together; version 2 leaves the levels unpacked in front. */
#include "evaluator/data/parquet_column.h"

#include <string.h>

#include "base/utf8.h"
#include "evaluator/data/little.h"
#include "evaluator/data/parquet_codec.h"

enum { PAGE_MAX_VALUES = 1 << 28 };

/* ---- the dictionary ---- */

/* Its bytes outlive the window. */
static bool keep_dictionary(struct pq_column *c, const uint8_t **data, size_t n, struct err *err) {
    struct pq_buffer *b = &c->dictionary_page;
    if (*data == b->bytes)
        return true;
    if (!pq_buffer_fit(b, c->pages.memory, n, err))
        return pq_pages_wrap(&c->pages, err);
    memcpy(b->bytes, *data, n);
    *data = b->bytes;
    return true;
}

static void look_at_text(struct pq_value *v) {
    v->text = utf8_valid((const char *)v->bytes, v->n) ? PQ_TEXT_YES : PQ_TEXT_NO;
}

static bool read_dictionary(struct pq_column *c, const struct pq_page *p, struct err *err) {
    const uint8_t *data;
    size_t n;
    if (c->dictionary.values || p->n_values < 0 || c->leaf->type == PQ_BOOLEAN)
        return pq_column_bad(c, err, "dictionary page is damaged");
    if (!pq_pages_unpack(&c->pages, p, 0, &c->dictionary_page, &data, &n, err) ||
        !keep_dictionary(c, &data, n, err))
        return false;
    struct pq_values plain = { 0 };
    size_t count = (size_t)p->n_values;
    if (count > n) /* a value takes a byte at least */
        return pq_column_bad(c, err, "dictionary says more values than it has bytes");
    if (!pq_values_init(&plain, PQ_PLAIN, c->leaf, data, n, count, NULL, err) ||
        !pq_buffer_fit(
            &c->dictionary_values, c->pages.memory, count * sizeof *c->dictionary.values, err))
        return pq_pages_wrap(&c->pages, err);
    c->dictionary.values = (struct pq_value *)(void *)c->dictionary_values.bytes;
    bool bytes = c->leaf->type == PQ_BYTE_ARRAY || c->leaf->type == PQ_FIXED;
    for (; c->dictionary.n < count; c->dictionary.n++) {
        struct pq_value *v = &c->dictionary.values[c->dictionary.n];
        if (!pq_values_next(&plain, v))
            return pq_column_bad(c, err, "dictionary page ends too soon");
        if (bytes)
            look_at_text(v);
    }
    return true;
}

/* ---- levels ---- */

static unsigned level_width(unsigned max) {
    return max == 0 ? 0 : 32 - (unsigned)__builtin_clz(max);
}

/* The first `len` of what is left of the page become levels. */
static bool cut_levels(struct pq_column *c, size_t len, const uint8_t **data, size_t *n,
    const uint8_t **levels, struct err *err) {
    if (len > *n)
        return pq_column_bad(c, err, "levels are longer than the page");
    *levels = *data;
    *data += len;
    *n -= len;
    return true;
}

/* Version 1: each kind of level that the column has begins with its length; but the encoding that
 * old writers used has a length that follows from the number of values. */
static bool take_levels(struct pq_column *c, struct pq_runs *runs, unsigned max, int64_t encoding,
    uint64_t n_values, const uint8_t **data, size_t *n, struct err *err) {
    const uint8_t *levels = NULL, *prefix = NULL;
    unsigned width = level_width(max);
    pq_runs_init(runs, *data, 0, 0);
    if (max == 0)
        return true;
    if (encoding == PQ_BIT_PACKED) {
        size_t len = (size_t)((n_values * width + 7) / 8);
        if (!cut_levels(c, len, data, n, &levels, err))
            return false;
        pq_runs_init_packed(runs, levels, len, width);
        return true;
    }
    if (encoding != PQ_RLE)
        return err_set(err, ERR_UNSUPPORTED,
            "column '%.100s': levels in encoding %lld are not read", c->leaf->path,
            (long long)encoding);
    if (!cut_levels(c, 4, data, n, &prefix, err))
        return false;
    size_t len = (size_t)little(prefix, 4);
    if (!cut_levels(c, len, data, n, &levels, err))
        return false;
    pq_runs_init(runs, levels, len, width);
    return true;
}

static bool start_v1(struct pq_column *c, const struct pq_page *p, const uint8_t **data, size_t *n,
    struct err *err) {
    uint64_t values = (uint64_t)p->n_values;
    return pq_pages_unpack(&c->pages, p, 0, &c->page, data, n, err) &&
           take_levels(c, &c->reps, c->leaf->max_rep, p->rep_encoding, values, data, n, err) &&
           take_levels(c, &c->defs, c->leaf->max_def, p->def_encoding, values, data, n, err);
}

static bool start_v2(struct pq_column *c, const struct pq_page *p, const uint8_t **data, size_t *n,
    struct err *err) {
    if (p->rep_bytes < 0 || p->def_bytes < 0 || p->rep_bytes > p->packed_n ||
        p->def_bytes > p->packed_n - p->rep_bytes)
        return pq_column_bad(c, err, "levels are longer than the page");
    size_t rep_n = (size_t)p->rep_bytes, def_n = (size_t)p->def_bytes;
    const uint8_t *reps = NULL, *defs = NULL;
    if (!pq_pages_unpack(&c->pages, p, rep_n + def_n, &c->page, data, n, err) ||
        !cut_levels(c, rep_n, data, n, &reps, err) || !cut_levels(c, def_n, data, n, &defs, err))
        return false;
    pq_runs_init(&c->reps, reps, rep_n, level_width(c->leaf->max_rep));
    pq_runs_init(&c->defs, defs, def_n, level_width(c->leaf->max_def));
    return true;
}

/* ---- pages ---- */

static bool start_data(struct pq_column *c, const struct pq_page *p, struct err *err) {
    const uint8_t *data = NULL;
    size_t n = 0;
    if (p->n_values < 0 || p->n_values > PAGE_MAX_VALUES || (uint64_t)p->n_values > c->left)
        return pq_column_bad(c, err, "page has more values than its chunk");
    if (!(p->type == PQ_PAGE_DATA ? start_v1 : start_v2)(c, p, &data, &n, err))
        return false;
    c->page_left = (uint64_t)p->n_values;
    if (n == 0) /* only nulls, or nothing: no decoder needs to look */
        return pq_values_init(&c->values, PQ_PLAIN, c->leaf, data, 0, 0, NULL, err);
    return pq_values_init(
               &c->values, (int)p->encoding, c->leaf, data, n, c->page_left, &c->dictionary, err) ||
           pq_pages_wrap(&c->pages, err);
}

static bool start_page(struct pq_column *c, struct pq_page *p, struct err *err) {
    if (!pq_pages_take(&c->pages, p, err))
        return false;
    switch (p->type) {
    case PQ_PAGE_DICTIONARY:
        return read_dictionary(c, p, err);
    case PQ_PAGE_DATA:
    case PQ_PAGE_DATA_V2:
        return start_data(c, p, err);
    case PQ_PAGE_INDEX:
        return true;
    default:
        return pq_column_bad(c, err, "page is of an unknown kind");
    }
}

static bool next_page(struct pq_column *c, struct err *err) {
    while (c->page_left == 0) {
        struct pq_page p;
        if (!pq_pages_next(&c->pages, &p, err) || !start_page(c, &p, err))
            return false;
    }
    return true;
}

/* ---- the cursor ---- */

void pq_column_init(struct pq_column *c, const struct pq_node *leaf, struct bytes *bytes,
    struct pq_memory *memory, size_t read_size) {
    *c = (struct pq_column) { .leaf = leaf, .values.memory = memory };
    pq_pages_init(&c->pages, bytes, memory, leaf->path, read_size);
}

void pq_column_start(struct pq_column *c, const struct pq_chunk *chunk, unsigned group) {
    c->dictionary = (struct pq_dictionary) { 0 };
    pq_pages_start(&c->pages, chunk, group);
    c->left = chunk->n_values;
    c->page_left = 0;
    c->loaded = false;
}

void pq_column_release(struct pq_column *c) {
    struct pq_buffer *const buffers[] = { &c->values.previous, &c->dictionary_values,
        &c->dictionary_page, &c->page };
    for (size_t i = 0; c->leaf && i < sizeof buffers / sizeof *buffers; i++)
        pq_buffer_release(buffers[i], c->pages.memory);
    pq_pages_release(&c->pages);
    *c = (struct pq_column) { 0 };
}

bool pq_column_load(struct pq_column *c, struct err *err) {
    if (c->left == 0 || (c->page_left == 0 && !next_page(c, err)))
        return false;
    if (!pq_runs_next(&c->reps, &c->rep) || !pq_runs_next(&c->defs, &c->def) ||
        c->rep > c->leaf->max_rep || c->def > c->leaf->max_def)
        return pq_column_bad(c, err, "levels are damaged");
    c->loaded = true;
    return true;
}

bool pq_column_take(struct pq_column *c, bool *present, struct pq_value *value, struct err *err) {
    if (!pq_column_peek(c, err))
        return c->left == 0 ? pq_column_bad(c, err, "column ends before the row does") : false;
    *present = c->def == c->leaf->max_def;
    c->loaded = false;
    c->left--;
    c->page_left--;
    return !*present || pq_values_next(&c->values, value) ||
           pq_column_bad(c, err, "page ends too soon, or a value is damaged");
}

/* Where a value is a row, pages of up to *rows of them go by unread, until one has more: that one
 * is at hand then. */
static bool leave_pages(struct pq_column *c, uint64_t *rows, struct err *err) {
    while (*rows > 0 && c->left > 0 && c->page_left == 0) {
        struct pq_page p;
        if (!pq_pages_next(&c->pages, &p, err))
            return false;
        bool is_data = p.type == PQ_PAGE_DATA || p.type == PQ_PAGE_DATA_V2;
        bool whole = is_data && p.n_values >= 0 && (uint64_t)p.n_values <= *rows &&
                     (uint64_t)p.n_values <= c->left;
        if (!whole && !start_page(c, &p, err))
            return false;
        if (!whole)
            continue;
        pq_pages_leave(&c->pages, &p);
        *rows -= (uint64_t)p.n_values;
        c->left -= (uint64_t)p.n_values;
    }
    return true;
}

/* One row's values of the page at hand, and of those after it. */
static bool drop_row(struct pq_column *c, struct err *err) {
    bool present;
    struct pq_value value;
    do {
        if (!pq_column_take(c, &present, &value, err))
            return false;
        if (c->leaf->max_rep == 0 || c->left == 0)
            return true;
        if (!pq_column_peek(c, err))
            return false;
    } while (c->rep > 0);
    return true;
}

bool pq_column_skip(struct pq_column *c, uint64_t rows, struct err *err) {
    while (rows > 0) {
        if (c->leaf->max_rep == 0 && !c->loaded && !leave_pages(c, &rows, err))
            return false;
        if (rows > 0 && !drop_row(c, err))
            return false;
        rows -= rows > 0;
    }
    return true;
}
