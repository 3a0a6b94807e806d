/* See lines.h; and the two formats that are lines: "jsonl", one JSON object a line, blank lines
 * skipped, and "lines", where each line becomes {"line": text, "number": n}, bytes that are not
 * UTF-8 replaced as Python does. */
#include "evaluator/data/lines.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "evaluator/data/reader.h"

bool lines_open(struct lines *l, const char *path, struct err *err) {
    *l = (struct lines) { 0 };
    strbuf_init(&l->joined, ROW_MAX_BYTES + 1);
    return stream_open(&l->stream, path, err);
}

void lines_close(struct lines *l) {
    stream_close(&l->stream);
    strbuf_release(&l->joined);
}

static bool give(const char **text, size_t *n, const char *line, size_t len) {
    *text = line;
    *n = len > 0 && line[len - 1] == '\r' ? len - 1 : len;
    return true;
}

static bool too_long(const struct lines *l, struct err *err) {
    return err_set(err, ERR_INPUT, "line %llu: line length is over the ceiling of %d bytes",
        l->number, ROW_MAX_BYTES);
}

bool lines_next(struct lines *l, const char **text, size_t *n, struct err *err) {
    struct stream *s = &l->stream;
    strbuf_reset(&l->joined);
    if (stream_peek(s, err) < 0) {
        if (s->failed)
            err_wrap(err, "after line %llu", l->number);
        return false;
    }
    l->number++;
    do {
        const uint8_t *from = s->at, *newline = memchr(from, '\n', (size_t)(s->end - from));
        size_t len = (size_t)((newline ? newline : s->end) - from);
        s->at = newline ? newline + 1 : s->end;
        if (len > ROW_MAX_BYTES - l->joined.len)
            return too_long(l, err);
        bool whole = l->joined.len == 0 && (newline || !s->unpacker);
        if (whole)
            return give(text, n, (const char *)from, len);
        strbuf_add(&l->joined, from, len);
        if (newline)
            return give(text, n, l->joined.text, l->joined.len);
    } while (stream_refill(s, err));
    if (s->failed)
        return err_wrap(err, "line %llu", l->number);
    return give(text, n, l->joined.text, l->joined.len);
}

static void *reader_open(const char *path, struct err *err) {
    struct lines *l = xcalloc(1, sizeof *l);
    if (lines_open(l, path, err))
        return l;
    lines_close(l);
    free(l);
    return NULL;
}

static void reader_close(void *reader) {
    lines_close(reader);
    free(reader);
}

static size_t valid_prefix(const char *text, size_t n) {
    uint32_t cp;
    size_t i = 0, step;
    while (i < n && (step = utf8_decode(text + i, n - i, &cp)) > 0)
        i += step;
    return i;
}

json_t *row_parse(const char *text, size_t n, const char *where, struct err *err) {
    json_error_t e;
    if (!utf8_valid(text, n)) {
        err_set(err, ERR_INPUT, "%s: not text: invalid UTF-8 at byte %zu", where,
            valid_prefix(text, n) + 1);
        return NULL;
    }
    json_t *row = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (!row) {
        bool deep = json_error_code(&e) == json_error_stack_overflow;
        err_set(err, ERR_INPUT, "%s: not JSON: %s%s (column %d)", where, e.text,
            deep ? ": nesting depth is over the ceiling" : "", e.column);
    } else if (!json_is_object(row)) {
        json_decref(row);
        err_set(err, ERR_INPUT, "%s: a row must be a JSON object", where);
        return NULL;
    }
    return row;
}

static bool blank(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r", text[i]) || text[i] == '\0')
            return false;
    return true;
}

static json_t *jsonl_next(void *reader, struct err *err) {
    struct lines *l = reader;
    const char *text;
    size_t n;
    char where[32];
    do {
        if (!lines_next(l, &text, &n, err))
            return NULL;
    } while (blank(text, n));
    snprintf(where, sizeof where, "line %llu", l->number);
    return row_parse(text, n, where, err);
}

static json_t *text_value(const char *text, size_t n) {
    json_t *value = json_stringn(text, n); /* NULL where the bytes are not UTF-8 */
    if (value)
        return value;
    size_t len;
    char *repaired = utf8_repair(text, n, &len);
    value = json_stringn_nocheck(repaired, len);
    free(repaired);
    return value;
}

static json_t *text_next(void *reader, struct err *err) {
    struct lines *l = reader;
    const char *text;
    size_t n;
    if (!lines_next(l, &text, &n, err))
        return NULL;
    json_t *row = json_object();
    json_object_set_new(row, "line", text_value(text, n));
    json_object_set_new(row, "number", json_integer((json_int_t)l->number));
    return row;
}

const struct reader_type reader_jsonl = {
    .name = "jsonl",
    .open = reader_open,
    .next = jsonl_next,
    .close = reader_close,
};

const struct reader_type reader_lines = {
    .name = "lines",
    .open = reader_open,
    .next = text_next,
    .close = reader_close,
};
