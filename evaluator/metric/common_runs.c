#include "evaluator/metric/common_runs.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "base/utf8.h"
#include "evaluator/metric/expression.h"
#include "evaluator/metric/letters.h"

enum { CHARACTERS = 6, RUN_MAX = 6, PASSES = 4 };

/* ---- words and characters as numbers ---- */

struct numbers {
    uint32_t *items;
    size_t n, capacity;
};

static void numbers_add(struct numbers *list, uint32_t number) {
    mem_grow(&list->items, &list->capacity, list->n + 1, sizeof *list->items);
    list->items[list->n++] = number;
}

/* A word has the same number wherever it stands. */
static uint32_t number_of(struct strmap *known, const char *word, size_t n) {
    int32_t number = strmap_find(known, word, n);
    if (number < 0) {
        number = (int32_t)strmap_count(known);
        strmap_add(known, word, n, number);
    }
    return (uint32_t)number;
}

static void add_words(struct numbers *list, struct strmap *known, const char *text) {
    const char *end = text + strlen(text), *word;
    for (size_t n; (word = letters_word(&text, end, &n)) != NULL;) {
        numbers_add(list, number_of(known, word, n));
    }
}

/* ---- runs of them ---- */

/* Places where runs of `order` begin, by what stands there: equal ones side by side. */
struct runs {
    const uint32_t *of;
    size_t *places, n, order;
};

