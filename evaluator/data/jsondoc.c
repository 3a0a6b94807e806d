/* The format "json": whatever goes by that ending. An array of rows, read row by row; a sequence of
 * rows with white space between them (JSON lines under another name); or one object, which is,
 * tried in this order,
 *   - columns: every value is an array, all of one length, and not all of them hold objects;
 *   - a wrapper: exactly one value is an array of objects, and those are the rows ({"version": ...,
 * "data": [...]});
 *   - rows by key: every value is an object; a row gets its key as "_key";
 *   - else a single row;
 * of an object over 64 MiB a wrapper is read, row by row, or columns are. An array's row and a
 * sequence's row are cut out of the text by a scan for brackets and strings, then parsed. */
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "evaluator/data/jsoncolumns.h"
#include "evaluator/data/jsonrow.h"
#include "evaluator/data/reader.h"
#include "evaluator/data/stream.h"

enum { DOCUMENT_MAX_BYTES = 64 << 20 };

struct jsondoc {
    struct stream stream;
    struct strbuf text; /* of the row at hand */
    bool array;         /* rows stand in [ ], with commas */
    bool wrapped;       /* and these within an object that is too large to be read as a whole */
    bool ended;
    struct json_columns *columns; /* NULL, or all rows */
    json_t *kept;                 /* rows of a single object, or the first row of a sequence */
    size_t at;                    /* in kept */
    unsigned long long row, line, row_line; /* taken; where it stands; where the row began */
};

static bool fail(const struct jsondoc *d, struct err *err, const char *what) {
    return err_set(err, ERR_INPUT, "row %llu, line %llu: %s", d->row + 1, d->line, what);
}

static int get(struct jsondoc *d, struct err *err) {
    int byte = stream_get(&d->stream, err);
    d->line += byte == '\n';
    return byte;
}

static int peek_past_space(struct jsondoc *d, struct err *err) {
    int byte;
    while ((byte = stream_peek(&d->stream, err)) == ' ' || byte == '\t' || byte == '\n' ||
           byte == '\r')
        get(d, err);
    return byte;
}

/* Where an object's text ends: what a scan for brackets and strings has to remember from window to
 * window. */
struct cut {
    unsigned long depth;
    bool in_string, escaped;
};

/* Moves p on to behind the bracket that closes the object, or to the end. */
static const uint8_t *scan(struct cut *c, const uint8_t *p, const uint8_t *end) {
    while (p < end) {
        uint8_t byte = *p++;
        if (c->in_string) {
            c->in_string = c->escaped || byte != '"';
            c->escaped = !c->escaped && byte == '\\';
        } else if (byte == '"')
            c->in_string = true;
        else if (byte == '{' || byte == '[')
            c->depth++;
        else if ((byte == '}' || byte == ']') && --c->depth == 0)
            return p;
    }
    return p;
}

static void count_lines(struct jsondoc *d, const uint8_t *from, const uint8_t *to) {
    for (; (from = memchr(from, '\n', (size_t)(to - from))) != NULL; from++)
        d->line++;
}

/* Copies one object, from its '{' to the '}' that closes it. */
static bool cut_object(struct jsondoc *d, struct err *err) {
    struct stream *s = &d->stream;
    struct cut cut = { 0 };
    strbuf_reset(&d->text);
    do {
        if (stream_peek(s, err) < 0)
            return s->failed ? false : fail(d, err, "the document ends within a row");
        uint8_t *from = s->at;
        s->at += scan(&cut, from, s->end) - from;
        count_lines(d, from, s->at);
        strbuf_add(&d->text, from, (size_t)(s->at - from));
    } while (cut.depth > 0 && !d->text.overflow);
    return !d->text.overflow || fail(d, err, "row is over the ceiling of its size");
}

/* The next object's text into d->text. */
static bool cut_next(struct jsondoc *d, struct err *err) {
    if (peek_past_space(d, err) != '{')
        return d->stream.failed ? false : fail(d, err, "not JSON: expected a row, an object");
    d->row_line = d->line;
    return cut_object(d, err);
}

static bool name_row(const struct jsondoc *d, struct err *err) {
    return err_wrap(err, "row %llu, line %llu", d->row + 1, d->row_line);
}

static bool read_row(struct jsondoc *d, struct row *row, struct err *err) {
    static const char slack[JSONROW_SLACK] = { 0 };
    if (!cut_next(d, err))
        return false;
    size_t n = d->text.len;
    strbuf_add(&d->text, slack, sizeof slack);
    return jsonrow_parse(row, d->text.text, n, err) || name_row(d, err);
}

