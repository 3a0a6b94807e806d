/* CSV and TSV as Python's csv module reads them (RFC 4180, double quotes doubled): the first record
 * names the columns, every value is a string; a column without a name is "Unnamed: N", N counted
 * from 0, as the hub's `datasets` library has it. A record ends at "\n", "\r" or "\r\n" outside
 * quotes; a quote inside an unquoted field is an ordinary character, and so is what follows a
 * closing quote. Empty lines are skipped; a record of more or fewer values than there are columns
 * is an error, and so is a quote that never closes. */
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
    unsigned long long row, line,
        line_now; /* from 1: the record, where it began, and where the reader stands */
};

/* Of the field at hand, which the header, row 0, has yet to name. */
static bool fail(const struct csv *c, struct err *err, const char *what) {
    if (c->row == 0)
        return err_set(err, ERR_INPUT, "line %llu, column %zu: %s", c->line, c->n_fields + 1, what);
    if (c->n_fields < c->n_names)
        return err_set(err, ERR_INPUT, "row %llu, line %llu: column '%.100s': %s", c->row, c->line,
            c->names[c->n_fields], what);
    return err_set(err, ERR_INPUT, "row %llu, line %llu: %s", c->row, c->line, what);
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

static bool within_ceiling(const struct csv *c, struct err *err) {
    return !c->text.overflow || fail(c, err, "record is over the ceiling of 16 MiB");
}

/* The inside of quotes, the opening one taken; a doubled quote stands for one. */
static bool read_quoted(struct csv *c, struct err *err) {
    struct stream *s = &c->stream;
    while (stream_peek(s, err) >= 0) {
        const uint8_t *from = s->at, *quote = memchr(from, '"', (size_t)(s->end - from));
        s->at = quote ? s->at + (quote - from) : s->end;
        for (const uint8_t *p = from; (p = memchr(p, '\n', (size_t)(s->at - p))) != NULL; p++)
            c->line_now++;
        strbuf_add(&c->text, from, (size_t)(s->at - from));
        if (!within_ceiling(c, err))
            return false;
        if (!quote)
            continue;
        s->at++;
        if (stream_peek(s, err) != '"')
            return !s->failed;
        stream_get(s, err);
        strbuf_addc(&c->text, '"');
    }
    return s->failed ? false : fail(c, err, "quoted field never ends");
}

/* To the delimiter or the end of the line, which are left. */
static bool read_plain(struct csv *c, struct err *err) {
    struct stream *s = &c->stream;
    while (stream_peek(s, err) >= 0) {
        const uint8_t *from = s->at;
        while (s->at < s->end && *s->at != c->delimiter && *s->at != '\n' && *s->at != '\r')
            s->at++;
        strbuf_add(&c->text, from, (size_t)(s->at - from));
        if (!within_ceiling(c, err))
            return false;
        if (s->at < s->end)
            return true;
    }
    return !s->failed;
}

static bool read_field(struct csv *c, struct err *err) {
    if (stream_peek(&c->stream, err) == '"') {
        stream_get(&c->stream, err);
        c->quoted = true;
        if (!read_quoted(c, err))
            return false;
    }
    return read_plain(c, err);
}

/* One record into fields. False at the end and on failure. */
static bool read_record(struct csv *c, struct err *err) {
    strbuf_reset(&c->text);
    c->n_fields = 0;
    c->quoted = false;
    c->line = c->line_now;
    if (stream_peek(&c->stream, err) < 0)
        return false;
    for (;;) {
        size_t from = c->text.len;
        if (!read_field(c, err) || !end_field(c, from, err))
            return false;
        int byte = stream_get(&c->stream, err);
        if (byte < 0 || is_line_end(c, byte, err))
            return !c->stream.failed;
    }
}

static bool is_blank(const struct csv *c) {
    return c->n_fields == 1 && c->fields[0].len == 0 && !c->quoted;
}

static bool read_filled(struct csv *c, struct err *err) {
    do {
        if (!read_record(c, err))
            return false;
    } while (is_blank(c));
    return true;
}

static char *name_of(const struct csv *c, size_t i) {
    const struct field *f = &c->fields[i];
    char unnamed[32];
    snprintf(unnamed, sizeof unnamed, "Unnamed: %zu", i);
    return f->len ? xstrndup(strbuf_str(&c->text) + f->from, f->len) : xstrdup(unnamed);
}

static bool read_names(struct csv *c, struct err *err) {
    if (!read_filled(c, err))
        return err->class != ERR_NONE ? false : err_set(err, ERR_INPUT, "no header row");
    c->names = xcalloc(c->n_fields, sizeof *c->names);
    for (size_t i = 0; i < c->n_fields; i++) {
        const char *name = strbuf_str(&c->text) + c->fields[i].from;
        if (!utf8_valid(name, c->fields[i].len) || memchr(name, 0, c->fields[i].len))
            return fail(c, err, "the name of a column is not text");
        c->names[c->n_names++] = name_of(c, i);
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

static void *open_with(const struct reader_input *input, char delimiter, struct err *err) {
    struct csv *c = xcalloc(1, sizeof *c);
    c->delimiter = delimiter;
    c->line_now = 1;
    strbuf_init(&c->text, ROW_MAX_BYTES);
    if (stream_open(&c->stream, input->bytes, input->name, err) && read_names(c, err))
        return c;
    csv_close(c);
    return NULL;
}

static void *csv_open(const struct reader_input *input, struct err *err) {
    return open_with(input, ',', err);
}

static void *tsv_open(const struct reader_input *input, struct err *err) {
    return open_with(input, '\t', err);
}

static bool refuse_ragged(const struct csv *c, struct err *err) {
    const char *missing = c->n_fields < c->n_names ? c->names[c->n_fields] : NULL;
    return err_set(err, ERR_INPUT, "row %llu, line %llu: %zu value%s for %zu columns%s%.100s%s",
        c->row, c->line, c->n_fields, c->n_fields == 1 ? "" : "s", c->n_names,
        missing ? ": column '" : "", missing ? missing : "", missing ? "' is missing" : "");
}

static bool csv_skip(void *reader, struct err *err) {
    struct csv *c = reader;
    c->row++;
    return read_filled(c, err);
}

static bool csv_next(void *reader, struct row *row, struct err *err) {
    struct csv *c = reader;
    if (!csv_skip(reader, err))
        return false;
    if (c->n_fields != c->n_names)
        return refuse_ragged(c, err);
    size_t begun = row_begin(row, VALUE_OBJECT);
    const char *text = strbuf_str(&c->text);
    for (c->n_fields = 0; c->n_fields < c->n_names; c->n_fields++) {
        const struct field *f = &c->fields[c->n_fields];
        const char *name = c->names[c->n_fields];
        if (!utf8_valid(text + f->from, f->len))
            return fail(c, err, "the value is not text (invalid UTF-8)");
        row_view(row, name, strlen(name));
        row_view(row, text + f->from, f->len);
    }
    row_end(row, begun, c->n_names);
    return true;
}

const struct reader_type reader_csv = {
    .name = "csv",
    .open = csv_open,
    .next = csv_next,
    .skip = csv_skip,
    .close = csv_close,
};

const struct reader_type reader_tsv = {
    .name = "tsv",
    .open = tsv_open,
    .next = csv_next,
    .skip = csv_skip,
    .close = csv_close,
};
