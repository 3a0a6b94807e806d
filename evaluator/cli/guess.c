/* See guess.h. Names are compared by their letters and digits in lower case; lists of names have
 * the likeliest first. */
#include "evaluator/cli/guess.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static const char *const KINDS[DRAFT_N_KINDS] = { "choice", "loglikelihood", "rolling", "sts",
    "retrieval" };

const char *draft_kind_name(enum draft_kind kind) {
    return KINDS[kind];
}

static const char *const QUESTION[] = { "question", "questiontext", "questionstem", "stem", "query",
    "prompt", "problem", "input", "instruction", "q", "text", "sentence", NULL };
static const char *const CONTEXT[] = { "context", "passage", "article", "support", "background",
    "paragraph", "story", "premise", NULL };
static const char *const OPTIONS[] = { "options", "choices", "answers", "endings", "candidates",
    "alternatives", "mcoptions", "answerchoices", NULL };
static const char *const ANSWER[] = { "answer", "answerkey", "correctanswer", "correct", "gold",
    "label", "answeridx", "answerindex", "correctoption", "correctindex", "cop", "target",
    "solution", "rightanswer", "key", "truth", NULL };
static const char *const TARGET[] = { "answer", "target", "completion", "continuation", "response",
    "output", "reference", "gold", "answers", "a", "solution", NULL };
static const char *const RIGHT[] = { "correctanswer", "rightanswer", "bestanswer", "correct",
    "right", NULL };
static const char *const LABEL[] = { "label", "labels", "class", "category", "sentiment", "intent",
    "topic", "target", "gold", NULL };
static const char *const SCORE[] = { "score", "similarity", "similarityscore", "relatedness",
    "relatednessscore", "rating", "gold", "label", NULL };
static const char *const QUERY[] = { "query", "question", "queries", "search", "q", NULL };
static const char *const PASSAGE[] = { "passage", "positive", "positives", "document", "doc", "pos",
    "relevant", "passages", "documents", "context", "text", NULL };
static const char *const TEXT[] = { "text", "content", "document", "page", "body", "article",
    "sentence", NULL };

static const char *const PAIRS[][2] = { { "sentence1", "sentence2" }, { "text1", "text2" },
    { "sentencea", "sentenceb" }, { "texta", "textb" }, { "s1", "s2" }, { "a", "b" },
    { "question1", "question2" }, { "first", "second" }, { "left", "right" },
    { "source", "target" } };

/* ---- notes ---- */

static void note(
    struct guess *g, const char *what, const char *columns, const char *how, const char *doubt) {
    if (g->n_notes < GUESS_NOTES_MAX) {
        g->notes[g->n_notes++] = (struct guess_note) { what, columns, how, doubt };
    }
}

static const char *keep(const struct guess *g, struct strbuf *text) {
    const char *kept = arena_strdup(&g->columns->arena, strbuf_str(text));
    strbuf_release(text);
    return kept;
}

static const char *names_of(const struct guess *g, const struct column *const *columns, size_t n) {
    struct strbuf text = { 0 };
    for (size_t i = 0; i < n; i++) {
        strbuf_addf(&text, "%s%s", i ? ", " : "", columns[i]->name);
    }
    return keep(g, &text);
}

/* ---- what the user said ---- */

static const char *const ROLES[] = { "question", "context", "options", "answer", "first", "second",
    "score", "query", "passage", "text", NULL };

static bool check_roles(const json_t *named, struct err *err) {
    const char *role;
    json_t *ignored;
    json_object_foreach((json_t *)(uintptr_t)named, role, ignored) {
        bool known = false;
        for (const char *const *r = ROLES; *r; r++) {
            known = known || !strcmp(*r, role);
        }
        if (!known) {
            err_set(err, ERR_USAGE, "there is no role '%s' for a column", role);
            return err_hint(err,
                "roles: question, context, options, answer; first, second, score; query, "
                "passage; text");
        }
    }
    return true;
}

static const char *all_names(const struct guess *g) {
    struct strbuf text = { 0 };
    for (size_t i = 0; i < g->columns->n && text.len < 150; i++) {
        strbuf_addf(&text, "%s%s", i ? ", " : "", g->columns->items[i].name);
    }
    return keep(g, &text);
}

static bool unknown_column(const struct guess *g, const char *name, struct err *err) {
    err_set(err, ERR_USAGE, "the data has no column '%.100s'", name);
    return err_hint(err, "it has %.200s", all_names(g));
}

