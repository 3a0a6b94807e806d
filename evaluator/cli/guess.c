/* See guess.h. Names are compared by their letters and digits in lower case; lists of names have
 * the likeliest first. */
#include "evaluator/cli/guess_parts.h"

#include <string.h>

static const char *const KINDS[DRAFT_N_KINDS] = { "choice", "loglikelihood", "rolling", "sts",
    "retrieval", "pair", "rerank", "bitext", "classification", "clustering" };

const char *draft_kind_name(enum draft_kind kind) {
    return KINDS[kind];
}

/* ---- notes ---- */

void guess_note_add(
    struct guess *g, const char *what, const char *columns, const char *how, const char *doubt) {
    if (g->n_notes < GUESS_NOTES_MAX) {
        g->notes[g->n_notes++] = (struct guess_note) { what, columns, how, doubt };
    }
}

const char *guess_keep(const struct guess *g, struct strbuf *text) {
    const char *kept = arena_strdup(&g->columns->arena, strbuf_str(text));
    strbuf_release(text);
    return kept;
}

const char *guess_names(const struct guess *g, const struct column *const *columns, size_t n) {
    struct strbuf text = { 0 };
    for (size_t i = 0; i < n; i++) {
        strbuf_addf(&text, "%s%s", i ? ", " : "", columns[i]->name);
    }
    return guess_keep(g, &text);
}

/* ---- what the user said ---- */

/* Roles and the kinds that have them, as bits. */
enum {
    CHOICE = 1 << DRAFT_CHOICE,
    LOGLIKELIHOOD = 1 << DRAFT_LOGLIKELIHOOD,
    ROLLING = 1 << DRAFT_ROLLING,
    STS = 1 << DRAFT_STS,
    RETRIEVAL = 1 << DRAFT_RETRIEVAL,
    PAIR = 1 << DRAFT_PAIR,
    RERANK = 1 << DRAFT_RERANK,
    BITEXT = 1 << DRAFT_BITEXT,
    CLASSIFICATION = 1 << DRAFT_CLASSIFICATION,
    CLUSTERING = 1 << DRAFT_CLUSTERING
};

static const struct {
    const char *role;
    unsigned kinds;
} ROLES[] = {
    { "question", CHOICE | LOGLIKELIHOOD },
    { "context", CHOICE | LOGLIKELIHOOD },
    { "options", CHOICE },
    { "answer", CHOICE | LOGLIKELIHOOD },
    { "first", STS | PAIR | BITEXT },
    { "second", STS | PAIR | BITEXT },
    { "score", STS | PAIR },
    { "query", RETRIEVAL | RERANK },
    { "passage", RETRIEVAL | RERANK },
    { "negative", RERANK },
    { "text", ROLLING | CLASSIFICATION | CLUSTERING },
    { "label", CLASSIFICATION | CLUSTERING },
};

static unsigned kinds_of_role(const char *role) {
    for (size_t i = 0; i < sizeof ROLES / sizeof *ROLES; i++) {
        if (!strcmp(ROLES[i].role, role)) {
            return ROLES[i].kinds;
        }
    }
    return 0;
}

/* *kinds: those that have all the roles that were named. */
static bool check_roles(const json_t *named, unsigned *kinds, struct err *err) {
    const char *role;
    json_t *ignored;
    *kinds = (1u << DRAFT_N_KINDS) - 1;
    json_object_foreach((json_t *)(uintptr_t)named, role, ignored) {
        *kinds &= kinds_of_role(role);
        if (!kinds_of_role(role)) {
            err_set(err, ERR_USAGE, "there is no role '%s' for a column", role);
            return err_hint(err,
                "roles: question, context, options, answer; first, second, score; query, "
                "passage, negative; text, label");
        }
    }
    return *kinds || err_set(err, ERR_USAGE, "no kind of task has all the roles that are named");
}

static bool check_kind(const struct guess *g, const json_t *named, struct err *err) {
    const char *role;
    json_t *ignored;
    json_object_foreach((json_t *)(uintptr_t)named, role, ignored) {
        if (!(kinds_of_role(role) & 1u << g->kind)) {
            return err_set(err, ERR_USAGE, "a task of kind '%s' has no role '%s' for a column",
                KINDS[g->kind], role);
        }
    }
    return true;
}

const char *guess_all_names(const struct guess *g) {
    struct strbuf text = { 0 };
    for (size_t i = 0; i < g->columns->n && text.len < 150; i++) {
        strbuf_addf(&text, "%s%s", i ? ", " : "", g->columns->items[i].name);
    }
    return guess_keep(g, &text);
}

bool guess_unknown_column(const struct guess *g, const char *name, struct err *err) {
    err_set(err, ERR_USAGE, "the data has no column '%.100s'", name);
    return err_hint(err, "it has %.200s", guess_all_names(g));
}

/* Every column that was named; "options" may name several. */
static bool check_columns(const struct guess *g, const json_t *named, struct err *err) {
    const char *role;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)named, role, value) {
        const char *name = json_string_value(value);
        bool list = !strcmp(role, "options") && strchr(name, ',');
        if (!list && !column_find(g->columns, name)) {
            return guess_unknown_column(g, name, err);
        }
    }
    return true;
}

bool guess_take_role(const struct guess *g, const json_t *named, const char *role,
    const struct column *guessed, const struct column **column, struct err *err) {
    const char *name = json_get_string(named, role, NULL);
    *column = name ? column_find(g->columns, name) : guessed;
    return !name || *column || guess_unknown_column(g, name, err);
}

