/* Decoders: from tokens to text. Each takes the list of strings and leaves another. */
#include "harness/tokenizer/pipeline/decoding.h"

#include <string.h>

#include "base/utf8.h"
#include "harness/tokenizer/pipeline/byte_level.h"
#include "harness/tokenizer/pipeline/stage.h"

static void list_end(struct string_list *l) {
    mem_grow(&l->ends, &l->capacity, l->n + 1, sizeof *l->ends);
    l->ends[l->n++] = l->text.len;
}

static const char *list_at(const struct string_list *l, size_t i, size_t *n) {
    size_t from = i ? l->ends[i - 1] : 0;
    *n = l->ends[i] - from;
    return strbuf_str(&l->text) + from;
}

void decoding_add(struct decoding *d, const char *s, size_t n) {
    strbuf_add(&d->strings.text, s, n);
    list_end(&d->strings);
}

void decoding_release(struct decoding *d) {
    strbuf_release(&d->strings.text);
    strbuf_release(&d->spare.text);
    free(d->strings.ends);
    free(d->spare.ends);
    *d = (struct decoding) { 0 };
}

/* What was written to `spare` becomes the list. */
static void swap(struct decoding *d) {
    struct string_list l = d->strings;
    d->strings = d->spare;
    d->spare = l;
    d->spare.n = 0;
    strbuf_reset(&d->spare.text);
}

typedef void string_fn(
    const struct stage *s, struct decoding *d, size_t i, const char *text, size_t n);

static bool each(const struct stage *s, struct decoding *d, string_fn *f) {
    for (size_t i = 0; i < d->strings.n; i++) {
        size_t n;
        const char *text = list_at(&d->strings, i, &n);
        f(s, d, i, text, n);
        list_end(&d->spare);
    }
    swap(d);
    return true;
}

/* Nothing is found at both ends and between any two characters. */
static void put_between(const char *s, size_t n, const char *by, struct strbuf *out) {
    strbuf_adds(out, by);
    for (size_t i = 0; i < n; i++) {
        strbuf_addc(out, s[i]);
        if (i + 1 == n || ((unsigned char)s[i + 1] & 0xc0) != 0x80) {
            strbuf_adds(out, by);
        }
    }
}

static void replace_all(
    const char *s, size_t n, const char *what, const char *by, struct strbuf *out) {
    size_t n_what = strlen(what);
    const char *end = s + n, *found;
    if (n_what == 0) {
        put_between(s, n, by, out);
        return;
    }
    while ((found = memmem(s, (size_t)(end - s), what, n_what))) {
        strbuf_add(out, s, (size_t)(found - s));
        strbuf_adds(out, by);
        s = found + n_what;
    }
    strbuf_add(out, s, (size_t)(end - s));
}

void decoding_clean_up(const char *s, size_t n, bool do_not, struct strbuf *out) {
    static const char *const RULES[][2] = {
        { " .", "." },
        { " ?", "?" },
        { " !", "!" },
        { " ,", "," },
        { " ' ", "'" },
        { " n't", "n't" },
        { " 'm", "'m" },
        { " do not", " don't" },
        { " 's", "'s" },
        { " 've", "'ve" },
        { " 're", "'re" },
    };
    struct strbuf a = { 0 }, b = { 0 };
    strbuf_add(&a, s, n);
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
        if (!do_not && RULES[i][1][0] == ' ') {
            continue;
        }
        strbuf_reset(&b);
        replace_all(strbuf_str(&a), a.len, RULES[i][0], RULES[i][1], &b);
        struct strbuf t = a;
        a = b;
        b = t;
    }
    strbuf_add(out, strbuf_str(&a), a.len);
    strbuf_release(&a);
    strbuf_release(&b);
}

/* ---- WordPiece ---- */

struct word_piece_options {
    const char *prefix;
    bool clean_up;
};

static bool word_piece_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    struct word_piece_options *o = arena_alloc(arena, sizeof *o);
    o->clean_up = json_get_bool(config, "cleanup", true);
    s->options = o;
    return stage_string(config, "prefix", arena, &o->prefix, err);
}

static void word_piece(
    const struct stage *s, struct decoding *d, size_t i, const char *text, size_t n) {
    const struct word_piece_options *o = s->options;
    size_t n_prefix = strlen(o->prefix);
    struct strbuf token = { 0 };
    if (i || d->inner) {
        if (n >= n_prefix && memcmp(text, o->prefix, n_prefix) == 0) {
            text += n_prefix;
            n -= n_prefix;
        } else {
            strbuf_addc(&token, ' ');
        }
    }
    strbuf_add(&token, text, n);
    if (o->clean_up && !d->inner) {
        decoding_clean_up(strbuf_str(&token), token.len, true, &d->spare.text);
    } else {
        strbuf_add(&d->spare.text, strbuf_str(&token), token.len);
    }
    strbuf_release(&token);
}

static bool word_piece_decode(const struct stage *s, struct decoding *d, struct err *err) {
    (void)err;
    return each(s, d, word_piece);
}

