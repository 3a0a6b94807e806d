/* A growing string with a ceiling. Appending never reports failure; past the ceiling the buffer
 * keeps what it has, sets `overflow`, and ignores the rest: append freely, check once at the
 * end. `text` is always NUL-terminated. */
#ifndef ASSAY_STRBUF_H
#define ASSAY_STRBUF_H

#include <stddef.h>

#include "base/err.h"

struct strbuf {
    char *text;
    size_t len, capacity, max; /* max 0: STRBUF_MAX_DEFAULT */
    bool overflow;
};
#define STRBUF_MAX_DEFAULT ((size_t)1 << 30)

void strbuf_init(struct strbuf *b, size_t max); /* a zeroed struct is valid too */
void strbuf_release(struct strbuf *b);
void strbuf_reset(struct strbuf *b);
char *strbuf_take(
    struct strbuf *b); /* gives the string away (never NULL); the buffer is empty again */
void strbuf_add(struct strbuf *b, const void *data, size_t n);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addc(struct strbuf *b, char c);
/* Room for n more bytes, to be written by hand; NULL past the ceiling. What was written is counted
 * by strbuf_wrote, which also puts the NUL. */
char *strbuf_room(struct strbuf *b, size_t n);
void strbuf_wrote(struct strbuf *b, size_t n);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *strbuf_str(const struct strbuf *b); /* never NULL */

bool str_begins(const char *s, const char *start);
bool str_ends(const char *s, const char *end);

#endif
