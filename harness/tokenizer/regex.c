/* Oniguruma's dialect by PCRE2 (see regex.h).
 *
 * What differs and is rewritten: a class inside a class is a union; \h is a hexadecimal digit; $
 * and ^ look at lines. In the wide program \s and \S are White_Space exactly (PCRE2 takes U+180E
 * for a space), and \p{L} and \p{N} get the code points assigned since Unicode 14. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "harness/tokenizer/regex.h"

#include <pcre2.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "harness/tokenizer/unicode.h"
#include "harness/tokenizer/unicode_data.h"

enum regex_limit {
    PATTERN_BYTES_MAX = 64 * 1024,
    MATCH_LIMIT = 10 * 1000 * 1000,
    HEAP_LIMIT_KIB = 64 * 1024,
    JIT_STACK_START = 32 * 1024,
    JIT_STACK_MAX = 8 * 1024 * 1024,
};

struct regex {
    pcre2_code *plain, *wide;
};

struct regex_scratch {
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

/* ---- from one dialect to the other ---- */

struct translation {
    const char *at, *end;
    struct strbuf out;
    int class_depth;
    bool wide;
};

static void put_class(struct translation *t, const char *inside) {
    if (t->class_depth) {
        strbuf_adds(&t->out, inside);
    } else {
        strbuf_addf(&t->out, "[%s]", inside);
    }
}

static bool starts(const struct translation *t, const char *prefix) {
    size_t n = strlen(prefix);
    return (size_t)(t->end - t->at) >= n && memcmp(t->at, prefix, n) == 0;
}

static const char *new_ranges(const char *name, size_t n) {
    const struct unicode_category *c = UNICODE_NEW_CATEGORIES;
    while (c->name && (strlen(c->name) != n || memcmp(c->name, name, n) != 0)) {
        c++;
    }
    return c->name ? c->ranges : "";
}

/* \p{X} with what newer Unicode versions added to X; likewise \P{X}, but not inside a class. */
static bool put_property(struct translation *t) {
    const char *close = memchr(t->at, '}', (size_t)(t->end - t->at));
    bool negated = starts(t, "\\P{");
    if (!close || (!starts(t, "\\p{") && (!negated || t->class_depth))) {
        return false;
    }
    const char *name = t->at + 3;
    strbuf_adds(&t->out, t->class_depth ? "" : negated ? "[^" : "[");
    strbuf_addf(&t->out, "\\p{%.*s}%s", (int)(close - name), name,
        new_ranges(name, (size_t)(close - name)));
    strbuf_adds(&t->out, t->class_depth ? "" : "]");
    t->at = close + 1;
    return true;
}

/* Oniguruma's \w: alphabetic, marks, digits, connectors; outside of a class also the other numbers
 * below U+0100. */
#define WORD                                                                                       \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{"     \
    "1f169}"                                                                                       \
    "\\x{1f170}-\\x{1f189}"
#define WORD_LATIN "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"

static void put_word(struct translation *t, bool negated) {
    struct strbuf inside = { 0 };
    strbuf_adds(&inside, negated ? "^" WORD : WORD);
    strbuf_adds(&inside, t->class_depth ? "" : WORD_LATIN);
    for (const char *name = "L\0M\0Nd\0Nl\0Pc\0"; t->wide && *name; name += strlen(name) + 1) {
        strbuf_adds(&inside, new_ranges(name, strlen(name)));
    }
    put_class(t, strbuf_str(&inside));
    strbuf_release(&inside);
}