/* ---- ByteLevel ---- */

/* A token with a character outside the alphabet stands for its own bytes. */
static void byte_level_token(const char *text, size_t n, struct strbuf *out) {
    size_t start = out->len;
    for (size_t at = 0, len; at < n; at += len) {
        uint32_t cp = 0;
        len = utf8_decode(text + at, n - at, &cp);
        int byte = len ? byte_level_byte(cp) : -1;
        if (byte < 0) {
            out->len = start;
            strbuf_add(out, text, n);
            return;
        }
        strbuf_addc(out, (char)byte);
    }
}

static bool byte_level_decode(const struct stage *s, struct decoding *d, struct err *err) {
    (void)s, (void)err;
    for (size_t i = 0; i < d->strings.n; i++) {
        size_t n;
        const char *text = list_at(&d->strings, i, &n);
        byte_level_token(text, n, &d->spare.text);
    }
    if (!d->inner) {
        size_t n;
        char *repaired = utf8_repair(strbuf_str(&d->spare.text), d->spare.text.len, &n);
        strbuf_reset(&d->spare.text);
        strbuf_add(&d->spare.text, repaired, n);
        free(repaired);
    }
    list_end(&d->spare);
    swap(d);
    return true;
}

/* ---- SentencePiece's ---- */

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The byte that "<0xNN>" stands for, or -1. */
static int byte_token(const char *text, size_t n) {
    if (n != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>') {
        return -1;
    }
    int high = hex_digit(text[3]), low = hex_digit(text[4]);
    if (text[3] == '+' && low >= 0) { /* the reference's number parser takes a sign */
        return low;
    }
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static void flush_bytes(struct decoding *d, struct strbuf *bytes) {
    if (bytes->len && (d->inner || utf8_valid(strbuf_str(bytes), bytes->len))) {
        strbuf_add(&d->spare.text, strbuf_str(bytes), bytes->len);
        list_end(&d->spare);
    } else {
        for (size_t i = 0; i < bytes->len; i++) {
            strbuf_adds(&d->spare.text, "\xef\xbf\xbd");
            list_end(&d->spare);
        }
    }
    strbuf_reset(bytes);
}

static bool byte_fallback_decode(const struct stage *s, struct decoding *d, struct err *err) {
    (void)s, (void)err;
    struct strbuf bytes = { 0 };
    for (size_t i = 0; i < d->strings.n; i++) {
        size_t n;
        const char *text = list_at(&d->strings, i, &n);
        int byte = byte_token(text, n);
        if (byte >= 0) {
            strbuf_addc(&bytes, (char)byte);
            continue;
        }
        flush_bytes(d, &bytes);
        strbuf_add(&d->spare.text, text, n);
        list_end(&d->spare);
    }
    flush_bytes(d, &bytes);
    strbuf_release(&bytes);
    swap(d);
    return true;
}

static bool fuse_decode(const struct stage *s, struct decoding *d, struct err *err) {
    (void)s, (void)err;
    d->strings.n = 0;
    list_end(&d->strings);
    return true;
}

struct strip_options {
    char content[4];
    size_t n;
    long long start, stop;
};

static bool strip_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    struct strip_options *o = arena_alloc(arena, sizeof *o);
    const json_t *content = json_object_get(config, "content");
    uint32_t cp;
    o->n = json_string_length(content);
    o->start = json_get_int(config, "start", 0);
    o->stop = json_get_int(config, "stop", 0);
    s->options = o;
    if (o->n == 0 || o->n > 4 || utf8_decode(json_string_value(content), o->n, &cp) != o->n) {
        return err_set(err, ERR_INPUT, "option 'content' is not one character");
    }
    memcpy(o->content, json_string_value(content), o->n);
    return true;
}

static void strip(const struct stage *s, struct decoding *d, size_t i, const char *text, size_t n) {
    (void)i;
    const struct strip_options *o = s->options;
    for (long long k = 0; k < o->start && n >= o->n && memcmp(text, o->content, o->n) == 0; k++) {
        text += o->n;
        n -= o->n;
    }
    for (long long k = 0;
         k < o->stop && n >= o->n && memcmp(text + n - o->n, o->content, o->n) == 0; k++) {
        n -= o->n;
    }
    strbuf_add(&d->spare.text, text, n);
}

static bool strip_decode(const struct stage *s, struct decoding *d, struct err *err) {
    (void)err;
    return d->inner || each(s, d, strip);
}

struct metaspace_options {
    char replacement[5];
    bool drop_first;
};

static bool metaspace_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    struct metaspace_options *o = arena_alloc(arena, sizeof *o);
    const char *replacement, *scheme = json_get_string(config, "prepend_scheme", "always");
    if (!stage_string(config, "replacement", arena, &replacement, err)) {
        return false;
    }
    if (strlen(replacement) == 0 || strlen(replacement) > 4) {
        return err_set(err, ERR_INPUT, "option 'replacement' is not one character");
    }
    memcpy(o->replacement, replacement, strlen(replacement));
    o->drop_first = strcmp(scheme, "never") != 0 && json_get_bool(config, "add_prefix_space", true);
    s->options = o;
    return true;
}

