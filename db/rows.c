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

json_t *rows_json(const struct rows *rows, int row, const char *column, struct err *err) {
    if (rows_null(rows, row, column))
        return json_null();
    const char *text = rows_text(rows, row, column);
    return json_parse(text, strlen(text), column, err);
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
        return json_parse(text, strlen(text), PQfname(r, c), err);
    default:
        return json_string(text);
    }
}

json_t *rows_to_json(const struct rows *rows, struct err *err) {
    json_t *list = json_array();
    for (int row = 0; row < rows->n; row++) {
        json_t *object = json_object();
        json_array_append_new(list, object);
        for (int c = 0; c < PQnfields(rows->result); c++) {
            if (PQftype(rows->result, c) == OID_BYTEA)
                continue;
            json_t *value = field_json(rows->result, row, c, err);
            if (!value) {
                json_decref(list);
                return NULL;
            }
            json_object_set_new(object, PQfname(rows->result, c), value);
        }
    }
    return list;
}