/* *column: the one that the user named for a role, else what is guessed, else NULL. */
static bool take_role(const struct guess *g, const json_t *named, const char *role,
    const struct column *guessed, const struct column **column, struct err *err) {
    const char *name = json_get_string(named, role, NULL);
    *column = name ? column_find(g->columns, name) : guessed;
    return !name || *column || unknown_column(g, name, err);
}

static bool missing(const struct guess *g, const char *role, struct err *err) {
    err_set(
        err, ERR_INPUT, "cannot tell which column is the %s: there are %.200s", role, all_names(g));
    return err_hint(err, "--column %s=NAME says it", role);
}

/* ---- options ---- */

/* Texts without the blanks around them. */
static json_t *trimmed(const char *s, size_t n) {
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
        json_array_append_new(list, trimmed(s, end ? (size_t)(end - s) : strlen(s)));
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
            return unknown_column(g, name, err);
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

static bool find_options(struct guess *g, const json_t *named, bool *found, struct err *err) {
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
static void measure_options(struct guess *g) {
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

static void note_options(struct guess *g) {
    static const char *const HOW[] = { "a list", "texts with labels", "a JSON list as text",
        "texts between separators", "a column each", "the right one first, then the wrong ones",
        "the values of the answer" };
    const char *doubt = g->n_least < 2 ? "some rows have fewer than two" : NULL;
    if (g->options_form == OPTIONS_FIXED) {
        note(g, "options", "", HOW[g->options_form], "every question then has the same");
        return;
    }
    note(g, "options", names_of(g, g->options, g->n_options), HOW[g->options_form], doubt);
}

/* ---- the answer ---- */

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
    json_t *wanted = trimmed(text, strlen(text));
    bool found = false;
    for (size_t i = 0; !found && i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        json_t *one = s ? trimmed(s, strlen(s)) : NULL;
        found = one && json_equal(one, wanted);
        json_decref(one);
    }
    json_decref(wanted);
    return found;
}

struct answer_counts {
    size_t n, text, label, letter, from_0, from_1;
};

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
        counts->letter += letter >= 0 && letter < n;
        counts->from_0 += whole && index >= 0 && index < n;
        counts->from_1 += whole && index >= 1 && index <= n;
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

static void read_answer(struct guess *g) {
    static const char *const HOW[] = { "the text of an option", "the label of an option",
        "the letter of an option", "the number of an option, from 0",
        "the number of an option, from 1", "" };
    struct answer_counts counts = { 0 };
    size_t i;
    json_t *row;
    json_array_foreach(g->columns->rows, i, row) {
        count_answer(g, row, &counts);
    }
    const char *doubt = choose_form(g, &counts);
    note(g, "answer", g->answer->name, HOW[g->answer_form], doubt);
}

/* ---- questions ---- */

static bool is_used(const struct guess *g, const struct column *c) {
    for (size_t i = 0; i < g->n_options; i++) {
        if (g->options[i] == c) {
            return true;
        }
    }
    return c == g->answer || c == g->question;
}

/* The longest texts that are nothing else. */
static const struct column *longest_text(const struct guess *g) {
    const struct column *best = NULL;
    for (size_t i = 0; i < g->columns->n; i++) {
        const struct column *c = &g->columns->items[i];
        if (c->text && !is_used(g, c) && (!best || c->length > best->length)) {
            best = c;
        }
    }
    return best;
}

static bool find_question(struct guess *g, const json_t *named, struct err *err) {
    const struct column *known = column_named(g->columns, QUESTION, column_is_text), *context;
    const char *doubt = NULL;
    if (known && is_used(g, known)) {
        known = NULL;
    }
    if (!known) {
        known = longest_text(g);
        doubt = "no column is called so: these are the longest texts";
    }
    if (!take_role(g, named, "question", known, &g->question, err)) {
        return false;
    }
    if (!g->question) {
        return missing(g, "question", err);
    }
    note(g, "question", g->question->name, "", json_object_get(named, "question") ? NULL : doubt);
    context = column_named(g->columns, CONTEXT, column_is_text);
    if (!take_role(g, named, "context", context && !is_used(g, context) ? context : NULL,
            &g->context, err)) {
        return false;
    }
    if (g->context) {
        note(g, "context", g->context->name, "before the question", NULL);
    }
    return true;
}

static bool make_choice(struct guess *g, const json_t *named, struct err *err) {
    bool found;
    if (!find_options(g, named, &found, err)) {
        return false;
    }
    if (!found) {
        return missing(g, "options", err);
    }
    if (g->options_form == OPTIONS_RIGHT) {
        g->answer_form = ANSWER_FIRST;
        g->answer = g->options[0];
    } else {
        if (!take_role(g, named, "answer", column_named(g->columns, ANSWER, column_is_any),
                &g->answer, err)) {
            return false;
        }
        if (!g->answer || (is_used(g, g->answer) && g->answer == g->options[0])) {
            return missing(g, "answer", err);
        }
    }
    if (!find_question(g, named, err)) {
        return false;
    }
    measure_options(g);
    note_options(g);
    if (g->options_form != OPTIONS_RIGHT) {
        read_answer(g);
    }
    return true;
}

/* A text and one of a few labels: a question whose options are the labels. */
static bool make_labels(struct guess *g, const json_t *named, struct err *err) {
    if (!take_role(
            g, named, "answer", column_named(g->columns, LABEL, column_is_any), &g->answer, err) ||
        !g->answer || !find_question(g, named, err)) {
        return g->answer ? false : missing(g, "answer", err);
    }
    if (!g->answer->distinct || json_object_size(g->answer->distinct) < 2) {
        return err_set(err, ERR_INPUT, "column '%s' does not hold a few labels", g->answer->name);
    }
    json_t *names = column_labels(g->columns, g->answer);
    g->options_form = OPTIONS_FIXED;
    g->options[0] = g->answer;
    g->n_options = 1;
    g->answer_form = names ? ANSWER_FROM_0 : ANSWER_TEXT;
    json_decref(names);
    measure_options(g);
    note_options(g);
    note(g, "answer", g->answer->name,
        g->answer_form == ANSWER_TEXT ? "the text of an option" : "a class label", NULL);
    return true;
}

static bool make_loglikelihood(struct guess *g, const json_t *named, struct err *err) {
    if (!take_role(
            g, named, "answer", column_named(g->columns, TARGET, column_is_any), &g->answer, err)) {
        return false;
    }
    if (!g->answer) {
        return missing(g, "answer", err);
    }
    if (!find_question(g, named, err)) {
        return false;
    }
    note(g, "answer", g->answer->name, "what should follow the question", NULL);
    return true;
}

/* ---- the other kinds ---- */

static bool make_rolling(struct guess *g, const json_t *named, struct err *err) {
    const struct column *known = column_named(g->columns, TEXT, column_is_text);
    if (!take_role(g, named, "text", known ? known : longest_text(g), &g->first, err)) {
        return false;
    }
    if (!g->first) {
        return missing(g, "text", err);
    }
    note(g, "text", g->first->name, "",
        known || json_object_get(named, "text") ? NULL : "these are the longest texts");
    return true;
}

static bool find_pair(struct guess *g) {
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
        const char *const a[] = { PAIRS[i][0], NULL }, *const b[] = { PAIRS[i][1], NULL };
        g->first = column_named(g->columns, a, column_is_text);
        g->second = column_named(g->columns, b, column_is_text);
        if (g->first && g->second) {
            return true;
        }
    }
    g->first = g->second = NULL;
    return false;
}

/* The scale that scores are likely on: what they span, rounded to a usual one. */
static const char *find_range(struct guess *g) {
    static const double ENDS[] = { 1, 2, 3, 4, 5, 10, 100 };
    g->low = g->score->low < 0   ? floor(g->score->low)
             : g->score->low < 1 ? 0
                                 : floor(g->score->low);
    g->high = ceil(g->score->high);
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        if (g->score->high <= ENDS[i]) {
            g->high = ENDS[i];
            break;
        }
    }
    if (g->high <= g->low) {
        g->high = g->low + 1;
    }
    return g->score->low == g->low && g->score->high == g->high
               ? NULL
               : "the ends of the scale don't occur: it may be another";
}

