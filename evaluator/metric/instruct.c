#include "evaluator/metric/instruct.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "evaluator/metric/instruct_parts.h"

/* ---- the checkers ---- */

enum argument {
    ARGUMENT_NUMBER, /* 1 or more */
    ARGUMENT_NTH,    /* of so many as the number is */
    ARGUMENT_RELATION,
    ARGUMENT_WORD,
    ARGUMENT_SMALL, /* in small letters */
    ARGUMENT_LETTER,
    ARGUMENT_PHRASE,   /* in small letters, without blanks around it */
    ARGUMENT_KEYWORD,  /* an expression, in any case */
    ARGUMENT_KEYWORDS, /* a list of them */
    ARGUMENT_FORBIDDEN,
    ARGUMENT_SECTION,
    ARGUMENT_POSTSCRIPT,
};

enum need { NEED_NOTHING = 0, NEED_PUNKT = 1, NEED_DETECTOR = 2 };

struct checker {
    const char *id;
    checker_fn *check;
    unsigned needs;
    struct {
        const char *name;
        enum argument what;
    } arguments[ARGUMENTS_MAX];
};

#define RELATION(key)                                                                              \
    { key, ARGUMENT_RELATION }
#define NUMBER(key)                                                                                \
    { key, ARGUMENT_NUMBER }

static const struct checker CHECKERS[] = {
    { "keywords:existence", check_existence, 0, { { "keywords", ARGUMENT_KEYWORDS } } },
    { "keywords:frequency", check_frequency, 0,
        { { "keyword", ARGUMENT_KEYWORD }, NUMBER("frequency"), RELATION("relation") } },
    { "keywords:forbidden_words", check_forbidden, 0,
        { { "forbidden_words", ARGUMENT_FORBIDDEN } } },
    { "keywords:letter_frequency", check_letter, 0,
        { { "letter", ARGUMENT_LETTER }, NUMBER("let_frequency"), RELATION("let_relation") } },
    { "language:response_language", check_language, NEED_DETECTOR,
        { { "language", ARGUMENT_WORD } } },
    { "length_constraints:number_sentences", check_sentences, NEED_PUNKT,
        { NUMBER("num_sentences"), RELATION("relation") } },
    { "length_constraints:number_paragraphs", check_paragraphs, 0, { NUMBER("num_paragraphs") } },
    { "length_constraints:number_words", check_words, 0,
        { NUMBER("num_words"), RELATION("relation") } },
    { "length_constraints:nth_paragraph_first_word", check_first_word, 0,
        { NUMBER("num_paragraphs"), { "nth_paragraph", ARGUMENT_NTH },
            { "first_word", ARGUMENT_SMALL } } },
    { "detectable_content:number_placeholders", check_placeholders, 0,
        { NUMBER("num_placeholders") } },
    { "detectable_content:postscript", check_postscript, 0,
        { { "postscript_marker", ARGUMENT_POSTSCRIPT } } },
    { "detectable_format:number_bullet_lists", check_bullets, 0, { NUMBER("num_bullets") } },
    { "detectable_format:constrained_response", check_constrained, 0, { { NULL, 0 } } },
    { "detectable_format:number_highlighted_sections", check_highlights, 0,
        { NUMBER("num_highlights") } },
    { "detectable_format:multiple_sections", check_sections, 0,
        { { "section_spliter", ARGUMENT_SECTION }, NUMBER("num_sections") } },
    { "detectable_format:json_format", check_json, 0, { { NULL, 0 } } },
    { "detectable_format:title", check_title, 0, { { NULL, 0 } } },
    { "combination:two_responses", check_two_responses, 0, { { NULL, 0 } } },
    { "combination:repeat_prompt", check_repeats, 0, { { "prompt_to_repeat", ARGUMENT_PHRASE } } },
    { "startend:end_checker", check_end, 0, { { "end_phrase", ARGUMENT_PHRASE } } },
    { "change_case:capital_word_frequency", check_capital_words, NEED_PUNKT,
        { NUMBER("capital_frequency"), RELATION("capital_relation") } },
    { "change_case:english_capital", check_capitals, NEED_DETECTOR, { { NULL, 0 } } },
    { "change_case:english_lowercase", check_small, NEED_DETECTOR, { { NULL, 0 } } },
    { "punctuation:no_comma", check_comma, 0, { { NULL, 0 } } },
    { "startend:quotation", check_quotation, 0, { { NULL, 0 } } },
};
enum { N_CHECKERS = sizeof CHECKERS / sizeof *CHECKERS };

