/* The Range header of HTTP (RFC 9110, 14): which part of a file somebody asks for. */
#ifndef ASSAY_BASE_RANGE_H
#define ASSAY_BASE_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum range {
    RANGE_NONE,     /* all of it: no header, or none that is understood, which HTTP has us ignore */
    RANGE_OK,       /* *n bytes from *from on */
    RANGE_PAST_END, /* nothing of it is there */
};
/* "bytes=FROM-TO", "bytes=FROM-" or "bytes=-LAST" of `size` bytes; several at once are not taken
 * apart. `header` may be NULL. */
enum range range_parse(const char *header, uint64_t size, uint64_t *from, uint64_t *n);

/* Whether If-Range (NULL: it isn't there) lets a part of this version through: `tag` is its ETag,
 * quotes included. Weak tags and dates never do, as bytes of two versions must not be joined. */
bool range_is_of(const char *if_range, const char *tag);

/* "bytes FROM-TO/SIZE", or "bytes *" and SIZE where n is 0: what Content-Range says. */
#define RANGE_TEXT_SIZE 72
void range_text(char text[RANGE_TEXT_SIZE], uint64_t from, uint64_t n, uint64_t size);

#endif
