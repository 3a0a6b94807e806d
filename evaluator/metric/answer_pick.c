/* Steps that find an answer in a text by what else is known: what the document offers, what words
 * stand for, how entities and tags are written. */
#include "evaluator/metric/answer_parts.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "evaluator/metric/letters.h"
#include "evaluator/metric/numerals.h"

enum { LETTERS_MAX = 26 };

/* What is found, without blanks around it; NULL: nothing, or nothing but blanks. The caller frees.
 */
static char *found(const struct step *s, struct expression *e, const char *text) {
    struct expression_span span;
    if (!answer_match(s, e, text, strlen(text), &span) || span.from == SIZE_MAX) {
        return NULL;
    }
    char *out = answer_stripped(text + span.from, span.to - span.from);
    if (!*out) {
        free(out);
        return NULL;
    }
    return out;
}

static void put_or_fall_back(const struct step *s, struct text *t, char *answer) {
    t->fell_back = t->fell_back || !answer;
    answer_put(t, answer ? answer : xstrdup(s->fallback));
}

static char *without_punctuation(const char *text) {
    struct strbuf out = { 0 };
    size_t n = strlen(text);
    for (size_t at = 0, one; at < n; at += one) {
        uint32_t c = 0xfffd;
        one = utf8_decode(text + at, n - at, &c);
        one = one ? one : 1;
        if (!letter_is_punctuation(c)) {
            strbuf_add(&out, text + at, one);
        }
    }
    return strbuf_take(&out);
}

static char *without_left_out(const struct left_out *l, const char *text) {
    char *s = xstrdup(text);
    for (size_t i = 0; i < l->n; i++) {
        struct strbuf out = { 0 };
        expression_remove(l->regexes[i], s, strlen(s), &out);
        free(s);
        s = strbuf_take(&out);
    }
    if (l->case_) {
        struct strbuf out = { 0 };
        letters_lower(s, strlen(s), &out);
        free(s);
        s = strbuf_take(&out);
    }
    if (l->punctuation) {
        char *plain = without_punctuation(s);
        free(s);
        s = plain;
    }
    return s;
}

/* ---- choices ---- */

/* How many characters re.escape() makes of a text. */
static size_t escaped_length(const char *text) {
    size_t n = utf8_length(text, strlen(text));
    for (; *text; text++) {
        n += strchr("()[]{}?*+-|^$\\.&~# \t\n\r\v\f", *text) != NULL;
    }
    return n;
}

/* Choices by what is left of them, the longest first, so that none hides one that it begins. */
struct choices {
    char *texts[LETTERS_MAX];
    size_t order[LETTERS_MAX], n;
};

static void choices_make(struct choices *c, const struct step *s, const struct texts *texts) {
    c->n = texts->n_choices < LETTERS_MAX ? texts->n_choices : LETTERS_MAX;
    for (size_t i = 0; i < c->n; i++) {
        char *plain = answer_stripped(texts->choices[i], strlen(texts->choices[i]));
        c->texts[i] = without_left_out(&s->left_out, plain);
        free(plain);
        size_t length = escaped_length(c->texts[i]), at = i;
        for (; at > 0 && escaped_length(c->texts[c->order[at - 1]]) < length; at--) {
            c->order[at] = c->order[at - 1];
        }
        c->order[at] = i;
    }
}

static void choices_release(struct choices *c) {
    for (size_t i = 0; i < c->n; i++) {
        free(c->texts[i]);
    }
}

/* The choice that a text begins with, c->n: none. */
static size_t choice_at(const struct choices *c, const char *text) {
    for (size_t i = 0; i < c->n; i++) {
        if (str_begins(text, c->texts[c->order[i]])) {
            return c->order[i];
        }
    }
    return c->n;
}

/* Which of what is found counts: of n, counted from 0 or from the end by -1; SIZE_MAX: none. */
static size_t chosen(const struct step *s, size_t n) {
    long long at = s->number < 0 ? (long long)n + s->number : s->number;
    return at >= 0 && at < (long long)n ? (size_t)at : SIZE_MAX;
}

static char *letter_answer(size_t i) {
    char out[] = { '(', (char)('A' + i), ')', '\0' };
    return xstrdup(out);
}

/* A choice as it was found stands for its letter; the last one that it fits, of several. */
static char *as_letter(const struct choices *c, const char *text) {
    char *plain = answer_stripped(text, strlen(text));
    if (!*plain) {
        free(plain);
        return NULL;
    }
    for (size_t i = c->n; i-- > 0;) {
        if (!strcmp(c->texts[i], plain)) {
            free(plain);
            return letter_answer(i);
        }
    }
    return plain;
}

