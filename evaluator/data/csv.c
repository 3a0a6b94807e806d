/* CSV and TSV as Python's csv module reads them (RFC 4180, double quotes doubled): the first record
 * names the columns, every value is a string. A record ends at "\n", "\r" or "\r\n" outside quotes;
 * a quote inside an unquoted field is an ordinary character, and so is what follows a closing
 * quote. Empty lines are skipped; a short record is filled with null, a long one is an error, and
 * so is a quote that never closes. */
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "evaluator/data/reader.h"
#include "evaluator/data/stream.h"

enum { MAX_COLUMNS = 4096 };

struct field {
    size_t from, len; /* in `text` */
};

struct csv {
    struct stream stream;
    char delimiter;
    struct strbuf text; /* the fields of the record at hand, one after the other */
    struct field *fields;
    size_t n_fields, capacity;
    bool quoted; /* a field of the record was */
    char **names;
    size_t n_names;
    unsigned long long line,
        line_now; /* from 1: where the record began, and where the reader stands */
};

static bool fail(const struct csv *c, struct err *err, const char *what) {
    return err_set(err, ERR_INPUT, "line %llu: %s", c->line, what);
}

static bool end_field(struct csv *c, size_t from, struct err *err) {
    if (c->n_fields == MAX_COLUMNS)
        return fail(c, err, "too many columns");
    mem_grow(&c->fields, &c->capacity, c->n_fields + 1, sizeof *c->fields);
    c->fields[c->n_fields++] = (struct field) { from, c->text.len - from };
    return true;
}

static bool is_line_end(struct csv *c, int byte, struct err *err) {
    if (byte != '\n' && byte != '\r')
        return false;
    if (byte == '\r' && stream_peek(&c->stream, err) == '\n')
        stream_get(&c->stream, err);
    c->line_now++;
    return true;
}

/* The inside of quotes, the opening one taken; a doubled quote stands for one. */
static bool read_quoted(struct csv *c, struct err *err) {
    for (;;) {
        int byte = stream_get(&c->stream, err);
        if (byte < 0)
            return c->stream.failed ? false : fail(c, err, "quoted field never ends");
        if (byte == '"') {
            if (stream_peek(&c->stream, err) != '"')
                return true;
            stream_get(&c->stream, err);
        } else if (byte == '\n')
            c->line_now++;
        strbuf_addc(&c->text, (char)byte);
        if (c->text.overflow)
            return fail(c, err, "record is over the ceiling of 16 MiB");
    }
}

/* One record into fields. False at the end and on failure. */
static bool read_record(struct csv *c, struct err *err) {
    strbuf_reset(&c->text);
    c->n_fields = 0;
    c->quoted = false;
    c->line = c->line_now;
    if (stream_peek(&c->stream, err) < 0)
        return false;
    for (size_t from = 0;;) {
        int byte = stream_get(&c->stream, err);
        if (byte < 0 || is_line_end(c, byte, err))
            return !c->stream.failed && end_field(c, from, err);
        if (byte == c->delimiter) {
            if (!end_field(c, from, err))
                return false;
            from = c->text.len;
        } else if (byte == '"' && c->text.len == from) {
            c->quoted = true;
            if (!read_quoted(c, err))
                return false;
        } else
            strbuf_addc(&c->text, (char)byte);
        if (c->text.overflow)
            return fail(c, err, "record is over the ceiling of 16 MiB");
    }
}

static bool is_blank(const struct csv *c) {
    return c->n_fields == 1 && c->fields[0].len == 0 && !c->quoted;
}

static bool read_names(struct csv *c, struct err *err) {
    if (!read_record(c, err))
        return c->stream.failed || c->n_fields ? false : err_set(err, ERR_INPUT, "no header row");
    c->names = xcalloc(c->n_fields, sizeof *c->names);
    for (size_t i = 0; i < c->n_fields; i++) {
        const char *name = strbuf_str(&c->text) + c->fields[i].from;
        if (!utf8_valid(name, c->fields[i].len) || memchr(name, 0, c->fields[i].len))
            return fail(c, err, "the name of a column is not text");
        c->names[c->n_names++] = xstrndup(name, c->fields[i].len);
        for (size_t j = 0; j < i; j++)
            if (strcmp(c->names[i], c->names[j]) == 0)
                return err_set(
                    err, ERR_INPUT, "line %llu: two columns are named '%s'", c->line, c->names[i]);
    }
    return true;
}

static void csv_close(void *reader) {
    struct csv *c = reader;
    stream_close(&c->stream);
    strbuf_release(&c->text);
    for (size_t i = 0; i < c->n_names; i++)
        free(c->names[i]);
    free(c->names);
    free(c->fields);
    free(c);
}

static void *open_with(const char *path, char delimiter, struct err *err) {
    struct csv *c = xcalloc(1, sizeof *c);
    c->delimiter = delimiter;
    c->line_now = 1;
    strbuf_init(&c->text, ROW_MAX_BYTES);
    if (stream_open(&c->stream, path, err) && read_names(c, err))
        return c;
    csv_close(c);
    return NULL;
}

static void *csv_open(const char *path, struct err *err) {
    return open_with(path, ',', err);
}

static void *tsv_open(const char *path, struct err *err) {
    return open_with(path, '\t', err);
}

static json_t *csv_next(void *reader, struct err *err) {
    struct csv *c = reader;
    do {
        if (!read_record(c, err))
            return NULL;
    } while (is_blank(c));
    if (c->n_fields > c->n_names) {
        err_set(err, ERR_INPUT, "line %llu: %zu values for %zu columns", c->line, c->n_fields,
            c->n_names);
        return NULL;
    }
    json_t *row = json_object();
    for (size_t i = 0; i < c->n_names; i++) {
        const struct field *f = i < c->n_fields ? &c->fields[i] : NULL;
        json_t *value = f ? json_stringn(strbuf_str(&c->text) + f->from, f->len) : json_null();
        if (!value) {
            err_set(err, ERR_INPUT, "line %llu: column '%s' is not text (invalid UTF-8)", c->line,
                c->names[i]);
            json_decref(row);
            return NULL;
        }
        json_object_set_new(row, c->names[i], value);
    }
    return row;
}

const struct reader_type reader_csv = {
    .name = "csv",
    .open = csv_open,
    .next = csv_next,
    .close = csv_close,
};

const struct reader_type reader_tsv = {
    .name = "tsv",
    .open = tsv_open,
    .next = csv_next,
    .close = csv_close,
};