static int compare_runs(const uint32_t *a, const uint32_t *b, size_t order) {
    for (size_t i = 0; i < order; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

static void sink(struct runs *r, size_t root, size_t n) {
    size_t value = r->places[root];
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        const size_t *p = r->places;
        child +=
            child + 1 < n && compare_runs(r->of + p[child], r->of + p[child + 1], r->order) < 0;
        if (compare_runs(r->of + value, r->of + p[child], r->order) >= 0) {
            break;
        }
        r->places[root] = r->places[child];
    }
    r->places[root] = value;
}

static struct runs runs_of(const struct numbers *list, size_t order) {
    size_t n = list->n >= order ? list->n - order + 1 : 0;
    struct runs r = { list->items, xcalloc(n + 1, sizeof *r.places), n, order };
    for (size_t i = 0; i < n; i++) {
        r.places[i] = i;
    }
    for (size_t i = n / 2; i-- > 0;) {
        sink(&r, i, n);
    }
    for (size_t i = n; i-- > 1;) {
        size_t most = r.places[0];
        r.places[0] = r.places[i];
        r.places[i] = most;
        sink(&r, 0, i);
    }
    return r;
}

/* How many runs from place `at` on are the same as that one. */
static size_t alike(const struct runs *r, size_t at) {
    size_t n = 1;
    while (at + n < r->n &&
           !compare_runs(r->of + r->places[at], r->of + r->places[at + n], r->order)) {
        n++;
    }
    return n;
}

/* How often a run is among others. */
static size_t count_of(const struct runs *r, const uint32_t *run) {
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_runs(r->of + r->places[middle], run, r->order) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < r->n && !compare_runs(r->of + r->places[low], run, r->order);
    return found ? alike(r, low) : 0;
}

/* What is in a text as often as in one of others, whichever has it most. */
static size_t shared(const struct runs *text, const struct runs *others, size_t n) {
    size_t sum = 0;
    for (size_t at = 0, same; at < text->n; at += same) {
        size_t most = 0;
        same = alike(text, at);
        for (size_t i = 0; i < n; i++) {
            size_t count = count_of(&others[i], text->of + text->places[at]);
            most = count > most ? count : most;
        }
        sum += same < most ? same : most;
    }
    return sum;
}

/* ---- words for BLEU ---- */

static const char *const SPLITS[PASSES][2] = {
    { "([\\{-\\~\\[-\\` -\\&\\(-\\+\\:-\\@\\/])", " \\1 " },
    { "([^0-9])([\\.,])", "\\1 \\2 " },
    { "([\\.,])([^0-9])", " \\1 \\2" },
    { "([0-9])(-)", "\\1 \\2 " },
};
static const char *const MEANT[][2] = { { "<skipped>", "" }, { "-\n", "" }, { "\n", " " },
    { "&quot;", "\"" }, { "&amp;", "&" }, { "&lt;", "<" }, { "&gt;", ">" } };

struct common_runs {
    struct expression *splits[PASSES];
};

struct common_runs *common_runs_new(struct err *err) {
    struct common_runs *o = xcalloc(1, sizeof *o);
    for (size_t i = 0; i < PASSES; i++) {
        o->splits[i] = expression_new(SPLITS[i][0], strlen(SPLITS[i][0]), err);
        if (!o->splits[i]) {
            common_runs_free(o);
            return NULL;
        }
    }
    return o;
}

void common_runs_free(struct common_runs *o) {
    if (o) {
        for (size_t i = 0; i < PASSES; i++) {
            expression_free(o->splits[i]);
        }
        free(o);
    }
}

/* Takes the text. */
static char *replaced(char *text, const char *from, const char *to) {
    struct strbuf out = { 0 };
    const char *at = text;
    for (const char *found; (found = strstr(at, from)) != NULL; at = found + strlen(from)) {
        strbuf_add(&out, at, (size_t)(found - at));
        strbuf_adds(&out, to);
    }
    strbuf_adds(&out, at);
    free(text);
    return strbuf_take(&out);
}

static char *split_13a(struct common_runs *o, char *text) {
    struct strbuf padded = { 0 };
    for (size_t i = 0; i < sizeof MEANT / sizeof *MEANT; i++) {
        text = replaced(text, MEANT[i][0], MEANT[i][1]);
    }
    strbuf_addf(&padded, " %s ", text);
    free(text);
    text = strbuf_take(&padded);
    for (size_t i = 0; i < PASSES; i++) {
        struct strbuf out = { 0 };
        expression_replace(o->splits[i], SPLITS[i][1], text, strlen(text), &out);
        free(text);
        text = strbuf_take(&out);
    }
    return text;
}

typedef bool letter_fn(uint32_t c);

static bool is_no_number(uint32_t c) {
    return !letter_is_number(c);
}

static struct numbers points_of(const char *text) {
    struct numbers out = { 0 };
    size_t n = strlen(text);
    for (size_t at = 0, one; at < n; at += one) {
        uint32_t c = 0xfffd;
        one = utf8_decode(text + at, n - at, &c);
        c = one ? c : 0xfffd;
        one = one ? one : 1;
        numbers_add(&out, c);
    }
    return out;
}

/* Pairs of letters of two kinds, none in two pairs: blanks around the second, or around the first.
 * Takes the list. */
static struct numbers parted(
    struct numbers list, letter_fn *first, letter_fn *second, bool around_second) {
    struct numbers out = { 0 };
    for (size_t i = 0; i < list.n; i++) {
        uint32_t a = list.items[i];
        if (i + 1 < list.n && first(a) && second(list.items[i + 1])) {
            uint32_t b = list.items[++i];
            numbers_add(&out, around_second ? a : ' ');
            numbers_add(&out, around_second ? ' ' : a);
            numbers_add(&out, around_second ? b : ' ');
            numbers_add(&out, around_second ? ' ' : b);
        } else {
            numbers_add(&out, a);
        }
    }
    free(list.items);
    return out;
}

static char *split_international(char *text) {
    struct strbuf out = { 0 };
    struct numbers list = points_of(text);
    free(text);
    list = parted(list, is_no_number, letter_is_mark, true);
    list = parted(list, letter_is_mark, is_no_number, false);
    for (size_t i = 0; i < list.n; i++) {
        bool sign = letter_is_sign(list.items[i]);
        char bytes[4];
        strbuf_adds(&out, sign ? " " : "");
        strbuf_add(&out, bytes, utf8_encode(list.items[i], bytes));
        strbuf_adds(&out, sign ? " " : "");
    }
    free(list.items);
    return strbuf_take(&out);
}

static struct numbers bleu_list(
    struct common_runs *o, enum bleu_words words, struct strmap *known, const char *text) {
    struct numbers list = { 0 };
    size_t kept = strlen(text), length;
    const char *from = letters_strip(text, kept, &length);
    kept = length ? (size_t)(from - text) + length : 0; /* blanks before it stay */
    char *plain = xstrndup(text, kept);
    plain = words == BLEU_13A ? split_13a(o, plain) : split_international(plain);
    add_words(&list, known, plain);
    free(plain);
    return list;
}

/* ---- BLEU ---- */

/* Of several lengths the one that is nearest, the shorter of two. */
static size_t nearest_length(const struct numbers *lists, size_t n, size_t length) {
    size_t best = 0, best_apart = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        size_t other = lists[i].n, apart = other > length ? other - length : length - other;
        if (apart < best_apart || (apart == best_apart && other < best)) {
            best = other;
            best_apart = apart;
        }
    }
    return best;
}