static char *find_choice(const struct step *s, const struct choices *c, const char *text) {
    char *plain = without_left_out(&s->left_out, text), *out = NULL;
    size_t n = strlen(plain), *hits = xcalloc(n + 2, sizeof *hits), n_hits = 0;
    for (size_t at = 0; at <= n && c->n > 0;) {
        size_t which = choice_at(c, plain + at);
        if (which < c->n) {
            hits[n_hits++] = which;
        }
        if (which < c->n && *c->texts[which]) {
            at += strlen(c->texts[which]);
        } else {
            uint32_t letter;
            size_t one = utf8_decode(plain + at, n - at, &letter);
            at += one ? one : 1;
        }
    }
    size_t at = chosen(s, n_hits);
    if (at != SIZE_MAX) {
        out = as_letter(c, c->texts[hits[at]]);
    }
    free(hits);
    free(plain);
    return out;
}

/* A letter behind a colon, with blanks between. */
static char *find_letter(const struct step *s, size_t n_choices, const char *text) {
    size_t n = strlen(text), *hits = xcalloc(n + 1, sizeof *hits), n_hits = 0;
    for (size_t at = 0; at < n;) {
        bool colon = text[at++] == ':';
        uint32_t c = 0;
        for (size_t one = 1; colon && at < n && one; at += letter_is_space(c) ? one : 0) {
            one = utf8_decode(text + at, n - at, &c);
            one = letter_is_space(c) ? one : 0;
        }
        if (colon && at < n && text[at] >= 'A' && (size_t)(text[at] - 'A') < n_choices) {
            hits[n_hits++] = (size_t)(text[at++] - 'A');
        }
    }
    size_t at = chosen(s, n_hits);
    char *out = at == SIZE_MAX ? NULL : letter_answer(hits[at]);
    free(hits);
    return out;
}

void run_multi_choice_regex(const struct step *s, struct texts *texts) {
    struct choices c = { .n = 0 };
    choices_make(&c, s, texts);
    for (size_t i = 0; i < texts->n; i++) {
        struct text *t = &texts->items[i];
        char *answer = found(s, s->expression, t->s);
        answer = answer ? answer : find_choice(s, &c, t->s);
        answer = answer ? answer : find_letter(s, c.n, t->s);
        put_or_fall_back(s, t, answer);
    }
    choices_release(&c);
}

/* ---- words for others ---- */

static const char *value_of(const struct step *s, const char *whole) {
    char *plain = without_left_out(&s->left_out, whole);
    const char *value = NULL;
    for (size_t i = 0; i < s->n_mapped && !value; i++) {
        char *one = found(s, s->mapped[i], plain);
        value = one ? s->values[i] : NULL;
        free(one);
    }
    free(plain);
    return value;
}

void run_map_regex(const struct step *s, struct texts *texts) {
    for (size_t i = 0; i < texts->n; i++) {
        struct text *t = &texts->items[i];
        char *plain = without_left_out(&s->left_out, t->s), *whole = found(s, s->expression, plain);
        const char *value = whole ? value_of(s, whole) : NULL;
        put_or_fall_back(s, t, value ? xstrdup(value) : NULL);
        free(whole);
        free(plain);
    }
}

/* As the peer writes numbers: some need an ending ("six" is none, "sixty" is one). */
#define TENS "(?:twen|thir|for|fif|six|seven|nine)"
#define SMALL "zero|one|two|three|four|five|"
#define LARGE "|ten|eleven|twelve|fourteen|hundred|thousand|(?:m|b|tr)illion"
static const char IN_WORDS[] =
    "((?:(?:" SMALL TENS "(?:teen|ty)|eight(?:|een|y)" LARGE ")(?:" SMALL TENS
    "(?:|teen|ty)|eight(?:een|y)" LARGE "|[^\\S\\r\\n]|,|and|&)+)?(?:" SMALL TENS
    "(?:teen|ty)|eight(?:een|y)" LARGE "))";

static char *find_in_words(const struct step *s, const char *text) {
    struct strbuf lower = { 0 };
    letters_lower(text, strlen(text), &lower);
    char *words = found(s, s->also, strbuf_str(&lower)), *out = words ? numeral(words) : NULL;
    strbuf_release(&lower);
    free(words);
    return out;
}

void run_number_regex(const struct step *s, struct texts *texts) {
    for (size_t i = 0; i < texts->n; i++) {
        struct text *t = &texts->items[i];
        char *answer = found(s, s->expression, t->s);
        put_or_fall_back(s, t, answer ? answer : find_in_words(s, t->s));
    }
}

/* ---- words in their order ---- */

/* What the document offers, as an expression; NULL: it is none. */
static struct expression *any_word(const struct texts *texts) {
    struct strbuf pattern = { 0 };
    struct err ignored = ERR_INIT;
    for (size_t i = 0; i < texts->n_choices; i++) {
        strbuf_addf(&pattern, "%s\\b%s\\b", i ? "|" : "", texts->choices[i]);
    }
    struct expression *e =
        expression_new(strbuf_str(&pattern), strlen(strbuf_str(&pattern)), &ignored);
    strbuf_release(&pattern);
    return e;
}

