#include "evaluator/metric/answer.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "evaluator/metric/answer_parts.h"
#include "evaluator/metric/latex.h"
#include "evaluator/metric/letters.h"
#include "evaluator/metric/minerva.h"

enum { STEPS_MAX = 16, FILTERS_MAX = 32 };

static const char NO_ANSWER[] = "[invalidanswer]";

struct filter {
    const char *name;
    struct step steps[STEPS_MAX];
    size_t n;
};

struct answer_rules {
    struct filter filters[FILTERS_MAX];
    size_t n_filters;
    struct expression *ignored[REGEXES_MAX];
    size_t n_ignored;
    bool ignore_case, ignore_punctuation, ignore_numbers, ignore_latex;
    struct expression *articles;
    struct minerva *minerva; /* NULL: answers are no formulas */
    bool abstained;
};

/* ---- steps ---- */

void answer_put(struct text *t, char *s) {
    free(t->s);
    t->s = s;
}

static void keep_only(struct texts *texts, size_t at) {
    struct text kept = texts->items[at];
    texts->items[at].s = NULL;
    for (size_t i = 0; i < texts->n; i++) {
        free(texts->items[i].s);
    }
    texts->items[0] = kept;
    texts->n = 1;
}

static void run_take_first(const struct step *s, struct texts *texts) {
    (void)s;
    keep_only(texts, 0);
}

static void run_take_first_k(const struct step *s, struct texts *texts) {
    for (; texts->n > 1 && texts->n > (size_t)s->number; texts->n--) {
        free(texts->items[texts->n - 1].s);
    }
}

/* The most frequent one; of several the one that comes first. */
static void run_majority_vote(const struct step *s, struct texts *texts) {
    (void)s;
    size_t best = 0, most = 0;
    for (size_t i = 0; i < texts->n; i++) {
        size_t count = 0;
        for (size_t k = 0; k < texts->n; k++) {
            count += !strcmp(texts->items[k].s, texts->items[i].s);
        }
        if (count > most) {
            most = count;
            best = i;
        }
    }
    keep_only(texts, best);
}

char *answer_stripped(const char *s, size_t n) {
    size_t kept;
    const char *from = letters_strip(s, n, &kept);
    return xstrndup(from, kept);
}

static void run_remove_whitespace(const struct step *s, struct texts *texts) {
    (void)s;
    for (size_t i = 0; i < texts->n; i++) {
        answer_put(&texts->items[i], answer_stripped(texts->items[i].s, strlen(texts->items[i].s)));
    }
}

typedef void case_fn(const char *s, size_t n, struct strbuf *out);

static char *in_case(const char *s, case_fn *change) {
    struct strbuf out = { 0 };
    change(s, strlen(s), &out);
    return strbuf_take(&out);
}

static void change_case(struct texts *texts, case_fn *change) {
    for (size_t i = 0; i < texts->n; i++) {
        answer_put(&texts->items[i], in_case(texts->items[i].s, change));
    }
}

static void run_lowercase(const struct step *s, struct texts *texts) {
    (void)s;
    change_case(texts, letters_lower);
}

static void run_uppercase(const struct step *s, struct texts *texts) {
    (void)s;
    change_case(texts, letters_upper);
}

static void run_between_dollars(const struct step *s, struct texts *texts) {
    (void)s;
    for (size_t i = 0; i < texts->n; i++) {
        const char *from = strchr(texts->items[i].s, '$'), *to = strrchr(texts->items[i].s, '$');
        if (from != to) {
            answer_put(&texts->items[i], xstrndup(from + 1, (size_t)(to - from - 1)));
        }
    }
}

static void run_final_answer(const struct step *s, struct texts *texts) {
    for (size_t i = 0; i < texts->n; i++) {
        struct text *t = &texts->items[i];
        char *answer = minerva_answer(s->minerva, t->s);
        t->fell_back = t->fell_back || !answer;
        answer_put(t, answer ? answer : xstrdup(NO_ANSWER));
    }
}

static void run_map(const struct step *s, struct texts *texts) {
    for (size_t i = 0; i < texts->n; i++) {
        struct text *t = &texts->items[i];
        const char *to = json_string_value(json_object_get(s->mapping, t->s));
        t->fell_back = t->fell_back || !to;
        answer_put(t, xstrdup(to ? to : s->fallback));
    }
}

