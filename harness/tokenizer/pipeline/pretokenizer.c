/* Pre-tokenizers: how the normalized text is cut into what the model sees. */
#include "harness/tokenizer/pipeline/stage.h"

#include <string.h>

#include "base/utf8.h"
#include "harness/tokenizer/pipeline/byte_level.h"
#include "harness/tokenizer/unicode/unicode.h"

typedef bool class_fn(uint32_t cp, const void *options);

struct class_search {
    class_fn *is;
    const void *options;
    bool ascii[128]; /* the answers for most characters of most texts */
};

/* Each character of the class is a match by itself. */
static bool find_class(struct work *w, const void *options, struct view in, struct err *err) {
    (void)err;
    const struct class_search *c = options;
    size_t last = 0;
    for (size_t at = 0, len; at < in.n; at += len) {
        uint32_t cp = (unsigned char)in.bytes[at];
        len = cp < 0x80 ? 1 : utf8_decode(in.bytes + at, in.n - at, &cp);
        BUG_IF(len == 0);
        if (cp < 0x80 ? c->ascii[cp] : c->is(cp, c->options)) {
            if (last < at) {
                work_segment(w, last, at, false);
            }
            work_segment(w, at, at + len, true);
            last = at + len;
        }
    }
    if (last < in.n) {
        work_segment(w, last, in.n, false);
    }
    return true;
}

static bool split_on(struct work *w, class_fn *is, const void *options,
    enum split_behavior behavior, struct err *err) {
    struct class_search search = { .is = is, .options = options };
    for (uint32_t cp = 0; cp < 128; cp++) {
        search.ascii[cp] = is(cp, options);
    }
    return work_split(w, find_class, &search, behavior, err);
}

static bool is_space(uint32_t cp, const void *options) {
    (void)options;
    return unicode_is_space(cp);
}

static bool is_punctuation(uint32_t cp, const void *options) {
    (void)options;
    return unicode_flags(cp) & UNICODE_PUNCTUATION;
}

static bool is_numeric(uint32_t cp, const void *options) {
    (void)options;
    return unicode_flags(cp) & UNICODE_NUMERIC;
}

static bool is_char(uint32_t cp, const void *options) {
    return cp == *(const uint32_t *)options;
}

static bool behavior_load(
    const json_t *config, enum split_behavior *out, const char *otherwise, struct err *err) {
    static const char *const NAMES[] = {
        [SPLIT_REMOVED] = "Removed",
        [SPLIT_ISOLATED] = "Isolated",
        [SPLIT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
        [SPLIT_MERGED_WITH_NEXT] = "MergedWithNext",
        [SPLIT_CONTIGUOUS] = "Contiguous",
    };
    const char *name = json_get_string(config, "behavior", otherwise);
    for (size_t i = 0; name && i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            *out = (enum split_behavior)i;
            return true;
        }
    }
    return err_set(err, ERR_INPUT, "behavior '%.40s' is not known", name ? name : "(none)");
}

/* ---- BERT, white space, punctuation, digits ---- */

static bool bert_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s;
    return split_on(w, is_space, NULL, SPLIT_REMOVED, err) &&
           split_on(w, is_punctuation, NULL, SPLIT_ISOLATED, err);
}

static bool whitespace_split_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s;
    return split_on(w, is_space, NULL, SPLIT_REMOVED, err);
}

/* Runs of \w and runs of what is neither that nor space; space goes. */
static bool find_words(struct work *w, const void *options, struct view in, struct err *err) {
    (void)options, (void)err;
    enum { SPACE, WORD, OTHER } kind = SPACE, before = SPACE;
    size_t from = 0;
    for (size_t at = 0, len; at < in.n; at += len, before = kind) {
        uint32_t cp;
        len = utf8_decode(in.bytes + at, in.n - at, &cp);
        BUG_IF(len == 0);
        kind = unicode_flags(cp) & UNICODE_WORD ? WORD : unicode_is_space(cp) ? SPACE : OTHER;
        if (kind != before) {
            if (from < at) {
                work_segment(w, from, at, before == SPACE);
            }
            from = at;
        }
    }
    work_segment(w, from, in.n, kind == SPACE);
    return true;
}

static bool whitespace_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s;
    return work_split(w, find_words, NULL, SPLIT_REMOVED, err);
}

static bool punctuation_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    enum split_behavior *o = arena_alloc(arena, sizeof *o);
    s->options = o;
    return behavior_load(config, o, "Isolated", err);
}

static bool punctuation_apply(const struct stage *s, struct work *w, struct err *err) {
    return split_on(w, is_punctuation, NULL, *(const enum split_behavior *)s->options, err);
}

