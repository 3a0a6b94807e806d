/* Python's str, on UTF-8. A string of a template is valid UTF-8, so a position within it is a byte
 * offset at a character, and only what shows positions to the template counts code points. */
#include <string.h>

#include "base/utf8.h"
#include "harness/template/value.h"
#include "harness/tokenizer/unicode/unicode.h"
#include "harness/tokenizer/unicode/unicode_data.h"

bool pystr_space(uint32_t cp) {
    return unicode_is_space(cp) || (cp >= 0x1c && cp <= 0x1f);
}

size_t pystr_length(struct value s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.text[i] & 0xc0) != 0x80;
    return n;
}

size_t pystr_offset(struct value s, size_t index) {
    size_t at = 0;
    for (; index && at < s.n; index--)
        do
            at++;
        while (at < s.n && ((unsigned char)s.text[at] & 0xc0) == 0x80);
    return at;
}

/* Is the character in the set? NULL: white space. */
static bool strips(struct value chars, const char *at, size_t n, uint32_t cp) {
    return chars.type == VALUE_STRING ? pystr_find(chars, value_text(at, n), 0) >= 0
                                      : pystr_space(cp);
}

struct value pystr_strip(struct value s, struct value chars, bool left, bool right) {
    uint32_t cp;
    while (left && s.n) {
        const size_t n = utf8_decode(s.text, s.n, &cp);
        if (!n || !strips(chars, s.text, n, cp))
            break;
        s.text += n;
        s.n -= n;
    }
    while (right && s.n) {
        size_t at = s.n - 1;
        while (at && ((unsigned char)s.text[at] & 0xc0) == 0x80)
            at--;
        if (!utf8_decode(s.text + at, s.n - at, &cp) || !strips(chars, s.text + at, s.n - at, cp))
            break;
        s.n = at;
    }
    return s;
}

int64_t pystr_find(struct value s, struct value what, size_t from) {
    if (from > s.n || what.n > s.n - from)
        return -1;
    if (!what.n)
        return (int64_t)from;
    const char *found = memmem(s.text + from, s.n - from, what.text, what.n);
    return found ? found - s.text : -1;
}

/* Knuth, Morris and Pratt's search, from the right: linear whatever the texts. `next[k]` is how
 * much of the end of `what` still matches after k of its characters have matched and one hasn't. */
static int64_t find_last_long(struct value s, struct value what) {
    size_t *next = xcalloc(what.n + 1, sizeof *next), matched = 0;
    const char *last = what.text + what.n - 1;
    int64_t found = -1;
    for (size_t i = 1, k = 0; i < what.n; i++) {
        while (k && last[-(ptrdiff_t)i] != last[-(ptrdiff_t)k])
            k = next[k - 1];
        k += last[-(ptrdiff_t)i] == last[-(ptrdiff_t)k];
        next[i] = k;
    }
    for (size_t at = s.n; found < 0 && at > 0; at--) {
        while (matched && s.text[at - 1] != last[-(ptrdiff_t)matched])
            matched = next[matched - 1];
        matched += s.text[at - 1] == last[-(ptrdiff_t)matched];
        if (matched == what.n)
            found = (int64_t)at - 1;
    }
    free(next);
    return found;
}

int64_t pystr_find_last(struct value s, struct value what) {
    if (what.n > 8)
        return what.n > s.n ? -1 : find_last_long(s, what);
    for (size_t at = s.n < what.n ? 0 : s.n - what.n + 1; at > 0; at--)
        if (memcmp(s.text + at - 1, what.text, what.n) == 0)
            return (int64_t)at - 1;
    return -1;
}

/* Python puts `new` between all characters where `old` is empty. */
static size_t next_match(struct value s, struct value old, size_t from, bool first) {
    if (old.n) {
        const int64_t at = pystr_find(s, old, from);
        return at < 0 ? SIZE_MAX : (size_t)at;
    }
    if (from >= s.n && !first)
        return SIZE_MAX;
    return first ? 0 : from + pystr_offset(value_text(s.text + from, s.n - from), 1);
}

