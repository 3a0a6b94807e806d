/* What stands at the edge of a word is moved away from it by one replacement after the other, and
 * what lies between blanks in the end is a word. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/metric/expression.h"
#include "evaluator/metric/letters.h"
#include "evaluator/metric/sentences.h"

/* In the replacement \0 is the match, \1 a group of it. */
static const struct {
    const char *pattern, *with;
} STEPS[] = {
    /* quotation marks that begin */
    { "([«“‘„]|[`]+)", " \\1 " },
    { "^\\\"", "``" },
    { "(``)", " \\1 " },
    { "([ \\(\\[{<])(\"|'{2})", "\\1 `` " },
    { "(?i)(?<!\\w)(')(?!(?:re|ve|ll|m|t|s|d|n)\\b)(?=\\w)", "\\1 " },
    /* punctuation; a period ends a word at the end of the text only */
    { "([^\\.])(\\.)([\\]\\)}>\"'»”’ ]*)\\s*$", "\\1 \\2 \\3 " },
    { "([:,])([^\\d])", " \\1 \\2" },
    { "([:,])$", " \\1 " },
    { "\\.{2,}", " \\0 " },
    { "[;@#$%&]", " \\0 " },
    { "[\\u2012-\\u2015]", " \\0 " },
    { "([^\\.])(\\.)([\\]\\)}>\"']*)\\s*$", "\\1 \\2\\3 " },
    { "[?!]", " \\0 " },
    { "([^'])' ", "\\1 ' " },
    { "[*]", " \\0 " },
    { "[\\]\\[\\(\\)\\{\\}\\<\\>]", " \\0 " },
    { "--", " -- " },
    /* quotation marks that end, once a blank is put at both ends */
    { NULL, NULL },
    { "([»”’])", " \\1 " },
    { "''", " '' " },
    { "\"", " '' " },
    { "\\s+", " " },
    { "([^' ])('[sS]|'[mM]|'[dD]|') ", "\\1 \\2 " },
    { "([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "\\1 \\2 " },
    /* two words in one */
    { "(?i)\\b(can)(not)\\b", " \\1 \\2 " },
    { "(?i)\\b(d)('ye)\\b", " \\1 \\2 " },
    { "(?i)\\b(gim)(me)\\b", " \\1 \\2 " },
    { "(?i)\\b(gon)(na)\\b", " \\1 \\2 " },
    { "(?i)\\b(got)(ta)\\b", " \\1 \\2 " },
    { "(?i)\\b(lem)(me)\\b", " \\1 \\2 " },
    { "(?i)\\b(more)('n)\\b", " \\1 \\2 " },
    { "(?i)\\b(wan)(na)(?=\\s)", " \\1 \\2 " },
    { "(?i) ('t)(is)\\b", " \\1 \\2 " },
    { "(?i) ('t)(was)\\b", " \\1 \\2 " },
};
enum { N_STEPS = sizeof STEPS / sizeof *STEPS };

struct word_cutter {
    struct expression *expressions[N_STEPS];
};

struct word_cutter *word_cutter_new(struct err *err) {
    struct word_cutter *w = xcalloc(1, sizeof *w);
    for (size_t i = 0; i < N_STEPS; i++) {
        const char *pattern = STEPS[i].pattern;
        w->expressions[i] = pattern ? expression_new(pattern, strlen(pattern), err) : NULL;
        if (pattern && !w->expressions[i]) {
            word_cutter_free(w);
            return NULL;
        }
    }
    return w;
}

void word_cutter_free(struct word_cutter *w) {
    for (size_t i = 0; w && i < N_STEPS; i++) {
        expression_free(w->expressions[i]);
    }
    free(w);
}

char *word_cutter_cut(struct word_cutter *w, const char *sentence, size_t n) {
    char *text = xstrndup(sentence, n);
    for (size_t i = 0; i < N_STEPS; i++) {
        struct strbuf spaced = { 0 };
        if (w->expressions[i]) {
            expression_replace(w->expressions[i], STEPS[i].with, text, strlen(text), &spaced);
        } else {
            strbuf_addf(&spaced, " %s ", text);
        }
        free(text);
        text = strbuf_take(&spaced);
    }
    return text;
}
