/* Lua patterns in linear time.
 *
 * The syntax and the meaning are those of Lua 5.4's string patterns (classes, sets, * + - ?,
 * captures, %f, ^ and $), and so is the match that is found; but every way to match is followed at
 * once, so that a search costs at most (length of pattern) x (length of text). %b and
 * back-references cannot be had that way and are refused. */
#ifndef ASSAY_PATTERN_H
#define ASSAY_PATTERN_H

#include <stddef.h>

#include "base/err.h"

#define PATTERN_MAX_BYTES 512
#define PATTERN_MAX_CAPTURES 10

struct pattern;

struct pattern_match {
    size_t from, to;
    struct {
        size_t from, to; /* to == SIZE_MAX: a position capture */
    } capture[PATTERN_MAX_CAPTURES];
};

MUST_CHECK struct pattern *pattern_new(const char *text, size_t n, struct err *err);
void pattern_free(struct pattern *p);
size_t pattern_captures(const struct pattern *p);
bool pattern_anchored(const struct pattern *p); /* begins with ^ */

/* The leftmost match at or after `from`, the one that Lua's own matcher would find. */
bool pattern_find(
    struct pattern *p, const char *s, size_t n, size_t from, struct pattern_match *match);

#endif
