#include "evaluator/metric/minerva.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/metric/expression.h"
#include "evaluator/metric/letters.h"

static const char SENTENCE[] = "Final Answer: The final answer is(.*?). I hope it is correct.";
static const char NUMBER[] = "^-?\\d{1,3}(?:,\\d{3})+\\Z";

static const char *const SUBSTITUTIONS[][2] = {
    { "an ", "" },
    { "a ", "" },
    { ".$", "$" },
    { "\\$", "" },
    { "\\ ", "" },
    { " ", "" },
    { "mbox", "text" },
    { ",\\text{and}", "," },
    { "\\text{and}", "," },
    { "\\text{m}", "\\text{}" },
};

/* Words are removed as words while there are blanks, then wherever they stand but in commands. */
static const char *const REMOVED[] = { "square", "ways", "integers", "dollars", "mph", "inches",
    "ft", "hours", "km", "units", "\\ldots", "sue", "points", "feet", "minutes", "digits", "cents",
    "degrees", "cm", "gm", "pounds", "meters", "meals", "edges", "students", "childrentickets",
    "multiples", "\\text{s}", "\\text{.}", "\\text{\ns}", "\\text{}^2", "\\text{}^3", "\\text{\n}",
    "\\text{}", "\\mathrm{th}", "^\\circ", "^{\\circ}", "\\;", ",\\!", "{,}", "\"", "\\dots" };
enum { N_REMOVED = sizeof REMOVED / sizeof *REMOVED };

/* What is marked is taken without its mark; \frac12 and \sqrt3 get their braces. */
static const char *const UNMARKED[][2] = {
    { "(.*?)(\\$)(.*?)(\\$)(.*)", "$\\3$" },
    { "(\\\\text\\{)(.*?)(\\})", "\\2" },
    { "(\\\\textbf\\{)(.*?)(\\})", "\\2" },
    { "(\\\\overline\\{)(.*?)(\\})", "\\2" },
    { "(\\\\boxed\\{)(.*)(\\})", "\\2" },
    { "(frac)([^{])(.)", "frac{\\2}{\\3}" },
    { "(sqrt)(\\[[^\\]]*\\])(\\w)", "\\1\\2{\\3}" },
    { "(sqrt)(?!\\[)([^{])", "sqrt{\\2}" },
};
enum { N_UNMARKED = sizeof UNMARKED / sizeof *UNMARKED };

struct minerva {
    struct expression *sentence, *number, *words[N_REMOVED], *unmarked[N_UNMARKED];
};

static bool is_word(const char *s) {
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

static struct expression *compile(const char *text, bool *ok, struct err *err) {
    struct expression *e = *ok ? expression_new(text, strlen(text), err) : NULL;
    *ok = e != NULL;
    return e;
}

struct minerva *minerva_new(struct err *err) {
    struct minerva *m = xcalloc(1, sizeof *m);
    bool ok = true;
    m->sentence = compile(SENTENCE, &ok, err);
    m->number = compile(NUMBER, &ok, err);
    for (size_t i = 0; i < N_REMOVED; i++) {
        struct strbuf text = { 0 };
        if (is_word(REMOVED[i])) {
            strbuf_addf(&text, "(?<!\\\\)\\b%s\\b", REMOVED[i]);
            m->words[i] = compile(strbuf_str(&text), &ok, err);
        }
        strbuf_release(&text);
    }
    for (size_t i = 0; i < N_UNMARKED; i++) {
        m->unmarked[i] = compile(UNMARKED[i][0], &ok, err);
    }
    if (!ok) {
        minerva_free(m);
        return NULL;
    }
    return m;
}

void minerva_free(struct minerva *m) {
    if (m) {
        expression_free(m->sentence);
        expression_free(m->number);
        for (size_t i = 0; i < N_REMOVED; i++) {
            expression_free(m->words[i]);
        }
        for (size_t i = 0; i < N_UNMARKED; i++) {
            expression_free(m->unmarked[i]);
        }
        free(m);
    }
}

char *minerva_answer(struct minerva *m, const char *text) {
    struct strbuf all = { 0 };
    struct expression_match match;
    char *answer = NULL;
    strbuf_addf(&all, "%sI hope it is correct.", text); /* which the stop string may have cut off */
    struct expression_walk *w = expression_begin(m->sentence, strbuf_str(&all), all.len);
    if (expression_next(w, &match)) {
        struct expression_span s = match.group[0];
        size_t kept;
        const char *from = letters_strip(all.text + s.from, s.to - s.from, &kept);
        answer = xstrndup(from, kept);
    }
    expression_end(w);
    strbuf_release(&all);
    return answer;
}

/* Each takes the text. */
static char *replaced(char *text, const char *from, const char *to) {
    struct strbuf out = { 0 };
    const char *at = text;
    for (const char *found; (found = strstr(at, from)) != NULL; at = found + strlen(from)) {
        strbuf_add(&out, at, (size_t)(found - at));
        strbuf_adds(&out, to);
    }
    strbuf_adds(&out, at);
    free(text);
    return strbuf_take(&out);
}

static char *substituted(struct expression *e, const char *with, char *text) {
    struct strbuf out = { 0 };
    expression_replace(e, with, text, strlen(text), &out);
    free(text);
    return strbuf_take(&out);
}

static size_t command_length(const char *at) {
    size_t n = 0;
    while ((at[n + 1] >= 'a' && at[n + 1] <= 'z') || (at[n + 1] >= 'A' && at[n + 1] <= 'Z')) {
        n++;
    }
    return n ? n + 1 : 0;
}

/* A word does not reach over the edge of a command. */
static char *without_word(char *text, const char *word) {
    struct strbuf out = { 0 };
    for (const char *at = text; *at;) {
        size_t command = *at == '\\' ? command_length(at) : 0;
        if (!command && str_begins(at, word)) {
            at += strlen(word);
        } else {
            strbuf_add(&out, at, command ? command : 1);
            at += command ? command : 1;
        }
    }
    free(text);
    return strbuf_take(&out);
}

char *minerva_normal(struct minerva *m, const char *answer) {
    const char *equals = strrchr(answer, '=');
    struct expression_match whole;
    char *text = xstrdup(equals ? equals + 1 : answer);
    for (size_t i = 0; i < N_REMOVED; i++) {
        text = m->words[i] ? substituted(m->words[i], "", text) : text;
    }
    for (size_t i = 0; i < sizeof SUBSTITUTIONS / sizeof *SUBSTITUTIONS; i++) {
        text = replaced(text, SUBSTITUTIONS[i][0], SUBSTITUTIONS[i][1]);
    }
    for (size_t i = 0; i < N_REMOVED; i++) {
        text = m->words[i] ? without_word(text, REMOVED[i]) : replaced(text, REMOVED[i], "");
    }
    for (size_t i = 0; i < N_UNMARKED; i++) {
        text = substituted(m->unmarked[i], UNMARKED[i][1], text);
    }
    text = replaced(text, "$", "");
    struct expression_walk *w = expression_begin(m->number, text, strlen(text));
    bool grouped = expression_next(w, &whole);
    expression_end(w);
    return grouped ? replaced(text, ",", "") : text;
}

enum formula_verdict minerva_compare(struct minerva *m, const char *normal, const char *right) {
    char *other = minerva_normal(m, right);
    enum formula_verdict verdict = formula_compare(normal, other);
    free(other);
    return verdict;
}