/* Of findall's list: the whole match, the only group, or of several the first that is not empty. */
static struct expression_span chosen_span(
    const struct expression *e, const struct expression_match *m) {
    size_t groups = expression_groups(e);
    if (groups == 0) {
        return m->whole;
    }
    for (size_t i = 0; i < groups; i++) {
        const struct expression_span *g = &m->group[i];
        if (groups == 1 || (g->from != SIZE_MAX && g->to > g->from)) {
            return *g;
        }
    }
    return (struct expression_span) { SIZE_MAX, SIZE_MAX };
}

bool answer_match(const struct step *s, struct expression *e, const char *text, size_t n_text,
    struct expression_span *span) {
    struct expression_walk *w = expression_begin(e, text, n_text);
    struct expression_match *found = NULL;
    size_t n = 0, capacity = 0;
    do {
        mem_grow(&found, &capacity, n + 1, sizeof *found);
    } while (expression_next(w, &found[n]) && ++n);
    expression_end(w);
    long long at = s->number < 0 ? (long long)n + s->number : s->number;
    bool is = at >= 0 && at < (long long)n;
    if (is) {
        *span = chosen_span(e, &found[at]);
    }
    free(found);
    return is;
}

/* *parsed: something was found. Of a number that there is no match of, where the peer ends, nothing
 * is. */
static char *extracted(const struct step *s, const char *text, bool *parsed) {
    struct expression_span span;
    char *out = NULL;
    *parsed = true;
    if (answer_match(s, s->expression, text, strlen(text), &span)) {
        if (span.from != SIZE_MAX) {
            out = answer_stripped(text + span.from, span.to - span.from);
        } else if (expression_groups(s->expression) == 1) { /* which is an empty text to findall */
            out = xstrdup("");
        } else {
            out = answer_stripped(s->fallback, strlen(s->fallback));
            *parsed = false;
        }
    }
    *parsed = *parsed && out;
    return out ? out : xstrdup(s->fallback);
}

static void run_regex(const struct step *s, struct texts *texts) {
    for (size_t i = 0; i < texts->n; i++) {
        struct text *t = &texts->items[i];
        bool parsed;
        answer_put(t, extracted(s, t->s, &parsed));
        t->fell_back = t->fell_back || !parsed;
    }
}

static const struct {
    const char *name;
    step_fn *run;
} STEPS[] = {
    { "regex", run_regex },
    { "take_first", run_take_first },
    { "take_first_k", run_take_first_k },
    { "majority_vote", run_majority_vote },
    { "remove_whitespace", run_remove_whitespace },
    { "lowercase", run_lowercase },
    { "uppercase", run_uppercase },
    { "map", run_map },
    { "between_dollars", run_between_dollars },
    { "final_answer", run_final_answer },
    { "multi_choice_regex", run_multi_choice_regex },
    { "map_regex", run_map_regex },
    { "number_regex", run_number_regex },
    { "word_sort", run_word_sort },
    { "regex_pos", run_regex_pos },
    { "format_span", run_format_span },
};

/* ---- reading the rules ---- */

struct expression *answer_expression(const json_t *text, struct err *err) {
    if (!json_is_string(text)) {
        err_set(err, ERR_TASK, "a regular expression must be a string");
        return NULL;
    }
    return expression_new(json_string_value(text), json_string_length(text), err);
}

static bool picks(step_fn *run) {
    return run == run_multi_choice_regex || run == run_map_regex || run == run_number_regex ||
           run == run_word_sort || run == run_regex_pos || run == run_format_span;
}

static bool read_step(struct step *s, const json_t *json, struct err *err) {
    const char *name = json_get_string(json, "step", "");
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        s->run = !strcmp(STEPS[i].name, name) ? STEPS[i].run : s->run;
    }
    s->number = json_get_int(json, s->run == run_take_first_k ? "k" : "select", 0);
    s->fallback = json_get_string(json, "fallback", "[invalid]");
    s->mapping = json_object_get(json, "mapping");
    if (s->run == run_regex) {
        s->expression = answer_expression(json_object_get(json, "pattern"), err);
        return s->expression != NULL;
    }
    if (s->run == run_final_answer) {
        s->minerva = minerva_new(false, err);
        return s->minerva != NULL;
    }
    if (picks(s->run)) {
        return answer_pick_read(s, json, err);
    }
    return s->run || err_set(err, ERR_TASK, "there is no step '%.40s' of a filter", name);
}

