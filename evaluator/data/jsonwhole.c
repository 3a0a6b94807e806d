/* See jsonwhole.h. The object is one series of values, as a row is; its rows are copied from there,
 * from as many places at once as the form has. */
#include "evaluator/data/jsonwhole.h"

#include <string.h>

#include "base/mem.h"

enum form { LONE, COLUMNS, WRAPPER, BY_KEY };

struct json_whole {
    struct strbuf text;
    struct row values;
    enum form form;
    const struct value **at; /* of columns one each; else one, on the next row or its key */
    uint64_t row, n_rows;
};

static const struct value *object_of(const struct json_whole *w) {
    return w->values.values;
}

/* ---- forms ---- */

static bool are_rows(const struct value *v) {
    return v->kind == VALUE_ARRAY && v->n > 0 && v[1].kind == VALUE_OBJECT;
}

/* The one array of objects; NULL where there are none or several. */
static const struct value *wrapped_rows(const struct value *object) {
    const struct value *key = object + 1, *found = NULL;
    for (uint32_t i = 0; i < object->n; i++, key = value_after(key + 1)) {
        if (are_rows(key + 1) && found)
            return NULL;
        found = are_rows(key + 1) ? key + 1 : found;
    }
    return found;
}

/* Arrays of one length. */
static bool are_columns(const struct value *object) {
    const struct value *key = object + 1;
    for (uint32_t i = 0; i < object->n; i++, key = value_after(key + 1))
        if (key[1].kind != VALUE_ARRAY || key[1].n != object[2].n)
            return false;
    return object->n > 0;
}

static bool are_keyed(const struct value *object) {
    const struct value *key = object + 1;
    for (uint32_t i = 0; i < object->n; i++, key = value_after(key + 1))
        if (key[1].kind != VALUE_OBJECT)
            return false;
    return object->n > 0;
}

static void begin_columns(struct json_whole *w, const struct value *object) {
    const struct value *key = object + 1;
    w->form = COLUMNS;
    w->n_rows = object[2].n;
    w->at = xcalloc(object->n, sizeof *w->at);
    for (uint32_t i = 0; i < object->n; i++, key = value_after(key + 1))
        w->at[i] = key + 2;
}

static void begin_rows(struct json_whole *w, enum form form, const struct value *first, size_t n) {
    w->form = form;
    w->n_rows = n;
    w->at = xcalloc(1, sizeof *w->at);
    w->at[0] = first;
}

static void find_rows(struct json_whole *w) {
    const struct value *object = object_of(w), *rows = wrapped_rows(object);
    if (rows)
        begin_rows(w, WRAPPER, rows + 1, rows->n);
    else if (are_columns(object))
        begin_columns(w, object);
    else if (are_keyed(object))
        begin_rows(w, BY_KEY, object + 1, object->n);
    else
        begin_rows(w, LONE, object, 1);
}

struct json_whole *json_whole_open(
    struct strbuf *text, struct jsonrow_place *place, bool *too_many, struct err *err) {
    struct json_whole *w = xcalloc(1, sizeof *w);
    w->text = *text;
    *text = (struct strbuf) { 0 };
    if (jsonrow_parse(&w->values, w->text.text, w->text.len - JSONROW_SLACK, place, err)) {
        find_rows(w);
        return w;
    }
    *too_many = w->values.overflow;
    json_whole_close(w);
    return NULL;
}

void json_whole_close(struct json_whole *w) {
    if (!w)
        return;
    strbuf_release(&w->text);
    row_release(&w->values);
    free(w->at);
    free(w);
}

/* ---- rows ---- */

static void push_columns(struct json_whole *w, struct row *row) {
    const struct value *object = object_of(w), *key = object + 1;
    size_t begun = row_begin(row, VALUE_OBJECT);
    for (uint32_t i = 0; i < object->n; i++, key = value_after(key + 1)) {
        row_view(row, key->s, key->n);
        row_copy_value(row, w->at[i]);
    }
    row_end(row, begun, object->n);
}

static bool has_key(const struct value *object, const char *name) {
    const struct value *key = object + 1;
    for (uint32_t i = 0; i < object->n; i++, key = value_after(key + 1))
        if (key->n == strlen(name) && memcmp(key->s, name, key->n) == 0)
            return true;
    return false;
}

/* The object, and its key as "_key" unless it has one of that name. */
static void push_keyed(struct row *row, const struct value *key) {
    const struct value *object = key + 1, *own = object + 1;
    bool named = has_key(object, "_key");
    size_t begun = row_begin(row, VALUE_OBJECT);
    for (uint32_t i = 0; i < 2 * object->n; i++, own = value_after(own))
        row_copy_value(row, own);
    if (!named) {
        row_view(row, "_key", 4);
        row_view(row, key->s, key->n);
    }
    row_end(row, begun, (size_t)object->n + !named);
}

static bool push_row(struct json_whole *w, struct row *row, struct err *err) {
    if (w->form == COLUMNS)
        push_columns(w, row);
    else if (w->form == BY_KEY)
        push_keyed(row, w->at[0]);
    else if (w->at[0]->kind == VALUE_OBJECT)
        row_copy_value(row, w->at[0]);
    else
        return err_set(err, ERR_INPUT, "a row must be a JSON object");
    return !row->overflow || err_set(err, ERR_INPUT, "row is over the ceiling of its size");
}

static void step(struct json_whole *w) {
    size_t n = w->form == COLUMNS ? object_of(w)->n : 1;
    for (size_t i = 0; i < n; i++)
        w->at[i] = value_after(w->form == BY_KEY ? w->at[i] + 1 : w->at[i]);
}

bool json_whole_next(struct json_whole *w, struct row *row, struct err *err) {
    if (w->row == w->n_rows)
        return false;
    w->row++;
    if (row && !push_row(w, row, err))
        return err_wrap(err, "row %llu", (unsigned long long)w->row);
    step(w);
    return true;
}
