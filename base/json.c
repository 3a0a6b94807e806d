/* JSON: strict parsing through jansson, and the writer (see json.h). */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/jsontree.h"
#include "base/number.h"
#include "base/utf8.h"

/* Deeper than any real document, shallower than what the writer can nest: whatever is read can be
 * written again. */
#define DEPTH_MAX 48

/* Counts brackets outside of strings, before jansson gets to see (and to allocate) anything. */
static bool depth_fits(const char *text, size_t len) {
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MAX) {
                return false;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

json_t *json_parse(const char *text, size_t len, const char *name, struct err *err) {
    json_t *read = jsontree_parse(text, len, DEPTH_MAX);
    if (read) {
        return read;
    }
    if (lfs_pointer_refuse(text, len, err)) {
        err_wrap(err, "'%s'", name);
        return NULL;
    }
    if (!depth_fits(text, len)) {
        err_set(err, ERR_INPUT, "'%s' is nested more than %d deep", name, DEPTH_MAX);
        return NULL;
    }
    json_error_t why;
    json_t *json =
        json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!json) {
        err_set(err, ERR_INPUT, "'%s' is not valid JSON: line %d column %d: %s", name, why.line,
            why.column, why.text);
    }
    return json;
}

json_t *json_parse_file(const char *path, size_t max_bytes, struct err *err) {
    struct strbuf text = { 0 };
    json_t *json = NULL;
    if (file_read(path, max_bytes, &text, err)) {
        json = json_parse(strbuf_str(&text), text.len, path, err);
    }
    strbuf_release(&text);
    return json;
}

/* `null` and blanks in place of a word of Python's that begins at `at`: its length, or 0. */
static size_t word_forget(char *at, size_t left) {
    static const char word[] = "Infinity";
    size_t sign = left > 0 && at[0] == '-', n = sign + sizeof word - 1;
    if (n > left || memcmp(at + sign, word, sizeof word - 1) != 0) {
        return 0;
    }
    memset(at, ' ', n);
    memcpy(at, "null", 4);
    return n;
}

void json_forget_infinity(char *text, size_t len) {
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        if (quoted && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            size_t n = word_forget(text + i, len - i);
            i += n > 0 ? n - 1 : 0;
        }
    }
}

json_t *json_parse_python_file(const char *path, size_t max_bytes, struct err *err) {
    struct strbuf text = { 0 };
    json_t *json = NULL;
    if (file_read(path, max_bytes, &text, err)) {
        json_forget_infinity(text.text, text.len);
        json = json_parse(strbuf_str(&text), text.len, path, err);
    }
    strbuf_release(&text);
    return json;
}

#ifdef __SANITIZE_THREAD__
/* jansson looks at a count with a plain read, to see whether it is one of its constants, before it
 * counts with an atomic one. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
    return "race:json_incref\nrace:json_decref\n";
}
#endif

static int add_piece(const char *piece, size_t n, void *to) {
    strbuf_add(to, piece, n);
    return 0;
}

char *json_text(const json_t *value, size_t flags) {
    struct strbuf out = { 0 };
    bool ok = json_dump_callback(value, add_piece, &out, flags) == 0 && !out.overflow;
    if (!ok)
        strbuf_release(&out);
    return ok ? strbuf_take(&out) : NULL;
}

bool json_lines_next(struct json_lines *l, const char **line, size_t *n) {
    if (l->left == 0) {
        return false;
    }
    const char *end = memchr(l->text, '\n', l->left);
    *line = l->text;
    *n = end ? (size_t)(end - l->text) : l->left;
    size_t taken = *n + (end != NULL);
    l->text += taken;
    l->left -= taken;
    l->number++;
    return true;
}

const char *json_get_string(const json_t *object, const char *key, const char *otherwise) {
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : otherwise;
}

double json_get_number(const json_t *object, const char *key, double otherwise) {
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : otherwise;
}

long long json_get_int(const json_t *object, const char *key, long long otherwise) {
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool json_get_bool(const json_t *object, const char *key, bool otherwise) {
    const json_t *v = json_object_get(object, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

char *json_double_repr(double v, char *buffer) {
    if (!isfinite(v)) {
        return strcpy(buffer, isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
    }
    number_double(v, buffer);
    return buffer;
}

/* ---- the writer ---- */

void json_writer_init(struct json_writer *w, struct strbuf *out, bool pretty) {
    *w = (struct json_writer) { .out = out, .pretty = pretty };
}

static void indent(struct json_writer *w) {
    if (w->pretty) {
        strbuf_addc(w->out, '\n');
        for (int i = 0; i < w->depth; i++) {
            strbuf_adds(w->out, "  ");
        }
    }
}

/* What goes before a value: a comma and a new line, unless it follows its key. */
static void before(struct json_writer *w) {
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth) {
        if (w->has_item[w->depth - 1]) {
            strbuf_addc(w->out, ',');
            if (!w->pretty) {
                strbuf_addc(w->out, ' ');
            }
        }
        w->has_item[w->depth - 1] = true;
        indent(w);
    }
}

static void begin(struct json_writer *w, char c) {
    before(w);
    BUG_IF(w->depth == 64);
    strbuf_addc(w->out, c);
    w->has_item[w->depth++] = false;
}

static void end(struct json_writer *w, char c) {
    BUG_IF(w->depth == 0);
    w->depth--;
    if (w->has_item[w->depth]) {
        indent(w);
    }
    strbuf_addc(w->out, c);
}

