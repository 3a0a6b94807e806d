/* See jsonrow.h, and base/jsonscan.h for strings and numbers. */
#include "evaluator/data/jsonrow.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsonscan.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { DEPTH_MAX = 512, FEW_KEYS = 16 };

struct parser {
    struct jsonscan scan;
    struct row *row;
    char *line;                      /* where the line at hand begins */
    struct jsonrow_place line_began; /* and its number, and column */
};

static bool bad(struct parser *p, const char *what) {
    return jsonscan_bad(&p->scan, what);
}

/* Strings hold no line's end. */
static void end_line(struct parser *p) {
    p->line = p->scan.at + 1;
    p->line_began.line++;
    p->line_began.column = 1;
}

static void skip_space(struct parser *p) {
    for (; (uint8_t)*p->scan.at <= ' '; p->scan.at++)
        if (*p->scan.at == '\n')
            end_line(p);
        else if (*p->scan.at != ' ' && *p->scan.at != '\t' && *p->scan.at != '\r')
            return;
}

/* ---- strings and numbers ---- */

/* The opening quote is under p->scan.at. */
static bool parse_string(struct parser *p) {
    char *text;
    size_t n;
    if (!jsonscan_string(&p->scan, &text, &n))
        return false;
    row_view(p->row, text, n);
    return true;
}

static bool parse_number(struct parser *p) {
    struct jsonscan_number x;
    if (!jsonscan_number(&p->scan, &x))
        return false;
    if (x.kind == JSONSCAN_INT)
        row_int(p->row, x.i);
    else
        row_push(p->row, VALUE_REAL)->d = x.d;
    return true;
}

/* ---- keys ---- */

static bool same_key(const struct value *a, const struct value *b) {
    return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
}

static int by_key(const void *a, const void *b) {
    const struct value *x = *(const struct value *const *)a, *y = *(const struct value *const *)b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = memcmp(x->s, y->s, n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

static bool few_keys_differ(const struct value *object) {
    const struct value *keys[FEW_KEYS], *key = object + 1;
    for (uint32_t i = 0; i < object->n; i++, key = value_after(key + 1)) {
        keys[i] = key;
        for (uint32_t j = 0; j < i; j++)
            if (same_key(keys[j], key))
                return false;
    }
    return true;
}

static bool keys_differ(const struct value *object) {
    if (object->n <= FEW_KEYS)
        return few_keys_differ(object);
    const struct value **keys = xcalloc(object->n, sizeof *keys), *key = object + 1;
    bool differ = true;
    for (uint32_t i = 0; i < object->n; i++, key = value_after(key + 1))
        keys[i] = key;
    qsort(keys, object->n, sizeof *keys, by_key);
    for (uint32_t i = 1; i < object->n && differ; i++)
        differ = !same_key(keys[i - 1], keys[i]);
    free(keys);
    return differ;
}

/* ---- values ---- */

static bool parse_value(struct parser *p, unsigned depth);

static bool parse_word(struct parser *p, const char *word, enum value_kind kind) {
    size_t n = strlen(word);
    if (strncmp(p->scan.at, word, n) != 0)
        return bad(p, "invalid token");
    p->scan.at += n;
    row_push(p->row, kind);
    return true;
}

/* "-Infinity", or a number. */
static bool parse_negative(struct parser *p) {
    return p->scan.at[1] == 'I' ? parse_word(p, "-Infinity", VALUE_NULL) : parse_number(p);
}

static bool parse_key(struct parser *p) {
    if (*p->scan.at != '"')
        return bad(p, "expected a string as key");
    if (!parse_string(p))
        return false;
    const struct value *key = p->row->overflow ? NULL : &p->row->values[p->row->n - 1];
    if (key && memchr(key->s, 0, key->n))
        return bad(p, "NUL in a key");
    skip_space(p);
    if (*p->scan.at != ':')
        return bad(p, "expected ':'");
    p->scan.at++;
    skip_space(p);
    return true;
}

/* What stands between `open` and `close`, both taken. */
static bool parse_items(struct parser *p, bool object, unsigned depth) {
    const char close = object ? '}' : ']';
    size_t begun = row_begin(p->row, object ? VALUE_OBJECT : VALUE_ARRAY), n = 0;
    if (depth > DEPTH_MAX)
        return bad(p, "nesting depth is over the ceiling");
    p->scan.at++;
    skip_space(p);
    for (bool more = *p->scan.at != close; more; n++) {
        if ((object && !parse_key(p)) || !parse_value(p, depth + 1))
            return false;
        skip_space(p);
        more = *p->scan.at == ',';
        if (!more && *p->scan.at != close)
            return bad(p, object ? "expected ',' or '}'" : "expected ',' or ']'");
        p->scan.at += more;
        skip_space(p);
    }
    p->scan.at++;
    row_end(p->row, begun, n);
    if (p->row->overflow)
        return bad(p, "too many values in a row");
    return !object || keys_differ(&p->row->values[begun]) || bad(p, "a key stands twice");
}

static bool parse_value(struct parser *p, unsigned depth) {
    switch (*p->scan.at) {
    case '"':
        return parse_string(p);
    case '{':
        return parse_items(p, true, depth);
    case '[':
        return parse_items(p, false, depth);
    case 't':
        return parse_word(p, "true", VALUE_TRUE);
    case 'f':
        return parse_word(p, "false", VALUE_FALSE);
    case 'n':
        return parse_word(p, "null", VALUE_NULL);
    case 'N':
        return parse_word(p, "NaN", VALUE_NULL);
    case 'I':
        return parse_word(p, "Infinity", VALUE_NULL);
    case '-':
        return parse_negative(p);
    default:
        return (*p->scan.at >= '0' && *p->scan.at <= '9') ? parse_number(p)
                                                          : bad(p, "expected a value");
    }
}

static struct jsonrow_place place_of(const struct parser *p) {
    struct jsonrow_place place = p->line_began;
    place.column += (size_t)(p->scan.at - p->line);
    return place;
}

/* To the first byte that is no text, or to the end. */
static void skip_text(struct parser *p) {
    uint32_t cp;
    for (size_t n; p->scan.at < p->scan.end &&
                   (n = utf8_decode(p->scan.at, (size_t)(p->scan.end - p->scan.at), &cp)) > 0;
         p->scan.at += n)
        if (*p->scan.at == '\n')
            end_line(p);
}

/* What is no text at all is not said to be bad JSON. From p->scan.at on the text is as it was. */
static bool refuse(struct parser *p, struct jsonrow_place *place, struct err *err) {
    *place = place_of(p);
    skip_text(p);
    if (p->scan.at == p->scan.end)
        return err_set(err, ERR_INPUT, "not JSON: %s (column %zu)", p->scan.what, place->column);
    *place = place_of(p);
    return err_set(err, ERR_INPUT, "not text: invalid UTF-8 at byte %zu", place->column);
}

bool jsonrow_parse(
    struct row *row, char *text, size_t n, struct jsonrow_place *place, struct err *err) {
    struct jsonrow_place first_column = { 1, 1 };
    place = place ? place : &first_column;
    struct parser p = {
        .scan = { .at = text, .end = text + n }, .row = row, .line = text, .line_began = *place
    };
    text[n] = '\0';
    skip_space(&p);
    char first = *p.scan.at;
    bool ok = parse_value(&p, 0);
    skip_space(&p);
    ok = ok && (p.scan.at == p.scan.end || bad(&p, "text after the value"));
    if (!ok)
        return refuse(&p, place, err);
    return first == '{' || err_set(err, ERR_INPUT, "a row must be a JSON object");
}
