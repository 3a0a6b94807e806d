/* See range.h. */
#include "base/range.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits, at least one, as a number; false for what is none, or none of 64 bits. */
static bool read_number(const char **at, uint64_t *v) {
    char *end;
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    errno = 0;
    *v = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0;
}

static enum range parse_last(const char *at, uint64_t size, uint64_t *from, uint64_t *n) {
    uint64_t last;
    if (!read_number(&at, &last) || *at) {
        return RANGE_NONE;
    }
    *n = last < size ? last : size;
    *from = size - *n;
    return *n ? RANGE_OK : RANGE_PAST_END;
}

enum range range_parse(const char *header, uint64_t size, uint64_t *from, uint64_t *n) {
    uint64_t first, last = UINT64_MAX;
    if (!header || strncmp(header, "bytes=", 6)) {
        return RANGE_NONE;
    }
    const char *at = header + 6;
    if (*at == '-') {
        return parse_last(at + 1, size, from, n);
    }
    if (!read_number(&at, &first) || *at++ != '-' || (*at && !read_number(&at, &last)) || *at ||
        last < first) {
        return RANGE_NONE;
    }
    if (first >= size) {
        return RANGE_PAST_END;
    }
    *from = first;
    *n = (last < size ? last : size - 1) - first + 1;
    return RANGE_OK;
}

bool range_is_of(const char *if_range, const char *tag) {
    return !if_range || !strcmp(if_range, tag);
}

void range_text(char text[RANGE_TEXT_SIZE], uint64_t from, uint64_t n, uint64_t size) {
    unsigned long long all = size, first = from, last = from + n - 1;
    if (n) {
        snprintf(text, RANGE_TEXT_SIZE, "bytes %llu-%llu/%llu", first, last, all);
    } else {
        snprintf(text, RANGE_TEXT_SIZE, "bytes */%llu", all);
    }
}
