/* See jsoncolumns.h. A row's text is put together from those of its values and then parsed, so that
 * what is refused in any other row is refused here. */
#include "evaluator/data/jsoncolumns.h"

#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "evaluator/data/jsonrow.h"
#include "evaluator/data/stream.h"

/* Each column has its window, and where the file is packed an unpacker. */
enum { COLUMNS_MAX = 64, COLUMNS_PACKED_MAX = 16, UNPACKERS_MAX_BYTES = 512 << 20, KEY_MAX = 4096 };

struct column {
    char *key; /* as it stands there, with its quotes */
    uint64_t at, n;
    struct stream stream;
};

struct json_columns {
    struct column columns[COLUMNS_MAX];
    size_t n;
    uint64_t row, n_rows;
    struct strbuf text;
};

/* ---- values ---- */

struct scan {
    unsigned long depth;
    bool in_string, escaped;
};

/* Moves p on to the mark behind the value, or to the end of the window. */
static const uint8_t *value_end(struct scan *c, const uint8_t *p, const uint8_t *end) {
    for (; p < end; p++) {
        if (c->in_string) {
            c->in_string = c->escaped || *p != '"';
            c->escaped = !c->escaped && *p == '\\';
        } else if (*p == '"')
            c->in_string = true;
        else if (*p == '{' || *p == '[')
            c->depth++;
        else if (c->depth == 0 && (*p == ',' || *p == ']' || *p == '}'))
            return p;
        else if (*p == ']' || *p == '}')
            c->depth--;
    }
    return p;
}

/* Past one value; its text is added to `text` unless that is NULL. */
static bool take_value(struct stream *s, struct strbuf *text, struct err *err) {
    struct scan scan = { 0 };
    while (stream_peek(s, err) >= 0) {
        uint8_t *from = s->at;
        s->at += value_end(&scan, from, s->end) - from;
        if (text)
            strbuf_add(text, from, (size_t)(s->at - from));
        if (s->at < s->end)
            return true;
        if (text && text->overflow)
            return err_set(err, ERR_INPUT, "row is over the ceiling of its size");
    }
    return s->failed ? false : err_set(err, ERR_INPUT, "the document ends within a value");
}

