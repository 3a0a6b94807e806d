/* Options of questions, in every shape that data has them (see guess_parts.h). */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "evaluator/cli/guess_parts.h"

static const char *const OPTIONS[] = { "options", "choices", "answers", "endings", "candidates",
    "alternatives", "mcoptions", "answerchoices", NULL };
static const char *const RIGHT[] = { "correctanswer", "rightanswer", "bestanswer", "correct",
    "right", NULL };

/* ---- texts ---- */

/* Texts without the blanks around them. */
json_t *guess_trimmed(const char *s, size_t n) {
    while (n && isspace((unsigned char)*s)) {
        s++;
        n--;
    }
    while (n && isspace((unsigned char)s[n - 1])) {
        n--;
    }
    return json_stringn(s, n);
}

static json_t *split_texts(const char *s, const char *by) {
    json_t *list = json_array();
    for (const char *end; s; s = end ? end + strlen(by) : NULL) {
        end = strstr(s, by);
        json_array_append_new(list, guess_trimmed(s, end ? (size_t)(end - s) : strlen(s)));
    }
    return list;
}

static json_t *parse_list(const char *s) {
    struct err ignored = ERR_INIT;
    json_t *v = s && *s == '[' ? json_parse(s, strlen(s), "options", &ignored) : NULL;
    if (v && !json_is_array(v)) {
        json_decref(v);
        v = NULL;
    }
    return v;
}

static void append_value(json_t *list, const struct guess *g, size_t i, const json_t *row) {
    const char *s = column_value(g->columns, g->options[i], row);
    if (s && *s) {
        json_array_append_new(list, json_string(s));
    }
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of class labels by their numbers, else the values that occur, sorted. */
static json_t *fixed_options(const struct guess *g) {
    const char *value, *values[COLUMN_DISTINCT_MAX + 1];
    json_t *ignored, *list = column_labels(g->columns, g->answer);
    size_t n = 0;
    if (list) {
        return list;
    }
    list = json_array();
    json_object_foreach(g->answer->distinct, value, ignored) {
        values[n++] = value;
    }
    qsort(values, n, sizeof *values, by_text);
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_string(values[i]));
    }
    return list;
}

json_t *guess_options(const struct guess *g, const json_t *row) {
    json_t *list = json_array(), *v = json_object_get(row, g->options[0]->name), *found = NULL;
    switch (g->options_form) {
    case OPTIONS_LIST:
        found = json_incref(v);
        break;
    case OPTIONS_LABELLED:
        found = json_incref(json_object_get(v, "text"));
        break;
    case OPTIONS_JSON:
        found = parse_list(json_string_value(v));
        break;
    case OPTIONS_SPLIT:
        found = json_is_string(v) ? split_texts(json_string_value(v), g->separator) : NULL;
        break;
    case OPTIONS_FIXED:
        found = fixed_options(g);
        break;
    default:
        for (size_t i = 0; i < g->n_options; i++) {
            append_value(list, g, i, row);
        }
    }
    json_array_extend(list, found);
    json_decref(found);
    return list;
}