static void metaspace(
    const struct stage *s, struct decoding *d, size_t i, const char *text, size_t n) {
    const struct metaspace_options *o = s->options;
    bool drop = i == 0 && o->drop_first && !d->inner;
    replace_all(text, n, o->replacement, drop ? "" : " ", &d->spare.text);
}

static bool metaspace_decode(const struct stage *s, struct decoding *d, struct err *err) {
    (void)err;
    return each(s, d, metaspace);
}

/* ---- the others ---- */

static bool bpe_load(struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    const char *suffix;
    if (!stage_string(config, "suffix", arena, &suffix, err)) {
        return false;
    }
    s->options = suffix;
    return true;
}

static void bpe(const struct stage *s, struct decoding *d, size_t i, const char *text, size_t n) {
    bool last = i + 1 == d->strings.n && !d->inner;
    replace_all(text, n, s->options, last ? "" : " ", &d->spare.text);
}

static bool bpe_decode(const struct stage *s, struct decoding *d, struct err *err) {
    (void)err;
    return each(s, d, bpe);
}

/* ---- CTC ---- */

struct ctc_options {
    const char *pad, *delimiter;
    bool clean_up;
};

static bool ctc_load(struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    struct ctc_options *o = arena_alloc(arena, sizeof *o);
    o->clean_up = json_get_bool(config, "cleanup", true);
    s->options = o;
    return stage_string(config, "pad_token", arena, &o->pad, err) &&
           stage_string(config, "word_delimiter_token", arena, &o->delimiter, err);
}

/* Of tokens that repeat one counts; padding goes, and with it what was nothing else. */
static bool ctc_decode(const struct stage *s, struct decoding *d, struct err *err) {
    (void)err;
    const struct ctc_options *o = s->options;
    struct strbuf kept = { 0 }, clean = { 0 };
    size_t n_before = 0;
    const char *before = NULL;
    for (size_t i = 0; i < d->strings.n; i++) {
        size_t n;
        const char *text = list_at(&d->strings, i, &n);
        if (before && n == n_before && memcmp(text, before, n) == 0) {
            continue;
        }
        before = text;
        n_before = n;
        size_t start = d->spare.text.len;
        strbuf_reset(&kept);
        strbuf_reset(&clean);
        replace_all(text, n, o->pad, "", &kept);
        if (o->clean_up) {
            decoding_clean_up(strbuf_str(&kept), kept.len, true, &clean);
            replace_all(strbuf_str(&clean), clean.len, o->delimiter, " ", &d->spare.text);
        } else {
            strbuf_add(&d->spare.text, strbuf_str(&kept), kept.len);
        }
        if (d->spare.text.len > start) {
            list_end(&d->spare);
        }
    }
    strbuf_release(&kept);
    strbuf_release(&clean);
    swap(d);
    return true;
}

static bool replace_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err) {
    const char *content;
    if (!stage_string(config, "content", arena, &content, err) || !stage_pattern(s, config, err)) {
        return false;
    }
    s->options = content;
    return true;
}

static bool replace_decode(const struct stage *s, struct decoding *d, struct err *err) {
    struct work w = { 0 }; /* only its matches are used */
    bool ok = true;
    for (size_t i = 0; ok && i < d->strings.n; i++) {
        size_t n;
        const char *text = list_at(&d->strings, i, &n);
        w.n_segments = 0;
        ok = n == 0 || !utf8_valid(text, n) ||
             regex_find(&w, s->regex, (struct view) { .bytes = text, .n = n }, err);
        if (n && !utf8_valid(text, n)) {
            strbuf_add(&d->spare.text, text, n);
        }
        for (size_t k = 0; k < w.n_segments; k++) {
            const struct segment *m = &w.segments[k];
            if (m->match) {
                strbuf_adds(&d->spare.text, s->options);
            } else {
                strbuf_add(&d->spare.text, text + m->from, m->to - m->from);
            }
        }
        list_end(&d->spare);
    }
    work_release(&w);
    swap(d);
    return ok;
}

static const struct stage_type TYPES[] = {
    { .name = "BPEDecoder", .load = bpe_load, .decode = bpe_decode },
    { .name = "ByteFallback", .decode = byte_fallback_decode },
    { .name = "ByteLevel", .decode = byte_level_decode },
    { .name = "CTC", .load = ctc_load, .decode = ctc_decode },
    { .name = "Fuse", .decode = fuse_decode },
    { .name = "Metaspace", .load = metaspace_load, .decode = metaspace_decode },
    { .name = "Replace", .load = replace_load, .decode = replace_decode },
    { .name = "Strip", .load = strip_load, .decode = strip_decode },
    { .name = "WordPiece", .load = word_piece_load, .decode = word_piece_decode },
};
const struct stage_kind STAGE_DECODER = {
    .name = "decoder",
    .members = "decoders",
    .types = TYPES,
    .n_types = sizeof TYPES / sizeof *TYPES,
};