/* The first object of a file, which may be all of it. */
static json_t *read_document(struct jsondoc *d, struct err *err) {
    json_error_t e;
    if (!cut_next(d, err))
        return NULL;
    if (!utf8_valid(d->text.text, d->text.len)) {
        err_set(err, ERR_INPUT, "not text: invalid UTF-8");
        name_row(d, err);
        return NULL;
    }
    json_t *object =
        json_loadb(d->text.text, d->text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (!object) {
        err_set(err, ERR_INPUT, "not JSON: %s (column %d)", e.text, e.column);
        name_row(d, err);
    }
    return object;
}

static json_t *wrapped_rows(json_t *object) {
    json_t *value, *found = NULL;
    const char *key;
    json_object_foreach(object, key, value) {
        if (!json_is_object(json_array_get(value, 0)))
            continue;
        if (found)
            return NULL;
        found = value;
    }
    return json_incref(found);
}

/* {"a": [1, 2], "b": [3, 4]} → [{"a": 1, "b": 3}, {"a": 2, "b": 4}]. NULL where it is not columns.
 */
static json_t *rows_of_columns(json_t *object) {
    json_t *value;
    const char *key;
    size_t n = SIZE_MAX;
    json_object_foreach(object, key, value) {
        if (!json_is_array(value) || (n != SIZE_MAX && json_array_size(value) != n))
            return NULL;
        n = json_array_size(value);
    }
    json_t *rows = json_array();
    for (size_t i = 0; n != SIZE_MAX && i < n; i++) {
        json_t *row = json_object();
        json_object_foreach(object, key, value) json_object_set(row, key, json_array_get(value, i));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* NULL where a value is not an object. */
static json_t *rows_by_key(json_t *object) {
    json_t *value, *rows = json_array();
    const char *key;
    json_object_foreach(object, key, value) {
        if (!json_is_object(value)) {
            json_decref(rows);
            return NULL;
        }
        json_t *row = json_copy(value);
        if (!json_object_get(row, "_key"))
            json_object_set_new(row, "_key", json_string(key));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* Takes `object`; gives its rows. */
static json_t *rows_of_object(json_t *object) {
    json_t *rows = wrapped_rows(object);
    if (!rows && json_object_size(object) > 0)
        rows = rows_of_columns(object);
    if (!rows && json_object_size(object) > 0)
        rows = rows_by_key(object);
    if (!rows) {
        rows = json_array();
        json_array_append(rows, object);
    }
    json_decref(object);
    return rows;
}

/* ---- an object too large to be read as a whole ---- */

/* Past a string, array or object whose first byte is next; `depth` counts brackets taken before. */
static bool skip_nested(struct jsondoc *d, unsigned long depth, struct err *err) {
    struct stream *s = &d->stream;
    struct cut cut = { .depth = depth };
    do {
        if (stream_peek(s, err) < 0)
            return s->failed ? false : fail(d, err, "the document ends within a value");
        uint8_t *from = s->at;
        s->at += scan(&cut, from, s->end) - from;
        count_lines(d, from, s->at);
    } while (cut.depth > 0);
    return true;
}

static bool skip_string(struct jsondoc *d, struct err *err) {
    bool escaped = false;
    get(d, err);
    for (int byte; (byte = get(d, err)) >= 0; escaped = !escaped && byte == '\\')
        if (byte == '"' && !escaped)
            return true;
    return d->stream.failed ? false : fail(d, err, "the document ends within a string");
}

/* A number or a word: to what may follow it. */
static bool skip_word(struct jsondoc *d, struct err *err) {
    for (int byte; (byte = stream_peek(&d->stream, err)) >= 0 && !strchr(",}] \t\r\n", byte);)
        get(d, err);
    return !d->stream.failed;
}

/* Past the value of a key; true in *rows where it is an array of objects, which is begun only. */
static bool enter_value(struct jsondoc *d, bool *rows, struct err *err) {
    int byte = peek_past_space(d, err);
    if (byte == '"')
        return skip_string(d, err);
    if (byte == '{')
        return skip_nested(d, 0, err);
    if (byte != '[')
        return skip_word(d, err);
    get(d, err);
    *rows = peek_past_space(d, err) == '{';
    return *rows ? !d->stream.failed : skip_nested(d, 1, err);
}

static bool take_mark(struct jsondoc *d, char mark, struct err *err) {
    if (peek_past_space(d, err) != mark)
        return d->stream.failed ? false : fail(d, err, "not JSON: the object is damaged");
    get(d, err);
    return true;
}

/* On to the array of rows, the object's '{' or ',' taken. False at its end, with d->ended, and on
 * failure. */
static bool find_rows(struct jsondoc *d, struct err *err) {
    bool rows = false;
    for (;;) {
        if (peek_past_space(d, err) != '"' || !skip_string(d, err) || !take_mark(d, ':', err) ||
            !enter_value(d, &rows, err))
            return d->stream.failed || err->class != ERR_NONE
                       ? false
                       : fail(d, err, "not JSON: the object is damaged");
        if (rows)
            return true;
        if (peek_past_space(d, err) != ',')
            break;
        get(d, err);
    }
    d->ended = take_mark(d, '}', err);
    return false;
}

/* Behind the rows nothing may follow that could be the rows just as well. */
static bool end_wrapped(struct jsondoc *d, struct err *err) {
    struct err e = ERR_INIT;
    get(d, err);
    bool more = peek_past_space(d, err) == ',';
    if (more)
        get(d, err);
    if (more && find_rows(d, &e))
        return fail(d, err, "two lists of rows in one document: which of them is meant?");
    if (e.class != ERR_NONE) {
        *err = e;
        return false;
    }
    d->ended = d->ended || take_mark(d, '}', err);
    return d->ended && (peek_past_space(d, err) < 0 || fail(d, err, "trailing text"));
}

static bool open_columns(struct jsondoc *d, const struct reader_input *input, struct err *err) {
    d->array = d->wrapped = false;
    d->ended = true;
    d->columns = json_columns_open(input->bytes, input->name, err);
    return d->columns != NULL;
}

static bool open_large(struct jsondoc *d, const struct reader_input *input, struct err *err) {
    struct err e = ERR_INIT;
    stream_close(&d->stream);
    d->line = 1;
    d->array = d->wrapped = true;
    if (!stream_open(&d->stream, input->bytes, input->name, err) || !take_mark(d, '{', err))
        return false;
    if (find_rows(d, &e))
        return true;
    if (e.class == ERR_NONE)
        return open_columns(d, input, err);
    *err = e;
    return false;
}

/* ---- opening ---- */

/* One object and nothing after it is a document; more after it, and it was the first row of a
 * sequence. */
static bool open_objects(struct jsondoc *d, const struct reader_input *input, struct err *err) {
    struct err e = ERR_INIT;
    json_t *first = read_document(d, &e);
    if (!first && d->text.overflow)
        return open_large(d, input, err);
    if (!first) {
        *err = e;
        return false;
    }
    if (peek_past_space(d, err) >= 0) {
        d->kept = json_array();
        json_array_append_new(d->kept, first);
        return true;
    }
    d->kept = rows_of_object(first);
    d->ended = true;
    return !d->stream.failed;
}

static bool open_document(struct jsondoc *d, const struct reader_input *input, struct err *err) {
    int first = peek_past_space(d, err);
    if (first == '[') {
        d->array = true;
        get(d, err);
        return true;
    }
    if (first < 0)
        return d->stream.failed ? false
                                : err_set(err, ERR_INPUT, "line 1: not JSON: the file is empty");
    return open_objects(d, input, err);
}

static void jsondoc_close(void *reader) {
    struct jsondoc *d = reader;
    stream_close(&d->stream);
    strbuf_release(&d->text);
    json_columns_close(d->columns);
    json_decref(d->kept);
    free(d);
}

static void *jsondoc_open(const struct reader_input *input, struct err *err) {
    struct jsondoc *d = xcalloc(1, sizeof *d);
    d->line = 1;
    strbuf_init(&d->text, DOCUMENT_MAX_BYTES);
    if (stream_open(&d->stream, input->bytes, input->name, err) && open_document(d, input, err)) {
        strbuf_release(&d->text); /* a document may have been large */
        strbuf_init(&d->text, ROW_MAX_BYTES + JSONROW_SLACK);
        return d;
    }
    jsondoc_close(d);
    return NULL;
}

/* After the last row of an array only white space may follow. */
static bool end_array(struct jsondoc *d, struct err *err) {
    get(d, err);
    d->ended = true;
    if (peek_past_space(d, err) < 0)
        return !d->stream.failed;
    return fail(d, err, "not JSON: trailing text after the array");
}

/* Moves to the next row of an array; false at its end and on failure. */
static bool next_in_array(struct jsondoc *d, struct err *err) {
    int byte = peek_past_space(d, err);
    if (byte == ']') {
        (void)(d->wrapped ? end_wrapped : end_array)(d, err);
        return false;
    }
    if (d->row == 0)
        return true;
    if (byte != ',')
        return d->stream.failed ? false : fail(d, err, "not JSON: expected ',' or ']'");
    get(d, err);
    return true;
}

static bool kept_row(struct jsondoc *d, struct row *row, struct err *err) {
    json_t *kept = json_array_get(d->kept, d->at++);
    if (!json_is_object(kept))
        return fail(d, err, "not JSON: expected a row, an object");
    d->row++;
    row_json(row, kept);
    return !row->overflow || fail(d, err, "too many values in a row");
}

/* Moves to the next row of the text; false at the end and on failure. */
static bool find_next(struct jsondoc *d, struct err *err) {
    if (d->ended)
        return false;
    return d->array ? next_in_array(d, err) : peek_past_space(d, err) >= 0;
}

static bool jsondoc_next(void *reader, struct row *row, struct err *err) {
    struct jsondoc *d = reader;
    if (d->columns)
        return json_columns_next(d->columns, row, err);
    if (d->at < json_array_size(d->kept))
        return kept_row(d, row, err);
    bool ok = find_next(d, err) && read_row(d, row, err);
    d->row += ok;
    return ok;
}

static bool jsondoc_skip(void *reader, struct err *err) {
    struct jsondoc *d = reader;
    if (d->columns)
        return json_columns_next(d->columns, NULL, err);
    bool kept = d->at < json_array_size(d->kept),
         ok = kept || (find_next(d, err) && cut_next(d, err));
    d->at += kept;
    d->row += ok;
    return ok;
}

const struct reader_type reader_json = {
    .name = "json",
    .open = jsondoc_open,
    .next = jsondoc_next,
    .skip = jsondoc_skip,
    .close = jsondoc_close,
};