static bool make_sts(struct guess *g, const json_t *named, struct err *err) {
    const struct column *score = column_named(g->columns, SCORE, column_is_number);
    find_pair(g);
    if (!take_role(g, named, "first", g->first, &g->first, err) ||
        !take_role(g, named, "second", g->second, &g->second, err) ||
        !take_role(g, named, "score", score, &g->score, err)) {
        return false;
    }
    if (!g->first || !g->second || !g->score) {
        return missing(g, !g->first ? "first" : !g->second ? "second" : "score", err);
    }
    const struct column *const pair[] = { g->first, g->second };
    note(g, "texts", names_of(g, pair, 2), "", NULL);
    struct strbuf how = { 0 };
    const char *doubt = find_range(g);
    strbuf_addf(&how, "from %g to %g", g->low, g->high);
    note(g, "score", g->score->name, keep(g, &how), doubt);
    return true;
}

static bool make_retrieval(struct guess *g, const json_t *named, struct err *err) {
    const struct column *query = column_named(g->columns, QUERY, column_is_text),
                        *passage = column_named(g->columns, PASSAGE, column_is_any);
    if (!take_role(g, named, "query", query, &g->query, err) ||
        !take_role(g, named, "passage", passage, &g->passage, err)) {
        return false;
    }
    if (!g->query || !g->passage || g->query == g->passage) {
        return missing(g, g->query ? "passage" : "query", err);
    }
    note(g, "query", g->query->name, "", NULL);
    note(g, "passage", g->passage->name,
        g->passage->list ? "a list: all of them answer the query" : "answers the query",
        "the corpus is the passages of this file, no others");
    return true;
}

