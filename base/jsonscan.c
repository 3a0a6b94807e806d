/* See jsonscan.h. Strings are searched eight bytes at a time. */
#include "base/jsonscan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

bool jsonscan_bad(struct jsonscan *s, const char *what) {
    if (!s->what)
        s->what = what;
    return false;
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

/* \uXXXX, two of them for a pair of surrogates; s->at is behind the 'u'. */
static bool unescape_unicode(struct jsonscan *s, char **to) {
    int unit = hex4(s->at), low;
    if (unit < 0)
        return jsonscan_bad(s, "invalid escape");
    s->at += 4;
    uint32_t cp = (uint32_t)unit;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        bool pair = s->at[0] == '\\' && s->at[1] == 'u' && (low = hex4(s->at + 2)) >= 0xdc00 &&
                    low <= 0xdfff;
        if (!pair)
            return jsonscan_bad(s, "lone surrogate in an escape");
        cp = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        s->at += 6;
    }
    size_t n = utf8_encode(cp, *to);
    if (n == 0)
        return jsonscan_bad(s, "lone surrogate in an escape");
    *to += n;
    return true;
}

static bool unescape(struct jsonscan *s, char **to) {
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = *s->at;
    const char *found = c ? strchr(from, c) : NULL;
    if (c == 'u') {
        s->at++;
        return unescape_unicode(s, to);
    }
    if (!found)
        return jsonscan_bad(s, "invalid escape");
    s->at++;
    *(*to)++ = into[found - from];
    return true;
}

static bool end_of_string(struct jsonscan *s) {
    if (*s->at != '"')
        return jsonscan_bad(s, s->at == s->end          ? "unterminated string"
                               : (uint8_t)*s->at < 0x20 ? "control character in a string"
                                                        : "invalid UTF-8");
    s->at++;
    return true;
}

bool jsonscan_string(struct jsonscan *s, char **text, size_t *n) {
    char *to = *text = ++s->at;
    s->at = to = skip_plain(s->at);
    while (*s->at == '\\') {
        s->at++;
        if (!unescape(s, &to))
            return false;
        char *plain = s->at;
        s->at = skip_plain(plain);
        memmove(to, plain, (size_t)(s->at - plain));
        to += s->at - plain;
    }
    *n = (size_t)(to - *text);
    return end_of_string(s);
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

static void take_digits(struct jsonscan *s, struct number *x, int step) {
    for (; is_digit(*s->at); s->at++) {
        x->exponent += step;
        if (x->n < 19)
            x->digits = x->digits * 10 + (uint64_t)(*s->at - '0');
        x->n += x->n > 0 || *s->at != '0';
    }
}

static bool take_exponent(struct jsonscan *s, struct number *x) {
    bool negative = *++s->at == '-';
    int value = 0;
    s->at += *s->at == '-' || *s->at == '+';
    if (!is_digit(*s->at))
        return jsonscan_bad(s, "invalid number");
    for (; is_digit(*s->at); s->at++)
        value = value < 100000 ? value * 10 + (*s->at - '0') : value;
    x->exponent += negative ? -value : value;
    x->real = true;
    return true;
}

static bool scan_number(struct jsonscan *s, struct number *x) {
    x->negative = *s->at == '-';
    s->at += x->negative;
    if (!is_digit(*s->at) || (*s->at == '0' && is_digit(s->at[1])))
        return jsonscan_bad(s, "invalid number");
    take_digits(s, x, 0);
    if (*s->at == '.') {
        x->real = true;
        if (!is_digit(*++s->at))
            return jsonscan_bad(s, "invalid number");
        take_digits(s, x, -1);
    }
    return (*s->at != 'e' && *s->at != 'E') || take_exponent(s, x);
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

static bool take_integer(struct jsonscan_number *out, const struct number *x) {
    out->kind = JSONSCAN_INT;
    if (x->n < 19) {
        out->i = x->negative ? -(int64_t)x->digits : (int64_t)x->digits;
        return true;
    }
    errno = 0;
    out->i = strtoll(x->from, NULL, 10);
    return errno == 0;
}

bool jsonscan_number(struct jsonscan *s, struct jsonscan_number *out) {
    struct number x = { .from = s->at };
    if (!scan_number(s, &x))
        return false;
    if (!x.real && take_integer(out, &x))
        return true;
    out->kind = x.real ? JSONSCAN_REAL : JSONSCAN_WIDE_INT;
    out->d = real_of(&x);
    return isfinite(out->d) || jsonscan_bad(s, "number is too large");
}