const char *instruct_checker(size_t i) {
    return i < N_CHECKERS ? CHECKERS[i].id : NULL;
}

/* ---- what they share ---- */

static const char *const PATTERNS[N_PATTERNS] = {
    [PATTERN_BULLET] = "(?m)^\\s*\\*[^\\*].*$",
    [PATTERN_DASH] = "(?m)^\\s*-.*$",
    [PATTERN_HIGHLIGHT] = "\\*[^\\n\\*]*\\*",
    [PATTERN_BOLD] = "\\*\\*[^\\n\\*]*\\*\\*",
    [PATTERN_PLACEHOLDER] = "\\[.*?\\]",
    [PATTERN_DIVIDER] = "\\s?\\*\\*\\*\\s?",
    [PATTERN_TITLE] = "<<[^\\n]+>>",
    [PATTERN_PS] = "(?m)\\s*p\\.\\s?s\\..*$",
    [PATTERN_PPS] = "(?m)\\s*p\\.\\s?p\\.\\s?s.*$",
};

bool instruct_compares(const struct instruction *i, size_t count) {
    return i->less ? (double)count < i->number : (double)count >= i->number;
}

size_t instruct_count(struct expression *e, const char *text, size_t n, size_t enough) {
    struct expression_walk *w = expression_begin(e, text, n);
    struct expression_match m;
    size_t count = 0;
    while (count < enough && expression_next(w, &m)) {
        count++;
    }
    expression_end(w);
    return count;
}

char *instruct_stripped(const char *text, size_t n, bool lower) {
    struct strbuf out = { 0 };
    size_t kept;
    const char *from = letters_strip(text, n, &kept);
    if (!lower) {
        return xstrndup(from, kept);
    }
    letters_lower(from, kept, &out);
    return strbuf_take(&out);
}

struct instruct_tools *instruct_tools_new(const char *dir) {
    struct instruct_tools *t = xcalloc(1, sizeof *t);
    t->dir = dir ? xstrdup(dir) : NULL;
    return t;
}

void instruct_tools_free(struct instruct_tools *t) {
    if (t) {
        for (size_t i = 0; i < N_PATTERNS; i++) {
            expression_free(t->patterns[i]);
        }
        sentences_close(t->sentences);
        word_cutter_free(t->words);
        detector_close(t->detector);
        free(t->dir);
        free(t);
    }
}

char *instruct_folder(struct err *err) {
    const char *said = getenv("ASSAY_LANGUAGES");
    if (said && *said) {
        return xstrdup(said);
    }
    char *home = assay_home(err), *dir = home ? path_join(home, "languages") : NULL;
    free(home);
    return dir;
}

static bool not_there(const struct checker *c, const struct instruct_tools *t, struct err *err) {
    err_wrap(err, "'%s' needs what is not in '%s'", c->id, t->dir);
    err->class = ERR_NOT_FOUND;
    return err_hint(err, "script/languages fetches it, ASSAY_LANGUAGES says where it lies");
}

/* Opens what a checker needs. */
static bool prepare_tools(struct instruct_tools *t, const struct checker *c, struct err *err) {
    bool ok = true;
    for (size_t i = 0; ok && i < N_PATTERNS && !t->patterns[N_PATTERNS - 1]; i++) {
        t->patterns[i] = expression_new(PATTERNS[i], strlen(PATTERNS[i]), err);
        ok = t->patterns[i] != NULL;
    }
    if (!ok || !c->needs) {
        return ok;
    }
    t->dir = t->dir ? t->dir : instruct_folder(err);
    if (!t->dir) {
        return false;
    }
    if ((c->needs & NEED_PUNKT) && !t->sentences) {
        char *dir = path_join(t->dir, "punkt");
        t->sentences = sentences_open(dir, err);
        t->words = t->sentences ? word_cutter_new(err) : NULL;
        free(dir);
        ok = t->words || not_there(c, t, err);
    }
    if (ok && (c->needs & NEED_DETECTOR) && !t->detector) {
        char *dir = path_join(t->dir, "langdetect");
        t->detector = detector_open(dir, err);
        free(dir);
        ok = t->detector || not_there(c, t, err);
    }
    return ok;
}

/* ---- reading what was told ---- */