static bool read_filter(struct filter *f, const json_t *json, struct err *err) {
    const json_t *steps = json_object_get(json, "steps");
    f->name = json_get_string(json, "name", "");
    if (json_array_size(steps) > STEPS_MAX) {
        return err_set(err, ERR_TASK, "a filter has more than %d steps", STEPS_MAX);
    }
    for (; f->n < json_array_size(steps); f->n++) {
        if (!read_step(&f->steps[f->n], json_array_get(steps, f->n), err)) {
            return err_wrap(err, "filter '%.40s'", f->name);
        }
    }
    return true;
}

static bool read_ignored(struct answer_rules *r, const json_t *ignore, struct err *err) {
    const json_t *list = json_object_get(ignore, "regexes");
    r->ignore_case = json_get_bool(ignore, "case", false);
    r->ignore_punctuation = json_get_bool(ignore, "punctuation", false);
    r->ignore_numbers = json_get_bool(ignore, "numbers", false);
    r->ignore_latex = json_get_bool(ignore, "latex", false);
    if (json_get_bool(ignore, "formula", false)) {
        r->minerva = minerva_new(json_get_bool(ignore, "frozen", false), err);
        if (!r->minerva) {
            return false;
        }
    }
    if (json_array_size(list) > REGEXES_MAX) {
        return err_set(err, ERR_TASK, "more than %d regular expressions to ignore", REGEXES_MAX);
    }
    for (; r->n_ignored < json_array_size(list); r->n_ignored++) {
        r->ignored[r->n_ignored] = answer_expression(json_array_get(list, r->n_ignored), err);
        if (!r->ignored[r->n_ignored]) {
            return false;
        }
    }
    return true;
}

struct answer_rules *answer_rules_new(const json_t *rules, struct err *err) {
    static const char ARTICLES[] = "\\b(?:a|an|the)\\b";
    struct answer_rules *r = xcalloc(1, sizeof *r);
    const json_t *filters = json_object_get(rules, "filters");
    size_t n = json_array_size(filters);
    bool ok = n <= FILTERS_MAX || err_set(err, ERR_TASK, "more than %d filters", FILTERS_MAX);
    for (; ok && r->n_filters < n; r->n_filters++) {
        ok = read_filter(&r->filters[r->n_filters], json_array_get(filters, r->n_filters), err);
    }
    if (n == 0) {
        r->n_filters = 1;
        r->filters[0].name = "";
    }
    ok = ok && read_ignored(r, json_object_get(rules, "ignore"), err) &&
         (r->articles = expression_new(ARTICLES, strlen(ARTICLES), err)) != NULL;
    if (!ok) {
        answer_rules_free(r);
        return NULL;
    }
    return r;
}

void answer_rules_free(struct answer_rules *r) {
    if (!r) {
        return;
    }
    for (size_t i = 0; i < FILTERS_MAX; i++) {
        for (size_t k = 0; k < STEPS_MAX; k++) {
            expression_free(r->filters[i].steps[k].expression);
            minerva_free(r->filters[i].steps[k].minerva);
            answer_pick_release(&r->filters[i].steps[k]);
        }
    }
    for (size_t i = 0; i < r->n_ignored; i++) {
        expression_free(r->ignored[i]);
    }
    expression_free(r->articles);
    minerva_free(r->minerva);
    free(r);
}

size_t answer_filters(const struct answer_rules *r) {
    return r->n_filters;
}

const char *answer_filter_name(const struct answer_rules *r, size_t filter) {
    return r->filters[filter].name;
}

char *answer_filtered(
    struct answer_rules *r, size_t filter, const struct answer_given *given, bool *unparsed) {
    const struct filter *f = &r->filters[filter];
    size_t n = given->n;
    struct texts on_way = { xcalloc(n, sizeof *on_way.items), n, given->choices, given->n_choices };
    for (size_t i = 0; i < n; i++) {
        on_way.items[i].s = xstrdup(given->texts[i]);
    }
    for (size_t i = 0; i < f->n; i++) {
        f->steps[i].run(&f->steps[i], &on_way);
    }
    keep_only(&on_way, 0);
    char *out = on_way.items[0].s;
    *unparsed = on_way.items[0].fell_back;
    free(on_way.items);
    return out;
}

/* ---- exact match ---- */

static bool is_punctuation(char c) {
    return c && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c);
}