static bool digits_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    (void)err;
    enum split_behavior *o = arena_alloc(arena, sizeof *o);
    *o = json_get_bool(config, "individual_digits", false) ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
    s->options = o;
    return true;
}

static bool digits_apply(const struct stage *s, struct work *w, struct err *err) {
    return split_on(w, is_numeric, NULL, *(const enum split_behavior *)s->options, err);
}

/* One character given as a string. */
static bool char_load(const json_t *config, const char *key, uint32_t *out, struct err *err) {
    const json_t *value = json_object_get(config, key);
    size_t n = json_string_length(value);
    if (n == 0 || utf8_decode(json_string_value(value), n, out) != n) {
        return err_set(err, ERR_INPUT, "option '%s' is not one character", key);
    }
    return true;
}

static bool delimiter_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    uint32_t *o = arena_alloc(arena, sizeof *o);
    s->options = o;
    return char_load(config, "delimiter", o, err);
}

static bool delimiter_apply(const struct stage *s, struct work *w, struct err *err) {
    return split_on(w, is_char, s->options, SPLIT_REMOVED, err);
}

static bool fixed_length_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    long long n = json_get_int(config, "length", 5);
    size_t *o = arena_alloc(arena, sizeof *o);
    *o = (size_t)n;
    s->options = o;
    return n > 0 || err_set(err, ERR_INPUT, "option 'length' is not positive");
}

static bool find_chunks(struct work *w, const void *options, struct view in, struct err *err) {
    (void)err;
    size_t length = *(const size_t *)options, from = 0, n = 0;
    for (size_t at = 0; at < in.n; at++) {
        if (((unsigned char)in.bytes[at] & 0xc0) != 0x80 && n++ == length) {
            work_segment(w, from, at, false);
            from = at;
            n = 1;
        }
    }
    work_segment(w, from, in.n, false);
    return true;
}

static bool fixed_length_apply(const struct stage *s, struct work *w, struct err *err) {
    return work_split(w, find_chunks, s->options, SPLIT_ISOLATED, err);
}

/* A new piece begins where the script changes; what goes with any script stays with what stands
 * before it. The reference drops what stands before the first character that has a script. */
static bool find_scripts(struct work *w, const void *options, struct view in, struct err *err) {
    (void)options, (void)err;
    uint16_t last = 0;
    size_t from = 0;
    for (size_t at = 0, len; at < in.n; at += len) {
        uint32_t cp = 0;
        len = utf8_decode(in.bytes + at, in.n - at, &cp);
        BUG_IF(len == 0);
        uint16_t script = unicode_script(cp);
        if (script && script != last) {
            work_segment(w, from, at, last == 0);
            from = at;
            last = script;
        }
    }
    work_segment(w, from, in.n, last == 0);
    return true;
}

static bool scripts_apply(const struct stage *s, struct work *w, struct err *err) {
    (void)s;
    return work_split(w, find_scripts, NULL, SPLIT_REMOVED, err);
}

/* ---- Split ---- */

struct split_options {
    enum split_behavior behavior;
    bool invert;
};

static bool split_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    struct split_options *o = arena_alloc(arena, sizeof *o);
    o->invert = json_get_bool(config, "invert", false);
    s->options = o;
    return behavior_load(config, &o->behavior, NULL, err) && stage_pattern(s, config, err);
}

static bool find_regex(struct work *w, const void *options, struct view in, struct err *err) {
    const struct stage *s = options;
    const struct split_options *o = s->options;
    if (!regex_find(w, s->regex, in, err)) {
        return false;
    }
    for (size_t i = 0; o && o->invert && i < w->n_segments; i++) {
        w->segments[i].match = !w->segments[i].match;
    }
    return true;
}

static bool split_apply(const struct stage *s, struct work *w, struct err *err) {
    const struct split_options *o = s->options;
    return work_split(w, find_regex, s, o->behavior, err);
}

/* ---- ByteLevel ---- */

struct byte_level_options {
    bool add_prefix_space, use_regex;
    uint8_t n[256]; /* bytes of each byte's character */
    char chars[256][2];
};

static bool byte_level_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    struct byte_level_options *o = arena_alloc(arena, sizeof *o);
    o->add_prefix_space = json_get_bool(config, "add_prefix_space", true);
    o->use_regex = json_get_bool(config, "use_regex", true);
    for (unsigned b = 0; b < 256; b++) {
        char bytes[4];
        o->n[b] = (uint8_t)utf8_encode(byte_level_char((uint8_t)b), bytes);
        memcpy(o->chars[b], bytes, o->n[b]);
    }
    s->options = o;
    if (o->use_regex) {
        s->regex = regex_new(BYTE_LEVEL_REGEX, sizeof BYTE_LEVEL_REGEX - 1, err);
    }
    return !o->use_regex || s->regex;
}

