/* How answers name one of the options (see guess_parts.h). */
#include <ctype.h>
#include <string.h>

#include "evaluator/cli/guess_parts.h"

/* "(b)." is option 1; -1: no single letter. */
static long letter_of(const char *s) {
    long letter = -1;
    for (; *s; s++) {
        if (isalpha((unsigned char)*s)) {
            if (letter >= 0) {
                return -1;
            }
            letter = tolower((unsigned char)*s) - 'a';
        } else if (!strchr("(). :", *s)) {
            return -1;
        }
    }
    return letter;
}

static bool among(const json_t *list, const char *text) {
    json_t *wanted = guess_trimmed(text, strlen(text));
    bool found = false;
    for (size_t i = 0; !found && i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        json_t *one = s ? guess_trimmed(s, strlen(s)) : NULL;
        found = one && json_equal(one, wanted);
        json_decref(one);
    }
    json_decref(wanted);
    return found;
}

struct answer_counts {
    size_t n, text, label, letter, from_0, from_1, column;
};

/* Where each option has a column, one that is empty in this row is no option of it. */
static bool has_option(const struct guess *g, const json_t *row, long index, long n) {
    if (g->options_form != OPTIONS_COLUMNS) {
        return index >= 0 && index < n;
    }
    return index >= 0 && (size_t)index < g->n_options && !column_is_empty(g->options[index], row);
}

static long column_called(const struct guess *g, const char *name) {
    for (size_t i = 0; g->options_form == OPTIONS_COLUMNS && i < g->n_options; i++) {
        if (!strcmp(g->options[i]->name, name)) {
            return (long)i;
        }
    }
    return -1;
}

static void count_answer(const struct guess *g, const json_t *row, struct answer_counts *counts) {
    const char *s = column_value(g->columns, g->answer, row);
    json_t *options = guess_options(g, row);
    long n = (long)json_array_size(options);
    const json_t *labels = json_object_get(json_object_get(row, g->options[0]->name), "label");
    if (s && *s) {
        char *end;
        long letter = letter_of(s), index = strtol(s, &end, 10);
        bool whole = end > s && !end[strspn(end, " ")];
        counts->n++;
        counts->text += among(options, s);
        counts->label += among(labels, s);
        counts->letter += has_option(g, row, letter, n);
        counts->from_0 += whole && has_option(g, row, index, n);
        counts->from_1 += whole && has_option(g, row, index - 1, n);
        counts->column += has_option(g, row, column_called(g, s), n);
    }
    json_decref(options);
}

/* Of numbers that fit both ways, a 0 says that they count from 0; without one they likely don't. */
static const char *choose_base(struct guess *g, const struct answer_counts *c) {
    bool zero = g->answer->low < 1, both = c->from_0 == c->n && c->from_1 == c->n;
    g->answer_form =
        c->from_0 == c->n && (zero || c->from_1 < c->n) ? ANSWER_FROM_0 : ANSWER_FROM_1;
    return both ? "the numbers could count from 0 or from 1; there is no 0" : NULL;
}

static const char *choose_form(struct guess *g, const struct answer_counts *c) {
    if (c->n && c->label == c->n) {
        g->answer_form = ANSWER_LABEL;
        return NULL;
    }
    if (c->n && c->text == c->n) {
        g->answer_form = ANSWER_TEXT;
        return c->from_0 == c->n || c->from_1 == c->n
                   ? "the options are numbers: it could be their place"
                   : NULL;
    }
    if (c->n && c->letter == c->n) {
        g->answer_form = ANSWER_LETTER;
        return NULL;
    }
    if (c->n && c->column == c->n) {
        g->answer_form = ANSWER_COLUMN;
        return NULL;
    }
    if (c->n && (c->from_0 == c->n || c->from_1 == c->n)) {
        return choose_base(g, c);
    }
    size_t number = c->from_0 > c->from_1 ? c->from_0 : c->from_1;
    g->answer_form = c->text >= c->letter && c->text >= number ? ANSWER_TEXT
                     : c->letter >= number                     ? ANSWER_LETTER
                     : c->from_0 > c->from_1                   ? ANSWER_FROM_0
                                                               : ANSWER_FROM_1;
    return "some rows have an answer that is none of their options";
}

void guess_read_answer(struct guess *g) {
    static const char *const HOW[] = { "the text of an option", "the label of an option",
        "the letter of an option", "the number of an option, from 0",
        "the number of an option, from 1", "", "the column of an option" };
    struct answer_counts counts = { 0 };
    size_t i;
    json_t *row;
    json_array_foreach(g->columns->rows, i, row) {
        count_answer(g, row, &counts);
    }
    const char *doubt = choose_form(g, &counts);
    guess_note_add(g, "answer", g->answer->name, HOW[g->answer_form], doubt);
}
