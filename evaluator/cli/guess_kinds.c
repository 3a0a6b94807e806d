/* What each kind of task needs of the columns (see guess_parts.h). Names are compared by their
 * letters and digits in lower case; lists of names have the likeliest first. */
#include <math.h>
#include <string.h>

#include "evaluator/cli/guess_parts.h"

static const char *const QUESTION[] = { "question", "questiontext", "questionstem", "stem", "query",
    "prompt", "problem", "input", "instruction", "q", "text", "sentence", NULL };
static const char *const CONTEXT[] = { "context", "passage", "article", "support", "background",
    "paragraph", "story", "premise", NULL };
static const char *const ANSWER[] = { "answer", "answerkey", "correctanswer", "correct", "gold",
    "label", "answeridx", "answerindex", "correctoption", "correctindex", "cop", "target",
    "solution", "rightanswer", "key", "truth", NULL };
static const char *const TARGET[] = { "answer", "target", "completion", "continuation", "response",
    "output", "reference", "gold", "answers", "a", "solution", NULL };
static const char *const LABEL[] = { "label", "labels", "class", "category", "sentiment", "intent",
    "topic", "target", "gold", NULL };
static const char *const SCORE[] = { "score", "similarity", "similarityscore", "relatedness",
    "relatednessscore", "rating", "gold", "label", NULL };
static const char *const SAME[] = { "label", "labels", "isduplicate", "duplicate", "same",
    "paraphrase", "entailment", "score", "gold", NULL };
static const char *const POSITIVE[] = { "positive", "positives", "pos", "relevant", NULL };
static const char *const NEGATIVE[] = { "negative", "negatives", "neg", "irrelevant", NULL };
static const char *const QUERY[] = { "query", "question", "queries", "search", "q", NULL };
static const char *const PASSAGE[] = { "passage", "positive", "positives", "document", "doc", "pos",
    "relevant", "passages", "documents", "context", "text", NULL };
static const char *const TEXT[] = { "text", "content", "document", "page", "body", "article",
    "sentence", NULL };

static const char *const PAIRS[][2] = { { "sentence1", "sentence2" }, { "text1", "text2" },
    { "sentencea", "sentenceb" }, { "texta", "textb" }, { "s1", "s2" }, { "a", "b" },
    { "question1", "question2" }, { "first", "second" }, { "left", "right" },
    { "source", "target" } };

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
const struct column *guess_longest_text(const struct guess *g) {
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
        known = guess_longest_text(g);
        doubt = "no column is called so: these are the longest texts";
    }
    if (!guess_take_role(g, named, "question", known, &g->question, err)) {
        return false;
    }
    if (!g->question) {
        return guess_missing(g, "question", err);
    }
    guess_note_add(
        g, "question", g->question->name, "", json_object_get(named, "question") ? NULL : doubt);
    context = column_named(g->columns, CONTEXT, column_is_text);
    if (!guess_take_role(g, named, "context", context && !is_used(g, context) ? context : NULL,
            &g->context, err)) {
        return false;
    }
    if (g->context) {
        guess_note_add(g, "context", g->context->name, "before the question", NULL);
    }
    return true;
}

bool guess_choice(struct guess *g, const json_t *named, struct err *err) {
    bool found;
    if (!guess_find_options(g, named, &found, err)) {
        return false;
    }
    if (!found) {
        return guess_missing(g, "options", err);
    }
    if (g->options_form == OPTIONS_RIGHT) {
        g->answer_form = ANSWER_FIRST;
        g->answer = g->options[0];
    } else {
        if (!guess_take_role(g, named, "answer", column_named(g->columns, ANSWER, column_is_any),
                &g->answer, err)) {
            return false;
        }
        if (!g->answer || (is_used(g, g->answer) && g->answer == g->options[0])) {
            return guess_missing(g, "answer", err);
        }
    }
    if (!find_question(g, named, err)) {
        return false;
    }
    guess_measure_options(g);
    guess_note_options(g);
    if (g->options_form != OPTIONS_RIGHT) {
        guess_read_answer(g);
    }
    return true;
}