static void add_prefix_space(struct work *w, const void *options, struct view in) {
    (void)options;
    if (in.bytes[0] != ' ') {
        work_put(w, " ", 1, in, 0);
    }
    work_copy(w, in, 0, in.n);
}

static void to_alphabet(struct work *w, const void *options, struct view in) {
    const struct byte_level_options *o = options;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char b = (unsigned char)in.bytes[i];
        work_put(w, o->chars[b], o->n[b], in, i);
    }
}

static bool find_gpt2(struct work *w, const void *options, struct view in, struct err *err) {
    return regex_find(w, options, in, err);
}

static bool byte_level_apply(const struct stage *s, struct work *w, struct err *err) {
    const struct byte_level_options *o = s->options;
    if (o->add_prefix_space) {
        work_transform(w, add_prefix_space, NULL);
    }
    if (o->use_regex && !work_split(w, find_gpt2, s->regex, SPLIT_ISOLATED, err)) {
        return false;
    }
    work_transform(w, to_alphabet, o);
    return true;
}

/* ---- Metaspace ---- */

struct metaspace_options {
    uint32_t replacement;
    char text[4];
    size_t n;
    bool first_only, never, split;
};

static bool metaspace_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    struct metaspace_options *o = arena_alloc(arena, sizeof *o);
    s->options = o;
    const char *scheme = json_get_string(config, "prepend_scheme", NULL);
    bool prefix = json_get_bool(config, "add_prefix_space", true);
    if (!prefix && scheme && strcmp(scheme, "never") != 0) {
        return err_set(
            err, ERR_INPUT, "add_prefix_space contradicts prepend_scheme '%.20s'", scheme);
    }
    scheme = scheme ? scheme : prefix ? "always" : "never";
    o->first_only = strcmp(scheme, "first") == 0;
    o->never = strcmp(scheme, "never") == 0;
    o->split = json_get_bool(config, "split", true);
    if (!o->first_only && !o->never && strcmp(scheme, "always") != 0) {
        return err_set(err, ERR_INPUT, "prepend_scheme '%.40s' is not known", scheme);
    }
    if (!char_load(config, "replacement", &o->replacement, err)) {
        return false;
    }
    o->n = utf8_encode(o->replacement, o->text);
    return true;
}

static void metaspace(struct work *w, const void *options, struct view in) {
    const struct metaspace_options *o = options;
    bool there = in.bytes[0] == ' ' || (in.n >= o->n && memcmp(in.bytes, o->text, o->n) == 0);
    if (!there && !o->never && (!o->first_only || in.align[0].from == 0)) {
        work_put(w, o->text, o->n, in, 0);
    }
    for (size_t i = 0; i < in.n; i++) {
        if (in.bytes[i] == ' ') {
            work_put(w, o->text, o->n, in, i);
        } else {
            work_copy(w, in, i, i + 1);
        }
    }
}

static bool metaspace_apply(const struct stage *s, struct work *w, struct err *err) {
    const struct metaspace_options *o = s->options;
    work_transform(w, metaspace, o);
    return !o->split || split_on(w, is_char, &o->replacement, SPLIT_MERGED_WITH_NEXT, err);
}

static const struct stage_type TYPES[] = {
    { .name = "BertPreTokenizer", .apply = bert_apply },
    { .name = "ByteLevel", .load = byte_level_load, .apply = byte_level_apply },
    { .name = "CharDelimiterSplit", .load = delimiter_load, .apply = delimiter_apply },
    { .name = "Digits", .load = digits_load, .apply = digits_apply },
    { .name = "FixedLength", .load = fixed_length_load, .apply = fixed_length_apply },
    { .name = "Metaspace", .load = metaspace_load, .apply = metaspace_apply },
    { .name = "Punctuation", .load = punctuation_load, .apply = punctuation_apply },
    { .name = "Split", .load = split_load, .apply = split_apply },
    { .name = "UnicodeScripts", .apply = scripts_apply },
    { .name = "Whitespace", .apply = whitespace_apply },
    { .name = "WhitespaceSplit", .apply = whitespace_split_apply },
};
const struct stage_kind STAGE_PRE_TOKENIZER = {
    .name = "pre_tokenizer",
    .members = "pretokenizers",
    .types = TYPES,
    .n_types = sizeof TYPES / sizeof *TYPES,
};