static bool add_expression(struct instruction *i, const char *before, const char *word,
    const char *after, struct err *err) {
    struct strbuf text = { 0 };
    if (i->n_expressions == KEYWORDS_MAX) {
        return err_set(err, ERR_INPUT, "more than %d keywords", KEYWORDS_MAX);
    }
    strbuf_addf(&text, "%s%s%s", before, word, after);
    struct expression *e = expression_new(strbuf_str(&text), text.len, err);
    strbuf_release(&text);
    if (e) {
        i->expressions[i->n_expressions++] = e;
    }
    return e != NULL;
}

static bool take_list(struct instruction *i, const json_t *list, bool forbidden, struct err *err) {
    size_t k;
    json_t *one;
    json_array_foreach(list, k, one) {
        if (!json_is_string(one) || !add_expression(i, forbidden ? "(?i)\\b" : "(?i)",
                                        json_string_value(one), forbidden ? "\\b" : "", err)) {
            return json_is_string(one) ? false : err_set(err, ERR_INPUT, "a keyword is no text");
        }
    }
    return true;
}

static bool take_relation(struct instruction *i, const char *relation, struct err *err) {
    i->less = !strcmp(relation, "less than");
    return i->less || !strcmp(relation, "at least") ||
           err_set(err, ERR_INPUT, "'%.40s' is neither 'less than' nor 'at least'", relation);
}

/* In small letters, as it stands. */
static void take_small(struct instruction *i, const char *s) {
    struct strbuf lower = { 0 };
    letters_lower(s, strlen(s), &lower);
    i->word = strbuf_take(&lower);
}

static bool take_letter(struct instruction *i, const char *s, struct err *err) {
    take_small(i, s);
    return utf8_length(s, strlen(s)) == 1 || err_set(err, ERR_INPUT, "'%.40s' is no letter", s);
}

static bool take_text(struct instruction *i, enum argument what, const char *s, struct err *err) {
    char *stripped = instruct_stripped(s, strlen(s), what == ARGUMENT_PHRASE);
    bool ok = true;
    switch (what) {
    case ARGUMENT_RELATION:
        ok = take_relation(i, s, err);
        break;
    case ARGUMENT_WORD:
        i->word = xstrdup(s);
        break;
    case ARGUMENT_SMALL:
        take_small(i, s);
        break;
    case ARGUMENT_LETTER:
        ok = take_letter(i, s, err);
        break;
    case ARGUMENT_KEYWORD:
        ok = add_expression(i, "(?i)", stripped, "", err);
        break;
    case ARGUMENT_SECTION:
        ok = add_expression(i, "\\s?", stripped, "\\s?\\d+\\s?", err);
        break;
    case ARGUMENT_POSTSCRIPT: {
        char *lower = instruct_stripped(s, strlen(s), true);
        bool known = !strcmp(stripped, "P.S.") || !strcmp(stripped, "P.P.S");
        ok = known || add_expression(i, "(?m)\\s*", lower, ".*$", err);
        free(lower);
    }
        /* fall through */
    default:
        i->word = stripped;
        return ok;
    }
    free(stripped);
    return ok;
}

/* 0, "" and an empty list are no argument, as they are none to the harness. */
static bool is_missing(const json_t *value) {
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_number(value) && json_number_value(value) == 0) ||
           (json_is_string(value) && !json_string_length(value)) ||
           (json_is_array(value) && !json_array_size(value)) ||
           (json_is_object(value) && !json_object_size(value));
}

static bool take_argument(
    struct instruction *i, enum argument what, const json_t *value, struct err *err) {
    bool list = what == ARGUMENT_KEYWORDS || what == ARGUMENT_FORBIDDEN,
         number = what == ARGUMENT_NUMBER || what == ARGUMENT_NTH;
    if (number ? !json_is_number(value) : list ? !json_is_array(value) : !json_is_string(value)) {
        return err_set(err, ERR_INPUT, "it must be a %s",
            number ? "number"
            : list ? "list"
                   : "text");
    }
    if (!number) {
        return list ? take_list(i, value, what == ARGUMENT_FORBIDDEN, err)
                    : take_text(i, what, json_string_value(value), err);
    }
    double n = json_number_value(value);
    if (n < 1 || (what == ARGUMENT_NTH && n > i->number)) {
        return err_set(err, ERR_INPUT, "%g is not in its range", n);
    }
    *(what == ARGUMENT_NTH ? &i->nth : &i->number) = n;
    return true;
}

static bool takes(const struct checker *c, const char *name) {
    for (size_t k = 0; k < ARGUMENTS_MAX && c->arguments[k].name; k++) {
        if (!strcmp(c->arguments[k].name, name)) {
            return true;
        }
    }
    return !strcmp(name, "id");
}

