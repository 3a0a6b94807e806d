/* See jsonrow.h. Every loop ends at the NUL that is put behind the text, so that none looks for its
 * end; strings are searched eight bytes at a time and unescaped where they stand. */
#include "evaluator/data/jsonrow.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { DEPTH_MAX = 512, FEW_KEYS = 16 };

struct parser {
    char *at, *end;
    struct row *row;
    const char *what;                /* is wrong at `at` */
    char *line;                      /* where the line at hand begins */
    struct jsonrow_place line_began; /* and its number, and column */
};

static bool bad(struct parser *p, const char *what) {
    if (!p->what)
        p->what = what;
    return false;
}

/* Strings hold no line's end. */
static void end_line(struct parser *p) {
    p->line = p->at + 1;
    p->line_began.line++;
    p->line_began.column = 1;
}

static void skip_space(struct parser *p) {
    for (; (uint8_t)*p->at <= ' '; p->at++)
        if (*p->at == '\n')
            end_line(p);
        else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r')
            return;
}

/* ---- strings ---- */

#define EACH(byte) (0x0101010101010101u * (byte))

/* The high bit of each byte that is a quote, a backslash, a control character or not ASCII; bytes
 * behind the first such one may be marked wrongly. */
static uint64_t special_bytes(uint64_t word) {
    uint64_t quote = word ^ EACH('"'), backslash = word ^ EACH('\\');
    return ((quote - EACH(1)) | (backslash - EACH(1)) | (word - EACH(0x20)) | word) & EACH(0x80);
}

/* Length of the code point at s, which is not ASCII; 0 if it is none. A NUL ends each look ahead.
 */
static size_t code_point(const uint8_t *s) {
    if (s[0] < 0xc2 || (s[1] & 0xc0) != 0x80)
        return 0;
    if (s[0] < 0xe0)
        return 2;
    if ((s[2] & 0xc0) != 0x80)
        return 0;
    if (s[0] < 0xf0) {
        bool overlong = s[0] == 0xe0 && s[1] < 0xa0, surrogate = s[0] == 0xed && s[1] > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    bool small = s[0] == 0xf0 && s[1] < 0x90, large = s[0] == 0xf4 && s[1] > 0x8f;
    return s[0] > 0xf4 || small || large || (s[3] & 0xc0) != 0x80 ? 0 : 4;
}

/* To the first quote, backslash, control character or byte that is not UTF-8. */
static char *skip_plain(char *s) {
    for (;;) {
        uint64_t word;
        memcpy(&word, s, sizeof word);
        uint64_t special = special_bytes(word);
        if (special == 0) {
            s += 8;
            continue;
        }
        s += __builtin_ctzll(special) / 8;
        size_t n = 1;
        while ((uint8_t)*s >= 0x80 && (n = code_point((const uint8_t *)s)) > 0)
            s += n;
        if (n == 0 || *s == '"' || *s == '\\' || (uint8_t)*s < 0x20)
            return s;
    }
}

static int hex4(const char *s) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int c = s[i], digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* \uXXXX, two of them for a pair of surrogates; p->at is behind the 'u'. */
static bool unescape_unicode(struct parser *p, char **to) {
    int unit = hex4(p->at), low;
    if (unit < 0)
        return bad(p, "invalid escape");
    p->at += 4;
    uint32_t cp = (uint32_t)unit;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        bool pair = p->at[0] == '\\' && p->at[1] == 'u' && (low = hex4(p->at + 2)) >= 0xdc00 &&
                    low <= 0xdfff;
        if (!pair)
            return bad(p, "lone surrogate in an escape");
        cp = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        p->at += 6;
    }
    size_t n = utf8_encode(cp, *to);
    if (n == 0)
        return bad(p, "lone surrogate in an escape");
    *to += n;
    return true;
}

static bool unescape(struct parser *p, char **to) {
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = *p->at;
    const char *found = c ? strchr(from, c) : NULL;
    if (c == 'u') {
        p->at++;
        return unescape_unicode(p, to);
    }
    if (!found)
        return bad(p, "invalid escape");
    p->at++;
    *(*to)++ = into[found - from];
    return true;
}

static bool end_of_string(struct parser *p, char *from, char *to) {
    if (*p->at != '"')
        return bad(p, p->at == p->end          ? "unterminated string"
                      : (uint8_t)*p->at < 0x20 ? "control character in a string"
                                               : "invalid UTF-8");
    row_view(p->row, from, (size_t)(to - from));
    p->at++;
    return true;
}

/* The opening quote is under p->at. */
static bool parse_string(struct parser *p) {
    char *from = ++p->at, *to;
    p->at = to = skip_plain(p->at);
    while (*p->at == '\\') {
        p->at++;
        if (!unescape(p, &to))
            return false;
        char *plain = p->at;
        p->at = skip_plain(plain);
        memmove(to, plain, (size_t)(p->at - plain));
        to += p->at - plain;
    }
    return end_of_string(p, from, to);
}

/* ---- numbers ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

struct number {
    char *from;
    uint64_t digits; /* of the first 19 */
    int n, exponent; /* digits but leading zeros; power of ten */
    bool negative, real;
};

static void take_digits(struct parser *p, struct number *x, int step) {
    for (; is_digit(*p->at); p->at++) {
        x->exponent += step;
        if (x->n < 19)
            x->digits = x->digits * 10 + (uint64_t)(*p->at - '0');
        x->n += x->n > 0 || *p->at != '0';
    }
}