static int peek_past_space(struct stream *s, struct err *err) {
    int byte;
    while ((byte = stream_peek(s, err)) == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
        stream_get(s, err);
    return byte;
}

static bool take_mark(struct stream *s, char mark, struct err *err) {
    if (peek_past_space(s, err) != mark)
        return s->failed ? false : err_set(err, ERR_INPUT, "not JSON: expected '%c'", mark);
    stream_get(s, err);
    return true;
}

/* ---- where columns begin ---- */

static bool take_key(struct stream *s, char **key, struct err *err) {
    struct strbuf text;
    bool escaped = false;
    strbuf_init(&text, KEY_MAX);
    if (!take_mark(s, '"', err))
        return false;
    strbuf_addc(&text, '"');
    for (int byte; !text.overflow && (byte = stream_get(s, err)) >= 0;) {
        strbuf_addc(&text, (char)byte);
        if (byte == '"' && !escaped) {
            *key = strbuf_take(&text);
            return *key != NULL;
        }
        escaped = !escaped && byte == '\\';
    }
    strbuf_release(&text);
    return s->failed ? false : err_set(err, ERR_INPUT, "a key never ends, or is too long");
}

static bool count_values(struct stream *s, uint64_t *n, struct err *err) {
    *n = 0;
    if (peek_past_space(s, err) == ']') {
        stream_get(s, err);
        return true;
    }
    for (int mark = ','; mark == ','; ++*n) {
        if (!take_value(s, NULL, err))
            return false;
        mark = stream_get(s, err);
        if (mark == '}')
            return err_set(err, ERR_INPUT, "not JSON: expected ',' or ']'");
    }
    return true;
}

static bool find_column(struct json_columns *c, struct stream *s, struct err *err) {
    size_t most = s->unpacker ? COLUMNS_PACKED_MAX : COLUMNS_MAX;
    if (c->n == most)
        return err_set(err, ERR_INPUT,
            "a document too large to be read as a whole, of more than %zu columns", most);
    struct column *one = &c->columns[c->n++];
    if (!take_key(s, &one->key, err) || !take_mark(s, ':', err))
        return false;
    int first = peek_past_space(s, err);
    if (first != '[')
        return s->failed ? false
                         : err_set(err, ERR_INPUT,
                               "a document too large to be read as a whole is neither rows nor "
                               "columns: %s is no list",
                               one->key);
    stream_get(s, err);
    one->at = stream_tell(s);
    if (!count_values(s, &one->n, err))
        return err_wrap(err, "column %s", one->key);
    return one->n == c->columns[0].n ||
           err_set(err, ERR_INPUT, "column %s has %llu values, and %s has %llu", one->key,
               (unsigned long long)one->n, c->columns[0].key, (unsigned long long)c->columns[0].n);
}

static bool find_columns(struct json_columns *c, struct stream *s, struct err *err) {
    if (!take_mark(s, '{', err))
        return false;
    do {
        if (!find_column(c, s, err))
            return false;
    } while (peek_past_space(s, err) == ',' && stream_get(s, err) == ',');
    if (!take_mark(s, '}', err))
        return false;
    return (peek_past_space(s, err) < 0 && !s->failed) ||
           (!s->failed && err_set(err, ERR_INPUT, "trailing text"));
}

static bool open_cursors(
    struct json_columns *c, struct bytes *bytes, const char *name, struct err *err) {
    size_t memory = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct stream *s = &c->columns[i].stream;
        if (!stream_open(s, bytes, name, err) || !stream_seek(s, c->columns[i].at, err))
            return false;
        memory += stream_memory(s);
        if (memory > UNPACKERS_MAX_BYTES)
            return err_set(err, ERR_UNSUPPORTED,
                "a document of %zu columns: unpacking them takes over %d MiB", c->n,
                UNPACKERS_MAX_BYTES >> 20);
    }
    c->n_rows = c->columns[0].n;
    return true;
}

struct json_columns *json_columns_open(struct bytes *bytes, const char *name, struct err *err) {
    struct json_columns *c = xcalloc(1, sizeof *c);
    struct stream s;
    strbuf_init(&c->text, ROW_MAX_BYTES);
    bool ok = stream_open(&s, bytes, name, err);
    if (ok) {
        ok = find_columns(c, &s, err);
        stream_close(&s);
    }
    if (ok && open_cursors(c, bytes, name, err))
        return c;
    json_columns_close(c);
    return NULL;
}

void json_columns_close(struct json_columns *c) {
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->columns[i].key);
        stream_close(&c->columns[i].stream);
    }
    strbuf_release(&c->text);
    free(c);
}

/* ---- rows ---- */

/* The value of each column; between them stand the marks that an object has there. */
static bool take_row(struct json_columns *c, struct strbuf *text, struct err *err) {
    for (size_t i = 0; i < c->n; i++) {
        struct column *one = &c->columns[i];
        if (text)
            strbuf_addf(text, "%c%s:", i ? ',' : '{', one->key);
        if (!take_value(&one->stream, text, err))
            return err_wrap(err, "column %s", one->key);
        stream_get(&one->stream, err); /* the mark, which was seen there */
    }
    return true;
}

bool json_columns_next(struct json_columns *c, struct row *row, struct err *err) {
    static const char end[1 + JSONROW_SLACK] = "}";
    if (c->row == c->n_rows)
        return false;
    c->row++;
    strbuf_reset(&c->text);
    bool ok = take_row(c, row ? &c->text : NULL, err);
    if (ok && row) {
        strbuf_add(&c->text, end, sizeof end);
        ok = c->text.overflow
                 ? err_set(err, ERR_INPUT, "row is over the ceiling of its size")
                 : jsonrow_parse(row, c->text.text, c->text.len - JSONROW_SLACK, NULL, err);
    }
    return ok || err_wrap(err, "row %llu", (unsigned long long)c->row);
}