struct bleu_counts bleu_counts(struct common_runs *o, enum bleu_words words, const char *text,
    const char *const *right, size_t n) {
    struct bleu_counts c = { 0 };
    struct strmap *known = strmap_new(64);
    struct numbers list = bleu_list(o, words, known, text),
                   *others = xcalloc(n + 1, sizeof *others);
    struct runs *runs = xcalloc(n + 1, sizeof *runs);
    for (size_t i = 0; i < n; i++) {
        others[i] = bleu_list(o, words, known, right[i]);
    }
    c.length = (double)list.n;
    c.right_length = (double)nearest_length(others, n, list.n);
    for (size_t order = 1; order <= BLEU_ORDER; order++) {
        struct runs mine = runs_of(&list, order);
        for (size_t i = 0; i < n; i++) {
            runs[i] = runs_of(&others[i], order);
        }
        c.total[order - 1] = (double)mine.n;
        c.correct[order - 1] = (double)shared(&mine, runs, n);
        for (size_t i = 0; i < n; i++) {
            free(runs[i].places);
        }
        free(mine.places);
    }
    for (size_t i = 0; i < n; i++) {
        free(others[i].items);
    }
    free(runs);
    free(others);
    free(list.items);
    strmap_free(known);
    return c;
}

void bleu_add(struct bleu_counts *sum, const struct bleu_counts *more) {
    sum->length += more->length;
    sum->right_length += more->right_length;
    for (size_t i = 0; i < BLEU_ORDER; i++) {
        sum->correct[i] += more->correct[i];
        sum->total[i] += more->total[i];
    }
}

/* Where no run of a length is right, one half of one is taken to be, of the next length a quarter,
 * and so on. */
double bleu_score(const struct bleu_counts *c) {
    double smooth = 1, sum = 0, brevity = 1, precisions[BLEU_ORDER] = { 0 };
    bool any = false;
    for (size_t i = 0; i < BLEU_ORDER; i++) {
        any = any || c->correct[i] > 0;
    }
    if (c->length < c->right_length) {
        brevity = c->length > 0 ? exp(1 - c->right_length / c->length) : 0;
    }
    for (size_t i = 0; any && i < BLEU_ORDER && c->total[i] > 0; i++) {
        smooth *= c->correct[i] > 0 ? 1 : 2;
        precisions[i] =
            c->correct[i] > 0 ? 100 * c->correct[i] / c->total[i] : 100 / (smooth * c->total[i]);
    }
    for (size_t i = 0; i < BLEU_ORDER; i++) {
        sum += precisions[i] > 0 ? log(precisions[i]) : -9999999999.0;
    }
    return any ? brevity * exp(sum / BLEU_ORDER) : 0;
}

/* ---- chrF ---- */

static struct numbers characters_of(const char *text) {
    struct numbers all = points_of(text), out = { 0 };
    for (size_t i = 0; i < all.n; i++) {
        if (!letter_is_space(all.items[i])) {
            numbers_add(&out, all.items[i]);
        }
    }
    free(all.items);
    return out;
}

static bool is_punctuation(char c) {
    return c && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c);
}

