/* A sign that may end a sentence is looked at with the word before and the word behind it: by their
 * kinds (a number, an initial, a known abbreviation) and by how the word behind is written
 * elsewhere (ortho_context: flags of how often at a beginning, in the middle, in which case). */
#include "evaluator/metric/sentences.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "evaluator/metric/letters_text.h"

enum { FILE_MAX_BYTES = 16 << 20 };

/* Flags of ortho_context.tab. */
enum {
    MIDDLE_UPPER = 1 << 2,
    BEGIN_LOWER = 1 << 4,
    ANY_UPPER = 1 << 1 | 1 << 2 | 1 << 3,
    ANY_LOWER = 1 << 4 | 1 << 5 | 1 << 6,
};

struct sentences {
    struct strmap *abbreviations, *starters, *together, *context;
};

/* ---- reading ---- */

/* A line's last column is a number where `numbers`; else the whole line is the key. */
static struct strmap *read_words(const char *dir, const char *name, bool numbers, struct err *err) {
    struct strbuf text = { 0 };
    struct strmap *map = NULL;
    char *path = path_join(dir, name);
    if (file_read(path, FILE_MAX_BYTES, &text, err)) {
        map = strmap_new(1024);
        for (const char *at = strbuf_str(&text); *at;) {
            size_t n = strcspn(at, "\n"), key = n;
            const char *tab = numbers ? memchr(at, '\t', n) : NULL;
            long value = tab ? strtol(tab + 1, NULL, 10) : 1;
            key = tab ? (size_t)(tab - at) : n;
            strmap_add(map, at, key, value > 0 && value < 1024 ? (int32_t)value : 0);
            at += n + (at[n] == '\n');
        }
    }
    strbuf_release(&text);
    free(path);
    return map;
}

struct sentences *sentences_open(const char *dir, struct err *err) {
    struct sentences *s = xcalloc(1, sizeof *s);
    bool ok = (s->abbreviations = read_words(dir, "abbrev_types.txt", false, err)) != NULL &&
              (s->starters = read_words(dir, "sent_starters.txt", false, err)) != NULL &&
              (s->together = read_words(dir, "collocations.tab", false, err)) != NULL &&
              (s->context = read_words(dir, "ortho_context.tab", true, err)) != NULL;
    if (!ok) {
        sentences_close(s);
        return NULL;
    }
    return s;
}

void sentences_close(struct sentences *s) {
    if (s) {
        strmap_free(s->abbreviations);
        strmap_free(s->starters);
        strmap_free(s->together);
        strmap_free(s->context);
        free(s);
    }
}

/* ---- signs ---- */

static bool is_one_of(uint32_t c, const char *signs) {
    return c && c < 128 && strchr(signs, (int)c);
}

static bool ends_sentence(uint32_t c) {
    return is_one_of(c, ".?!");
}

static bool is_quote(uint32_t c) {
    return c == 0x2018 || c == 0x2019 || c == 0x201c || c == 0x201d || c == 0xab || c == 0xbb;
}

/* What a word does not go on behind. */
static bool ends_word(uint32_t c) {
    return is_one_of(c, ")\";}]*:@'({[?!") || is_quote(c);
}

static bool is_letter(uint32_t c) { /* \w without \d */
    return letter_is_of_word(c) && !letter_is_decimal(c);
}

/* ---- tokens ---- */

struct token {
    const uint32_t *c; /* of the context */
    size_t n;
    bool breaks, abbreviated, ellipsis;
};

struct span {
    const uint32_t *c;
    size_t n;
};

static uint32_t at(struct span s, size_t i) {
    return i < s.n ? s.c[i] : 0;
}

/* "--", "...", ". . .": how long such a sign is here, 0: none. */
static size_t sign_length(struct span s, size_t i) {
    size_t n = 0;
    while (at(s, i) == '-' && at(s, i + n) == '-') {
        n++;
    }
    if (n >= 2) {
        return n;
    }
    for (n = 0; at(s, i) == '.' && at(s, i + n) == '.';) {
        n++;
    }
    if (n >= 2) {
        return n;
    }
    size_t pairs = 0;
    while (at(s, i + 2 * pairs) == '.' && i + 2 * pairs + 1 < s.n &&
           letter_is_space(s.c[i + 2 * pairs + 1])) {
        pairs++;
    }
    if (pairs && at(s, i + 2 * pairs) != '.') { /* the last blank is given back */
        pairs--;
    }
    return pairs >= 2 ? 2 * pairs + 1 : 0;
}

static bool word_ends_at(struct span s, size_t i) {
    return i >= s.n || letter_is_space(s.c[i]) || ends_word(s.c[i]) || sign_length(s, i) ||
           (s.c[i] == ',' && (i + 1 >= s.n || letter_is_space(s.c[i + 1]) ||
                                 ends_word(s.c[i + 1]) || sign_length(s, i + 1)));
}

/* The length of the token at i, which is no blank. */
static size_t token_length(struct span s, size_t i) {
    size_t n = sign_length(s, i);
    if (n || is_one_of(s.c[i], "(\"`{[:;&#*@)}]-,")) {
        return n ? n : 1;
    }
    for (n = 1; i + n < s.n && !letter_is_space(s.c[i + n]) && !word_ends_at(s, i + n);) {
        n++;
    }
    return word_ends_at(s, i + n) ? n : 1;
}

