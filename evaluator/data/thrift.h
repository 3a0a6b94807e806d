/* Inside the data room: a reader of Thrift's compact protocol, which parquet's footer and page
 * headers are written in.
 *
 * A struct is a series of fields, each a small header (id as a step from the one before, type) and
 * a value, ended by a zero byte; integers are varints, signed ones zigzag. Failure is sticky: read
 * on, check `failed` once. Every count is held against the bytes that are left, nesting against a
 * ceiling. */
#ifndef ASSAY_DATA_THRIFT_H
#define ASSAY_DATA_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thrift {
    const uint8_t *at, *end;
    bool failed;
};

enum thrift_type {
    THRIFT_STOP,
    THRIFT_TRUE,
    THRIFT_FALSE,
    THRIFT_BYTE,
    THRIFT_I16,
    THRIFT_I32,
    THRIFT_I64,
    THRIFT_DOUBLE,
    THRIFT_BINARY,
    THRIFT_LIST,
    THRIFT_SET,
    THRIFT_MAP,
    THRIFT_STRUCT,
};

struct thrift_field {
    int id; /* starts at 0 in each struct */
    enum thrift_type type;
};

/* The next field of a struct whose fields so far ended with *f; false at its end and on failure.
 * The caller reads the field's value by one of the functions below, or skips it. */
bool thrift_next(struct thrift *t, struct thrift_field *f);
void thrift_skip(struct thrift *t, const struct thrift_field *f);

/* Values; a field of another type fails. The bytes are a view. */
int64_t thrift_int(struct thrift *t, const struct thrift_field *f);
bool thrift_bool(struct thrift *t, const struct thrift_field *f);
const uint8_t *thrift_bytes(struct thrift *t, const struct thrift_field *f, size_t *n);
/* How many elements, all of type *element; they follow. */
size_t thrift_list(struct thrift *t, const struct thrift_field *f, struct thrift_field *element);
/* True if the value is a struct: its fields follow. Else fails. */
bool thrift_struct(struct thrift *t, const struct thrift_field *f);

#endif