static void put_escape(struct translation *t) {
    if (starts(t, "\\h")) {
        put_class(t, "0-9a-fA-F");
    } else if (starts(t, "\\w") || (starts(t, "\\W") && !t->class_depth)) {
        put_word(t, t->at[1] == 'W');
    } else if (t->wide && starts(t, "\\s")) {
        strbuf_adds(&t->out, "\\p{White_Space}");
    } else if (t->wide && starts(t, "\\S")) {
        strbuf_adds(&t->out, "\\P{White_Space}");
    } else if (t->wide && starts(t, "\\d")) {
        struct strbuf inside = { 0 };
        strbuf_addf(&inside, "\\d%s", new_ranges("Nd", 2));
        put_class(t, strbuf_str(&inside));
        strbuf_release(&inside);
    } else if (t->wide && put_property(t)) {
        return;
    } else {
        strbuf_add(&t->out, t->at, t->at + 1 < t->end ? 2 : 1);
    }
    t->at += t->at + 1 < t->end ? 2 : 1;
}

static void close_class(struct translation *t) {
    if (t->class_depth <= 1) { /* an inner class's members have joined the outer one's */
        strbuf_addc(&t->out, ']');
    }
    t->class_depth -= t->class_depth > 0;
    t->at++;
}

static bool open_class(struct translation *t, struct err *err) {
    const char *named = starts(t, "[:") ? memmem(t->at, (size_t)(t->end - t->at), ":]", 2) : NULL;
    if (t->class_depth == 0) {
        strbuf_addc(&t->out, *t->at++);
        if (starts(t, "^")) {
            strbuf_addc(&t->out, *t->at++);
        }
    } else if (named) {
        strbuf_add(&t->out, t->at, (size_t)(named + 2 - t->at));
        t->at = named + 2;
        return true;
    } else if (starts(t, "[^")) {
        return err_set(err, ERR_UNSUPPORTED, "regex has a negated class inside a class");
    } else {
        t->at++;
    }
    t->class_depth++;
    return true;
}

static bool translate(struct translation *t, struct err *err) {
    while (t->at < t->end) {
        if (*t->at == '\\') {
            put_escape(t);
        } else if (*t->at == ']') {
            close_class(t);
        } else if (*t->at == '[') {
            if (!open_class(t, err)) {
                return false;
            }
        } else if (t->class_depth && starts(t, "&&")) {
            return err_set(err, ERR_UNSUPPORTED, "regex has an intersection of classes");
        } else {
            strbuf_addc(&t->out, *t->at++);
        }
    }
    return true;
}

/* ---- compiling ---- */

static pcre2_code *compile(const char *text, size_t n, uint32_t options, struct err *err) {
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context) {
        err_set(err, ERR_RESOURCE, "no memory for a regex");
        return NULL;
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    int code;
    PCRE2_SIZE at;
    pcre2_code *program =
        pcre2_compile((PCRE2_SPTR)text, n, options | PCRE2_UTF, &code, &at, context);
    pcre2_compile_context_free(context);
    if (!program) {
        PCRE2_UCHAR words[128];
        pcre2_get_error_message(code, words, sizeof words);
        err_set(
            err, ERR_INPUT, "cannot compile regex: %s at offset %zu", (char *)words, (size_t)at);
        return NULL;
    }
    (void)pcre2_jit_compile(program, PCRE2_JIT_COMPLETE); /* without it pcre2_match interprets */
    return program;
}

static pcre2_code *compile_translated(const char *pattern, size_t n, bool wide, struct err *err) {
    struct translation t = { .at = pattern, .end = pattern + n, .wide = wide };
    pcre2_code *program = NULL;
    if (translate(&t, err)) {
        program = compile(strbuf_str(&t.out), t.out.len, PCRE2_MULTILINE | PCRE2_UCP, err);
    }
    strbuf_release(&t.out);
    return program;
}

struct regex *regex_new(const char *pattern, size_t n, struct err *err) {
    if (n > PATTERN_BYTES_MAX) {
        err_set(err, ERR_INPUT, "regex of %zu bytes is longer than %d", n, PATTERN_BYTES_MAX);
        return NULL;
    }
    struct regex *r = xcalloc(1, sizeof *r);
    r->plain = compile_translated(pattern, n, false, err);
    r->wide = r->plain ? compile_translated(pattern, n, true, err) : NULL;
    if (!r->wide) {
        regex_free(r);
        return NULL;
    }
    return r;
}