static size_t cut(struct span s, struct token *tokens) {
    size_t n = 0;
    for (size_t i = 0; i < s.n;) {
        if (letter_is_space(s.c[i])) {
            i++;
            continue;
        }
        size_t length = token_length(s, i);
        tokens[n++] = (struct token) { .c = s.c + i, .n = length };
        i += length;
    }
    return n;
}

static bool ends_with_period(const struct token *t) {
    return t->n && t->c[t->n - 1] == '.';
}

/* -?[.,]?\d[\d,.-]*\.? and nothing else. */
static bool is_number(const struct token *t) {
    struct span s = { t->c, t->n };
    size_t i = at(s, 0) == '-';
    i += at(s, i) == '.' || at(s, i) == ',';
    if (i >= t->n || !letter_is_decimal(t->c[i])) {
        return false;
    }
    for (; i < t->n; i++) {
        if (!letter_is_decimal(t->c[i]) && !is_one_of(t->c[i], ",.-")) {
            return false;
        }
    }
    return true;
}

static bool is_initial(const struct token *t) {
    return t->n == 2 && is_letter(t->c[0]) && t->c[1] == '.';
}

static void lower(struct strbuf *out, const uint32_t *c, size_t n) {
    struct strbuf text = { 0 };
    letters_add(&text, c, n);
    letters_lower(strbuf_str(&text), text.len, out);
    strbuf_release(&text);
}

/* The kind of a token: in small letters, all numbers alike; without its period if `bare`. */
static void kind_of(struct strbuf *out, const struct token *t, bool bare) {
    size_t from = out->len;
    if (is_number(t)) {
        strbuf_adds(out, "##number##");
        return;
    }
    lower(out, t->c, t->n);
    if (bare && out->len - from > 1 && out->text[out->len - 1] == '.') {
        out->text[--out->len] = '\0';
    }
}

static bool has(const struct strmap *map, const char *key, size_t n) {
    return strmap_find(map, key, n) >= 0;
}

/* ---- deciding ---- */

static void look_at_one(const struct sentences *s, struct token *t) {
    if (t->n == 1 && ends_sentence(t->c[0])) {
        t->breaks = true;
        return;
    }
    if (!ends_with_period(t)) {
        return;
    }
    bool several = t->n > 1 && t->c[t->n - 2] == '.', only = several;
    for (size_t i = 0; i < t->n; i++) {
        only = only && t->c[i] == '.';
    }
    t->ellipsis = only;
    if (several) {
        return;
    }
    struct strbuf word = { 0 };
    lower(&word, t->c, t->n - 1);
    const char *text = strbuf_str(&word), *dash = strrchr(text, '-');
    t->abbreviated = has(s->abbreviations, text, word.len) ||
                     (dash && has(s->abbreviations, dash + 1, strlen(dash + 1)));
    t->breaks = !t->abbreviated;
    strbuf_release(&word);
}

enum guess { GUESS_NO, GUESS_YES, GUESS_UNKNOWN };

/* Whether a word begins a sentence, by how it is written. */
static enum guess begins(const struct token *t, int32_t context) {
    bool upper = letter_is_upper(t->c[0]), small = letter_is_lower(t->c[0]);
    if (t->n == 1 && is_one_of(t->c[0], ";:,.!?")) {
        return GUESS_NO;
    }
    if (upper && (context & ANY_LOWER) && !(context & MIDDLE_UPPER)) {
        return GUESS_YES;
    }
    return small && ((context & ANY_UPPER) || !(context & BEGIN_LOWER)) ? GUESS_NO : GUESS_UNKNOWN;
}

static void look_at_two(const struct sentences *s, struct token *t, const struct token *next) {
    if (!ends_with_period(t)) {
        return;
    }
    struct strbuf pair = { 0 }, second = { 0 };
    kind_of(&pair, t, true);
    bool number = !strcmp(strbuf_str(&pair), "##number##"), initial = is_initial(t);
    kind_of(&second, next, next->breaks);
    strbuf_addc(&pair, '\t');
    strbuf_adds(&pair, strbuf_str(&second));
    int32_t context = strmap_find(s->context, strbuf_str(&second), second.len);
    context = context < 0 ? 0 : context;
    enum guess guess = begins(next, context);
    bool upper = letter_is_upper(next->c[0]);
    if (has(s->together, pair.text, pair.len)) {
        t->breaks = false;
    } else {
        bool starts =
            (t->abbreviated || t->ellipsis) && !initial &&
            (guess == GUESS_YES || (upper && has(s->starters, strbuf_str(&second), second.len)));
        if (starts) {
            t->breaks = true;
        } else if (((initial || number) && guess == GUESS_NO) ||
                   (initial && guess == GUESS_UNKNOWN && upper && !(context & ANY_LOWER))) {
            t->breaks = false;
        }
    }
    strbuf_release(&pair);
    strbuf_release(&second);
}

