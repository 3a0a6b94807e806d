/* Case mapping is glibc's for the process's LC_CTYPE, which the task's child sets to C.UTF-8 before
 * anything else. Python's full mappings differ from it in a handful of characters that change
 * length; those that real text has are written out. */
#include "evaluator/task/text.h"

#include <string.h>
#include <wctype.h>

#include "base/utf8.h"

/* The code points that str.isspace() accepts. */
static bool is_space(uint32_t c) {
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

size_t text_space(const char *s, size_t n) {
    uint32_t c;
    size_t len = n ? utf8_decode(s, n, &c) : 0;
    return len && is_space(c) ? len : 0;
}

/* Length of the white-space character that ends at s + n; 0 if none does. */
static size_t space_before(const char *s, size_t n) {
    for (size_t len = 1; len <= 3 && len <= n; len++) {
        if (text_space(s + n - len, len) == len) {
            return len;
        }
    }
    return 0;
}

const char *text_strip_left(const char *s, size_t n, size_t *kept) {
    size_t len;
    while ((len = text_space(s, n)) > 0) {
        s += len;
        n -= len;
    }
    *kept = n;
    return s;
}

size_t text_strip_right(const char *s, size_t n) {
    size_t len;
    while ((len = space_before(s, n)) > 0) {
        n -= len;
    }
    return n;
}

const char *text_strip(const char *s, size_t n, size_t *kept) {
    s = text_strip_left(s, n, &n);
    *kept = text_strip_right(s, n);
    return s;
}

static void add_code_point(struct strbuf *out, uint32_t c) {
    char bytes[4];
    strbuf_add(out, bytes, utf8_encode(c, bytes));
}

/* Two letters of real text become two: "ß" in upper case, and the dotted capital I in lower case.
 */
static void add_cased(struct strbuf *out, uint32_t c, bool upper) {
    if (upper && c == 0xdf) {
        strbuf_adds(out, "Ss");
    } else if (!upper && c == 0x130) {
        strbuf_adds(out, "i\xcc\x87");
    } else {
        add_code_point(out, (uint32_t)(upper ? towupper((wint_t)c) : towlower((wint_t)c)));
    }
}

/* The character at s in the wanted case; its length, 1 for a byte that is no character. */
static size_t add_next(const char *s, size_t n, bool upper, struct strbuf *out) {
    uint32_t c;
    size_t len = utf8_decode(s, n, &c);
    if (len == 0) {
        strbuf_addc(out, *s);
        return 1;
    }
    add_cased(out, c, upper);
    return len;
}

void text_lower(const char *s, size_t n, struct strbuf *out) {
    for (size_t at = 0; at < n;) {
        at += add_next(s + at, n - at, false, out);
    }
}

void text_capitalize(const char *s, size_t n, struct strbuf *out) {
    size_t first = n ? add_next(s, n, true, out) : 0;
    text_lower(s + first, n - first, out);
}

enum { DISTANCE_MAX_LENGTH = 64 };

size_t text_distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), row[DISTANCE_MAX_LENGTH + 1];
    if (n > DISTANCE_MAX_LENGTH || m > DISTANCE_MAX_LENGTH) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= m; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = best < row[j] + 1 ? best : row[j] + 1;
            row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
        }
    }
    return row[m];
}