/* A text and one of a few labels: a question whose options are the labels. */
bool guess_labels(struct guess *g, const json_t *named, struct err *err) {
    if (!guess_take_role(
            g, named, "answer", column_named(g->columns, LABEL, column_is_any), &g->answer, err) ||
        !g->answer || !find_question(g, named, err)) {
        return g->answer ? false : guess_missing(g, "answer", err);
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
    guess_measure_options(g);
    guess_note_options(g);
    guess_note_add(g, "answer", g->answer->name,
        g->answer_form == ANSWER_TEXT ? "the text of an option" : "a class label", NULL);
    return true;
}

bool guess_loglikelihood(struct guess *g, const json_t *named, struct err *err) {
    if (!guess_take_role(
            g, named, "answer", column_named(g->columns, TARGET, column_is_any), &g->answer, err)) {
        return false;
    }
    if (!g->answer) {
        return guess_missing(g, "answer", err);
    }
    if (!find_question(g, named, err)) {
        return false;
    }
    guess_note_add(g, "answer", g->answer->name, "what should follow the question", NULL);
    return true;
}

/* ---- the other kinds ---- */

bool guess_rolling(struct guess *g, const json_t *named, struct err *err) {
    const struct column *known = column_named(g->columns, TEXT, column_is_text);
    if (!guess_take_role(g, named, "text", known ? known : guess_longest_text(g), &g->first, err)) {
        return false;
    }
    if (!g->first) {
        return guess_missing(g, "text", err);
    }
    guess_note_add(g, "text", g->first->name, "",
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

/* Two texts, and unless `score` is NULL a number that is said of them. */
static bool take_pair(struct guess *g, const json_t *named, const char *const *score,
    column_fits_fn *fits, struct err *err) {
    const struct column *guessed = score ? column_named(g->columns, score, fits) : NULL;
    find_pair(g);
    if (!guess_take_role(g, named, "first", g->first, &g->first, err) ||
        !guess_take_role(g, named, "second", g->second, &g->second, err) ||
        (score && !guess_take_role(g, named, "score", guessed, &g->score, err))) {
        return false;
    }
    if (!g->first || !g->second || (score && !g->score)) {
        return guess_missing(g, !g->first ? "first" : !g->second ? "second" : "score", err);
    }
    const struct column *const pair[] = { g->first, g->second };
    guess_note_add(g, "texts", guess_names(g, pair, 2), "", NULL);
    return true;
}

bool guess_sts(struct guess *g, const json_t *named, struct err *err) {
    if (!take_pair(g, named, SCORE, column_is_number, err)) {
        return false;
    }
    struct strbuf how = { 0 };
    const char *doubt = find_range(g);
    strbuf_addf(&how, "from %g to %g", g->low, g->high);
    guess_note_add(g, "score", g->score->name, guess_keep(g, &how), doubt);
    return true;
}

static bool is_yes_or_no(const struct column *c) {
    return c->integer && c->low >= 0 && c->high <= 1;
}

bool guess_pair(struct guess *g, const json_t *named, struct err *err) {
    if (!take_pair(g, named, SAME, is_yes_or_no, err)) {
        return false;
    }
    guess_note_add(g, "label", g->score->name, "1: the two belong together",
        g->score->low < g->score->high ? NULL : "it is the same for all rows");
    return true;
}

bool guess_bitext(struct guess *g, const json_t *named, struct err *err) {
    return take_pair(g, named, NULL, NULL, err);
}

static bool is_list(const struct column *c) {
    return c->list;
}

bool guess_rerank(struct guess *g, const json_t *named, struct err *err) {
    const struct column *query = column_named(g->columns, QUERY, column_is_text),
                        *right = column_named(g->columns, POSITIVE, is_list),
                        *wrong = column_named(g->columns, NEGATIVE, is_list);
    if (!guess_take_role(g, named, "query", query, &g->query, err) ||
        !guess_take_role(g, named, "passage", right, &g->passage, err) ||
        !guess_take_role(g, named, "negative", wrong, &g->negative, err)) {
        return false;
    }
    if (!g->query || !g->passage || !g->negative) {
        return guess_missing(g, !g->query ? "query" : !g->passage ? "passage" : "negative", err);
    }
    guess_note_add(g, "query", g->query->name, "", NULL);
    guess_note_add(g, "passage", g->passage->name, "the right ones", NULL);
    guess_note_add(g, "negative", g->negative->name, "the wrong ones", NULL);
    return true;
}

bool guess_retrieval(struct guess *g, const json_t *named, struct err *err) {
    const struct column *query = column_named(g->columns, QUERY, column_is_text),
                        *passage = column_named(g->columns, PASSAGE, column_is_any);
    if (!guess_take_role(g, named, "query", query, &g->query, err) ||
        !guess_take_role(g, named, "passage", passage, &g->passage, err)) {
        return false;
    }
    if (!g->query || !g->passage || g->query == g->passage) {
        return guess_missing(g, g->query ? "passage" : "query", err);
    }
    guess_note_add(g, "query", g->query->name, "", NULL);
    guess_note_add(g, "passage", g->passage->name,
        g->passage->list ? "a list: all of them answer the query" : "answers the query",
        "the corpus is the passages of this file, no others");
    return true;
}

/* A text and its label, for kinds that embed the text. */
bool guess_labelled(struct guess *g, const json_t *named, struct err *err) {
    const struct column *known = column_named(g->columns, TEXT, column_is_text),
                        *label = column_named(g->columns, LABEL, column_is_any);
    known = known ? known : column_named(g->columns, QUESTION, column_is_text);
    if (!guess_take_role(g, named, "text", known ? known : guess_longest_text(g), &g->first, err) ||
        !guess_take_role(g, named, "label", label, &g->label, err)) {
        return false;
    }
    if (!g->first || !g->label || g->first == g->label) {
        return guess_missing(g, g->first ? "label" : "text", err);
    }
    guess_note_add(g, "text", g->first->name, "",
        known || json_object_get(named, "text") ? NULL : "these are the longest texts");
    guess_note_add(g, "label", g->label->name, "", NULL);
    return true;
}

/* ---- what there would have to be ---- */

bool guess_could_be_labels(const struct guess *g) {
    const struct column *label = column_named(g->columns, LABEL, column_is_any);
    size_t n = label && label->distinct ? json_object_size(label->distinct) : 0;
    return n >= 2 && n <= 20 && label->n > n;
}

/* What there would have to be for each kind. A pair of texts "a" and "b" is no list of options. */
bool guess_could_be_choice(struct guess *g, const json_t *named, bool options) {
    bool question =
        column_named(g->columns, QUESTION, column_is_text) || json_object_get(named, "question");
    bool many = options && (g->options_form != OPTIONS_COLUMNS || g->n_options > 2);
    return options && (question || (many && column_named(g->columns, ANSWER, column_is_any)));
}

bool guess_could_be_sts(struct guess *g) {
    return find_pair(g) && column_named(g->columns, SCORE, column_is_number);
}

bool guess_could_be_pair(struct guess *g) {
    const struct column *same = column_named(g->columns, SAME, is_yes_or_no);
    return find_pair(g) && same && same->low < same->high;
}

bool guess_could_be_rerank(const struct guess *g) {
    return column_named(g->columns, QUERY, column_is_text) &&
           column_named(g->columns, POSITIVE, is_list) &&
           column_named(g->columns, NEGATIVE, is_list);
}

bool guess_could_be_loglikelihood(const struct guess *g, const json_t *named) {
    return (column_named(g->columns, QUESTION, column_is_text) ||
               json_object_get(named, "question")) &&
           (column_named(g->columns, TARGET, column_is_any) || json_object_get(named, "answer"));
}

bool guess_could_be_retrieval(const struct guess *g) {
    return column_named(g->columns, QUERY, column_is_text) &&
           column_named(g->columns, PASSAGE, column_is_any);
}
