/* See thrift.h. */
#include "evaluator/data/thrift.h"

#include "evaluator/data/little.h"

enum { MAX_DEPTH = 32 };

static void fail(struct thrift *t) {
    t->failed = true;
    t->at = t->end;
}

static unsigned byte_next(struct thrift *t) {
    if (t->at < t->end)
        return *t->at++;
    fail(t);
    return 0;
}

static uint64_t number(struct thrift *t) {
    uint64_t value;
    if (varint(&t->at, t->end, &value))
        return value;
    fail(t);
    return 0;
}

static size_t left(const struct thrift *t) {
    return (size_t)(t->end - t->at);
}

bool thrift_next(struct thrift *t, struct thrift_field *f) {
    unsigned header = byte_next(t), step = header >> 4;
    f->type = (enum thrift_type)(header & 15);
    if (f->type == THRIFT_STOP || t->failed)
        return false;
    int64_t id = step ? f->id + (int64_t)step : zigzag(number(t));
    if (f->type > THRIFT_STRUCT || id < INT16_MIN || id > INT16_MAX)
        fail(t);
    f->id = (int)id;
    return !t->failed;
}

static const uint8_t *view(struct thrift *t, size_t *n) {
    uint64_t length = number(t);
    if (length > left(t))
        fail(t);
    const uint8_t *bytes = t->at;
    *n = t->failed ? 0 : (size_t)length;
    t->at += *n;
    return bytes;
}

/* An element takes a byte at least, so a count over what is left is a lie. */
static size_t list_header(struct thrift *t, enum thrift_type *element) {
    unsigned header = byte_next(t);
    uint64_t n = header >> 4 == 15 ? number(t) : header >> 4;
    *element = (enum thrift_type)(header & 15);
    if (n > left(t) || *element == THRIFT_STOP || *element > THRIFT_STRUCT)
        fail(t);
    return t->failed ? 0 : (size_t)n;
}

static void skip_value(struct thrift *t, enum thrift_type type, bool in_list, unsigned depth);

static void skip_list(struct thrift *t, unsigned depth) {
    enum thrift_type element;
    size_t n = list_header(t, &element);
    for (size_t i = 0; i < n && !t->failed; i++)
        skip_value(t, element, true, depth);
}

static void skip_map(struct thrift *t, unsigned depth) {
    uint64_t n = number(t);
    unsigned types = n > 0 ? byte_next(t) : 0;
    if (n > left(t))
        fail(t);
    for (uint64_t i = 0; i < n && !t->failed; i++) {
        skip_value(t, (enum thrift_type)(types >> 4), true, depth);
        skip_value(t, (enum thrift_type)(types & 15), true, depth);
    }
}

static void skip_struct(struct thrift *t, unsigned depth) {
    struct thrift_field f = { 0 };
    while (thrift_next(t, &f))
        skip_value(t, f.type, false, depth);
}

static void skip_bytes(struct thrift *t, size_t n) {
    if (n > left(t))
        fail(t);
    else
        t->at += n;
}

/* A boolean field has its value in the field's header; an element of a list is a byte. */
static void skip_value(struct thrift *t, enum thrift_type type, bool in_list, unsigned depth) {
    size_t n;
    if (depth >= MAX_DEPTH || t->failed) {
        fail(t);
        return;
    }
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        skip_bytes(t, in_list);
        break;
    case THRIFT_BYTE:
        skip_bytes(t, 1);
        break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        number(t);
        break;
    case THRIFT_DOUBLE:
        skip_bytes(t, 8);
        break;
    case THRIFT_BINARY:
        view(t, &n);
        break;
    case THRIFT_LIST:
    case THRIFT_SET:
        skip_list(t, depth + 1);
        break;
    case THRIFT_MAP:
        skip_map(t, depth + 1);
        break;
    case THRIFT_STRUCT:
        skip_struct(t, depth + 1);
        break;
    case THRIFT_STOP:
    default:
        fail(t);
    }
}

void thrift_skip(struct thrift *t, const struct thrift_field *f) {
    skip_value(t, f->type, false, 0);
}

int64_t thrift_int(struct thrift *t, const struct thrift_field *f) {
    if (f->type == THRIFT_BYTE)
        return (int8_t)byte_next(t);
    if (f->type >= THRIFT_I16 && f->type <= THRIFT_I64)
        return zigzag(number(t));
    fail(t);
    return 0;
}

bool thrift_bool(struct thrift *t, const struct thrift_field *f) {
    if (f->type != THRIFT_TRUE && f->type != THRIFT_FALSE)
        fail(t);
    return f->type == THRIFT_TRUE;
}

const uint8_t *thrift_bytes(struct thrift *t, const struct thrift_field *f, size_t *n) {
    *n = 0;
    if (f->type != THRIFT_BINARY)
        fail(t);
    return t->failed ? t->at : view(t, n);
}

size_t thrift_list(struct thrift *t, const struct thrift_field *f, struct thrift_field *element) {
    *element = (struct thrift_field) { 0 };
    if (f->type != THRIFT_LIST)
        fail(t);
    return t->failed ? 0 : list_header(t, &element->type);
}

bool thrift_struct(struct thrift *t, const struct thrift_field *f) {
    if (f->type != THRIFT_STRUCT)
        fail(t);
    return !t->failed;
}
