/* Characters and texts as Python's str has them, whatever the locale. */
#ifndef ASSAY_LETTERS_H
#define ASSAY_LETTERS_H

#include <stdint.h>

#include "base/strbuf.h"

bool letter_is_alnum(uint32_t c);
bool letter_is_decimal(uint32_t c);
bool letter_is_space(uint32_t c);
bool letter_is_of_word(uint32_t c);     /* \w of the package regex: marks on letters too */
bool letter_is_punctuation(uint32_t c); /* unicodedata's P */
/* \p{P}, \p{S} and \p{N} of the package regex. */
bool letter_is_mark(uint32_t c);
bool letter_is_sign(uint32_t c);
bool letter_is_number(uint32_t c);
bool letter_is_upper(uint32_t c);
bool letter_is_lower(uint32_t c);
/* In the other case, itself where it has none or where that is several characters. */
uint32_t letter_lower(uint32_t c);
uint32_t letter_upper(uint32_t c);

/* Append str.lower(), str.upper(). Bytes that are not UTF-8 are U+FFFD. */
void letters_lower(const char *s, size_t n, struct strbuf *out);
void letters_upper(const char *s, size_t n, struct strbuf *out);

/* str.isupper(), str.islower(): there are letters with a case, and all are of this one. */
bool letters_are_upper(const char *s, size_t n);
bool letters_are_lower(const char *s, size_t n);

/* str.strip(): the part of s[0..n) that stays. */
const char *letters_strip(const char *s, size_t n, size_t *kept);

/* The next word of str.split() in *s .. end; NULL where there is none. Moves *s behind it. */
const char *letters_word(const char **s, const char *end, size_t *n);

#endif
