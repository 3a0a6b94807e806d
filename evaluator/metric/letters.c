#include "evaluator/metric/letters.h"

#include "base/utf8.h"
#include "evaluator/metric/letters_data.h"

/* ---- characters ---- */

static bool in(const struct letter_range *list, size_t n, uint32_t c) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (list[middle].to < c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < n && list[low].from <= c;
}

bool letter_is_alnum(uint32_t c) {
    return in(LETTERS_ALNUM, LETTERS_ALNUM_N, c);
}

bool letter_is_decimal(uint32_t c) {
    return in(LETTERS_DECIMAL, LETTERS_DECIMAL_N, c);
}

bool letter_is_space(uint32_t c) {
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

bool letter_is_of_word(uint32_t c) {
    return in(LETTERS_WORD, LETTERS_WORD_N, c);
}

bool letter_is_punctuation(uint32_t c) {
    return in(LETTERS_PUNCTUATION, LETTERS_PUNCTUATION_N, c);
}

bool letter_is_mark(uint32_t c) {
    return in(LETTERS_MARK, LETTERS_MARK_N, c);
}

bool letter_is_sign(uint32_t c) {
    return in(LETTERS_SIGN, LETTERS_SIGN_N, c);
}

bool letter_is_number(uint32_t c) {
    return in(LETTERS_NUMBER, LETTERS_NUMBER_N, c);
}

bool letter_is_upper(uint32_t c) {
    return in(LETTERS_CAPITAL, LETTERS_CAPITAL_N, c);
}

bool letter_is_lower(uint32_t c) {
    return in(LETTERS_SMALL, LETTERS_SMALL_N, c);
}

/* Two letters in one, of which the first is a capital. */
static bool is_title(uint32_t c) {
    return c == 0x1c5 || c == 0x1c8 || c == 0x1cb || c == 0x1f2 ||
           (c >= 0x1f88 && c <= 0x1faf && (c & 8)) || c == 0x1fbc || c == 0x1fcc || c == 0x1ffc;
}

/* Stretches of every second character lie inside each other: an alphabet whose capitals alternate.
 */
static uint32_t shifted(const struct letter_shift *list, size_t n, uint32_t c) {
    for (size_t i = 0; i < n && list[i].from <= c; i++) {
        if (c <= list[i].to && (c - list[i].from) % list[i].step == 0) {
            return (uint32_t)((int32_t)c + list[i].shift);
        }
    }
    return c;
}

uint32_t letter_lower(uint32_t c) {
    return shifted(LETTERS_LOWER, LETTERS_LOWER_N, c);
}

uint32_t letter_upper(uint32_t c) {
    return shifted(LETTERS_UPPER, LETTERS_UPPER_N, c);
}

/* ---- texts ---- */

/* The character at s and its length; what is none is U+FFFD and one byte long. */
static uint32_t next_letter(const char *s, size_t n, size_t *length) {
    uint32_t c;
    *length = utf8_decode(s, n, &c);
    if (*length == 0) {
        *length = 1;
        return 0xfffd;
    }
    return c;
}

/* Where the character before s + n begins. */
static size_t letter_before(const char *s, size_t n) {
    size_t at = n - 1;
    while (at > 0 && n - at < 4 && ((unsigned char)s[at] & 0xc0) == 0x80) {
        at--;
    }
    return at;
}

static void add_letter(struct strbuf *out, uint32_t c) {
    char bytes[4];
    strbuf_add(out, bytes, utf8_encode(c, bytes));
}

static bool add_long(struct strbuf *out, const struct letter_long *list, size_t n, uint32_t c) {
    for (size_t i = 0; i < n && list[i].from <= c; i++) {
        if (list[i].from == c) {
            for (size_t k = 0; k < 3 && list[i].to[k]; k++) {
                add_letter(out, list[i].to[k]);
            }
            return true;
        }
    }
    return false;
}

static bool is_ignored(uint32_t c) {
    return in(LETTERS_IGNORED, LETTERS_IGNORED_N, c);
}

static bool is_cased(uint32_t c) {
    return in(LETTERS_CASED, LETTERS_CASED_N, c);
}

/* A sigma ends a word: letters stand before it and none after it, signs within words aside. */
static bool is_final(const char *s, size_t n, size_t at, size_t length) {
    size_t one;
    uint32_t c = 0;
    for (size_t before = at; before > 0;) {
        before = letter_before(s, before);
        c = next_letter(s + before, n - before, &one);
        if (!is_ignored(c)) {
            break;
        }
        c = 0;
    }
    if (!c || !is_cased(c)) {
        return false;
    }
    for (at += length; at < n; at += one) {
        c = next_letter(s + at, n - at, &one);
        if (!is_ignored(c)) {
            return !is_cased(c);
        }
    }
    return true;
}

void letters_lower(const char *s, size_t n, struct strbuf *out) {
    size_t length;
    for (size_t at = 0; at < n; at += length) {
        uint32_t c = next_letter(s + at, n - at, &length);
        if (c == 0x3a3 && is_final(s, n, at, length)) {
            add_letter(out, 0x3c2);
        } else if (c < 128) {
            strbuf_addc(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
        } else if (!add_long(out, LETTERS_LOWER_LONG, LETTERS_LOWER_LONG_N, c)) {
            add_letter(out, letter_lower(c));
        }
    }
}

void letters_upper(const char *s, size_t n, struct strbuf *out) {
    size_t length;
    for (size_t at = 0; at < n; at += length) {
        uint32_t c = next_letter(s + at, n - at, &length);
        if (c < 128) {
            strbuf_addc(out, (char)(c >= 'a' && c <= 'z' ? c - 32 : c));
        } else if (!add_long(out, LETTERS_UPPER_LONG, LETTERS_UPPER_LONG_N, c)) {
            add_letter(out, letter_upper(c));
        }
    }
}

static bool all_of(const char *s, size_t n, bool upper) {
    size_t length;
    bool any = false;
    for (size_t at = 0; at < n; at += length) {
        uint32_t c = next_letter(s + at, n - at, &length);
        if ((upper ? letter_is_lower(c) : letter_is_upper(c)) || is_title(c)) {
            return false;
        }
        any = any || (upper ? letter_is_upper(c) : letter_is_lower(c));
    }
    return any;
}

bool letters_are_upper(const char *s, size_t n) {
    return all_of(s, n, true);
}

bool letters_are_lower(const char *s, size_t n) {
    return all_of(s, n, false);
}

const char *letters_strip(const char *s, size_t n, size_t *kept) {
    size_t length;
    while (n > 0 && letter_is_space(next_letter(s, n, &length))) {
        s += length;
        n -= length;
    }
    while (n > 0) {
        size_t at = letter_before(s, n);
        if (!letter_is_space(next_letter(s + at, n - at, &length)) || at + length != n) {
            break;
        }
        n = at;
    }
    *kept = n;
    return s;
}

const char *letters_word(const char **s, const char *end, size_t *n) {
    size_t length;
    const char *at = *s;
    while (at < end && letter_is_space(next_letter(at, (size_t)(end - at), &length))) {
        at += length;
    }
    const char *from = at;
    while (at < end && !letter_is_space(next_letter(at, (size_t)(end - at), &length))) {
        at += length;
    }
    *s = at;
    *n = (size_t)(at - from);
    return at > from ? from : NULL;
}
