/* What tokenizers ask of a code point: classes, lower case, normal forms, scripts, where graphemes
 * end.
 *
 * The answers are those of Hugging Face tokenizers 0.23 (Unicode 16.0 where its regular expressions
 * look, older tables in some of its normalizers), so that ids are the same; they come from
 * unicode_data.c. */
#ifndef ASSAY_HARNESS_TOKENIZER_UNICODE_UNICODE_H
#define ASSAY_HARNESS_TOKENIZER_UNICODE_UNICODE_H

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
    UNICODE_GRAPHEME_SHIFT = 7,
    UNICODE_GRAPHEME_MASK = 15, /* enum unicode_grapheme */
    UNICODE_CONJUNCT_SHIFT = 11,
    UNICODE_CONJUNCT_MASK = 3, /* enum unicode_conjunct */
    UNICODE_PICTOGRAPHIC = 1 << 13,
};

/* Grapheme_Cluster_Break (UAX #29). CR and LF are controls here; Hangul syllables count as other.
 */
enum unicode_grapheme {
    GRAPHEME_OTHER,
    GRAPHEME_CONTROL,
    GRAPHEME_EXTEND,
    GRAPHEME_ZWJ,
    GRAPHEME_SPACING_MARK,
    GRAPHEME_PREPEND,
    GRAPHEME_REGIONAL_INDICATOR,
    GRAPHEME_L,
    GRAPHEME_V,
    GRAPHEME_T,
};
enum unicode_conjunct { CONJUNCT_NONE, CONJUNCT_CONSONANT, CONJUNCT_EXTEND, CONJUNCT_LINKER };

uint16_t unicode_flags(uint32_t cp);
uint8_t unicode_combining_class(uint32_t cp);
bool unicode_is_space(uint32_t cp); /* White_Space */

/* A number a script, as UnicodeScripts tells them apart; 0 goes with any. */
uint16_t unicode_script(uint32_t cp);
/* Where the grapheme that begins at text[at] ends; the text is valid UTF-8. */
size_t unicode_grapheme_end(const char *text, size_t n, size_t at);

/* Code points written to `out` (1 or 2). */
size_t unicode_lower(uint32_t cp, uint32_t out[2]);

/* Full decomposition, in canonical order within itself; the number of code points written to `out`,
 * at least 1. */
#define UNICODE_DECOMPOSITION_MAX 18
size_t unicode_decompose(uint32_t cp, bool compatible, uint32_t out[UNICODE_DECOMPOSITION_MAX]);
uint32_t unicode_compose(uint32_t first, uint32_t second); /* 0 if they don't combine */

#endif