static bool take_exponent(struct parser *p, struct number *x) {
    bool negative = *++p->at == '-';
    int value = 0;
    p->at += *p->at == '-' || *p->at == '+';
    if (!is_digit(*p->at))
        return bad(p, "invalid number");
    for (; is_digit(*p->at); p->at++)
        value = value < 100000 ? value * 10 + (*p->at - '0') : value;
    x->exponent += negative ? -value : value;
    x->real = true;
    return true;
}

static bool scan_number(struct parser *p, struct number *x) {
    x->negative = *p->at == '-';
    p->at += x->negative;
    if (!is_digit(*p->at) || (*p->at == '0' && is_digit(p->at[1])))
        return bad(p, "invalid number");
    take_digits(p, x, 0);
    if (*p->at == '.') {
        x->real = true;
        if (!is_digit(*++p->at))
            return bad(p, "invalid number");
        take_digits(p, x, -1);
    }
    return (*p->at != 'e' && *p->at != 'E') || take_exponent(p, x);
}

/* Exact where digits and power of ten are both doubles without rounding (Clinger); else the C
 * library's. */
static double real_of(const struct number *x) {
    static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    if (x->n >= 19 || x->digits > 1ull << 53 || x->exponent < -22 || x->exponent > 22)
        return strtod(x->from, NULL);
    double d = (double)x->digits;
    d = x->exponent < 0 ? d / powers[-x->exponent] : d * powers[x->exponent];
    return x->negative ? -d : d;
}

static bool parse_number(struct parser *p) {
    struct number x = { .from = p->at };
    if (!scan_number(p, &x))
        return false;
    if (!x.real && x.n < 19) {
        row_int(p->row, x.negative ? -(int64_t)x.digits : (int64_t)x.digits);
        return true;
    }
    errno = 0;
    long long whole = x.real ? 0 : strtoll(x.from, NULL, 10);
    if (!x.real && errno == 0) {
        row_int(p->row, whole);
        return true;
    }
    double d = real_of(&x);
    if (!isfinite(d))
        return bad(p, "number is too large");
    row_push(p->row, VALUE_REAL)->d = d;
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
    if (strncmp(p->at, word, n) != 0)
        return bad(p, "invalid token");
    p->at += n;
    row_push(p->row, kind);
    return true;
}

/* "-Infinity", or a number. */
static bool parse_negative(struct parser *p) {
    return p->at[1] == 'I' ? parse_word(p, "-Infinity", VALUE_NULL) : parse_number(p);
}

static bool parse_key(struct parser *p) {
    if (*p->at != '"')
        return bad(p, "expected a string as key");
    if (!parse_string(p))
        return false;
    const struct value *key = p->row->overflow ? NULL : &p->row->values[p->row->n - 1];
    if (key && memchr(key->s, 0, key->n))
        return bad(p, "NUL in a key");
    skip_space(p);
    if (*p->at != ':')
        return bad(p, "expected ':'");
    p->at++;
    skip_space(p);
    return true;
}

/* What stands between `open` and `close`, both taken. */
static bool parse_items(struct parser *p, bool object, unsigned depth) {
    const char close = object ? '}' : ']';
    size_t begun = row_begin(p->row, object ? VALUE_OBJECT : VALUE_ARRAY), n = 0;
    if (depth > DEPTH_MAX)
        return bad(p, "nesting depth is over the ceiling");
    p->at++;
    skip_space(p);
    for (bool more = *p->at != close; more; n++) {
        if ((object && !parse_key(p)) || !parse_value(p, depth + 1))
            return false;
        skip_space(p);
        more = *p->at == ',';
        if (!more && *p->at != close)
            return bad(p, object ? "expected ',' or '}'" : "expected ',' or ']'");
        p->at += more;
        skip_space(p);
    }
    p->at++;
    row_end(p->row, begun, n);
    if (p->row->overflow)
        return bad(p, "too many values in a row");
    return !object || keys_differ(&p->row->values[begun]) || bad(p, "a key stands twice");
}

static bool parse_value(struct parser *p, unsigned depth) {
    switch (*p->at) {
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
        return is_digit(*p->at) ? parse_number(p) : bad(p, "expected a value");
    }
}

static struct jsonrow_place place_of(const struct parser *p) {
    struct jsonrow_place place = p->line_began;
    place.column += (size_t)(p->at - p->line);
    return place;
}

/* To the first byte that is no text, or to the end. */
static void skip_text(struct parser *p) {
    uint32_t cp;
    for (size_t n; p->at < p->end && (n = utf8_decode(p->at, (size_t)(p->end - p->at), &cp)) > 0;
         p->at += n)
        if (*p->at == '\n')
            end_line(p);
}

/* What is no text at all is not said to be bad JSON. From p->at on the text is as it was. */
static bool refuse(struct parser *p, struct jsonrow_place *place, struct err *err) {
    *place = place_of(p);
    skip_text(p);
    if (p->at == p->end)
        return err_set(err, ERR_INPUT, "not JSON: %s (column %zu)", p->what, place->column);
    *place = place_of(p);
    return err_set(err, ERR_INPUT, "not text: invalid UTF-8 at byte %zu", place->column);
}

bool jsonrow_parse(
    struct row *row, char *text, size_t n, struct jsonrow_place *place, struct err *err) {
    struct jsonrow_place first_column = { 1, 1 };
    place = place ? place : &first_column;
    struct parser p = {
        .at = text, .end = text + n, .row = row, .line = text, .line_began = *place
    };
    text[n] = '\0';
    skip_space(&p);
    char first = *p.at;
    bool ok = parse_value(&p, 0);
    skip_space(&p);
    ok = ok && (p.at == p.end || bad(&p, "text after the value"));
    if (!ok)
        return refuse(&p, place, err);
    return first == '{' || err_set(err, ERR_INPUT, "a row must be a JSON object");
}
