/* The format "json": whatever goes by that ending. An array of rows, or a sequence of them with
 * white space between, each row cut out of the text by a scan for brackets and strings, then
 * parsed. Or a document: one object, over several lines, which is, tried in this order,
 *   - a wrapper: exactly one value is an array of objects, and those are the rows ({"version": ...,
 * "data": [...]});
 *   - columns: every value is an array, all of one length;
 *   - rows by key: every value is an object; a row gets its key as "_key";
 *   - else a single row.
 * An object on one line is a row, so that a file of one row means what a file of many does. Of a
 * document over 64 MiB, or of 4 million values, a wrapper is read, row by row, or columns are. */
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "evaluator/data/jsoncolumns.h"
#include "evaluator/data/jsonrow.h"
#include "evaluator/data/jsonwhole.h"
#include "evaluator/data/reader.h"
#include "evaluator/data/stream.h"

enum { DOCUMENT_MAX_BYTES = 64 << 20 };

struct jsondoc {
    struct stream stream;
    struct strbuf text; /* of the row at hand */
    size_t most;        /* bytes of it */
    bool cut;           /* it is the first of a sequence, and was not yet given */
    bool array;         /* rows stand in [ ], with commas */
    bool wrapped;       /* and these within an object that is too large to be read as a whole */
    bool ended;
    struct json_columns *columns; /* NULL, or all rows */
    struct json_whole *whole;     /* likewise */
    unsigned long long row, line; /* taken; where it stands */
    uint64_t line_at;             /* where in the stream that line begins */
    struct jsonrow_place begun;   /* the row at hand */
};

static bool fail(const struct jsondoc *d, struct err *err, const char *what) {
    return err_set(err, ERR_INPUT, "row %llu, line %llu: %s", d->row + 1, d->line, what);
}

static void end_line(struct jsondoc *d, uint64_t next_at) {
    d->line++;
    d->line_at = next_at;
}

static int get(struct jsondoc *d, struct err *err) {
    int byte = stream_get(&d->stream, err);
    if (byte == '\n')
        end_line(d, stream_tell(&d->stream));
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
        end_line(d, d->stream.before + (uint64_t)(from + 1 - d->stream.window));
}

static void set_ceiling(struct jsondoc *d, size_t most) {
    d->most = most;
    d->text.max = most + JSONROW_SLACK;
}

static bool is_within(const struct jsondoc *d) {
    return d->text.len <= d->most && !d->text.overflow;
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
    } while (cut.depth > 0 && d->text.len <= d->most && !d->text.overflow);
    return is_within(d) || fail(d, err, "row is over the ceiling of its size");
}

/* The next object's text into d->text. */
static bool cut_next(struct jsondoc *d, struct err *err) {
    if (peek_past_space(d, err) != '{')
        return d->stream.failed ? false : fail(d, err, "not JSON: expected a row, an object");
    d->begun = (struct jsonrow_place) { d->line, stream_tell(&d->stream) - d->line_at + 1 };
    return cut_object(d, err);
}

static size_t add_slack(struct strbuf *text) {
    static const char slack[JSONROW_SLACK] = { 0 };
    size_t n = text->len;
    strbuf_add(text, slack, sizeof slack);
    return n;
}

/* Of what went wrong in the row that was cut. */
static bool name_row(const struct jsondoc *d, struct err *err) {
    return err_wrap(err, "row %llu, line %llu", d->row + 1, d->begun.line);
}

static bool parse_row(struct jsondoc *d, struct row *row, struct err *err) {
    size_t n = add_slack(&d->text);
    return jsonrow_parse(row, d->text.text, n, &d->begun, err) || name_row(d, err);
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

static bool begin(struct jsondoc *d, const struct reader_input *input, struct err *err) {
    bool ok = stream_open(&d->stream, input->bytes, input->name, err);
    d->line = 1;
    d->line_at = ok ? stream_tell(&d->stream) : 0;
    return ok;
}

static bool open_large(struct jsondoc *d, const struct reader_input *input, struct err *err) {
    struct err e = ERR_INIT;
    stream_close(&d->stream);
    strbuf_release(&d->text);
    d->array = d->wrapped = true;
    if (!begin(d, input, err) || !take_mark(d, '{', err))
        return false;
    if (find_rows(d, &e))
        return true;
    if (e.class == ERR_NONE)
        return open_columns(d, input, err);
    *err = e;
    return false;
}

/* ---- opening ---- */

static bool stands_alone(struct jsondoc *d, struct err *err) {
    if (peek_past_space(d, err) < 0)
        return !d->stream.failed;
    return err_set(err, ERR_INPUT, "line %llu: text after an object of several lines", d->line) ||
           err_hint(err, "rows that follow one another begin with one on a line of its own; or put "
                         "them into an array");
}

static bool open_whole(struct jsondoc *d, const struct reader_input *input, struct err *err) {
    struct err e = ERR_INIT;
    bool too_many = false;
    add_slack(&d->text);
    d->whole = json_whole_open(&d->text, &d->begun, &too_many, &e);
    d->ended = true;
    if (d->whole)
        return stands_alone(d, err);
    d->ended = false;
    if (too_many)
        return open_large(d, input, err);
    *err = e;
    return name_row(d, err);
}

static bool refuse_long_line(const struct jsondoc *d, struct err *err) {
    err_set(err, ERR_INPUT, "an object on one line is a row, and over the ceiling of %d MiB",
        ROW_MAX_BYTES >> 20);
    err_hint(err, "an object that holds rows is read as such if it is written over several lines");
    return name_row(d, err);
}

/* By whether the first object ends in the line where it began. */
static bool open_objects(struct jsondoc *d, const struct reader_input *input, struct err *err) {
    struct err e = ERR_INIT;
    bool ok = cut_next(d, &e), on_one_line = d->line == d->begun.line;
    if (on_one_line && (!is_within(d) || d->text.len > ROW_MAX_BYTES))
        return refuse_long_line(d, err);
    if (!is_within(d))
        return open_large(d, input, err);
    if (ok && !on_one_line)
        return open_whole(d, input, err);
    d->cut = ok;
    if (!ok)
        *err = e;
    return ok;
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
    json_whole_close(d->whole);
    free(d);
}

static void *jsondoc_open(const struct reader_input *input, struct err *err) {
    struct jsondoc *d = xcalloc(1, sizeof *d);
    set_ceiling(d, DOCUMENT_MAX_BYTES);
    if (begin(d, input, err) && open_document(d, input, err)) {
        set_ceiling(d, ROW_MAX_BYTES);
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

/* Moves to the next row of the text; false at the end and on failure. */
static bool find_next(struct jsondoc *d, struct err *err) {
    if (d->ended)
        return false;
    return d->array ? next_in_array(d, err) : peek_past_space(d, err) >= 0;
}

/* The next row's text into d->text. */
static bool take_next(struct jsondoc *d, struct err *err) {
    bool ok = d->cut || (find_next(d, err) && cut_next(d, err));
    d->cut = false;
    return ok;
}

static bool jsondoc_next(void *reader, struct row *row, struct err *err) {
    struct jsondoc *d = reader;
    if (d->columns)
        return json_columns_next(d->columns, row, err);
    if (d->whole)
        return json_whole_next(d->whole, row, err);
    bool ok = take_next(d, err) && parse_row(d, row, err);
    d->row += ok;
    return ok;
}

static bool jsondoc_skip(void *reader, struct err *err) {
    struct jsondoc *d = reader;
    if (d->columns)
        return json_columns_next(d->columns, NULL, err);
    if (d->whole)
        return json_whole_next(d->whole, NULL, err);
    bool ok = take_next(d, err);
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
