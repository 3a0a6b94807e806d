/* See row.h. */
#include "evaluator/data/row.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { BLOCK_BYTES = 64 << 10 };

struct row_block {
    struct row_block *next;
    size_t used, size;
    char bytes[];
};

/* The newest block is the largest so far as a rule: it is the one that is kept. */
void row_reset(struct row *r) {
    r->n = r->text_bytes = 0;
    r->overflow = false;
    if (!r->text)
        return;
    for (struct row_block *b = r->text->next, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    r->text->next = NULL;
    r->text->used = 0;
}

void row_release(struct row *r) {
    row_reset(r);
    free(r->text);
    free(r->values);
    *r = (struct row) { 0 };
}

struct value *row_grow(struct row *r) {
    if (r->n >= ROW_MAX_VALUES) {
        r->overflow = true;
        return &r->spare;
    }
    mem_grow(&r->values, &r->capacity, r->n + 1, sizeof *r->values);
    return &r->values[r->n++];
}

void row_real(struct row *r, double d) {
    if (isfinite(d))
        row_push(r, VALUE_REAL)->d = d;
    else
        row_push(r, VALUE_NULL);
}

static struct row_block *block_new(struct row *r, size_t n) {
    size_t twice = r->text ? 2 * r->text->size : BLOCK_BYTES;
    size_t size = n > twice ? n : twice;
    struct row_block *b = xmalloc(sizeof *b + size);
    b->next = r->text;
    b->used = 0;
    b->size = size;
    return r->text = b;
}

char *row_text(struct row *r, size_t n) {
    if (n > ROW_MAX_BYTES - r->text_bytes) {
        r->overflow = true;
        return NULL;
    }
    struct row_block *b = r->text && n <= r->text->size - r->text->used ? r->text : block_new(r, n);
    char *at = b->bytes + b->used;
    b->used += n;
    r->text_bytes += n;
    return at;
}

void row_copy(struct row *r, const char *s, size_t n) {
    char *to = row_text(r, n);
    if (to && n > 0)
        memcpy(to, s, n);
    row_view(r, to, to ? n : 0);
}

void row_end(struct row *r, size_t begun, size_t n) {
    if (r->overflow)
        return;
    r->values[begun].n = (uint32_t)n;
    r->values[begun].span = r->n - begun;
}

void row_copy_value(struct row *r, const struct value *v) {
    for (const struct value *end = value_after(v); v < end; v++)
        if (v->kind == VALUE_STRING)
            row_refer(r, v->s, v->n);
        else
            *row_push(r, v->kind) = *v;
}

/* ---- back to JSON ---- */

static json_t *array_json(const struct value *v) {
    json_t *array = json_array();
    const struct value *item = v + 1;
    for (uint32_t i = 0; i < v->n; i++, item = value_after(item))
        json_array_append_new(array, value_json(item));
    return array;
}

static json_t *object_json(const struct value *v) {
    json_t *object = json_object();
    const struct value *key = v + 1;
    for (uint32_t i = 0; i < v->n; i++, key = value_after(key + 1))
        json_object_setn_new_nocheck(object, key->s, key->n, value_json(key + 1));
    return object;
}

json_t *value_json(const struct value *v) {
    switch (v->kind) {
    case VALUE_FALSE:
    case VALUE_TRUE:
        return json_boolean(v->kind == VALUE_TRUE);
    case VALUE_INT:
        return json_integer(v->i);
    case VALUE_REAL:
        return json_real(v->d);
    case VALUE_STRING:
        return json_stringn_nocheck(v->s ? v->s : "", v->n);
    case VALUE_ARRAY:
        return array_json(v);
    case VALUE_OBJECT:
        return object_json(v);
    case VALUE_NULL:
        break;
    }
    return json_null();
}