/* ---- which kind ---- */

static bool has_few_labels(const struct columns *c) {
    const struct column *label = column_named(c, LABEL, column_is_any);
    size_t n = label && label->distinct ? json_object_size(label->distinct) : 0;
    return n >= 2 && n <= 20 && label->n > n;
}

/* By what can be found; *labels: a choice whose options are the labels of texts. */
static bool find_kind(struct guess *g, const json_t *named, bool *labels, struct err *err) {
    bool options = false;
    *labels = false;
    if (!find_options(g, named, &options, err)) {
        return false;
    }
    bool question =
        column_named(g->columns, QUESTION, column_is_text) || json_object_get(named, "question");
    bool many = options && (g->options_form != OPTIONS_COLUMNS || g->n_options > 2);
    if (options && (question || (many && column_named(g->columns, ANSWER, column_is_any)))) {
        g->kind = DRAFT_CHOICE;
    } else if ((find_pair(g) && column_named(g->columns, SCORE, column_is_number)) ||
               json_object_get(named, "score")) {
        g->kind = DRAFT_STS;
    } else if (json_object_get(named, "passage")) {
        g->kind = DRAFT_RETRIEVAL;
    } else if (has_few_labels(g->columns)) {
        g->kind = DRAFT_CHOICE;
        *labels = true;
    } else if (question && column_named(g->columns, TARGET, column_is_any)) {
        g->kind = DRAFT_LOGLIKELIHOOD;
    } else if (column_named(g->columns, QUERY, column_is_text) &&
               column_named(g->columns, PASSAGE, column_is_any)) {
        g->kind = DRAFT_RETRIEVAL;
    } else if (longest_text(g)) {
        g->kind = DRAFT_ROLLING;
    } else {
        err_set(err, ERR_INPUT, "cannot tell what kind of task this is: there are %.200s",
            all_names(g));
        return err_hint(err, "--kind says it: choice, loglikelihood, rolling, sts, retrieval");
    }
    g->n_options = 0;
    return true;
}

static bool kind_from_name(const char *name, enum draft_kind *kind, bool *labels, struct err *err) {
    *labels = !strcmp(name, "labels");
    for (unsigned k = 0; k < DRAFT_N_KINDS; k++) {
        if (!strcmp(KINDS[k], name)) {
            *kind = (enum draft_kind)k;
            return true;
        }
    }
    *kind = DRAFT_CHOICE;
    if (*labels) {
        return true;
    }
    err_set(err, ERR_UNSUPPORTED, "cannot begin a task of kind '%.40s'", name);
    return err_hint(err,
        "choice, labels (a choice among a text's labels), loglikelihood, rolling, sts, "
        "retrieval");
}

bool guess_make(struct guess *g, struct columns *columns, const char *kind, const json_t *named,
    struct err *err) {
    static bool (*const MAKE[DRAFT_N_KINDS])(struct guess *, const json_t *,
        struct err *) = { make_choice, make_loglikelihood, make_rolling, make_sts, make_retrieval };
    bool labels;
    *g = (struct guess) { .columns = columns };
    if (columns->n == 0) {
        return err_set(err, ERR_INPUT, "the data has no rows to look at");
    }
    if (!check_roles(named, err) || !(kind ? kind_from_name(kind, &g->kind, &labels, err)
                                           : find_kind(g, named, &labels, err))) {
        return false;
    }
    if (!kind) {
        note(g, "kind", "", KINDS[g->kind],
            labels                     ? "texts with labels can also be tested by embeddings"
            : g->kind == DRAFT_ROLLING ? "nothing but texts was found"
            : g->kind == DRAFT_LOGLIKELIHOOD
                ? "no options were found: the answer's likelihood is scored"
                : NULL);
    }
    return (labels ? make_labels : MAKE[g->kind])(g, named, err);
}
