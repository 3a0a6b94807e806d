/* Escaping of names for messages. Terminals act on C0 and C1 controls; the Unicode direction marks
 * make a name look like another one. Both are written as \x1b or \u202e. */
#include "harness/formats/quoted.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static bool is_unsafe(uint32_t cp) {
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x61c ||
           (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
           (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff;
}

/* One character of the name as it is to be shown; returns the bytes of the name that it stands for.
 */
static size_t show_one(const char *s, size_t n, char out[16]) {
    uint32_t cp = 0;
    const size_t len = utf8_decode(s, n, &cp);
    if (!len)
        snprintf(out, 16, "\\x%02x", (unsigned)(unsigned char)*s);
    else if (is_unsafe(cp))
        snprintf(out, 16, cp < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)cp);
    else
        snprintf(out, 16, "%.*s", (int)len, s);
    return len ? len : 1;
}

const char *quoted(struct quoted *q, const char *name, size_t n) {
    static const char dots[] = "...";
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        char one[16];
        i += show_one(name + i, n - i, one);
        const size_t len = strlen(one);
        if (used + len + sizeof dots > sizeof q->text) {
            memcpy(q->text + used, dots, sizeof dots);
            return q->text;
        }
        memcpy(q->text + used, one, len);
        used += len;
    }
    q->text[used] = '\0';
    return q->text;
}

const char *quoted_str(struct quoted *q, const char *name) {
    return quoted(q, name, strlen(name));
}
