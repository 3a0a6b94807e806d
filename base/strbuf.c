/* A growing string with a ceiling (see strbuf.h). */
#include "base/strbuf.h"

#include <string.h>

#include "base/mem.h"

void strbuf_init(struct strbuf *b, size_t max) {
    *b = (struct strbuf) { .max = max };
}

void strbuf_release(struct strbuf *b) {
    free(b->text);
    *b = (struct strbuf) { .max = b->max };
}

void strbuf_reset(struct strbuf *b) {
    b->len = 0;
    b->overflow = false;
    if (b->text) {
        b->text[0] = 0;
    }
}

char *strbuf_take(struct strbuf *b) {
    char *text = b->text ? b->text : xstrdup("");
    *b = (struct strbuf) { .max = b->max };
    return text;
}

const char *strbuf_str(const struct strbuf *b) {
    return b->text ? b->text : "";
}

/* Room for n more bytes and the NUL: false past the ceiling. */
static bool reserve(struct strbuf *b, size_t n) {
    size_t max = b->max ? b->max : STRBUF_MAX_DEFAULT;
    if (b->overflow || n > max || b->len > max - n) {
        b->overflow = true;
        return false;
    }
    mem_grow(&b->text, &b->capacity, b->len + n + 1, 1);
    return true;
}

void strbuf_add(struct strbuf *b, const void *data, size_t n) {
    if (!reserve(b, n)) {
        return;
    }
    if (n) {
        memcpy(b->text + b->len, data, n);
    }
    b->len += n;
    b->text[b->len] = 0;
}

char *strbuf_room(struct strbuf *b, size_t n) {
    return reserve(b, n) ? b->text + b->len : NULL;
}

void strbuf_wrote(struct strbuf *b, size_t n) {
    BUG_IF(n >= b->capacity - b->len);
    b->len += n;
    b->text[b->len] = 0;
}

void strbuf_adds(struct strbuf *b, const char *s) {
    strbuf_add(b, s, strlen(s));
}

void strbuf_addc(struct strbuf *b, char c) {
    strbuf_add(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && reserve(b, (size_t)n)) {
        vsnprintf(b->text + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

bool str_begins(const char *s, const char *start) {
    return strncmp(s, start, strlen(start)) == 0;
}

bool str_ends(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}