/* A column of texts: each a JSON list, or each with the same separator and two parts or more. */
static bool is_json_lists(struct columns *c, const struct column *column) {
    size_t i;
    json_t *row;
    json_array_foreach(c->rows, i, row) {
        const char *s = json_get_string(row, column->name, "");
        json_t *list = *s ? parse_list(s) : NULL;
        bool ok = !*s || json_array_size(list) > 1;
        json_decref(list);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static const char *separator_of(struct columns *c, const struct column *column) {
    static const char *const SEPARATORS[] = { "||", "|", ";", "\n", "\t", "///", NULL };
    for (const char *const *s = SEPARATORS; *s; s++) {
        size_t i, n = 0;
        json_t *row;
        json_array_foreach(c->rows, i, row) {
            n += strstr(json_get_string(row, column->name, ""), *s) != NULL;
        }
        if (n && n == column->n - column->n_empty) {
            return *s;
        }
    }
    return NULL;
}

static bool take_one_column(struct guess *g, const struct column *column) {
    g->options[0] = column;
    g->n_options = 1;
    if (column->list) {
        g->options_form = OPTIONS_LIST;
    } else if (column->labelled) {
        g->options_form = OPTIONS_LABELLED;
    } else if (column->text && is_json_lists(g->columns, column)) {
        g->options_form = OPTIONS_JSON;
    } else if (column->text && (g->separator = separator_of(g->columns, column)) != NULL) {
        g->options_form = OPTIONS_SPLIT;
    } else {
        g->n_options = 0;
    }
    return g->n_options > 0;
}

/* "optionb" is option 1, "choice2" choice 2; -1: neither. *prefix: bytes before the letter or
 * number. */
static long place_of(const struct column *c, size_t *prefix, bool *letter) {
    size_t n = strlen(c->plain), digits = 0;
    while (digits < n && isdigit((unsigned char)c->plain[n - 1 - digits])) {
        digits++;
    }
    *letter = digits == 0;
    if (n == 0 || (*letter && !isalpha((unsigned char)c->plain[n - 1])) || digits > 2) {
        return -1;
    }
    *prefix = *letter ? n - 1 : n - digits;
    return *letter ? c->plain[n - 1] - 'a' : strtol(c->plain + *prefix, NULL, 10);
}

static bool is_option_prefix(const char *plain, size_t n, bool letter) {
    static const char *const PREFIXES[] = { "option", "choice", "answer", "ending", "candidate",
        "alternative", "sol", "solution", "opt", "op", "response", NULL };
    for (const char *const *p = PREFIXES; *p; p++) {
        if (strlen(*p) == n && !strncmp(*p, plain, n)) {
            return true;
        }
    }
    return n == 0 && letter;
}

/* A, B, C, ...; option1, option2, ...: a run that begins at the first letter, at 0 or at 1. */
static bool take_columns(struct guess *g) {
    for (size_t i = 0; i < g->columns->n; i++) {
        const struct column *first = &g->columns->items[i];
        size_t prefix = 0, n = 0;
        bool letter;
        long from = place_of(first, &prefix, &letter);
        if (from < 0 || from > !letter || !is_option_prefix(first->plain, prefix, letter)) {
            continue;
        }
        for (size_t k = 0; k < g->columns->n && n < GUESS_OPTIONS_MAX; k++) {
            const struct column *c = &g->columns->items[k];
            size_t its_prefix = 0;
            bool its_letter;
            long at = place_of(c, &its_prefix, &its_letter);
            if (at == from + (long)n && its_letter == letter && its_prefix == prefix &&
                !strncmp(c->plain, first->plain, prefix)) {
                g->options[n++] = c;
                k = (size_t)-1; /* the next one may stand anywhere */
            }
        }
        if (n > 1) {
            g->options_form = OPTIONS_COLUMNS;
            g->n_options = n;
            return true;
        }
    }
    return false;
}

/* correct_answer, and distractor1, distractor2, ... */
static bool take_right_and_wrong(struct guess *g) {
    static const char *const WRONG[] = { "distractor", "incorrect", "wrong", "false", NULL };
    const struct column *right = column_named(g->columns, RIGHT, column_is_text);
    size_t n = 0;
    if (!right) {
        return false;
    }
    g->options[n++] = right;
    for (size_t i = 0; i < g->columns->n && n < GUESS_OPTIONS_MAX; i++) {
        const struct column *c = &g->columns->items[i];
        for (const char *const *w = WRONG; *w; w++) {
            if (c->text && !strncmp(c->plain, *w, strlen(*w))) {
                g->options[n++] = c;
                break;
            }
        }
    }
    g->n_options = n > 1 ? n : 0;
    g->options_form = OPTIONS_RIGHT;
    return n > 1;
}

static bool take_named_options(struct guess *g, const char *names, struct err *err) {
    g->n_options = 0;
    for (const char *at = names; *at && g->n_options < GUESS_OPTIONS_MAX;) {
        size_t n = strcspn(at, ",");
        const char *name = arena_strndup(&g->columns->arena, at, n);
        const struct column *c = column_find(g->columns, name);
        if (!c) {
            return guess_unknown_column(g, name, err);
        }
        g->options[g->n_options++] = c;
        at += n + (at[n] == ',');
    }
    g->options_form = OPTIONS_COLUMNS;
    if (g->n_options == 1 && !take_one_column(g, g->options[0])) {
        err_set(err, ERR_INPUT, "column '%s' holds no lists of options", names);
        return err_hint(
            err, "a list, a JSON list as text, texts between '|' or ';', or a column for each");
    }
    return true;
}

bool guess_find_options(struct guess *g, const json_t *named, bool *found, struct err *err) {
    const char *names = json_get_string(named, "options", NULL);
    const struct column *column = NULL;
    *found = true;
    if (names) {
        return take_named_options(g, names, err);
    }
    for (const char *const *name = OPTIONS; *name; name++) {
        column = column_named(g->columns, (const char *const[]) { *name, NULL }, column_is_any);
        if (column && take_one_column(g, column)) {
            return true;
        }
    }
    *found = take_right_and_wrong(g) || take_columns(g);
    return true;
}

/* How many there are, and whether they are of unequal length. */
void guess_measure_options(struct guess *g) {
    size_t i, k;
    json_t *row, *option;
    double shortest = INFINITY, longest = 0;
    g->n_least = SIZE_MAX;
    json_array_foreach(g->columns->rows, i, row) {
        json_t *list = guess_options(g, row);
        size_t n = json_array_size(list);
        g->n_least = n < g->n_least ? n : g->n_least;
        g->n_most = n > g->n_most ? n : g->n_most;
        json_array_foreach(list, k, option) {
            double length = (double)json_string_length(option);
            shortest = length < shortest ? length : shortest;
            longest = length > longest ? length : longest;
        }
        json_decref(list);
    }
    for (i = 0; i < g->n_options; i++) {
        g->options_missing = g->options_missing || g->options[i]->n_empty > 0;
    }
    g->options_unequal = longest > shortest;
}

void guess_note_options(struct guess *g) {
    static const char *const HOW[] = { "a list", "texts with labels", "a JSON list as text",
        "texts between separators", "a column each", "the right one first, then the wrong ones",
        "the values of the answer" };
    const char *doubt = g->n_least < 2 ? "some rows have fewer than two" : NULL;
    if (g->options_form == OPTIONS_FIXED) {
        guess_note_add(g, "options", "", HOW[g->options_form],
            g->columns->more ? "every question then has the same, and only the first rows were "
                               "looked at: later ones may have other values"
                             : "every question then has the same");
        return;
    }
    guess_note_add(
        g, "options", guess_names(g, g->options, g->n_options), HOW[g->options_form], doubt);
}
