/* The format "jsonl": one JSON object a line, blank lines skipped. A file of this name that begins
 * with '[' is an array of rows, and is read as the format "json" would. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/data/jsonrow.h"
#include "evaluator/data/lines.h"
#include "evaluator/data/reader.h"

struct jsonl {
    struct lines lines;
    void *array; /* reader_json's, and all rows are its; or NULL */
};

/* As far as the first window goes. */
static bool begins_with_bracket(const struct stream *s) {
    const uint8_t *p = s->at;
    while (p < s->end && strchr(" \t\r\n", *p) && *p)
        p++;
    return p < s->end && *p == '[';
}

static void jsonl_close(void *reader) {
    struct jsonl *j = reader;
    if (j->array)
        reader_json.close(j->array);
    lines_close(&j->lines);
    free(j);
}

static void *jsonl_open(const struct reader_input *input, struct err *err) {
    struct jsonl *j = xcalloc(1, sizeof *j);
    bool ok = lines_open(&j->lines, input->bytes, input->name, err);
    if (ok && begins_with_bracket(&j->lines.stream)) {
        lines_close(&j->lines);
        j->array = reader_json.open(input, err);
        ok = j->array != NULL;
    }
    if (ok)
        return j;
    jsonl_close(j);
    return NULL;
}

static bool blank(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

static bool next_filled(struct lines *l, char **text, size_t *n, struct err *err) {
    do {
        if (!lines_next(l, text, n, err))
            return false;
    } while (blank(*text, *n));
    return true;
}

static bool jsonl_next(void *reader, struct row *row, struct err *err) {
    struct jsonl *j = reader;
    char *text;
    size_t n;
    if (j->array)
        return reader_json.next(j->array, row, err);
    return next_filled(&j->lines, &text, &n, err) &&
           (jsonrow_parse(row, text, n, NULL, err) || err_wrap(err, "line %llu", j->lines.number));
}

static bool jsonl_skip(void *reader, struct err *err) {
    struct jsonl *j = reader;
    char *text;
    size_t n;
    return j->array ? reader_json.skip(j->array, err) : next_filled(&j->lines, &text, &n, err);
}

const struct reader_type reader_jsonl = {
    .name = "jsonl",
    .open = jsonl_open,
    .next = jsonl_next,
    .skip = jsonl_skip,
    .close = jsonl_close,
};
