/* Checkers of words, letters, sentences and languages. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "evaluator/metric/instruct_parts.h"
#include "evaluator/metric/letters_text.h"

bool check_existence(const struct instruction *i, const char *text, size_t n) {
    for (size_t k = 0; k < i->n_expressions; k++) {
        if (!instruct_count(i->expressions[k], text, n, 1)) {
            return false;
        }
    }
    return true;
}

bool check_forbidden(const struct instruction *i, const char *text, size_t n) {
    for (size_t k = 0; k < i->n_expressions; k++) {
        if (instruct_count(i->expressions[k], text, n, 1)) {
            return false;
        }
    }
    return true;
}

bool check_frequency(const struct instruction *i, const char *text, size_t n) {
    return instruct_compares(i, instruct_count(i->expressions[0], text, n, SIZE_MAX));
}

bool check_letter(const struct instruction *i, const char *text, size_t n) {
    struct strbuf lower = { 0 };
    size_t count = 0, width = strlen(i->word);
    letters_lower(text, n, &lower);
    for (const char *at = strbuf_str(&lower); (at = strstr(at, i->word)) != NULL; at += width) {
        count++;
    }
    strbuf_release(&lower);
    return instruct_compares(i, count);
}

bool check_words(const struct instruction *i, const char *text, size_t n) {
    struct letters l = letters_of(text, n);
    size_t count = 0;
    bool inside = false;
    for (size_t k = 0; k < l.n; k++) {
        bool word = letter_is_of_word(l.c[k]);
        count += word && !inside;
        inside = word;
    }
    letters_release(&l);
    return instruct_compares(i, count);
}

bool check_sentences(const struct instruction *i, const char *text, size_t n) {
    return instruct_compares(i, sentences_each(i->tools->sentences, text, n, NULL, NULL));
}

struct capitals {
    const struct instruct_tools *tools;
    size_t n;
};

static void count_capitals(void *arg, const char *sentence, size_t n) {
    struct capitals *c = arg;
    char *cut = word_cutter_cut(c->tools->words, sentence, n);
    const char *at = cut, *end = cut + strlen(cut), *word;
    for (size_t length; (word = letters_word(&at, end, &length)) != NULL;) {
        c->n += letters_are_upper(word, length);
    }
    free(cut);
}

bool check_capital_words(const struct instruction *i, const char *text, size_t n) {
    struct capitals c = { i->tools, 0 };
    sentences_each(i->tools->sentences, text, n, count_capitals, &c);
    return instruct_compares(i, c.n);
}

/* Where no language can be told it counts as followed. */
static bool is_in(const struct instruction *i, const char *language, const char *text, size_t n) {
    const char *found = detector_detect(i->tools->detector, text, n);
    return !found || !strcmp(found, language);
}

bool check_language(const struct instruction *i, const char *text, size_t n) {
    return is_in(i, i->word, text, n);
}

bool check_capitals(const struct instruction *i, const char *text, size_t n) {
    return letters_are_upper(text, n) && is_in(i, "en", text, n);
}

bool check_small(const struct instruction *i, const char *text, size_t n) {
    return letters_are_lower(text, n) && is_in(i, "en", text, n);
}

bool check_comma(const struct instruction *i, const char *text, size_t n) {
    (void)i;
    return !memchr(text, ',', n);
}

/* The first word of a paragraph up to a sign, in small letters; the caller frees. */
static char *first_word(const char *paragraph, size_t n) {
    struct strbuf out = { 0 };
    size_t length;
    const char *at = paragraph, *word = letters_word(&at, paragraph + n, &length);
    while (length && *word == '\'') {
        word++;
        length--;
    }
    while (length && *word == '"') {
        word++;
        length--;
    }
    for (size_t k = 0; k < length && !strchr(".,?!'\"", word[k]);) {
        uint32_t c;
        size_t one = utf8_decode(word + k, length - k, &c);
        one = one ? one : 1;
        letters_lower(word + k, one, &out); /* a letter on its own */
        k += one;
    }
    return strbuf_take(&out);
}

/* Paragraphs that are empty don't count, but have a place. */
bool check_first_word(const struct instruction *i, const char *text, size_t n) {
    size_t count = 0, place = 0, kept = 0, length = 0;
    const char *paragraph = NULL;
    for (const char *at = text, *end; at; at = end ? end + 2 : NULL) {
        end = strstr(at, "\n\n");
        const char *from =
            letters_strip(at, end ? (size_t)(end - at) : n - (size_t)(at - text), &length);
        count += length > 0;
        if ((double)++place == i->nth) {
            paragraph = from;
            kept = length;
        }
    }
    if (i->nth > (double)count || !kept || (double)count != i->number) {
        return false;
    }
    char *word = first_word(paragraph, kept);
    bool same = !strcmp(word, i->word);
    free(word);
    return same;
}
