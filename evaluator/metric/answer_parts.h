/* Inside the filters: texts on their way, and steps. */
#ifndef ASSAY_ANSWER_PARTS_H
#define ASSAY_ANSWER_PARTS_H

#include "base/json.h"
#include "evaluator/metric/expression.h"

enum { REGEXES_MAX = 32 };

struct text {
    char *s;
    bool fell_back; /* a step found nothing in it */
};
struct texts {
    struct text *items;
    size_t n;
    const char *const *choices; /* of the document */
    size_t n_choices;
};

struct step;
typedef void step_fn(const struct step *s, struct texts *texts);

/* What a step leaves out of a text before it looks for something. */
struct left_out {
    struct expression *regexes[REGEXES_MAX];
    size_t n;
    bool case_, punctuation; /* Unicode's */
};

struct step {
    step_fn *run;
    struct expression *expression;
    struct minerva *minerva;
    long long number; /* regex and the like: which match; take_first_k: how many */
    const char *fallback;
    const json_t *mapping;
    struct left_out left_out;
    struct expression *mapped[REGEXES_MAX]; /* map_regex: what stands for values[i] */
    const char *values[REGEXES_MAX];
    size_t n_mapped;
    struct expression *also; /* number_regex: numbers in words; format_span: entities */
};

/* A list that is text, in the form of JSON. */
step_fn run_multi_choice_regex, run_map_regex, run_number_regex, run_word_sort, run_regex_pos,
    run_format_span;

void answer_put(struct text *t, char *s); /* takes it */
char *answer_stripped(const char *s, size_t n);
struct expression *answer_expression(const json_t *text, struct err *err);

/* What findall's list has at a step's number: false where there is no such match. A span from
 * SIZE_MAX: all of its groups are empty. */
bool answer_match(const struct step *s, struct expression *e, const char *text, size_t n,
    struct expression_span *found);

/* The expressions that these steps are made of. */
MUST_CHECK bool answer_pick_read(struct step *s, const json_t *json, struct err *err);
void answer_pick_release(struct step *s);

#endif
