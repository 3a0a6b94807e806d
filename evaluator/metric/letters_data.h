/* Tables of characters (script/letter_tables.py), each sorted by its first column. */
#ifndef ASSAY_LETTERS_DATA_H
#define ASSAY_LETTERS_DATA_H

#include <stddef.h>
#include <stdint.h>

struct letter_range {
    uint32_t from, to;
};
/* Every step-th character from..to becomes another, so much higher. */
struct letter_shift {
    uint32_t from, to, step;
    int32_t shift;
};
struct letter_long {
    uint32_t from, to[3]; /* 0: no more */
};

extern const struct letter_range LETTERS_ALNUM[], LETTERS_DECIMAL[], LETTERS_CAPITAL[],
    LETTERS_SMALL[], LETTERS_WORD[], LETTERS_PUNCTUATION[], LETTERS_MARK[], LETTERS_SIGN[],
    LETTERS_NUMBER[], LETTERS_CASED[], LETTERS_IGNORED[];
extern const struct letter_shift LETTERS_LOWER[], LETTERS_UPPER[];
extern const struct letter_long LETTERS_LOWER_LONG[], LETTERS_UPPER_LONG[];
extern const size_t LETTERS_ALNUM_N, LETTERS_DECIMAL_N, LETTERS_CAPITAL_N, LETTERS_SMALL_N,
    LETTERS_WORD_N, LETTERS_PUNCTUATION_N, LETTERS_MARK_N, LETTERS_SIGN_N, LETTERS_NUMBER_N,
    LETTERS_CASED_N, LETTERS_IGNORED_N, LETTERS_LOWER_N, LETTERS_UPPER_N, LETTERS_LOWER_LONG_N,
    LETTERS_UPPER_LONG_N;

#endif
