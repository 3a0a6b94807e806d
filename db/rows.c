/* Rows of an answer, read by column name. Values arrive as text in PostgreSQL's shortest exact
 * form. */
#include "db/conn.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* Type ids that PostgreSQL never changes (catalog/pg_type.dat). */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_NUMERIC = 1700,
    OID_JSONB = 3802
};

void rows_release(struct rows *rows) {
    PQclear(rows->result);
    *rows = (struct rows) { 0 };
}

static int column_find(const struct rows *rows, int row, const char *column) {
    int c = PQfnumber(rows->result, column);
    BUG_IF(c < 0 || row < 0 || row >= rows->n);
    return c;
}

bool rows_null(const struct rows *rows, int row, const char *column) {
    return PQgetisnull(rows->result, row, column_find(rows, row, column));
}

const char *rows_text(const struct rows *rows, int row, const char *column) {
    return PQgetvalue(rows->result, row, column_find(rows, row, column));
}

long long rows_int(const struct rows *rows, int row, const char *column) {
    return strtoll(rows_text(rows, row, column), NULL, 10);
}

double rows_real(const struct rows *rows, int row, const char *column) {
    return strtod(rows_text(rows, row, column), NULL);
}

bool rows_bool(const struct rows *rows, int row, const char *column) {
    return *rows_text(rows, row, column) == 't';
}

/* jsonb keeps decimals, not how they were written: a real of 1e+17 or more comes back as bare
 * digits, which reads as an integer, or as none at all. Whole numbers of ours have no 18 digits. */
#define DIGITS_OF_REAL 18

static size_t number_end(const char *text, size_t at, bool *bare) {
    size_t from = at + (text[at] == '-'), digits = strspn(text + from, "0123456789");
    at = from + digits;
    *bare = digits >= DIGITS_OF_REAL && text[at] != '.' && text[at] != 'e' && text[at] != 'E';
    return at + strspn(text + at, ".0123456789eE+-");
}

static size_t string_end(const char *text, size_t at) {
    for (at++; text[at] && text[at] != '"'; at++)
        at += text[at] == '\\' && text[at + 1];
    return at + (text[at] == '"');
}

static json_t *jsonb_parse(const char *text, const char *name, struct err *err) {
    struct strbuf out = { .max = (size_t)64 << 20 };
    size_t kept = 0;
    for (size_t at = 0; text[at];) {
        bool bare = false;
        at += strcspn(text + at, "\"-0123456789");
        if (text[at] == '"')
            at = string_end(text, at);
        else if (text[at])
            at = number_end(text, at, &bare);
        if (bare) {
            strbuf_add(&out, text + kept, at - kept);
            strbuf_adds(&out, ".0");
            kept = at;
        }
    }
    strbuf_adds(&out, text + kept);
    json_t *v = json_parse(strbuf_str(&out), out.len, name, err);
    strbuf_release(&out);
    return v;
}

json_t *rows_json(const struct rows *rows, int row, const char *column, struct err *err) {
    if (rows_null(rows, row, column))
        return json_null();
    return jsonb_parse(rows_text(rows, row, column), column, err);
}

void *rows_bytes(const struct rows *rows, int row, const char *column, size_t *n) {
    unsigned char *raw = PQunescapeBytea((const unsigned char *)rows_text(rows, row, column), n);
    BUG_IF(!raw);
    void *copy = xmalloc(*n ? *n : 1);
    memcpy(copy, raw, *n);
    PQfreemem(raw);
    return copy;
}

static json_t *field_json(PGresult *r, int row, int c, struct err *err) {
    const char *text = PQgetvalue(r, row, c);
    if (PQgetisnull(r, row, c))
        return json_null();
    switch (PQftype(r, c)) {
    case OID_BOOL:
        return json_boolean(*text == 't');
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        return json_integer(strtoll(text, NULL, 10));
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC:
        return json_real(strtod(text, NULL));
    case OID_JSON:
    case OID_JSONB:
        return jsonb_parse(text, PQfname(r, c), err);
    default:
        return json_string(text);
    }
}

/* A value that reads as the one above it is that value: of what rows say, most is said of many. */
static json_t *value_of_row(
    const struct rows *rows, int row, int c, const json_t *above, struct err *err) {
    PGresult *r = rows->result;
    json_t *same = above && row > 0 ? json_object_get(above, PQfname(r, c)) : NULL;
    bool text = same && !PQgetisnull(r, row, c) && !PQgetisnull(r, row - 1, c);
    if (text && strcmp(PQgetvalue(r, row, c), PQgetvalue(r, row - 1, c)) == 0)
        return json_incref(same);
    return field_json(r, row, c, err);
}

json_t *row_to_json(const struct rows *rows, int row, const json_t *above, struct err *err) {
    json_t *object = json_object();
    for (int c = 0; c < PQnfields(rows->result); c++) {
        if (PQftype(rows->result, c) == OID_BYTEA)
            continue;
        json_t *value = value_of_row(rows, row, c, above, err);
        if (!value) {
            json_decref(object);
            return NULL;
        }
        json_object_set_new(object, PQfname(rows->result, c), value);
    }
    return object;
}

json_t *rows_to_json(const struct rows *rows, struct err *err) {
    json_t *list = json_array(), *above = NULL;
    for (int row = 0; row < rows->n; row++) {
        json_t *object = row_to_json(rows, row, above, err);
        if (!object) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, object);
        above = object;
    }
    return list;
}
