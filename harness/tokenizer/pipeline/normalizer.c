/* Normalizers: what is done to the text before it is cut. Each function rewrites one piece (see
 * work.h) and says of each output which input character it stands for, as the reference's
 * alignments do. */
#include "harness/tokenizer/pipeline/stage.h"

#include <string.h>

#include "base/utf8.h"
#include "harness/tokenizer/pipeline/byte_level.h"
#include "harness/tokenizer/pipeline/charsmap.h"
#include "harness/tokenizer/pipeline/normal_form.h"
#include "harness/tokenizer/unicode/unicode.h"

/* Calls for each character of `in`: a filter and a map in one. */
#define FOR_EACH_CHAR(in, cp, at, len)                                                             \
    for (size_t at = 0, len = 0; at < (in).n && (len = char_at(in, at, &(cp))) > 0; at += len)

static size_t char_at(struct view in, size_t at, uint32_t *cp) {
    unsigned char c = (unsigned char)in.bytes[at];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    size_t n = utf8_decode(in.bytes + at, in.n - at, cp);
    BUG_IF(n == 0); /* texts are made valid before they get here */
    return n;
}

/* ---- BERT ---- */

struct bert_options {
    bool clean, chinese, accents, lower;
};

static bool bert_load(struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    (void)err;
    struct bert_options *o = arena_alloc(arena, sizeof *o);
    o->clean = json_get_bool(config, "clean_text", true);
    o->chinese = json_get_bool(config, "handle_chinese_chars", true);
    o->lower = json_get_bool(config, "lowercase", true);
    o->accents = json_get_bool(config, "strip_accents", o->lower);
    s->options = o;
    return true;
}

static void clean(struct work *w, const void *options, struct view in) {
    (void)options;
    uint32_t cp;
    FOR_EACH_CHAR(in, cp, at, len) {
        if (cp == 0 || cp == 0xfffd || unicode_flags(cp) & UNICODE_OTHER) {
            continue;
        }
        if (unicode_is_space(cp)) {
            work_put(w, " ", 1, in, at);
        } else {
            work_copy(w, in, at, at + len);
        }
    }
}

static bool is_chinese(uint32_t cp) {
    return (cp >= 0x4e00 && cp <= 0x9fff) || (cp >= 0x3400 && cp <= 0x4dbf) ||
           (cp >= 0x20000 && cp <= 0x2a6df) || (cp >= 0x2a700 && cp <= 0x2b81f) ||
           (cp >= 0x2b920 && cp <= 0x2ceaf) || (cp >= 0xf900 && cp <= 0xfaff) ||
           (cp >= 0x2f800 && cp <= 0x2fa1f);
}

static void set_chinese_apart(struct work *w, const void *options, struct view in) {
    (void)options;
    uint32_t cp;
    FOR_EACH_CHAR(in, cp, at, len) {
        bool apart = is_chinese(cp);
        if (apart) {
            work_put(w, " ", 1, in, at);
        }
        work_copy(w, in, at, at + len);
        if (apart) {
            work_put(w, " ", 1, in, at);
        }
    }
}

static void drop_nonspacing(struct work *w, const void *options, struct view in) {
    (void)options;
    uint32_t cp;
    FOR_EACH_CHAR(in, cp, at, len) {
        if (cp < 0x300 || !(unicode_flags(cp) & UNICODE_MARK_NONSPACING)) {
            work_copy(w, in, at, at + len);
        }
    }
}

static void lower(struct work *w, const void *options, struct view in) {
    (void)options;
    uint32_t cp, to[2];
    FOR_EACH_CHAR(in, cp, at, len) {
        size_t n = unicode_lower(cp, to);
        for (size_t i = 0; i < n; i++) {
            work_put_cp(w, to[i], in, at);
        }
    }
}

/* All four steps at once where every byte is ASCII. */
static void bert_ascii(struct work *w, const void *options, struct view in) {
    const struct bert_options *o = options;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.bytes[i];
        bool space = c == '\t' || c == '\n' || c == '\r';
        if (o->clean && !space && (c < ' ' || c == 0x7f)) {
            continue;
        }
        c = o->clean && space ? ' ' : o->lower && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        work_put(w, &c, 1, in, i);
    }
}

static bool bert_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)err;
    const struct bert_options *o = s->options;
    if (work_all_below(w, 0x80)) {
        work_transform(w, bert_ascii, o);
        return true;
    }
    if (o->clean) {
        work_transform(w, clean, NULL);
    }
    if (o->chinese) {
        work_transform(w, set_chinese_apart, NULL);
    }
    if (o->accents) {
        normal_form_apply(w, NORMAL_FORM_NFD);
        work_transform(w, drop_nonspacing, NULL);
    }
    if (o->lower) {
        work_transform(w, lower, NULL);
    }
    return true;
}

/* ---- single steps ---- */

static bool lower_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s, (void)err;
    work_transform(w, lower, NULL);
    return true;
}

static void drop_marks(struct work *w, const void *options, struct view in) {
    (void)options;
    uint32_t cp;
    FOR_EACH_CHAR(in, cp, at, len) {
        if (cp < 0x300 || !(unicode_flags(cp) & UNICODE_COMBINING)) {
            work_copy(w, in, at, at + len);
        }
    }
}

static bool strip_accents_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s, (void)err;
    if (!work_all_below(w, 0xcc)) { /* the first mark, U+0300, begins with 0xcc */
        work_transform(w, drop_marks, NULL);
    }
    return true;
}

static bool nfc_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s, (void)err;
    normal_form_apply(w, NORMAL_FORM_NFC);
    return true;
}

static bool nfd_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s, (void)err;
    normal_form_apply(w, NORMAL_FORM_NFD);
    return true;
}