bool guess_missing(const struct guess *g, const char *role, struct err *err) {
    err_set(err, ERR_INPUT, "cannot tell which column is the %s: there are %.200s", role,
        guess_all_names(g));
    return err_hint(err, "--column %s=NAME says it", role);
}

/* ---- which kind ---- */

/* Roles that one kind alone has say which it is. */
static bool is_one(unsigned kinds, enum draft_kind *kind) {
    for (unsigned k = 0; k < DRAFT_N_KINDS; k++) {
        if (kinds == 1u << k) {
            *kind = (enum draft_kind)k;
            return true;
        }
    }
    return false;
}

/* By what can be found, among the kinds that have the roles that were named; *labels: a choice
 * whose options are the labels of texts. */
static bool find_kind(
    struct guess *g, unsigned kinds, const json_t *named, bool *labels, struct err *err) {
    bool options = false;
    *labels = false;
    if (is_one(kinds, &g->kind)) {
        return true;
    }
    if (json_object_get(named, "label")) {
        g->kind = DRAFT_CLASSIFICATION;
        return true;
    }
    if (!guess_find_options(g, named, &options, err)) {
        return false;
    }
    if ((kinds & CHOICE) && guess_could_be_choice(g, named, options)) {
        g->kind = DRAFT_CHOICE;
    } else if ((kinds & PAIR) && guess_could_be_pair(g)) {
        g->kind = DRAFT_PAIR;
    } else if ((kinds & STS) && guess_could_be_sts(g)) {
        g->kind = DRAFT_STS;
    } else if ((kinds & CHOICE) && guess_could_be_labels(g)) {
        g->kind = DRAFT_CHOICE;
        *labels = true;
    } else if ((kinds & RERANK) && guess_could_be_rerank(g)) {
        g->kind = DRAFT_RERANK;
    } else if ((kinds & LOGLIKELIHOOD) && guess_could_be_loglikelihood(g, named)) {
        g->kind = DRAFT_LOGLIKELIHOOD;
    } else if ((kinds & RETRIEVAL) && guess_could_be_retrieval(g)) {
        g->kind = DRAFT_RETRIEVAL;
    } else if ((kinds & ROLLING) && guess_longest_text(g)) {
        g->kind = DRAFT_ROLLING;
    } else {
        err_set(err, ERR_INPUT, "cannot tell what kind of task this is: there are %.200s",
            guess_all_names(g));
        return err_hint(err,
            "--kind says it: choice, loglikelihood, rolling, sts, retrieval, pair, rerank, bitext, "
            "classification, clustering");
    }
    g->n_options = 0;
    return true;
}

/* ---- rows that lack something ---- */

/* Options in columns of their own may be fewer in some rows (see options_missing). */
static void find_empty(struct guess *g) {
    bool list = g->n_options == 1 && g->options_form != OPTIONS_FIXED;
    const struct column *const needed[] = { g->question, g->context, list ? g->options[0] : NULL,
        g->answer, g->first, g->second, g->score, g->query, g->passage, g->negative, g->label };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (needed[i] && needed[i]->n_empty && g->n_empty < GUESS_NEEDED_MAX) {
            g->empty[g->n_empty++] = needed[i];
        }
    }
}

static bool lacks_something(const struct guess *g, const json_t *row) {
    for (size_t i = 0; i < g->n_empty; i++) {
        if (column_is_empty(g->empty[i], row)) {
            return true;
        }
    }
    return false;
}

static void note_empty(struct guess *g) {
    size_t i, n = 0;
    json_t *row;
    find_empty(g);
    json_array_foreach(g->columns->rows, i, row) {
        n += lacks_something(g, row);
    }
    if (n) {
        struct strbuf how = { 0 };
        strbuf_addf(&how, "empty in %zu of %zu rows, which are left out", n, i);
        guess_note_add(g, "rows", guess_names(g, g->empty, g->n_empty), guess_keep(g, &how), NULL);
    }
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
        "retrieval, pair, rerank, bitext, classification, clustering");
}

bool guess_make(struct guess *g, struct columns *columns, const char *kind, const json_t *named,
    struct err *err) {
    static bool (*const MAKE[DRAFT_N_KINDS])(struct guess *, const json_t *,
        struct err *) = { guess_choice, guess_loglikelihood, guess_rolling, guess_sts,
        guess_retrieval, guess_pair, guess_rerank, guess_bitext, guess_labelled, guess_labelled };
    bool labels;
    unsigned kinds;
    *g = (struct guess) { .columns = columns };
    if (columns->n == 0) {
        return err_set(err, ERR_INPUT, "the data has no rows to look at");
    }
    if (!check_roles(named, &kinds, err) || !check_columns(g, named, err) ||
        !(kind ? kind_from_name(kind, &g->kind, &labels, err) && check_kind(g, named, err)
               : find_kind(g, kinds, named, &labels, err))) {
        return false;
    }
    if (!kind) {
        guess_note_add(g, "kind", "", KINDS[g->kind],
            labels ? "--kind classification tests a model's vectors of such texts"
            : g->kind == DRAFT_ROLLING ? "nothing but texts was found"
            : g->kind == DRAFT_LOGLIKELIHOOD
                ? "no options were found: the answer's likelihood is scored"
                : NULL);
    }
    if (!(labels ? guess_labels : MAKE[g->kind])(g, named, err)) {
        return false;
    }
    note_empty(g);
    return true;
}