struct regex *regex_new_literal(const char *text, size_t n, struct err *err) {
    struct regex *r = xcalloc(1, sizeof *r);
    r->plain = compile(text, n, PCRE2_LITERAL, err);
    if (!r->plain) {
        regex_free(r);
        return NULL;
    }
    return r;
}

void regex_free(struct regex *r) {
    if (r) {
        pcre2_code_free(r->plain);
        pcre2_code_free(r->wide);
        free(r);
    }
}

/* ---- matching ---- */

void regex_scratch_free(struct regex_scratch *s) {
    if (s) {
        pcre2_match_data_free(s->match);
        pcre2_match_context_free(s->context);
        pcre2_jit_stack_free(s->stack);
        free(s);
    }
}

static struct regex_scratch *scratch_new(struct err *err) {
    struct regex_scratch *s = xcalloc(1, sizeof *s);
    s->match = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    if (!s->match || !s->context) {
        regex_scratch_free(s);
        err_set(err, ERR_RESOURCE, "no memory to match a regex");
        return NULL;
    }
    pcre2_set_match_limit(s->context, MATCH_LIMIT);
    pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
    return s;
}

/* Compiled programs begin on 32 KiB of the thread's own stack; only the rare match that needs more
 * pays for one of its own. */
static int match(const pcre2_code *program, struct view in, size_t at, struct regex_scratch *s) {
    int rc = pcre2_match(
        program, (PCRE2_SPTR)in.bytes, in.n, at, PCRE2_NO_UTF_CHECK, s->match, s->context);
    if (rc != PCRE2_ERROR_JIT_STACKLIMIT || s->stack) {
        return rc;
    }
    s->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
    if (!s->stack) {
        return rc;
    }
    pcre2_jit_stack_assign(s->context, NULL, s->stack);
    return pcre2_match(
        program, (PCRE2_SPTR)in.bytes, in.n, at, PCRE2_NO_UTF_CHECK, s->match, s->context);
}

static bool needs_wide(struct view in) {
    for (size_t i = 0; i < in.n;) {
        uint32_t cp = (unsigned char)in.bytes[i];
        if (cp < 0xe0) { /* the newest letter below U+0800 is older than PCRE2's tables */
            i++;
            continue;
        }
        size_t n = utf8_decode(in.bytes + i, in.n - i, &cp);
        if (n == 0 || unicode_flags(cp) & UNICODE_NEW) {
            return true;
        }
        i += n;
    }
    return false;
}

static size_t next_char(struct view in, size_t at) {
    for (at++; at < in.n && ((unsigned char)in.bytes[at] & 0xc0) == 0x80; at++) {
    }
    return at;
}

bool regex_find(struct work *w, const struct regex *r, struct view in, struct err *err) {
    if (!w->regex && !(w->regex = scratch_new(err))) {
        return false;
    }
    const pcre2_code *program = r->wide && needs_wide(in) ? r->wide : r->plain;
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(w->regex->match);
    size_t last = 0, at = 0;
    bool any = false;
    while (at <= in.n) {
        int rc = match(program, in, at, w->regex);
        if (rc == PCRE2_ERROR_NOMATCH) {
            break;
        }
        if (rc < 0) {
            return err_set(
                err, ERR_INPUT, "regex gave up on a text of %zu bytes (code %d)", in.n, rc);
        }
        size_t from = range[0], to = range[1];
        if (from >=
            to) { /* an empty match separates, and the search goes on behind the next character */
            at = next_char(in, from);
            if (any && from == last) {
                continue;
            }
            to = from;
        } else {
            at = to;
        }
        if (from > last) {
            work_segment(w, last, from, false);
        }
        work_segment(w, from, to, true);
        any = true;
        last = to;
    }
    if (last < in.n) {
        work_segment(w, last, in.n, false);
    }
    return true;
}