struct value pystr_replace(
    struct run *r, struct value s, struct value old, struct value new, int64_t max) {
    struct strbuf out = { .max = RUN_TEXT_MAX };
    size_t from = 0;
    bool first = true;
    for (; max && run_spend(r, 1); max -= max > 0) {
        const size_t at = next_match(s, old, from, first);
        if (at == SIZE_MAX)
            break;
        strbuf_add(&out, s.text + from, at - from);
        strbuf_add(&out, new.text, new.n);
        from = at + old.n;
        first = false;
    }
    strbuf_add(&out, s.text + from, s.n - from);
    return value_take(r, &out);
}

/* ---- letters ---- */

/* The tables hold lower case only, so upper case is looked up the other way round: the first
 * letter whose lower case this is. U+00B5 is nobody's lower case. */
static uint32_t upper_of(uint32_t cp) {
    if (cp < 0x80)
        return cp >= 'a' && cp <= 'z' ? cp - 32 : cp;
    if (cp == 0xb5)
        return 0x39c;
    if (!(unicode_flags(cp) & UNICODE_WORD) || cp >= 0x1e944)
        return cp;
    for (size_t i = 0; i < UNICODE_N_LOWER; i++)
        if (UNICODE_LOWER[i].to == cp)
            return UNICODE_LOWER[i].from;
    return cp;
}

bool pystr_upper(uint32_t cp) {
    uint32_t lower[2];
    return cp < 0x80 ? cp >= 'A' && cp <= 'Z' : unicode_lower(cp, lower) != 1 || lower[0] != cp;
}

bool pystr_lower(uint32_t cp) {
    return cp < 0x80 ? cp >= 'a' && cp <= 'z' : upper_of(cp) != cp || cp == 0xdf;
}

bool pystr_digit(uint32_t cp) {
    return cp < 0x80 ? cp >= '0' && cp <= '9' : (unicode_flags(cp) & UNICODE_NUMERIC) != 0;
}

bool pystr_letter(uint32_t cp) {
    if (cp < 0x80)
        return (cp | 0x20) >= 'a' && (cp | 0x20) <= 'z';
    const uint16_t flags = unicode_flags(cp);
    return (flags & UNICODE_WORD) && !(flags & (UNICODE_NUMERIC | UNICODE_COMBINING)) &&
           cp != 0x203f && cp != 0x2040;
}

static void add_lower(struct strbuf *out, uint32_t cp) {
    uint32_t lower[2];
    char utf8[4];
    const size_t n = unicode_lower(cp, lower);
    for (size_t i = 0; i < n; i++)
        strbuf_add(out, utf8, utf8_encode(lower[i], utf8));
}

static void add_upper(struct strbuf *out, uint32_t cp, bool title) {
    char utf8[4];
    if (cp == 0xdf)
        strbuf_adds(out, title ? "Ss" : "SS");
    else
        strbuf_add(out, utf8, utf8_encode(upper_of(cp), utf8));
}

struct value pystr_case(struct run *r, struct value s, enum pystr_case to) {
    struct strbuf out = { .max = RUN_TEXT_MAX };
    bool inside = false; /* a word; of a capitalised text, all but its first character */
    uint32_t cp;
    for (size_t at = 0, n; at < s.n; at += n) {
        n = utf8_decode(s.text + at, s.n - at, &cp);
        n = n ? n : 1;
        if (!run_spend(r, cp < 0x80 ? 0 : 16)) /* a look-up is a walk through a table */
            break;
        const bool raise = to == PYSTR_UPPER || (to == PYSTR_SWAP && !pystr_upper(cp)) ||
                           ((to == PYSTR_TITLE || to == PYSTR_CAPITAL) && !inside);
        if (raise)
            add_upper(&out, cp, to == PYSTR_TITLE || to == PYSTR_CAPITAL);
        else
            add_lower(&out, cp);
        inside = to == PYSTR_CAPITAL || pystr_letter(cp);
    }
    return value_take(r, &out);
}
