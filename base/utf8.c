/* Strict UTF-8 (see utf8.h). */
#include "base/utf8.h"

#include <string.h>

#include "base/mem.h"

/* Lengths and the allowed range of the second byte, by the first byte (Unicode table 3-7). */
static size_t lead(unsigned char c, unsigned char *low, unsigned char *high) {
    *low = 0x80;
    *high = 0xbf;
    if (c < 0x80) {
        return 1;
    }
    if (c >= 0xc2 && c <= 0xdf) {
        return 2;
    }
    if (c >= 0xe0 && c <= 0xef) {
        *low = c == 0xe0 ? 0xa0 : 0x80;
        *high = c == 0xed ? 0x9f : 0xbf;
        return 3;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        *low = c == 0xf0 ? 0x90 : 0x80;
        *high = c == 0xf4 ? 0x8f : 0xbf;
        return 4;
    }
    return 0;
}

/* How many bytes at s begin like a code point: the whole of it if *whole, else the maximal part (at
 * least one byte). */
static size_t measure(const unsigned char *s, size_t n, bool *whole) {
    unsigned char low, high;
    size_t want = lead(s[0], &low, &high), got = 1;
    for (; got < want && got < n; got++) {
        if (s[got] < low || s[got] > high) {
            break;
        }
        low = 0x80;
        high = 0xbf;
    }
    *whole = want && got == want;
    return got;
}

size_t utf8_decode(const char *s, size_t n, uint32_t *cp) {
    const unsigned char *u = (const unsigned char *)s;
    bool whole;
    size_t len = n ? measure(u, n, &whole) : 0;
    if (len == 0 || !whole) {
        return 0;
    }
    static const unsigned char MASK[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t v = u[0] & MASK[len];
    for (size_t i = 1; i < len; i++) {
        v = v << 6 | (u[i] & 0x3f);
    }
    *cp = v;
    return len;
}

size_t utf8_encode(uint32_t cp, char out[4]) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000 && !(cp >= 0xd800 && cp <= 0xdfff)) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    if (cp >= 0x10000 && cp <= 0x10ffff) {
        out[0] = (char)(0xf0 | cp >> 18);
        out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
        out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[3] = (char)(0x80 | (cp & 0x3f));
        return 4;
    }
    return 0;
}

/* How many bytes are ASCII from the first on; looked at by eight, as most text is. */
static size_t ascii_prefix(const char *s, size_t n) {
    size_t i = 0;
    uint64_t word;
    for (; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, s + i, sizeof word);
        if (word & 0x8080808080808080u) {
            break;
        }
    }
    while (i < n && (unsigned char)s[i] < 0x80) {
        i++;
    }
    return i;
}

bool utf8_valid(const char *s, size_t n) {
    bool whole = true;
    for (size_t i = ascii_prefix(s, n); i < n;) {
        i += measure((const unsigned char *)s + i, n - i, &whole);
        if (!whole) {
            return false;
        }
        if (i < n && (unsigned char)s[i] < 0x80) {
            i += ascii_prefix(s + i, n - i);
        }
    }
    return true;
}

size_t utf8_length(const char *s, size_t n) {
    size_t count = 0;
    uint32_t cp;
    for (size_t i = 0; i < n; count++) {
        size_t len = utf8_decode(s + i, n - i, &cp);
        i += len ? len : 1;
    }
    return count;
}

char *utf8_repair(const char *s, size_t n, size_t *out_n) {
    static const char REPLACEMENT[3] = { (char)0xef, (char)0xbf, (char)0xbd };
    size_t max;
    BUG_IF(!mem_mul(n, 3, &max));
    char *out = xmalloc(max + 1);
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        bool whole;
        size_t len = measure((const unsigned char *)s + i, n - i, &whole);
        memcpy(out + used, whole ? s + i : REPLACEMENT, whole ? len : 3);
        used += whole ? len : 3;
        i += len;
    }
    out[used] = 0;
    *out_n = used;
    return out;
}
