/* UTF-8, strictly: no surrogates, no overlong forms, nothing past U+10FFFF. */
#ifndef ASSAY_UTF8_H
#define ASSAY_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one code point at s[0..n) (n >= 1) and returns its length in bytes; 0 if the bytes are
 * not valid there. */
size_t utf8_decode(const char *s, size_t n, uint32_t *cp);
size_t utf8_encode(uint32_t cp, char out[4]); /* bytes written; 0 for what is not a code point */
bool utf8_valid(const char *s, size_t n);
size_t utf8_length(const char *s, size_t n); /* code points, invalid bytes counting one each */

/* Replaces each maximal invalid part by U+FFFD as Python's bytes.decode("utf-8", "replace")
 * does. The caller frees; *out_n is the length. */
char *utf8_repair(const char *s, size_t n, size_t *out_n);

#endif
