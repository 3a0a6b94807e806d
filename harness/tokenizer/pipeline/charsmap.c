/* Precompiled normalisation (see charsmap.h), and the normalizer that the reference makes of it. */
#include "harness/tokenizer/pipeline/charsmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "harness/tokenizer/unicode/unicode.h"

enum charsmap_limit {
    REPLACEMENT_BYTES_MAX = 1024, /* the longest in real maps has 33 */
    WHOLE_GRAPHEME_BYTES = 6,     /* the reference replaces shorter ones whole */
};

/* ---- reading ---- */

static bool check_texts(const char *texts, size_t n, struct err *err) {
    if (!utf8_valid(texts, n)) {
        return err_set(err, ERR_INPUT, "charsmap: its replacements are not UTF-8");
    }
    for (size_t at = 0, end; at < n; at = end + 1) {
        const char *nul = memchr(texts + at, 0, n - at);
        end = nul ? (size_t)(nul - texts) : n;
        if (end - at > REPLACEMENT_BYTES_MAX) {
            return err_set(err, ERR_INPUT, "charsmap: a replacement is longer than %d bytes",
                REPLACEMENT_BYTES_MAX);
        }
    }
    return true;
}

bool charsmap_load(
    struct charsmap *c, const uint8_t *bytes, size_t n, struct arena *arena, struct err *err) {
    uint32_t n_trie = 0;
    if (n >= sizeof n_trie) {
        memcpy(&n_trie, bytes, sizeof n_trie);
    }
    if (n < sizeof n_trie || n_trie > n - sizeof n_trie || n_trie % sizeof *c->units != 0) {
        return err_set(err, ERR_INPUT, "charsmap of %zu bytes says that its trie has %lu", n,
            (unsigned long)n_trie);
    }
    bytes += sizeof n_trie;
    n -= sizeof n_trie + n_trie;
    uint32_t *units = arena_alloc(arena, n_trie + 1);
    memcpy(units, bytes, n_trie);
    char *texts = arena_alloc(arena, n + 1);
    memcpy(texts, bytes + n_trie, n);
    *c = (struct charsmap) { units, texts, n_trie / sizeof *units, n, { false } };
    for (int b = 1; b < 0x80; b++) {
        char s = (char)b;
        c->plain[b] = !charsmap_shortest(c, &s, 1).text;
    }
    c->plain['\r'] = false; /* CR LF is one grapheme */
    return check_texts(texts, n, err);
}

/* ---- finding ---- */

static uint32_t offset_of(uint32_t unit) {
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

static uint32_t label_of(uint32_t unit) {
    return unit & (1u << 31 | 0xff);
}

/* The replacement that a leaf names; an index into the middle of a character is none. */
static const char *text_at(const struct charsmap *c, uint32_t index) {
    return index < c->n_texts && ((unsigned char)c->texts[index] & 0xc0) != 0x80 ? c->texts + index
                                                                                 : NULL;
}

/* A damaged map may cut characters. */
static bool cuts(const char *s, size_t n, size_t at) {
    return at < n && ((unsigned char)s[at] & 0xc0) == 0x80;
}

static struct charsmap_match find(const struct charsmap *c, const char *s, size_t n, bool longest) {
    struct charsmap_match match = { 0 };
    if (c->n_units == 0) {
        return match;
    }
    uint32_t at = offset_of(c->units[0]);
    for (size_t i = 0; i < n && s[i] && (longest || !match.text); i++) {
        at ^= (unsigned char)s[i];
        if (at >= c->n_units || label_of(c->units[at]) != (unsigned char)s[i]) {
            break;
        }
        uint32_t unit = c->units[at];
        at ^= offset_of(unit);
        if (unit & 1u << 8 && at < c->n_units) {
            const char *text = text_at(c, c->units[at] & INT32_MAX);
            text = longest && cuts(s, n, i + 1) ? NULL : text;
            match = text ? (struct charsmap_match) { text, strlen(text), i + 1 } : match;
        }
    }
    return match;
}

struct charsmap_match charsmap_shortest(const struct charsmap *c, const char *s, size_t n) {
    return find(c, s, n, false);
}

struct charsmap_match charsmap_longest(const struct charsmap *c, const char *s, size_t n) {
    return find(c, s, n, true);
}

/* ---- the normalizer ---- */

bool precompiled_load(struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    const json_t *text = json_object_get(config, "precompiled_charsmap");
    struct charsmap *c = arena_alloc(arena, sizeof *c);
    size_t n = 0;
    uint8_t *bytes = json_is_string(text) ? base64_decode(json_string_value(text), &n) : NULL;
    bool ok = bytes ? charsmap_load(c, bytes, n, arena, err)
                    : err_set(err, ERR_INPUT, "option 'precompiled_charsmap' is not base64");
    free(bytes);
    s->options = c;
    return ok;
}

/* The reference counts characters that were taken away to the one before them. */
static void put(struct work *w, size_t n_old, struct charsmap_match m) {
    size_t n_new = utf8_length(m.text, m.n_text), i = 0;
    for (size_t at = 0, len; at < m.n_text; at += len, i++) {
        uint32_t cp = 0;
        len = utf8_decode(m.text + at, m.n_text - at, &cp);
        BUG_IF(len == 0);
        work_change(w, cp, n_new > n_old && i >= n_old);
    }
    if (n_new < n_old && w->n_cps) {
        w->changes[w->n_cps - 1] -= (int32_t)(n_old - n_new);
    }
}

static void put_chars(struct work *w, const struct charsmap *c, const char *s, size_t n) {
    for (size_t at = 0, len; at < n; at += len) {
        uint32_t cp = 0;
        len = utf8_decode(s + at, n - at, &cp);
        BUG_IF(len == 0);
        struct charsmap_match m = charsmap_shortest(c, s + at, len);
        if (m.text) {
            put(w, 1, m);
        } else {
            work_change(w, cp, 0);
        }
    }
}

/* A short grapheme of which only a beginning has a replacement loses the rest: the reference does
 * that, and models were trained on it. */
static void precompiled(struct work *w, const void *options, struct view in) {
    const struct charsmap *c = options;
    w->n_cps = 0;
    for (size_t at = 0, end; at < in.n; at = end) {
        end = unicode_grapheme_end(in.bytes, in.n, at);
        size_t n = end - at;
        struct charsmap_match m = { 0 };
        if (n < WHOLE_GRAPHEME_BYTES) {
            m = charsmap_shortest(c, in.bytes + at, n);
        }
        if (m.text) {
            put(w, utf8_length(in.bytes + at, n), m);
        } else {
            put_chars(w, c, in.bytes + at, n);
        }
    }
    work_write_changes(w, in);
}

bool precompiled_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)err;
    const struct charsmap *c = s->options;
    size_t i = 0;
    while (i < w->text.n && c->plain[(unsigned char)w->text.bytes[i]]) {
        i++;
    }
    if (i < w->text.n) {
        work_transform(w, precompiled, c);
    }
    return true;
}
