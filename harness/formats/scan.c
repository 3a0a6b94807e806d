/* JSON token by token (RFC 8259), strictly: no NUL or lone surrogate in strings, no control
 * characters, no comments. */
#include "harness/formats/scan.h"

#include <ctype.h>
#include <string.h>

#include "base/utf8.h"

void scan_init(struct scan *s, const char *text, size_t n) {
    *s = (struct scan) { .start = text, .at = text, .end = text + n };
}

void scan_release(struct scan *s) {
    strbuf_release(&s->string);
}

static void pass_space(struct scan *s) {
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

static bool next_is(struct scan *s, char c) {
    pass_space(s);
    return s->at < s->end && *s->at == c;
}

bool scan_take(struct scan *s, char c) {
    if (!next_is(s, c))
        return false;
    s->at++;
    return true;
}

const char *scan_excerpt(struct scan *s, struct quoted *q) {
    pass_space(s);
    const size_t left = (size_t)(s->end - s->at);
    return left ? quoted(q, s->at, left < 20 ? left : 20) : "the end";
}

static bool refuse(struct scan *s, const char *expected, struct err *err) {
    struct quoted q;
    const char *found = scan_excerpt(s, &q);
    return err_set(err, ERR_INPUT, "not valid JSON at byte %zu: expected %s, found \"%s\"",
        (size_t)(s->at - s->start), expected, found);
}

bool scan_expect(struct scan *s, char c, struct err *err) {
    const char expected[] = { '\'', c, '\'', '\0' };
    return scan_take(s, c) || refuse(s, expected, err);
}

bool scan_end(struct scan *s, struct err *err) {
    pass_space(s);
    return s->at == s->end || refuse(s, "nothing after the JSON", err);
}

/* ---- strings ---- */

static bool hex4(const char *s, uint32_t *out) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned char c = (unsigned char)s[i];
        if (!isxdigit(c))
            return false;
        v = v << 4 | (uint32_t)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    *out = v;
    return true;
}

/* What follows "\u": one code unit, or two that make a pair. */
static bool take_unicode(struct scan *s) {
    uint32_t cp, low;
    if (s->end - s->at < 4 || !hex4(s->at, &cp))
        return false;
    s->at += 4;
    if (cp >= 0xd800 && cp < 0xdc00) {
        if (s->end - s->at < 6 || memcmp(s->at, "\\u", 2) != 0 || !hex4(s->at + 2, &low) ||
            low < 0xdc00 || low > 0xdfff)
            return false;
        s->at += 6;
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }
    char bytes[4];
    const size_t n = cp ? utf8_encode(cp, bytes) : 0; /* 0 for a lone low surrogate */
    strbuf_add(&s->string, bytes, n);
    return n > 0;
}

static bool take_escape(struct scan *s) {
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (s->at == s->end)
        return false;
    const char c = *s->at++;
    if (c == 'u')
        return take_unicode(s);
    const char *name = c ? strchr(names, c) : NULL;
    if (name)
        strbuf_addc(&s->string, meant[name - names]);
    return name;
}

bool scan_string(struct scan *s, struct err *err) {
    strbuf_reset(&s->string);
    if (!scan_take(s, '"'))
        return refuse(s, "a string", err);
    for (;;) {
        const char *from = s->at;
        while (s->at < s->end && *s->at != '"' && *s->at != '\\' && (unsigned char)*s->at >= 0x20)
            s->at++;
        strbuf_add(&s->string, from, (size_t)(s->at - from));
        if (s->at == s->end || (unsigned char)*s->at < 0x20)
            return refuse(s, "the end of a string", err);
        if (*s->at++ == '"')
            return true;
        if (!take_escape(s))
            return refuse(s, "a valid escape", err);
    }
}

/* ---- numbers ---- */

/* A number must not run on: "1.5", "1e9" and "1x" aren't integers. */
static bool ends_number(const struct scan *s, const char *at) {
    return at == s->end || !(isalnum((unsigned char)*at) || *at == '.' || *at == '+' || *at == '-');
}

bool scan_uint(struct scan *s, uint64_t *out) {
    pass_space(s);
    const char *at = s->at;
    uint64_t v = 0;
    for (; at < s->end && *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*at - '0'), &v))
            return false;
    if (at == s->at || !ends_number(s, at) || (*s->at == '0' && at - s->at > 1))
        return false;
    s->at = at;
    *out = v;
    return true;
}

bool scan_uints(struct scan *s, uint64_t *out, size_t max, size_t *n) {
    *n = 0;
    if (!scan_take(s, '['))
        return false;
    if (scan_take(s, ']'))
        return true;
    do {
        if (*n == max || !scan_uint(s, &out[*n]))
            return false;
        ++*n;
    } while (scan_take(s, ','));
    return scan_take(s, ']');
}

/* ---- values ---- */

bool scan_object(struct scan *s, scan_field_fn *each, void *arg, struct err *err) {
    if (!scan_expect(s, '{', err))
        return false;
    if (scan_take(s, '}'))
        return true;
    do {
        if (!scan_string(s, err) || !scan_expect(s, ':', err) || !each(s, arg, err))
            return false;
    } while (scan_take(s, ','));
    return scan_expect(s, '}', err);
}

static bool skip_field(struct scan *s, void *arg, struct err *err) {
    const int *depth = arg;
    return scan_skip(s, *depth, err);
}

static bool skip_array(struct scan *s, int depth, struct err *err) {
    if (!scan_expect(s, '[', err))
        return false;
    if (scan_take(s, ']'))
        return true;
    do {
        if (!scan_skip(s, depth, err))
            return false;
    } while (scan_take(s, ','));
    return scan_expect(s, ']', err);
}

/* Numbers, true, false and null, taken loosely: their value is of no interest here. */
static bool skip_word(struct scan *s, struct err *err) {
    const char *from = s->at;
    while (!ends_number(s, s->at))
        s->at++;
    return s->at > from || refuse(s, "a value", err);
}

bool scan_skip(struct scan *s, int depth, struct err *err) {
    const bool object = next_is(s, '{'), array = next_is(s, '[');
    if ((object || array) && depth == 0)
        return err_set(err, ERR_INPUT, "JSON nested too deep at byte %zu: the depth is limited",
            (size_t)(s->at - s->start));
    int inner = depth - 1;
    if (object)
        return scan_object(s, skip_field, &inner, err);
    if (array)
        return skip_array(s, inner, err);
    return next_is(s, '"') ? scan_string(s, err) : skip_word(s, err);
}