static bool nfkc_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s, (void)err;
    normal_form_apply(w, NORMAL_FORM_NFKC);
    return true;
}

static bool nfkd_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s, (void)err;
    normal_form_apply(w, NORMAL_FORM_NFKD);
    return true;
}

/* SentencePiece's list of what is dropped and what is a space. */
static void nmt(struct work *w, const void *options, struct view in) {
    (void)options;
    uint32_t cp;
    FOR_EACH_CHAR(in, cp, at, len) {
        if ((cp >= 0x01 && cp <= 0x08) || cp == 0x0b || (cp >= 0x0e && cp <= 0x1f) || cp == 0x7f ||
            cp == 0x8f || cp == 0x9f) {
            continue;
        }
        if (cp == 0x09 || cp == 0x0a || cp == 0x0c || cp == 0x0d || cp == 0x1680 ||
            (cp >= 0x200b && cp <= 0x200f) || cp == 0x2028 || cp == 0x2029 || cp == 0x2581 ||
            cp == 0xfeff || cp == 0xfffd) {
            work_put(w, " ", 1, in, at);
        } else {
            work_copy(w, in, at, at + len);
        }
    }
}

static bool nmt_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s, (void)err;
    work_transform(w, nmt, NULL);
    return true;
}

struct strip_options {
    bool left, right;
};

static bool strip_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    (void)err;
    struct strip_options *o = arena_alloc(arena, sizeof *o);
    o->left = json_get_bool(config, "strip_left", true);
    o->right = json_get_bool(config, "strip_right", true);
    s->options = o;
    return true;
}

static void strip(struct work *w, const void *options, struct view in) {
    const struct strip_options *o = options;
    size_t first = 0, end = 0;
    bool seen = false;
    uint32_t cp;
    FOR_EACH_CHAR(in, cp, at, len) {
        if (!unicode_is_space(cp)) {
            first = seen ? first : at;
            end = at + len;
            seen = true;
        }
    }
    if (seen) {
        work_copy(w, in, o->left ? first : 0, o->right ? end : in.n);
    } else if (!o->left && !o->right) {
        work_copy(w, in, 0, in.n);
    }
}

static bool strip_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)err;
    work_transform(w, strip, s->options);
    return true;
}

static bool prepend_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    const char *text;
    if (!stage_string(config, "prepend", arena, &text, err)) {
        return false;
    }
    s->options = text;
    return true;
}

static void prepend(struct work *w, const void *options, struct view in) {
    work_put(w, options, strlen(options), in, 0);
    work_copy(w, in, 0, in.n);
}

static bool prepend_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)err;
    work_transform(w, prepend, s->options);
    return true;
}

static void bytes_to_chars(struct work *w, const void *options, struct view in) {
    (void)options;
    for (size_t i = 0; i < in.n; i++) {
        work_put_cp(w, byte_level_char((uint8_t)in.bytes[i]), in, i);
    }
}

static bool byte_level_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s, (void)err;
    work_transform(w, bytes_to_chars, NULL);
    return true;
}

/* ---- Replace ---- */

struct replace {
    const struct stage *stage;
    const char *content;
    struct err *err;
    bool failed;
};

static bool replace_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    const char *content;
    if (!stage_string(config, "content", arena, &content, err) || !stage_pattern(s, config, err)) {
        return false;
    }
    s->options = content;
    return true;
}

/* What is put before all else stands for no character, at the place of the first. */
static void put_at_start(struct work *w, const char *text, struct view in) {
    size_t n = w->spare.n;
    work_put(w, text, strlen(text), in, 0);
    for (; w->want_align && n < w->spare.n; n++) {
        w->spare.align[n].to = w->spare.align[n].from;
    }
}

/* What is put in place of a match stands for the match's last character. */
static void replace(struct work *w, const void *options, struct view in) {
    struct replace *r = (struct replace *)(uintptr_t)options;
    w->n_segments = 0;
    if (r->failed || !regex_find(w, r->stage->regex, in, r->err)) {
        r->failed = true;
        return;
    }
    for (size_t i = 0; i < w->n_segments; i++) {
        const struct segment *s = &w->segments[i];
        if (s->match && s->to == 0) {
            put_at_start(w, r->content, in);
        } else if (s->match) {
            work_put(w, r->content, strlen(r->content), in, s->to - 1);
        } else {
            work_copy(w, in, s->from, s->to);
        }
    }
}

static bool replace_apply(const struct stage *s, struct work *w, struct err *err) {
    struct replace r = { .stage = s, .content = s->options, .err = err };
    work_transform(w, replace, &r);
    return !r.failed;
}

static const struct stage_type TYPES[] = {
    { .name = "BertNormalizer", .load = bert_load, .apply = bert_apply },
    { .name = "ByteLevel", .apply = byte_level_apply },
    { .name = "Lowercase", .apply = lower_apply },
    { .name = "NFC", .apply = nfc_apply },
    { .name = "NFD", .apply = nfd_apply },
    { .name = "NFKC", .apply = nfkc_apply },
    { .name = "NFKD", .apply = nfkd_apply },
    { .name = "Nmt", .apply = nmt_apply },
    { .name = "Precompiled", .load = precompiled_load, .apply = precompiled_apply },
    { .name = "Prepend", .load = prepend_load, .apply = prepend_apply },
    { .name = "Replace", .load = replace_load, .apply = replace_apply },
    { .name = "Strip", .load = strip_load, .apply = strip_apply },
    { .name = "StripAccents", .apply = strip_accents_apply },
};
const struct stage_kind STAGE_NORMALIZER = {
    .name = "normalizer",
    .members = "normalizers",
    .types = TYPES,
    .n_types = sizeof TYPES / sizeof *TYPES,
};
