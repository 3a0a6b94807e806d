/* Inside the data room: the row at hand, a series of values and the texts they point to. All of it
 * is reused for the next row.
 *
 * Values are pushed in order. What grows has a ceiling; past it `overflow` is set, pushing goes on
 * into one spare value, and the reader checks once a row. */
#ifndef ASSAY_DATA_ROW_H
#define ASSAY_DATA_ROW_H

#include "evaluator/data/data.h"

enum { ROW_MAX_BYTES = 16 << 20, ROW_MAX_VALUES = 4 << 20 };

struct row {
    struct value *values;
    size_t n, capacity;
    struct row_block *text; /* blocks of copied texts, the newest first */
    size_t text_bytes;
    bool overflow;
    struct value spare;
};

void row_reset(struct row *r);
void row_release(struct row *r); /* a zeroed row is a valid empty one */

/* The pointer is good until the next push. */
struct value *row_grow(struct row *r);

static inline struct value *row_push(struct row *r, enum value_kind kind) {
    struct value *v = r->n < r->capacity ? &r->values[r->n++] : row_grow(r);
    v->kind = kind;
    return v;
}

static inline void row_int(struct row *r, int64_t i) {
    row_push(r, VALUE_INT)->i = i;
}

/* NaN and infinities, for which JSON has no form, become null. */
void row_real(struct row *r, double d);

/* A string that outlives the row's use already. */
static inline void row_view(struct row *r, const char *s, size_t n) {
    struct value *v = row_push(r, VALUE_STRING);
    v->n = (uint32_t)n;
    v->s = s;
}

/* The same of a text that may stand in a row many times: it counts as if it were copied. */
static inline void row_refer(struct row *r, const char *s, size_t n) {
    if (n > ROW_MAX_BYTES - r->text_bytes)
        r->overflow = true;
    else
        r->text_bytes += n;
    row_view(r, s, n);
}

/* Room for n bytes, which stay where they are until the row is reset. NULL past the ceiling. */
char *row_text(struct row *r, size_t n);
void row_copy(struct row *r, const char *s, size_t n);

/* Begins an array or object; what is pushed until row_end belongs to it. */
static inline size_t row_begin(struct row *r, enum value_kind kind) {
    row_push(r, kind);
    return r->n - 1;
}

void row_end(struct row *r, size_t begun, size_t n);

/* A value from elsewhere with all that it holds; its texts must outlive the row's use. */
void row_copy_value(struct row *r, const struct value *v);

#endif
