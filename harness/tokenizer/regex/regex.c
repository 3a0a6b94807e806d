/* Oniguruma's regular expressions by PCRE2 (see regex.h; regex_dialect.c rewrites them). $ and ^
 * look at lines. The wide program knows the code points assigned since Unicode 14. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "harness/tokenizer/regex/regex.h"

#include <pcre2.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "harness/tokenizer/regex/regex_dialect.h"
#include "harness/tokenizer/unicode/unicode.h"

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
    struct strbuf text = { 0 };
    pcre2_code *program = NULL;
    if (regex_translate(pattern, n, wide, &text, err)) {
        program = compile(strbuf_str(&text), text.len, PCRE2_MULTILINE | PCRE2_UCP, err);
    }
    strbuf_release(&text);
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

static int match_with(const pcre2_code *program, struct view in, size_t at, uint32_t options,
    struct regex_scratch *s) {
    return pcre2_match(program, (PCRE2_SPTR)in.bytes, in.n, at, PCRE2_NO_UTF_CHECK | options,
        s->match, s->context);
}

/* Compiled programs begin on 32 KiB of the thread's own stack; only the rare match that needs more
 * pays for one of its own, and one that needs still more is interpreted, on the heap. */
static int match(const pcre2_code *program, struct view in, size_t at, struct regex_scratch *s) {
    int rc = match_with(program, in, at, 0, s);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT && !s->stack) {
        s->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
        rc = match_with(program, in, at, 0, s);
    }
    return rc == PCRE2_ERROR_JIT_STACKLIMIT ? match_with(program, in, at, PCRE2_NO_JIT, s) : rc;
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
