/* See lines.h; and the format "lines", where each line becomes {"line": text, "number": n}, bytes
 * that are not UTF-8 replaced as Python does. */
#include "evaluator/data/lines.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "evaluator/data/reader.h"

bool lines_open(struct lines *l, struct bytes *bytes, const char *name, struct err *err) {
    *l = (struct lines) { 0 };
    strbuf_init(&l->joined, ROW_MAX_BYTES + STREAM_SLACK);
    return stream_open(&l->stream, bytes, name, err);
}

void lines_close(struct lines *l) {
    stream_close(&l->stream);
    strbuf_release(&l->joined);
}

static bool give(char **text, size_t *n, char *line, size_t len) {
    *text = line;
    *n = len > 0 && line[len - 1] == '\r' ? len - 1 : len;
    return true;
}

static bool give_joined(struct lines *l, char **text, size_t *n) {
    static const char slack[STREAM_SLACK] = { 0 };
    size_t len = l->joined.len;
    strbuf_add(&l->joined, slack, sizeof slack);
    return give(text, n, l->joined.text, len);
}

static bool too_long(const struct lines *l, struct err *err) {
    return err_set(err, ERR_INPUT, "line %llu: line length is over the ceiling of %d bytes",
        l->number, ROW_MAX_BYTES);
}

bool lines_next(struct lines *l, char **text, size_t *n, struct err *err) {
    struct stream *s = &l->stream;
    strbuf_reset(&l->joined);
    if (stream_peek(s, err) < 0) {
        if (s->failed)
            err_wrap(err, "after line %llu", l->number);
        return false;
    }
    l->number++;
    do {
        uint8_t *from = s->at, *newline = memchr(from, '\n', (size_t)(s->end - from));
        size_t len = (size_t)((newline ? newline : s->end) - from);
        s->at = newline ? newline + 1 : s->end;
        if (len > ROW_MAX_BYTES - l->joined.len)
            return too_long(l, err);
        if (newline && l->joined.len == 0)
            return give(text, n, (char *)from, len);
        strbuf_add(&l->joined, from, len);
        if (newline)
            return give_joined(l, text, n);
    } while (stream_refill(s, err));
    if (s->failed)
        return err_wrap(err, "line %llu", l->number);
    return give_joined(l, text, n);
}

static void *reader_open(const struct reader_input *input, struct err *err) {
    struct lines *l = xcalloc(1, sizeof *l);
    if (lines_open(l, input->bytes, input->name, err))
        return l;
    lines_close(l);
    free(l);
    return NULL;
}

static void reader_close(void *reader) {
    lines_close(reader);
    free(reader);
}

static void push_text(struct row *row, const char *text, size_t n) {
    if (utf8_valid(text, n)) {
        row_view(row, text, n);
        return;
    }
    size_t len;
    char *repaired = utf8_repair(text, n, &len);
    row_copy(row, repaired, len);
    free(repaired);
}

static bool text_next(void *reader, struct row *row, struct err *err) {
    struct lines *l = reader;
    char *text;
    size_t n;
    if (!lines_next(l, &text, &n, err))
        return false;
    size_t begun = row_begin(row, VALUE_OBJECT);
    row_view(row, "line", 4);
    push_text(row, text, n);
    row_view(row, "number", 6);
    row_int(row, (int64_t)l->number);
    row_end(row, begun, 2);
    return true;
}

static bool text_skip(void *reader, struct err *err) {
    char *text;
    size_t n;
    return lines_next(reader, &text, &n, err);
}

const struct reader_type reader_lines = {
    .name = "lines",
    .open = reader_open,
    .next = text_next,
    .skip = text_skip,
    .close = reader_close,
};
