/* Escapers for text, attributes and links (see escape.h). */
#include "site-gen/escape.h"

#include <string.h>

#include "base/utf8.h"

/* Direction marks and overrides, zero-width characters, other default-ignorables that hide, C0, C1.
 */
static bool is_hidden(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } RANGES[] = { { 0x00, 0x08 }, { 0x0B, 0x0C }, { 0x0E, 0x1F }, { 0x7F, 0x9F }, { 0xAD, 0xAD },
        { 0x34F, 0x34F }, { 0x61C, 0x61C }, { 0x115F, 0x1160 }, { 0x17B4, 0x17B5 },
        { 0x180B, 0x180F }, { 0x200B, 0x200F }, { 0x2028, 0x202E }, { 0x2060, 0x206F },
        { 0x3164, 0x3164 }, { 0xFEFF, 0xFEFF }, { 0xFFA0, 0xFFA0 }, { 0xFFF0, 0xFFFB },
        { 0x1BCA0, 0x1BCA3 }, { 0x1D173, 0x1D17A }, { 0xE0000, 0xE0FFF } };
    for (size_t i = 0; i < sizeof RANGES / sizeof *RANGES; i++) {
        if (c >= RANGES[i].first && c <= RANGES[i].last)
            return true;
    }
    return false;
}

/* Marks that pile up over and under a letter. No language sets more than a few on one; a thousand
 * of them would cover the lines around. */
enum { PILE_MAX = 6 };
static bool piles_up(uint32_t c) {
    return (c >= 0x300 && c <= 0x36F) || (c >= 0x483 && c <= 0x489) ||
           (c >= 0x1AB0 && c <= 0x1AFF) || (c >= 0x1DC0 && c <= 0x1DFF) ||
           (c >= 0x20D0 && c <= 0x20FF) || (c >= 0xFE20 && c <= 0xFE2F);
}

static const char *entity(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static void escape(struct strbuf *out, const char *s, size_t n, const char *mark) {
    size_t pile = 0;
    while (n) {
        uint32_t c = 0xFFFD;
        size_t len = utf8_decode(s, n, &c);
        const char *name = len == 1 ? entity(*s) : NULL;
        pile = len && piles_up(c) ? pile + 1 : 0;
        if (pile > PILE_MAX)
            strbuf_adds(out, pile == PILE_MAX + 1 ? "\xE2\x80\xA6" : "");
        else if (name)
            strbuf_adds(out, name);
        else if (len == 0)
            strbuf_adds(out, "\xEF\xBF\xBD");
        else if (is_hidden(c))
            strbuf_addf(
                out, strcmp(mark, "[]") ? "<span class=\"cp\">U+%04X</span>" : "[U+%04X]", c);
        else
            strbuf_add(out, s, len);
        len += len == 0;
        s += len;
        n -= len;
    }
}

void escape_text(struct strbuf *out, const char *s, size_t n) {
    escape(out, s, n, "span");
}

void escape_attr(struct strbuf *out, const char *s, size_t n) {
    escape(out, s, n, "[]");
}

static bool begins(const char *s, size_t n, const char *with) {
    return n >= strlen(with) && memcmp(s, with, strlen(with)) == 0;
}

/* Unreserved and reserved characters of RFC 3986 that need no escaping in HTML; % is left to stand.
 */
static void add_url_bytes(struct strbuf *out, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c && strchr("-._~:/?#[]@!$()*+,;=%", c));
        if (c == '&')
            strbuf_adds(out, "&amp;");
        else if (plain)
            strbuf_addc(out, (char)c);
        else
            strbuf_addf(out, "%%%02X", c);
    }
}

static void add_site_path(
    struct strbuf *out, const struct link_base *base, const char *s, size_t n) {
    size_t path = 0;
    while (path < n && s[path] != '?' && s[path] != '#')
        path++;
    if (base->depth < 0) {
        strbuf_adds(out, base->root);
    } else {
        for (int i = 0; i < base->depth; i++)
            strbuf_adds(out, "../");
    }
    bool folder = s[path - 1] == '/';
    add_url_bytes(out, s + 1, path - 1);
    if (base->file_links && folder)
        strbuf_adds(out, "index.html");
    else if (path == 1 && base->depth == 0)
        strbuf_adds(out, "./");
    add_url_bytes(out, s + path, n - path);
}

void escape_url(struct strbuf *out, const struct link_base *base, const char *s, size_t n) {
    if (begins(s, n, "/") && !begins(s, n, "//") && !begins(s, n, "/\\"))
        add_site_path(out, base, s, n);
    else if (begins(s, n, "#") || begins(s, n, "?") || begins(s, n, "https://"))
        add_url_bytes(out, s, n);
    else
        strbuf_addc(out, '#');
}

size_t clip_utf8(const char *s, size_t n, size_t max) {
    size_t at = 0;
    while (at < n && max--) {
        uint32_t c;
        size_t len = utf8_decode(s + at, n - at, &c);
        at += len ? len : 1;
    }
    return at;
}