/* Whether a sentence ends in the context, its last token aside. */
static bool has_break(const struct sentences *s, struct span context) {
    struct token *tokens = xcalloc(context.n + 1, sizeof *tokens);
    size_t n = 0;
    for (size_t from = 0, i = 0; i <= context.n; i++) {
        if (i == context.n || context.c[i] == '\n') {
            n += cut((struct span) { context.c + from, i - from }, tokens + n);
            from = i + 1;
        }
    }
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        look_at_one(s, &tokens[i]);
    }
    for (size_t i = 0; i + 1 < n && !found; i++) {
        look_at_two(s, &tokens[i], &tokens[i + 1]);
        found = tokens[i].breaks;
    }
    free(tokens);
    return found;
}

/* ---- places where a sentence may end ---- */

/* One such sign, the word before it, and what follows. */
struct place {
    size_t word, sign; /* the word begins there */
    size_t after_end;  /* of what belongs to the context behind the sign */
    size_t next;       /* where the next word begins; SIZE_MAX: a sign follows at once */
};

static bool place_at(struct span t, size_t i, struct place *p) {
    if (!ends_sentence(t.c[i]) || i + 1 >= t.n) {
        return false;
    }
    p->sign = i;
    p->next = SIZE_MAX;
    if (ends_word(t.c[i + 1])) {
        p->after_end = i + 2;
        return true;
    }
    size_t k = i + 1;
    while (k < t.n && letter_is_space(t.c[k])) {
        k++;
    }
    if (k == i + 1 || k == t.n) {
        return false;
    }
    p->next = k;
    while (k < t.n && !letter_is_space(t.c[k])) {
        k++;
    }
    p->after_end = k;
    return true;
}

/* Where the word before a sign begins; a blank at the very beginning of the stretch doesn't count.
 */
static size_t word_before(struct span t, const struct place *previous, size_t sign) {
    for (size_t i = sign; i-- > previous->sign + 1;) {
        if (is_one_of(t.c[i], " \t\n\r\v\f")) {
            return i + 1;
        }
    }
    return previous->word;
}

struct slice {
    size_t from, to;
};

struct slices {
    struct slice *items;
    size_t n, capacity;
};

static void add_slice(struct slices *list, size_t from, size_t to) {
    mem_grow(&list->items, &list->capacity, list->n + 1, sizeof *list->items);
    list->items[list->n++] = (struct slice) { from, to };
}

static void decide(const struct sentences *s, struct span t, const struct place *p,
    struct slices *list, size_t *last) {
    if (has_break(s, (struct span) { t.c + p->word, p->after_end - p->word })) {
        add_slice(list, *last, p->sign + 1);
        *last = p->next != SIZE_MAX ? p->next : p->sign + 1;
    }
}

static void find_slices(const struct sentences *s, struct span t, struct slices *list) {
    struct place previous = { 0 }, p;
    bool any = false;
    size_t last = 0, end = t.n;
    for (size_t i = 0; i < t.n; i++) {
        if (!place_at(t, i, &p)) {
            continue;
        }
        p.word = word_before(t, &previous, i);
        if (any && previous.sign <= p.word) {
            decide(s, t, &previous, list, &last);
        }
        previous = p;
        any = true;
    }
    if (any) {
        decide(s, t, &previous, list, &last);
    }
    while (end > 0 && letter_is_space(t.c[end - 1])) {
        end--;
    }
    add_slice(list, last, end > last ? end : last);
}

/* How much of t belongs to the sentence before: closing signs, and blanks behind them (*signs: as
 * many as are kept); 0: nothing. */
static size_t closing(struct span t, size_t *signs) {
    size_t n = 0;
    while (n < t.n && (is_one_of(t.c[n], "\"')]}") || is_quote(t.c[n]))) {
        n++;
        bool dashes = at(t, n) == '-' && at(t, n + 1) == '-';
        bool ends = n == t.n || t.c[n] == '\n', blank = n < t.n && letter_is_space(t.c[n]);
        if (dashes || ends || blank) {
            *signs = n;
            while (n < t.n && letter_is_space(t.c[n])) {
                n++;
            }
            return n;
        }
    }
    return 0;
}

size_t sentences_each(
    const struct sentences *s, const char *text, size_t n, sentence_fn *f, void *arg) {
    struct letters l = letters_of(text, n);
    struct span t = { l.c, l.n };
    struct slices list = { 0 };
    size_t count = 0, moved = 0;
    find_slices(s, t, &list);
    for (size_t i = 0; i < list.n; i++) {
        size_t from = list.items[i].from + moved, to = list.items[i].to, signs = 0;
        moved = 0;
        if (i + 1 < list.n) {
            struct slice next = list.items[i + 1];
            moved = closing((struct span) { t.c + next.from, next.to - next.from }, &signs);
            to = moved ? next.from + signs : to;
        }
        if (to > from || moved) {
            count++;
            if (f) {
                struct strbuf out = { 0 };
                letters_add(&out, t.c + from, to > from ? to - from : 0);
                f(arg, strbuf_str(&out), out.len);
                strbuf_release(&out);
            }
        }
    }
    free(list.items);
    letters_release(&l);
    return count;
}
