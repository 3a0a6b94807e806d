/* Extended grapheme clusters (UAX #29): what a reader takes for one character. The rules are those
 * of Unicode 15.1 on (conjuncts of Indic scripts stay together). */
#include "base/utf8.h"
#include "harness/tokenizer/unicode/unicode.h"

enum syllable { SYLLABLE_FIRST = 0xac00, SYLLABLE_LAST = 0xd7a3, SYLLABLES_A_LV = 28 };

/* What the rules ask of the text before a boundary. */
struct cluster {
    enum unicode_grapheme last;
    bool pictograph;     /* a pictograph and extenders */
    bool joined;         /* the same, and a ZWJ at the end */
    bool odd_indicators; /* an odd number of regional indicators */
    bool consonant;      /* an Indic consonant, extenders, */
    bool linked;         /* and a linker among them */
};

static uint32_t char_at(const char *text, size_t n, size_t at, size_t *len) {
    uint32_t cp = 0;
    *len = utf8_decode(text + at, n - at, &cp);
    *len = *len ? *len : 1;
    return cp;
}

static bool is_syllable(uint32_t cp) {
    return cp >= SYLLABLE_FIRST && cp <= SYLLABLE_LAST;
}

/* A Hangul syllable goes on as what stands at its end does. */
static enum unicode_grapheme class_of(uint32_t cp) {
    if (is_syllable(cp)) {
        return (cp - SYLLABLE_FIRST) % SYLLABLES_A_LV == 0 ? GRAPHEME_V : GRAPHEME_T;
    }
    return (enum unicode_grapheme)(
        unicode_flags(cp) >> UNICODE_GRAPHEME_SHIFT & UNICODE_GRAPHEME_MASK);
}

static enum unicode_conjunct conjunct_of(uint32_t cp) {
    return (enum unicode_conjunct)(
        unicode_flags(cp) >> UNICODE_CONJUNCT_SHIFT & UNICODE_CONJUNCT_MASK);
}

/* GB6 to GB8. */
static bool hangul_joins(const struct cluster *c, uint32_t cp, enum unicode_grapheme next) {
    if (c->last == GRAPHEME_L) {
        return next == GRAPHEME_L || next == GRAPHEME_V || is_syllable(cp);
    }
    if (is_syllable(cp)) {
        return false; /* a syllable begins with a consonant */
    }
    return (c->last == GRAPHEME_V && (next == GRAPHEME_V || next == GRAPHEME_T)) ||
           (c->last == GRAPHEME_T && next == GRAPHEME_T);
}

static bool joins(const struct cluster *c, uint32_t cp, enum unicode_grapheme next) {
    if (c->last == GRAPHEME_CONTROL || next == GRAPHEME_CONTROL) {
        return false; /* GB4, GB5; the caller knows CR LF */
    }
    return next == GRAPHEME_EXTEND || next == GRAPHEME_ZWJ || next == GRAPHEME_SPACING_MARK ||
           c->last == GRAPHEME_PREPEND || hangul_joins(c, cp, next) ||
           (c->linked && conjunct_of(cp) == CONJUNCT_CONSONANT) ||
           (c->joined && unicode_flags(cp) & UNICODE_PICTOGRAPHIC) ||
           (c->odd_indicators && next == GRAPHEME_REGIONAL_INDICATOR);
}

static void add(struct cluster *c, uint32_t cp, enum unicode_grapheme class) {
    enum unicode_conjunct conjunct = conjunct_of(cp);
    bool kept = c->consonant && (conjunct == CONJUNCT_EXTEND || conjunct == CONJUNCT_LINKER);
    c->linked = kept && (c->linked || conjunct == CONJUNCT_LINKER);
    c->consonant = kept || conjunct == CONJUNCT_CONSONANT;
    c->joined = c->pictograph && class == GRAPHEME_ZWJ;
    c->pictograph =
        unicode_flags(cp) & UNICODE_PICTOGRAPHIC || (c->pictograph && class == GRAPHEME_EXTEND);
    c->odd_indicators = class == GRAPHEME_REGIONAL_INDICATOR && !c->odd_indicators;
    c->last = class;
}

size_t unicode_grapheme_end(const char *text, size_t n, size_t at) {
    struct cluster c = { 0 };
    size_t len;
    if (text[at] == '\r') {
        return at + 1 < n && text[at + 1] == '\n' ? at + 2 : at + 1;
    }
    uint32_t cp = char_at(text, n, at, &len);
    add(&c, cp, class_of(cp));
    for (at += len; at < n; at += len) {
        cp = char_at(text, n, at, &len);
        enum unicode_grapheme class = class_of(cp);
        if (!joins(&c, cp, class)) {
            break;
        }
        add(&c, cp, class);
    }
    return at;
}