static void remove_chars(char *s, bool punctuation, bool digits) {
    char *to = s;
    for (; *s; s++) {
        if (!(punctuation && is_punctuation(*s)) && !(digits && *s >= '0' && *s <= '9')) {
            *to++ = *s;
        }
    }
    *to = '\0';
}

static char *without_ignored(const struct answer_rules *r, const char *text) {
    char *s = xstrdup(text);
    for (size_t i = 0; i < r->n_ignored; i++) {
        struct strbuf out = { 0 };
        expression_remove(r->ignored[i], s, strlen(s), &out);
        free(s);
        s = strbuf_take(&out);
    }
    return s;
}

/* Cuts a text to so many characters. */
static void cut_to(char *s, size_t length) {
    size_t n = strlen(s), at = 0, count = 0;
    for (; at < n && count < length; count++) {
        uint32_t c;
        size_t one = utf8_decode(s + at, n - at, &c);
        at += one ? one : 1;
    }
    s[at] = '\0';
}

/* The peer keeps texts in an array of cells as wide as the longest text: where the lower case of a
 * text is longer than that, it is cut. */
static void normalize(const struct answer_rules *r, char **texts, size_t n) {
    size_t widest = 0;
    for (size_t i = 0; i < n; i++) {
        size_t length = utf8_length(texts[i], strlen(texts[i]));
        widest = length > widest ? length : widest;
    }
    for (size_t i = 0; i < n; i++) {
        if (r->ignore_case) {
            char *lower = in_case(texts[i], letters_lower);
            free(texts[i]);
            texts[i] = lower;
            cut_to(lower, widest);
        }
        remove_chars(texts[i], r->ignore_punctuation, r->ignore_numbers);
    }
}

static bool latex_among(const char *answer, const char *const *right, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (latex_same(answer, right[i])) {
            return true;
        }
    }
    return false;
}

bool answer_may_abstain(const struct answer_rules *r) {
    return r->minerva != NULL;
}

bool answer_abstained(const struct answer_rules *r) {
    return r->abstained;
}

static bool formula_among(
    struct answer_rules *r, const char *answer, const char *const *right, size_t n) {
    char *normal = minerva_normal(r->minerva, answer);
    bool found = false;
    for (size_t i = 0; i < n && !found && strcmp(answer, NO_ANSWER) != 0; i++) {
        enum formula_verdict verdict = minerva_compare(r->minerva, normal, right[i]);
        found = verdict == FORMULA_SAME;
        r->abstained = r->abstained || verdict == FORMULA_UNKNOWN;
    }
    r->abstained = r->abstained && !found;
    free(normal);
    return found;
}

double answer_exact(
    struct answer_rules *r, const char *answer, const char *const *right, size_t n) {
    r->abstained = false;
    if (r->ignore_latex) {
        return latex_among(answer, right, n);
    }
    if (r->minerva) {
        return formula_among(r, answer, right, n);
    }
    char *given = without_ignored(r, answer), **texts = xcalloc(n + 1, sizeof *texts);
    bool found = false;
    normalize(r, &given, 1);
    for (size_t i = 0; i < n; i++) {
        texts[i] = without_ignored(r, right[i]);
    }
    normalize(r, texts, n);
    for (size_t i = 0; i < n; i++) {
        found = found || !strcmp(texts[i], given);
        free(texts[i]);
    }
    free(texts);
    free(given);
    return found;
}

/* ---- DROP ---- */

/* What Python's float() takes: blanks around it, digits of any script, single underscores between
 * digits, "inf" and "nan". */
static bool number_of(const char *text, double *out) {
    size_t n, at = 0;
    const char *s = letters_strip(text, strlen(text), &n);
    struct strbuf plain = { 0 };
    bool ok = n > 0, digit = false, underscore = false;
    while (ok && at < n) {
        uint32_t c;
        size_t one = utf8_decode(s + at, n - at, &c);
        bool is_digit = one && letter_is_decimal(c);
        ok = one && (is_digit || (c < 128 && (c != '_' || (digit && !underscore)))) &&
             !(underscore && !is_digit);
        if (is_digit) {
            uint32_t zero = c;
            while (letter_is_decimal(zero - 1) && (c - zero) < 9) {
                zero--;
            }
            strbuf_addc(&plain, (char)('0' + (c < 128 ? c - '0' : (c - zero) % 10)));
        } else if (ok && c != '_') {
            strbuf_addc(&plain, (char)c);
        }
        underscore = ok && c == '_';
        digit = is_digit || underscore;
        at += one ? one : 1;
    }
    const char *p = strbuf_str(&plain);
    char *end = NULL;
    ok = ok && !underscore && !strpbrk(p, "xXpP(") && *p != ' ';
    *out = ok ? strtod(p, &end) : 0;
    ok = ok && end > p && !*end;
    strbuf_release(&plain);
    return ok;
}

