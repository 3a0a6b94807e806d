#include "evaluator/metric/latex.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "evaluator/metric/letters.h"

/* What is replaced before anything else, one after the other. */
static const char *const FIRST[][2] = {
    { "\n", "" },
    { "\\!", "" },
    { "\\\\", "\\" },
    { "tfrac", "frac" },
    { "dfrac", "frac" },
    { "\\left", "" },
    { "\\right", "" },
    { "^{\\circ}", "" },
    { "^\\circ", "" },
    { "\\$", "" },
};

/* Takes the text. */
static char *replaced(char *text, const char *from, const char *to) {
    struct strbuf out = { 0 };
    size_t n = strlen(from);
    const char *at = text;
    for (const char *found; (found = strstr(at, from)) != NULL; at = found + n) {
        strbuf_add(&out, at, (size_t)(found - at));
        strbuf_adds(&out, to);
    }
    strbuf_adds(&out, at);
    free(text);
    return strbuf_take(&out);
}

static size_t count_of(const char *text, const char *part) {
    size_t n = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part)) {
        n++;
    }
    return n;
}

static size_t length_of_letter(const char *s) {
    uint32_t c;
    size_t n = utf8_decode(s, strlen(s), &c);
    return n ? n : 1;
}

/* A unit stands at the end, behind a blank inside of "\text". */
static bool drop_unit(char *text) {
    static const char UNIT[] = "\\text{ ";
    char *unit = strstr(text, UNIT);
    bool one = count_of(text, UNIT) <= 1;
    if (unit && one) {
        *unit = '\0';
    }
    return one;
}

/* "k = " and the like before the answer. Takes the text. */
static char *without_name(char *text) {
    char *equals = strchr(text, '=');
    if (!equals || strchr(equals + 1, '=') || utf8_length(text, (size_t)(equals - text)) > 2) {
        return text;
    }
    char *rest = xstrdup(equals + 1);
    free(text);
    return rest;
}

/* \sqrt3 is \sqrt{3}. Takes the text; NULL: a root of nothing. */
static char *with_roots(char *text) {
    struct strbuf out = { 0 };
    const char *at = text, *root;
    for (; (root = strstr(at, "\\sqrt")) != NULL;) {
        const char *of = root + strlen("\\sqrt");
        strbuf_add(&out, at, (size_t)(of - at));
        if (!*of || str_begins(of, "\\sqrt")) {
            strbuf_release(&out);
            free(text);
            return NULL;
        }
        size_t n = *of == '{' ? 0 : length_of_letter(of);
        strbuf_addf(&out, n ? "{%.*s}" : "", (int)n, of);
        at = of + n;
    }
    strbuf_adds(&out, at);
    free(text);
    return strbuf_take(&out);
}

/* What follows one "\frac" up to the next. False: it is left as it is, and with it all of the text.
 */
static bool add_fraction(struct strbuf *out, const char *of, size_t n) {
    size_t a = length_of_letter(of), b;
    strbuf_adds(out, "\\frac");
    if (*of == '{') {
        strbuf_add(out, of, n);
        return true;
    }
    if (n <= a) {
        return false;
    }
    b = of[a] == '{' ? 0 : length_of_letter(of + a);
    strbuf_addf(out, b ? "{%.*s}{%.*s}" : "{%.*s}", (int)a, of, (int)b, of + a);
    strbuf_add(out, of + a + b, n - a - b);
    return true;
}

/* \frac12 is \frac{1}{2}. Takes the text; NULL: a fraction of nothing. */
static char *with_fractions(char *text) {
    static const char FRAC[] = "\\frac";
    struct strbuf out = { 0 };
    const char *at = strstr(text, FRAC);
    strbuf_add(&out, text, at ? (size_t)(at - text) : strlen(text));
    while (at) {
        const char *of = at + strlen(FRAC);
        at = strstr(of, FRAC);
        size_t n = at ? (size_t)(at - of) : strlen(of);
        if (n == 0) {
            strbuf_release(&out);
            free(text);
            return NULL;
        }
        if (!add_fraction(&out, of, n)) {
            strbuf_release(&out);
            return text;
        }
    }
    free(text);
    return strbuf_take(&out);
}

enum { DIGITS_MAX = 4300 }; /* of a number, for Python */

/* Python's int() takes it: blanks around it, a sign, digits with single underscores between. */
static bool is_integer(const char *s, size_t n) {
    size_t at = 0, one;
    size_t digits = 0;
    bool digit = false;
    s = letters_strip(s, n, &n);
    at += n && (*s == '-' || *s == '+');
    for (; at < n; at += one) {
        uint32_t c = 0;
        one = utf8_decode(s + at, n - at, &c);
        one = one ? one : 1;
        if (!letter_is_decimal(c) && !(c == '_' && digit)) {
            return false;
        }
        digit = c != '_';
        digits += digit;
    }
    return digit && digits <= DIGITS_MAX;
}

/* It is written as Python writes that number. */
static bool is_as_written(const char *s, size_t n) {
    size_t at = n && *s == '-';
    if (n - at == 1 && s[at] == '0') {
        return at == 0;
    }
    for (size_t i = at; i < n; i++) {
        if (s[i] < (i == at ? '1' : '0') || s[i] > '9') {
            return false;
        }
    }
    return n > at;
}

/* 3/4 is \frac{3}{4}. Takes the text; NULL: it is a fraction of something else. */
static char *without_slash(char *text) {
    char *slash = strchr(text, '/');
    if (!slash || strchr(slash + 1, '/')) {
        return text;
    }
    const char *under = slash + 1;
    size_t a = (size_t)(slash - text), b = strlen(under);
    if (!is_integer(text, a) || !is_integer(under, b)) {
        free(text);
        return NULL;
    }
    if (is_as_written(text, a) && is_as_written(under, b)) {
        struct strbuf out = { 0 };
        strbuf_addf(&out, "\\frac{%.*s}{%s}", (int)a, text, under);
        free(text);
        return strbuf_take(&out);
    }
    return text;
}

char *latex_normal(const char *from) {
    char *text = xstrdup(from);
    for (size_t i = 0; i < sizeof FIRST / sizeof *FIRST; i++) {
        text = replaced(text, FIRST[i][0], FIRST[i][1]);
    }
    if (!drop_unit(text)) {
        free(text);
        return NULL;
    }
    text = replaced(text, "\\%", "");
    text = replaced(text, " .", " 0.");
    text = replaced(text, "{.", "{0.");
    if (!*text) {
        return text;
    }
    if (*text == '.') {
        struct strbuf out = { 0 };
        strbuf_addf(&out, "0%s", text);
        free(text);
        text = strbuf_take(&out);
    }
    text = with_roots(without_name(text));
    text = text ? with_fractions(replaced(text, " ", "")) : NULL;
    if (text && !strcmp(text, "0.5")) {
        free(text);
        text = xstrdup("\\frac{1}{2}");
    }
    return text ? without_slash(text) : NULL;
}

bool latex_same(const char *a, const char *b) {
    char *one = latex_normal(a), *other = latex_normal(b);
    bool same = one && other ? !strcmp(one, other) : !strcmp(a, b);
    free(one);
    free(other);
    return same;
}