/* Words, with a sign at the end, or else at the beginning, on its own. */
static struct numbers chrf_words(struct strmap *known, const char *text) {
    struct numbers out = { 0 };
    const char *end = text + strlen(text), *word;
    for (size_t n; (word = letters_word(&text, end, &n)) != NULL;) {
        bool several = utf8_length(word, n) > 1;
        size_t cut = several && is_punctuation(word[n - 1]) ? n - 1
                     : several && is_punctuation(word[0])   ? 1
                                                            : n;
        numbers_add(&out, number_of(known, word, cut));
        if (cut < n) {
            numbers_add(&out, number_of(known, word + cut, n - cut));
        }
    }
    return out;
}

static void chrf_order(struct chrf_counts *c, size_t at, const struct numbers *a,
    const struct numbers *b, size_t order) {
    struct runs mine = runs_of(a, order), right = runs_of(b, order);
    c->text[at] = right.n ? (double)mine.n : 0;
    c->right[at] = (double)right.n;
    c->both[at] = (double)shared(&mine, &right, 1);
    free(mine.places);
    free(right.places);
}

static struct chrf_counts chrf_of(const char *text, const char *right, bool words) {
    struct chrf_counts c = { .words = words };
    struct numbers a = characters_of(text), b = characters_of(right);
    for (size_t i = 0; i < CHARACTERS; i++) {
        chrf_order(&c, i, &a, &b, i + 1);
    }
    free(a.items);
    free(b.items);
    if (words) {
        struct strmap *known = strmap_new(64);
        a = chrf_words(known, text);
        b = chrf_words(known, right);
        for (size_t i = 0; i < CHRF_ORDER - CHARACTERS; i++) {
            chrf_order(&c, CHARACTERS + i, &a, &b, i + 1);
        }
        free(a.items);
        free(b.items);
        strmap_free(known);
    }
    return c;
}

struct chrf_counts chrf_counts(const char *text, const char *const *right, size_t n, bool words) {
    struct chrf_counts best = { .words = words };
    double most = -1;
    for (size_t i = 0; i < n; i++) {
        struct chrf_counts c = chrf_of(text, right[i], words);
        double score = chrf_score(&c);
        best = score > most ? c : best;
        most = fmax(score, most);
    }
    return best;
}

void chrf_add(struct chrf_counts *sum, const struct chrf_counts *more) {
    sum->words = sum->words || more->words;
    for (size_t i = 0; i < CHRF_ORDER; i++) {
        sum->text[i] += more->text[i];
        sum->right[i] += more->right[i];
        sum->both[i] += more->both[i];
    }
}

/* Recall weighs twice as much as precision; orders that one of both texts is too short for don't
 * count. */
double chrf_score(const struct chrf_counts *c) {
    double precision = 0, recall = 0, factor = 4;
    size_t orders = 0, n = c->words ? CHRF_ORDER : CHARACTERS;
    for (size_t i = 0; i < n; i++) {
        if (c->text[i] > 0 && c->right[i] > 0) {
            precision += c->both[i] / c->text[i];
            recall += c->both[i] / c->right[i];
            orders++;
        }
    }
    precision = orders ? precision / (double)orders : 0;
    recall = orders ? recall / (double)orders : 0;
    if (precision + recall == 0) {
        return 0;
    }
    return 100 * ((1 + factor) * precision * recall / (factor * precision + recall));
}

/* ---- ROUGE ---- */

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Runs of a to z and digits, whatever the case. */
static struct numbers rouge_words(struct strmap *known, const char *text, size_t n) {
    struct numbers out = { 0 };
    struct strbuf lower = { 0 };
    letters_lower(text, n, &lower);
    const char *s = strbuf_str(&lower);
    for (size_t at = 0; s[at];) {
        size_t from = at;
        while (is_plain(s[at])) {
            at++;
        }
        if (at > from) {
            numbers_add(&out, number_of(known, s + from, at - from));
        }
        at += s[at] != '\0';
    }
    strbuf_release(&lower);
    return out;
}