static bool read_instruction(struct instruction *i, const json_t *told, struct err *err) {
    const struct checker *c = i->checker;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)told, key, value) {
        if (!is_missing(value) && !takes(c, key)) {
            return err_set(err, ERR_INPUT, "'%s' takes no '%.60s'", c->id, key);
        }
    }
    for (size_t k = 0; k < ARGUMENTS_MAX && c->arguments[k].name; k++) {
        const char *name = c->arguments[k].name;
        value = json_object_get(told, name);
        if (is_missing(value)) {
            return err_set(err, ERR_INPUT, "'%s' has no '%s'", c->id, name);
        }
        if (!take_argument(i, c->arguments[k].what, value, err)) {
            return err_wrap(err, "'%s' of '%s'", name, c->id);
        }
    }
    return true;
}

struct instructions {
    struct instruction *items;
    size_t n;
};

static const struct checker *checker_find(const char *id) {
    for (size_t i = 0; i < N_CHECKERS; i++) {
        if (!strcmp(CHECKERS[i].id, id)) {
            return &CHECKERS[i];
        }
    }
    return NULL;
}

struct instructions *instructions_new(
    struct instruct_tools *t, const json_t *told, struct err *err) {
    struct instructions *list = xcalloc(1, sizeof *list);
    size_t n = json_array_size(told);
    bool ok = (n >= 1 && n <= INSTRUCTIONS_MAX) ||
              err_set(err, ERR_INPUT, "there must be 1 to %d instructions", INSTRUCTIONS_MAX);
    list->items = xcalloc(ok ? n : 1, sizeof *list->items);
    for (size_t k = 0; ok && k < n; k++) {
        const json_t *one = json_array_get(told, k);
        const char *id = json_get_string(one, "id", "");
        struct instruction *i = &list->items[list->n++];
        i->tools = t;
        i->checker = checker_find(id);
        ok = (i->checker || err_set(err, ERR_INPUT, "there is no instruction '%.60s'", id)) &&
             prepare_tools(t, i->checker, err) && read_instruction(i, one, err);
    }
    if (!ok) {
        instructions_free(list);
        return NULL;
    }
    return list;
}

void instructions_free(struct instructions *list) {
    for (size_t k = 0; list && k < list->n; k++) {
        for (size_t e = 0; e < list->items[k].n_expressions; e++) {
            expression_free(list->items[k].expressions[e]);
        }
        free(list->items[k].word);
    }
    if (list) {
        free(list->items);
    }
    free(list);
}

size_t instructions_count(const struct instructions *list) {
    return list->n;
}

/* ---- checking ---- */

enum { FORMS = 8 };

static bool follows(const struct instruction *i, const char *text) {
    size_t n = strlen(text), kept;
    letters_strip(text, n, &kept);
    return kept && i->checker->check(i, text, n);
}

static char *without_asterisks(const char *text) {
    char *out = xstrdup(text), *to = out;
    for (const char *at = text; *at; at++) {
        if (*at != '*') {
            *to++ = *at;
        }
    }
    *to = '\0';
    return out;
}

/* From the end of the first line on, up to the beginning of the last; stripped. */
static char *without_lines(const char *text, bool first, bool last) {
    const char *from = text, *end = text + strlen(text), *line;
    if (first) {
        line = strchr(from, '\n');
        from = line ? line + 1 : end;
    }
    if (last) {
        line = strrchr(text, '\n');
        end = line && line >= from ? line : from;
    }
    return instruct_stripped(from, (size_t)(end - from), false);
}

static void make_forms(const char *text, char *forms[FORMS]) {
    forms[0] = xstrdup(text);
    forms[1] = without_lines(text, true, false);
    forms[2] = without_lines(text, false, true);
    forms[3] = without_lines(text, true, true);
    for (size_t i = 0; i < 4; i++) {
        forms[4 + i] = without_asterisks(forms[i]);
    }
}

void instructions_check(const struct instructions *list, const char *text, struct followed *out) {
    char *forms[FORMS];
    make_forms(text, forms);
    *out = (struct followed) { 0 };
    for (size_t k = 0; k < list->n; k++) {
        const struct instruction *i = &list->items[k];
        out->strict[k] = follows(i, text);
        out->loose[k] = out->strict[k];
        for (size_t f = 1; f < FORMS && !out->loose[k]; f++) {
            out->loose[k] = follows(i, forms[f]);
        }
    }
    for (size_t f = 0; f < FORMS; f++) {
        free(forms[f]);
    }
}
