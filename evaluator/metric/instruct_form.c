/* Checkers of how a text is laid out: its parts, marks, beginning and end. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "evaluator/metric/instruct_parts.h"

static bool is_blank(const char *text, size_t n) {
    size_t kept;
    letters_strip(text, n, &kept);
    return kept == 0;
}

bool check_placeholders(const struct instruction *i, const char *text, size_t n) {
    return instruct_compares(
        i, instruct_count(i->tools->patterns[PATTERN_PLACEHOLDER], text, n, SIZE_MAX));
}

bool check_bullets(const struct instruction *i, const char *text, size_t n) {
    size_t stars = instruct_count(i->tools->patterns[PATTERN_BULLET], text, n, SIZE_MAX),
           dashes = instruct_count(i->tools->patterns[PATTERN_DASH], text, n, SIZE_MAX);
    return (double)(stars + dashes) == i->number;
}

/* Matches with something between their marks. */
static size_t marked(struct expression *e, const char *text, size_t n, size_t mark) {
    struct expression_walk *w = expression_begin(e, text, n);
    struct expression_match m;
    size_t count = 0;
    while (expression_next(w, &m)) {
        const char *from = text + m.whole.from, *to = text + m.whole.to;
        if (mark == 1) {
            for (; from < to && *from == '*'; from++) {
            }
            for (; from < to && to[-1] == '*'; to--) {
            }
        } else {
            from += mark;
            to -= to - from >= (ptrdiff_t)mark ? mark : 0;
        }
        count += !is_blank(from, (size_t)(to - from));
    }
    expression_end(w);
    return count;
}

/* A bold one is counted as often as it has both forms. */
bool check_highlights(const struct instruction *i, const char *text, size_t n) {
    return instruct_compares(i, marked(i->tools->patterns[PATTERN_HIGHLIGHT], text, n, 1) +
                                    marked(i->tools->patterns[PATTERN_BOLD], text, n, 2));
}

bool check_sections(const struct instruction *i, const char *text, size_t n) {
    return instruct_compares(i, instruct_count(i->expressions[0], text, n, SIZE_MAX));
}

/* Nothing may stand before the first divider and behind the last, but not between two. */
bool check_paragraphs(const struct instruction *i, const char *text, size_t n) {
    struct expression_walk *w = expression_begin(i->tools->patterns[PATTERN_DIVIDER], text, n);
    struct expression_match m;
    size_t from = 0, parts = 0, count = 0;
    bool ok = true, last = false;
    while (!last) {
        last = !expression_next(w, &m);
        size_t to = last ? n : m.whole.from;
        bool blank = is_blank(text + from, to - from);
        ok = ok && (!blank || parts == 0 || last);
        count += !blank;
        parts++;
        from = last ? n : m.whole.to;
    }
    expression_end(w);
    return ok && (double)count == i->number;
}

bool check_postscript(const struct instruction *i, const char *text, size_t n) {
    struct strbuf lower = { 0 };
    letters_lower(text, n, &lower);
    struct expression *e = !strcmp(i->word, "P.P.S")  ? i->tools->patterns[PATTERN_PPS]
                           : !strcmp(i->word, "P.S.") ? i->tools->patterns[PATTERN_PS]
                                                      : i->expressions[0];
    bool found = instruct_count(e, strbuf_str(&lower), lower.len, 1) > 0;
    strbuf_release(&lower);
    return found;
}

bool check_constrained(const struct instruction *i, const char *text, size_t n) {
    (void)i;
    (void)n;
    return strstr(text, "My answer is yes.") || strstr(text, "My answer is no.") ||
           strstr(text, "My answer is maybe.");
}

static void drop_prefix(const char **s, size_t *n, const char *prefix) {
    size_t length = strlen(prefix);
    if (*n >= length && !memcmp(*s, prefix, length)) {
        *s += length;
        *n -= length;
    }
}

bool check_json(const struct instruction *i, const char *text, size_t n) {
    const char *s = letters_strip(text, n, &n);
    (void)i;
    drop_prefix(&s, &n, "```json");
    drop_prefix(&s, &n, "```Json");
    drop_prefix(&s, &n, "```JSON");
    drop_prefix(&s, &n, "```");
    if (n >= 3 && !memcmp(s + n - 3, "```", 3)) {
        n -= 3;
    }
    s = letters_strip(s, n, &n);
    return json_is_python_s(s, n);
}

bool check_title(const struct instruction *i, const char *text, size_t n) {
    struct expression_walk *w = expression_begin(i->tools->patterns[PATTERN_TITLE], text, n);
    struct expression_match m;
    bool found = false;
    while (!found && expression_next(w, &m)) {
        const char *from = text + m.whole.from, *to = text + m.whole.to;
        for (; from < to && *from == '<'; from++) {
        }
        for (; from < to && to[-1] == '>'; to--) {
        }
        found = !is_blank(from, (size_t)(to - from));
    }
    expression_end(w);
    return found;
}

bool check_two_responses(const struct instruction *i, const char *text, size_t n) {
    char *said[2] = { NULL };
    size_t count = 0, place = 0;
    bool ok = true;
    (void)i;
    for (const char *at = text, *end; ok && at; at = end ? end + 6 : NULL, place++) {
        end = strstr(at, "******");
        char *part =
            instruct_stripped(at, end ? (size_t)(end - at) : n - (size_t)(at - text), false);
        ok = *part || place == 0 || !end;
        if (*part && count++ < 2) {
            said[count - 1] = part;
        } else {
            free(part);
        }
    }
    ok = ok && count == 2 && strcmp(said[0], said[1]) != 0;
    free(said[0]);
    free(said[1]);
    return ok;
}

bool check_repeats(const struct instruction *i, const char *text, size_t n) {
    char *said = instruct_stripped(text, n, true);
    bool begins = str_begins(said, i->word);
    free(said);
    return begins;
}

bool check_end(const struct instruction *i, const char *text, size_t n) {
    struct strbuf lower = { 0 };
    const char *s = letters_strip(text, n, &n);
    for (; n && *s == '"'; s++) {
        n--;
    }
    for (; n && s[n - 1] == '"'; n--) {
    }
    letters_lower(s, n, &lower);
    bool ends = str_ends(strbuf_str(&lower), i->word);
    strbuf_release(&lower);
    return ends;
}

bool check_quotation(const struct instruction *i, const char *text, size_t n) {
    const char *s = letters_strip(text, n, &n);
    (void)i;
    return n > 1 && s[0] == '"' && s[n - 1] == '"';
}