void jw_object(struct json_writer *w) {
    begin(w, '{');
}

void jw_end_object(struct json_writer *w) {
    end(w, '}');
}

void jw_array(struct json_writer *w) {
    begin(w, '[');
}

void jw_end_array(struct json_writer *w) {
    end(w, ']');
}

static void write_string(struct strbuf *out, const char *s, size_t n) {
    static const char SHORT[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    strbuf_addc(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        strbuf_add(out, s + from, i - from);
        from = i + 1;
        const char *pair = SHORT;
        while (*pair && (unsigned char)*pair != c) {
            pair += 2;
        }
        if (c && *pair) {
            strbuf_addf(out, "\\%c", pair[1]);
        } else {
            strbuf_addf(out, "\\u%04x", c);
        }
    }
    strbuf_add(out, s + from, n - from);
    strbuf_addc(out, '"');
}

/* Bytes that are not UTF-8 would make the whole document unreadable: they are repaired. */
void jw_string_n(struct json_writer *w, const char *s, size_t n) {
    before(w);
    if (utf8_valid(s, n)) {
        write_string(w->out, s, n);
    } else {
        size_t repaired_n;
        char *repaired = utf8_repair(s, n, &repaired_n);
        write_string(w->out, repaired, repaired_n);
        free(repaired);
    }
}

void jw_string(struct json_writer *w, const char *s) {
    jw_string_n(w, s, strlen(s));
}

void jw_key(struct json_writer *w, const char *key) {
    jw_string(w, key);
    strbuf_adds(w->out, ": ");
    w->after_key = true;
}

void jw_int(struct json_writer *w, long long v) {
    char text[NUMBER_TEXT_MAX];
    before(w);
    strbuf_add(w->out, text, number_int(v, text));
}

/* Of numbers that have at most ten digits each, and what stands around them. */
enum { UINT_BYTES = 12, PAIR_BYTES = 2 * UINT_BYTES + 2 };

void jw_uints(struct json_writer *w, const uint32_t *v, size_t n) {
    before(w);
    char *out = strbuf_room(w->out, n * UINT_BYTES + 2), *at = out;
    if (!out) {
        return;
    }
    *at++ = '[';
    for (size_t i = 0; i < n; i++) {
        at += number_uint(v[i], at);
        *at++ = ',';
        *at++ = ' ';
    }
    at -= n ? 2 : 0;
    *at++ = ']';
    strbuf_wrote(w->out, (size_t)(at - out));
}

void jw_uint_pairs(struct json_writer *w, const uint32_t *v, size_t n) {
    before(w);
    char *out = strbuf_room(w->out, n * PAIR_BYTES + 2), *at = out;
    if (!out) {
        return;
    }
    *at++ = '[';
    for (size_t i = 0; i < n; i++) {
        *at++ = '[';
        at += number_uint(v[2 * i], at);
        *at++ = ',';
        *at++ = ' ';
        at += number_uint(v[2 * i + 1], at);
        memcpy(at, "], ", 3);
        at += 3;
    }
    at -= n ? 2 : 0;
    *at++ = ']';
    strbuf_wrote(w->out, (size_t)(at - out));
}

void jw_double(struct json_writer *w, double v) {
    char text[NUMBER_TEXT_MAX];
    if (!isfinite(v)) {
        w->non_finite = true;
        jw_null(w);
        return;
    }
    before(w);
    strbuf_add(w->out, text, number_double(v, text));
}

void jw_float(struct json_writer *w, float v) {
    char text[NUMBER_TEXT_MAX];
    if (!isfinite(v)) {
        w->non_finite = true;
        jw_null(w);
        return;
    }
    before(w);
    strbuf_add(w->out, text, number_float(v, text));
}

void jw_bool(struct json_writer *w, bool v) {
    before(w);
    strbuf_adds(w->out, v ? "true" : "false");
}

void jw_null(struct json_writer *w) {
    before(w);
    strbuf_adds(w->out, "null");
}

void jw_json(struct json_writer *w, const json_t *value) {
    const char *key;
    json_t *item;
    size_t i;
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        jw_object(w);
        json_object_foreach((json_t *)(uintptr_t)value, key, item) {
            jw_key(w, key);
            jw_json(w, item);
        }
        jw_end_object(w);
        break;
    case JSON_ARRAY:
        jw_array(w);
        json_array_foreach(value, i, item) {
            jw_json(w, item);
        }
        jw_end_array(w);
        break;
    case JSON_STRING:
        jw_string_n(w, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        jw_int(w, json_integer_value(value));
        break;
    case JSON_REAL:
        jw_double(w, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        jw_bool(w, json_is_true(value));
        break;
    case JSON_NULL:
        jw_null(w);
        break;
    }
}

void jw_kv_string(struct json_writer *w, const char *key, const char *v) {
    jw_key(w, key);
    if (v) {
        jw_string(w, v);
    } else {
        jw_null(w);
    }
}

void jw_kv_int(struct json_writer *w, const char *key, long long v) {
    jw_key(w, key);
    jw_int(w, v);
}

void jw_kv_double(struct json_writer *w, const char *key, double v) {
    jw_key(w, key);
    jw_double(w, v);
}

void jw_kv_bool(struct json_writer *w, const char *key, bool v) {
    jw_key(w, key);
    jw_bool(w, v);
}