static bool comes_again(const struct expression_span *spans, size_t n, const char *text, size_t i) {
    size_t length = spans[i].to - spans[i].from;
    for (size_t k = i + 1; k < n; k++) {
        if (spans[k].to - spans[k].from == length &&
            !memcmp(text + spans[k].from, text + spans[i].from, length)) {
            return true;
        }
    }
    return false;
}

/* Each word where it comes last. */
static char *words_of(struct expression *e, const char *text) {
    struct strbuf out = { 0 };
    struct expression_span *spans = NULL;
    size_t n = 0, capacity = 0, written = 0;
    struct expression_match m;
    struct expression_walk *w = expression_begin(e, text, strlen(text));
    while (expression_next(w, &m)) {
        mem_grow(&spans, &capacity, n + 1, sizeof *spans);
        spans[n++] = m.whole;
    }
    expression_end(w);
    for (size_t i = 0; i < n; i++) {
        if (!comes_again(spans, n, text, i)) {
            strbuf_adds(&out, written++ ? " " : "");
            strbuf_add(&out, text + spans[i].from, spans[i].to - spans[i].from);
        }
    }
    free(spans);
    return strbuf_take(&out);
}

void run_word_sort(const struct step *s, struct texts *texts) {
    struct expression *e = any_word(texts);
    (void)s;
    for (size_t i = 0; i < texts->n; i++) {
        struct text *t = &texts->items[i];
        answer_put(t, e ? words_of(e, t->s) : xstrdup(""));
        t->fell_back = t->fell_back || !*t->s;
    }
    expression_free(e);
}

/* ---- tags and entities ---- */

static const char TAGGED[] = "\\('([^']*)', '([^']*)'\\)";

void run_regex_pos(const struct step *s, struct texts *texts) {
    for (size_t i = 0; i < texts->n; i++) {
        struct text *t = &texts->items[i];
        struct expression_match m;
        json_t *tags = json_array();
        struct expression_walk *w = expression_begin(s->also, t->s, strlen(t->s));
        while (expression_next(w, &m)) {
            struct expression_span tag = m.group[1];
            json_array_append_new(tags, json_stringn_nocheck(t->s + tag.from, tag.to - tag.from));
        }
        expression_end(w);
        t->fell_back = t->fell_back || json_array_size(tags) == 0;
        if (json_array_size(tags) == 0) {
            json_array_append_new(tags, json_string("invalid"));
        }
        answer_put(t, json_text(tags, JSON_COMPACT));
        json_decref(tags);
    }
}

static const char ENTITIES[] = "\\b(PER|LOC|ORG|DATE):\\s*([^$]+)";

/* Names that a label goes by, in the order in which they are replaced. */
static const char *const LABELS[][2] = { { "person", "PER:" }, { "location", "LOC:" },
    { "organization", "ORG:" }, { "counties", "LOC:" }, { "places", "LOC:" }, { "people", "PER:" },
    { "persons", "PER:" }, { "company", "ORG:" }, { "country", "LOC:" }, { "continent", "LOC:" },
    { "time", "DATE:" }, { "date", "DATE:" }, { "per", "PER:" }, { "loc", "LOC:" },
    { "org", "ORG:" } };
enum { N_LABELS = sizeof LABELS / sizeof *LABELS };

/* Dollars and line ends part entities; two dollars are one. */
static char *parted(char *text) {
    size_t to = 0, n = strlen(text);
    for (size_t at = 0; at < n; at++) {
        at += text[at] == '$' && text[at + 1] == '$';
        text[to++] = text[at];
    }
    while (to > 0 && text[to - 1] == '$') {
        to--;
    }
    for (size_t i = 0; i < to; i++) {
        text[i] = text[i] == '\n' ? '$' : text[i];
    }
    char *out = answer_stripped(text, to);
    free(text);
    return out;
}

static bool is_none(const char *entity) {
    struct strbuf lower = { 0 };
    letters_lower(entity, strlen(entity), &lower);
    bool is = !strcmp(strbuf_str(&lower), "none");
    strbuf_release(&lower);
    return is;
}

static void add_entities(
    const char *label, size_t n_label, const char *values, size_t n, struct strbuf *out) {
    for (size_t at = 0; at <= n;) {
        const char *comma = memchr(values + at, ',', n - at);
        size_t length = comma ? (size_t)(comma - values) - at : n - at;
        char *entity = answer_stripped(values + at, length);
        if (!is_none(entity)) {
            strbuf_adds(out, out->len ? " $ " : "");
            for (size_t i = 0; i < n_label; i++) {
                strbuf_addc(out, (char)(label[i] | 0x20));
            }
            strbuf_addf(out, ": %s", entity);
        }
        free(entity);
        at += length + 1;
    }
}

