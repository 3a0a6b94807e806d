/* What tokenizers ask of a code point: classes, lower case, normal forms.
 *
 * The answers are those of Hugging Face tokenizers 0.23 (Unicode 16.0 where its regular expressions
 * look, older tables in some of its normalizers), so that ids are the same; they come from
 * unicode_data.c. */
#ifndef ASSAY_HARNESS_TOKENIZER_UNICODE_H
#define ASSAY_HARNESS_TOKENIZER_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum unicode_flag {
    UNICODE_PUNCTUATION = 1, /* with the ASCII symbols */
    UNICODE_OTHER = 2,       /* control, format, private use */
    UNICODE_MARK_NONSPACING = 4,
    UNICODE_COMBINING = 8, /* any mark */
    UNICODE_WORD = 16,     /* \w */
    UNICODE_NUMERIC = 32,
    UNICODE_NEW = 64, /* a regular expression needs the wider program */
};

uint16_t unicode_flags(uint32_t cp);
uint8_t unicode_combining_class(uint32_t cp);
bool unicode_is_space(uint32_t cp); /* White_Space */

/* Code points written to `out` (1 or 2). */
size_t unicode_lower(uint32_t cp, uint32_t out[2]);

/* Full decomposition, in canonical order within itself; the number of code points written to `out`,
 * at least 1. */
#define UNICODE_DECOMPOSITION_MAX 18
size_t unicode_decompose(uint32_t cp, bool compatible, uint32_t out[UNICODE_DECOMPOSITION_MAX]);
uint32_t unicode_compose(uint32_t first, uint32_t second); /* 0 if they don't combine */

#endif
