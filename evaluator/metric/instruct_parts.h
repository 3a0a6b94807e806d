/* Inside the checkers of instructions: what each is given, and where they are. */
#ifndef ASSAY_INSTRUCT_PARTS_H
#define ASSAY_INSTRUCT_PARTS_H

#include <string.h>

#include "evaluator/metric/detect.h"
#include "evaluator/metric/expression.h"
#include "evaluator/metric/instruct.h"
#include "evaluator/metric/letters.h"
#include "evaluator/metric/sentences.h"

enum { ARGUMENTS_MAX = 3, KEYWORDS_MAX = 64 };

/* Expressions that need no argument. */
enum pattern {
    PATTERN_BULLET,
    PATTERN_DASH,
    PATTERN_HIGHLIGHT,
    PATTERN_BOLD,
    PATTERN_PLACEHOLDER,
    PATTERN_DIVIDER,
    PATTERN_TITLE,
    PATTERN_PS,
    PATTERN_PPS,
    N_PATTERNS
};

struct instruct_tools {
    char *dir;
    struct sentences *sentences;
    struct word_cutter *words;
    struct detector *detector;
    struct expression *patterns[N_PATTERNS];
};

struct checker;

struct instruction {
    const struct checker *checker;
    const struct instruct_tools *tools;
    double number, nth; /* of its arguments */
    bool less;          /* "less than", else "at least" */
    char *word;
    struct expression *expressions[KEYWORDS_MAX];
    size_t n_expressions;
};

/* A text that has something in it besides blanks. */
typedef bool checker_fn(const struct instruction *i, const char *text, size_t n);

/* How a count stands to what was asked. */
bool instruct_compares(const struct instruction *i, size_t count);
/* How many matches there are, at most `enough`. */
size_t instruct_count(struct expression *e, const char *text, size_t n, size_t enough);
/* str.strip(), str.strip().lower(): the caller frees. */
char *instruct_stripped(const char *text, size_t n, bool lower);

checker_fn check_existence, check_frequency, check_forbidden, check_letter, check_language,
    check_words, check_sentences, check_capital_words, check_capitals, check_small, check_comma,
    check_first_word;
checker_fn check_paragraphs, check_placeholders, check_postscript, check_bullets, check_constrained,
    check_highlights, check_sections, check_json, check_title, check_two_responses, check_repeats,
    check_end, check_quotation;

/* json.loads() takes it. */
bool json_is_python_s(const char *text, size_t n);

#endif