static char *spans_of(const struct step *s, const char *text) {
    struct strbuf lower = { 0 }, out = { 0 };
    struct expression_match m;
    letters_lower(text, strlen(text), &lower);
    char *named = strbuf_take(&lower);
    for (size_t i = 0; i < N_LABELS; i++) {
        struct strbuf next = { 0 };
        expression_replace(s->mapped[i], LABELS[i][1], named, strlen(named), &next);
        free(named);
        named = strbuf_take(&next);
    }
    named = parted(named);
    struct expression_walk *w = expression_begin(s->also, named, strlen(named));
    while (expression_next(w, &m)) {
        add_entities(named + m.group[0].from, m.group[0].to - m.group[0].from,
            named + m.group[1].from, m.group[1].to - m.group[1].from, &out);
    }
    expression_end(w);
    free(named);
    return strbuf_take(&out);
}

void run_format_span(const struct step *s, struct texts *texts) {
    for (size_t i = 0; i < texts->n; i++) {
        struct text *t = &texts->items[i];
        answer_put(t, spans_of(s, t->s));
        t->fell_back = t->fell_back || !*t->s;
    }
}

/* ---- what they are made of ---- */

static bool compile(struct expression **e, const char *text, struct err *err) {
    *e = expression_new(text, strlen(text), err);
    return *e != NULL;
}

static bool read_left_out(struct left_out *l, const json_t *ignore, struct err *err) {
    const json_t *list = json_object_get(ignore, "regexes");
    l->case_ = json_get_bool(ignore, "case", false);
    l->punctuation = json_get_bool(ignore, "punctuation", false);
    if (json_array_size(list) > REGEXES_MAX) {
        return err_set(err, ERR_TASK, "more than %d regular expressions to ignore", REGEXES_MAX);
    }
    for (; l->n < json_array_size(list); l->n++) {
        l->regexes[l->n] = answer_expression(json_array_get(list, l->n), err);
        if (!l->regexes[l->n]) {
            return false;
        }
    }
    return true;
}

/* Each on its own, and all as one. */
static bool read_mapped(struct step *s, const json_t *pairs, struct err *err) {
    struct strbuf all = { 0 };
    bool ok = json_array_size(pairs) > 0 && json_array_size(pairs) <= REGEXES_MAX;
    if (!ok) {
        return err_set(err, ERR_TASK, "map_regex has 1 to %d expressions", REGEXES_MAX);
    }
    for (; ok && s->n_mapped < json_array_size(pairs); s->n_mapped++) {
        const json_t *pair = json_array_get(pairs, s->n_mapped);
        s->mapped[s->n_mapped] = answer_expression(json_array_get(pair, 0), err);
        s->values[s->n_mapped] = json_string_value(json_array_get(pair, 1));
        ok = s->mapped[s->n_mapped] &&
             (s->values[s->n_mapped] || err_set(err, ERR_TASK, "a value of map_regex is no text"));
        if (ok) {
            strbuf_addf(
                &all, "%s%s", s->n_mapped ? "|" : "", json_string_value(json_array_get(pair, 0)));
        }
    }
    ok = ok && compile(&s->expression, strbuf_str(&all), err);
    strbuf_release(&all);
    return ok;
}

static bool read_labels(struct step *s, struct err *err) {
    for (bool ok = true; s->n_mapped < N_LABELS; s->n_mapped++) {
        struct strbuf text = { 0 };
        strbuf_addf(&text, "\\b%s\\s*:", LABELS[s->n_mapped][0]);
        ok = compile(&s->mapped[s->n_mapped], strbuf_str(&text), err);
        strbuf_release(&text);
        if (!ok) {
            return false;
        }
    }
    return compile(&s->also, ENTITIES, err);
}

bool answer_pick_read(struct step *s, const json_t *json, struct err *err) {
    if (s->run == run_map_regex) {
        return read_left_out(&s->left_out, json_object_get(json, "ignore"), err) &&
               read_mapped(s, json_object_get(json, "pairs"), err);
    }
    if (s->run == run_format_span) {
        return read_labels(s, err);
    }
    if (s->run == run_regex_pos) {
        return compile(&s->also, TAGGED, err);
    }
    if (s->run == run_word_sort) {
        return true;
    }
    s->expression = answer_expression(json_object_get(json, "pattern"), err);
    return s->expression && read_left_out(&s->left_out, json_object_get(json, "ignore"), err) &&
           (s->run != run_number_regex || compile(&s->also, IN_WORDS, err));
}

void answer_pick_release(struct step *s) {
    for (size_t i = 0; i < REGEXES_MAX; i++) {
        expression_free(s->mapped[i]);
        expression_free(s->left_out.regexes[i]);
    }
    expression_free(s->also);
}
