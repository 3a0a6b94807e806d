/* A quick reader (see json_read.h). It makes the same values as jansson's own, which takes a text a
 * character at a time, and looks up each key twice to reject duplicates; here a string is copied
 * in stretches, and a key that was there is noticed by the object's size. Whatever is not certain
 * is left to jansson: so there is one judge of what is JSON, and one voice for errors. */
#include "base/json_read.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"

enum { INTEGER_DIGITS = 18, REAL_MAX = 63 };

struct reader {
    const char *at, *end;
    struct strbuf string; /* the one at hand, without its escapes */
};

static json_t *read_value(struct reader *r);

static void skip_blanks(struct reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

/* Past this character, if it is the next that is no blank. */
static bool take(struct reader *r, char c) {
    skip_blanks(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_word(struct reader *r, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* ---- strings ---- */

static bool read_hex4(struct reader *r, uint32_t *out) {
    *out = 0;
    if (r->end - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)*r->at++;
        if (!isxdigit(c))
            return false;
        *out = *out * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return true;
}

/* Behind "\u". A pair is one character; half of one, and a zero, are not ordinary. */
static bool read_code_point(struct reader *r) {
    uint32_t cp, low;
    if (!read_hex4(r, &cp) || cp == 0 || (cp >= 0xdc00 && cp < 0xe000))
        return false;
    if (cp >= 0xd800 && cp < 0xdc00) {
        if (!take_word(r, "\\u") || !read_hex4(r, &low) || low < 0xdc00 || low >= 0xe000)
            return false;
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }
    char utf8[4];
    strbuf_add(&r->string, utf8, utf8_encode(cp, utf8));
    return true;
}

static bool read_escape(struct reader *r) {
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (r->at == r->end)
        return false;
    char c = *r->at++;
    if (c == 'u')
        return read_code_point(r);
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter)
        strbuf_addc(&r->string, meant[letter - letters]);
    return letter != NULL;
}

/* Behind the first quote, and past the last. */
static bool read_string(struct reader *r) {
    strbuf_reset(&r->string);
    for (;;) {
        const char *from = r->at;
        while (r->at < r->end && *r->at != '"' && *r->at != '\\' && (unsigned char)*r->at >= 0x20)
            r->at++;
        strbuf_add(&r->string, from, (size_t)(r->at - from));
        if (r->at == r->end || (unsigned char)*r->at < 0x20)
            return false;
        if (*r->at++ == '"')
            return !r->string.overflow && utf8_valid(strbuf_str(&r->string), r->string.len);
        if (!read_escape(r))
            return false;
    }
}

/* ---- numbers ---- */

static size_t digits(struct reader *r) {
    const char *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return (size_t)(r->at - from);
}

/* A fraction, an exponent, or both; *real where there is one. */
static bool read_rest(struct reader *r, bool *real) {
    *real = false;
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        *real = true;
        if (digits(r) == 0)
            return false;
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        *real = true;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        return digits(r) > 0;
    }
    return true;
}

static json_t *make_number(const char *from, size_t n, bool real) {
    char text[REAL_MAX + 1], *end;
    if (n > REAL_MAX)
        return NULL;
    memcpy(text, from, n);
    text[n] = '\0';
    if (!real)
        return json_integer(strtoll(text, NULL, 10));
    double value = strtod(text, &end);
    return *end == '\0' && isfinite(value) ? json_real(value) : NULL;
}

static json_t *read_number(struct reader *r) {
    const char *from = r->at;
    bool real;
    r->at += *r->at == '-';
    const char *first = r->at;
    size_t n = digits(r);
    if (n == 0 || (n > 1 && *first == '0') || !read_rest(r, &real) || (!real && n > INTEGER_DIGITS))
        return NULL;
    return make_number(from, (size_t)(r->at - from), real);
}

/* ---- lists and objects ---- */

static bool read_item(struct reader *r, json_t *array) {
    json_t *item = read_value(r);
    return item && json_array_append_new(array, item) == 0;
}

static bool read_items(struct reader *r, json_t *array) {
    if (take(r, ']'))
        return true;
    do {
        if (!read_item(r, array))
            return false;
    } while (take(r, ','));
    return take(r, ']');
}

/* A key that the object has already leaves its size as it was. */
static bool set_member(json_t *object, const char *key, json_t *value) {
    size_t n = json_object_size(object);
    return json_object_set_new_nocheck(object, key, value) == 0 && json_object_size(object) > n;
}

static bool read_member(struct reader *r, json_t *object) {
    if (!take(r, '"') || !read_string(r) || memchr(strbuf_str(&r->string), '\0', r->string.len))
        return false;
    char *key = xstrndup(strbuf_str(&r->string), r->string.len);
    json_t *value = take(r, ':') ? read_value(r) : NULL;
    bool ok = value && set_member(object, key, value);
    free(key);
    return ok;
}

static bool read_members(struct reader *r, json_t *object) {
    if (take(r, '}'))
        return true;
    do {
        if (!read_member(r, object))
            return false;
    } while (take(r, ','));
    return take(r, '}');
}

static json_t *whole(json_t *value, bool ok) {
    if (ok)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *read_plain(struct reader *r) {
    if (take_word(r, "true"))
        return json_true();
    if (take_word(r, "false"))
        return json_false();
    return take_word(r, "null") ? json_null() : NULL;
}

static json_t *read_value(struct reader *r) {
    json_t *value;
    if (take(r, '"'))
        return read_string(r) ? json_stringn_nocheck(strbuf_str(&r->string), r->string.len) : NULL;
    if (take(r, '{')) {
        value = json_object();
        return whole(value, read_members(r, value));
    }
    if (take(r, '[')) {
        value = json_array();
        return whole(value, read_items(r, value));
    }
    if (r->at < r->end && (*r->at == '-' || (*r->at >= '0' && *r->at <= '9')))
        return read_number(r);
    return read_plain(r);
}

json_t *json_read(const char *text, size_t n) {
    struct reader r = { .at = text, .end = text + n };
    json_t *value = read_value(&r);
    skip_blanks(&r);
    strbuf_release(&r.string);
    return value ? whole(value, r.at == r.end) : NULL;
}