static double f_measure(size_t both, size_t text, size_t right) {
    double precision = (double)both / (double)(text ? text : 1),
           recall = (double)both / (double)(right ? right : 1);
    return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

static double rouge_runs(const struct numbers *text, const struct numbers *right, size_t order) {
    struct runs a = runs_of(text, order), b = runs_of(right, order);
    double f = f_measure(shared(&a, &b, 1), a.n, b.n);
    free(a.places);
    free(b.places);
    return f;
}

struct lines {
    struct numbers *items;
    size_t n, words;
};

static struct lines lines_of(struct strmap *known, const char *text) {
    struct lines out = { 0 };
    size_t capacity = 0;
    for (;;) {
        size_t n = strcspn(text, "\n");
        if (n) {
            mem_grow(&out.items, &capacity, out.n + 1, sizeof *out.items);
            out.items[out.n] = rouge_words(known, text, n);
            out.words += out.items[out.n++].n;
        }
        if (!text[n]) {
            return out;
        }
        text += n + 1;
    }
}

static void lines_release(struct lines *l) {
    for (size_t i = 0; i < l->n; i++) {
        free(l->items[i].items);
    }
    free(l->items);
}

/* Marks which words of a line are of one of the longest subsequences that it shares with another.
 */
static void mark_common(const struct numbers *a, const struct numbers *b, bool *marked) {
    size_t wide = b->n + 1;
    uint32_t *t = xcalloc((a->n + 1) * wide, sizeof *t);
    for (size_t i = 1; i <= a->n; i++) {
        for (size_t j = 1; j <= b->n; j++) {
            uint32_t up = t[(i - 1) * wide + j], left = t[i * wide + j - 1];
            t[i * wide + j] = a->items[i - 1] == b->items[j - 1] ? t[(i - 1) * wide + j - 1] + 1
                              : up > left                        ? up
                                                                 : left;
        }
    }
    for (size_t i = a->n, j = b->n; i > 0 && j > 0;) {
        if (a->items[i - 1] == b->items[j - 1]) {
            marked[--i] = true;
            j--;
        } else if (t[i * wide + j - 1] > t[(i - 1) * wide + j]) {
            j--;
        } else {
            i--;
        }
    }
    free(t);
}

static void count_words(const struct lines *l, uint32_t *counts) {
    for (size_t i = 0; i < l->n; i++) {
        for (size_t k = 0; k < l->items[i].n; k++) {
            counts[l->items[i].items[k]]++;
        }
    }
}

/* A word counts as often as both have it, at the most. */
static double rouge_lines(struct strmap *known, const char *text, const char *right) {
    struct lines a = lines_of(known, text), b = lines_of(known, right);
    size_t n_words = strmap_count(known) + 1, hits = 0;
    uint32_t *in_a = xcalloc(n_words, sizeof *in_a), *in_b = xcalloc(n_words, sizeof *in_b);
    count_words(&a, in_a);
    count_words(&b, in_b);
    for (size_t i = 0; i < b.n; i++) {
        bool *marked = xcalloc(b.items[i].n + 1, sizeof *marked);
        for (size_t k = 0; k < a.n; k++) {
            mark_common(&b.items[i], &a.items[k], marked);
        }
        for (size_t k = 0; k < b.items[i].n; k++) {
            uint32_t word = b.items[i].items[k];
            if (marked[k] && in_a[word] && in_b[word]) {
                hits++;
                in_a[word]--;
                in_b[word]--;
            }
        }
        free(marked);
    }
    double f = a.words && b.words ? f_measure(hits, a.words, b.words) : 0;
    lines_release(&a);
    lines_release(&b);
    free(in_a);
    free(in_b);
    return f;
}

struct rouge rouge_score(const char *text, const char *right) {
    struct strmap *known = strmap_new(64);
    char *a = replaced(xstrdup(text), " . ", ".\n"), *b = replaced(xstrdup(right), " . ", ".\n");
    struct numbers mine = rouge_words(known, a, strlen(a)),
                   other = rouge_words(known, b, strlen(b));
    struct rouge out = { 100 * rouge_runs(&mine, &other, 1), 100 * rouge_runs(&mine, &other, 2),
        100 * rouge_lines(known, a, b) };
    free(mine.items);
    free(other.items);
    free(a);
    free(b);
    strmap_free(known);
    return out;
}