/* One token in its normal form, words with single blanks; appended after a blank where it has any.
 */
static void add_token(struct answer_rules *r, const char *token, size_t n, struct strbuf *out) {
    char number[32], *s = xstrndup(token, n), *lower = in_case(s, letters_lower);
    double value;
    struct strbuf rest = { 0 };
    if (!number_of(lower, &value)) {
        remove_chars(lower, true, false);
    }
    const char *fixed = number_of(lower, &value) ? json_double_repr(value, number) : lower;
    struct expression_walk *w = expression_begin(r->articles, fixed, strlen(fixed));
    struct expression_match m;
    size_t at = 0;
    while (expression_next(w, &m)) {
        strbuf_add(&rest, fixed + at, m.whole.from - at);
        strbuf_addc(&rest, ' ');
        at = m.whole.to;
    }
    strbuf_adds(&rest, fixed + at);
    expression_end(w);
    const char *from = strbuf_str(&rest), *end = from + rest.len, *word;
    for (size_t length; (word = letters_word(&from, end, &length)) != NULL;) {
        strbuf_adds(out, out->len ? " " : "");
        strbuf_add(out, word, length);
    }
    strbuf_release(&rest);
    free(lower);
    free(s);
}

static char *drop_normal(struct answer_rules *r, const char *text) {
    struct strbuf out = { 0 };
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, " -");
        add_token(r, at, n, &out);
        at += n;
        if (!*at) {
            break;
        }
    }
    return strbuf_take(&out);
}

/* The different words of a text in its normal form. */
struct bag {
    const char *words[4096];
    size_t lengths[4096], n;
    bool numbers;
};

static bool bag_has(const struct bag *b, const char *word, size_t n) {
    for (size_t i = 0; i < b->n; i++) {
        if (b->lengths[i] == n && !memcmp(b->words[i], word, n)) {
            return true;
        }
    }
    return false;
}

static bool is_number(const char *word, size_t n) {
    char *s = xstrndup(word, n);
    double ignored;
    bool is = number_of(s, &ignored);
    free(s);
    return is;
}

static void bag_make(struct bag *b, const char *text) {
    const char *end = text + strlen(text), *word;
    b->n = 0;
    b->numbers = false;
    for (size_t n; (word = letters_word(&text, end, &n)) != NULL;) {
        if (b->n < sizeof b->words / sizeof *b->words && !bag_has(b, word, n)) {
            b->words[b->n] = word;
            b->lengths[b->n++] = n;
            b->numbers = b->numbers || is_number(word, n);
        }
    }
}

/* Where the right one has numbers, they must share one. */
static double bags_f1(const struct bag *given, const struct bag *right) {
    size_t shared = 0;
    bool number = !right->numbers;
    for (size_t i = 0; i < right->n; i++) {
        if (bag_has(given, right->words[i], right->lengths[i])) {
            shared++;
            number = number || is_number(right->words[i], right->lengths[i]);
        }
    }
    double precision = given->n ? (double)shared / (double)given->n : 1;
    double recall = right->n ? (double)shared / (double)right->n : 1;
    bool none = !number || (precision == 0 && recall == 0);
    return none ? 0 : 2 * precision * recall / (precision + recall);
}

struct answer_overlap answer_overlap(
    struct answer_rules *r, const char *answer, const char *const *spans, size_t n) {
    struct bag *bags = xcalloc(2, sizeof *bags);
    char *given = drop_normal(r, answer);
    double best = 0;
    size_t equal = 0;
    bag_make(&bags[0], given);
    for (size_t i = 0; i < n; i++) {
        char *right = drop_normal(r, spans[i]);
        bag_make(&bags[1], right);
        best = fmax(best, bags_f1(&bags[0], &bags[1]));
        equal += !strcmp(given, right);
        free(right);
    }
    free(given);
    free(bags);
    return (struct answer_overlap) { .em = n == 1 && equal == 1,
        .f1 = rint(best / (double)(n ? n : 1) * 100) / 100 };
}
