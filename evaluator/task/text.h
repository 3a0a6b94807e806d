/* Text as Python's str methods treat it: white space and letter case go by Unicode, not by byte. */
#ifndef ASSAY_TEXT_H
#define ASSAY_TEXT_H

#include "base/strbuf.h"

/* The part of s[0..n) that str.strip() keeps. */
const char *text_strip(const char *s, size_t n, size_t *kept);
/* str.lstrip() and str.rstrip(): the latter gives the length that stays. */
const char *text_strip_left(const char *s, size_t n, size_t *kept);
size_t text_strip_right(const char *s, size_t n);
/* Bytes of white space at s[0..n): 0 if what stands there is none. */
size_t text_space(const char *s, size_t n);
/* str.lower() */
void text_lower(const char *s, size_t n, struct strbuf *out);
/* str.capitalize(): the first character in upper case, all others in lower case. */
void text_capitalize(const char *s, size_t n, struct strbuf *out);
/* Changes that turn a into b, counted up to a bound; for "did you mean". */
size_t text_distance(const char *a, const char *b);

#endif
