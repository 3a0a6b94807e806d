#include "evaluator/metric/numerals.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/metric/letters.h"

enum { WORDS_MAX = 256 };
enum large { THOUSAND, MILLION, BILLION, N_LARGE };
static const long long WORTH[N_LARGE] = { 1000, 1000000, 1000000000 };

static const struct {
    const char *name;
    long long value;
} WORDS[] = { { "zero", 0 }, { "one", 1 }, { "two", 2 }, { "three", 3 }, { "four", 4 },
    { "five", 5 }, { "six", 6 }, { "seven", 7 }, { "eight", 8 }, { "nine", 9 }, { "ten", 10 },
    { "eleven", 11 }, { "twelve", 12 }, { "thirteen", 13 }, { "fourteen", 14 }, { "fifteen", 15 },
    { "sixteen", 16 }, { "seventeen", 17 }, { "eighteen", 18 }, { "nineteen", 19 },
    { "twenty", 20 }, { "thirty", 30 }, { "forty", 40 }, { "fifty", 50 }, { "sixty", 60 },
    { "seventy", 70 }, { "eighty", 80 }, { "ninety", 90 }, { "hundred", 100 }, { "thousand", 1000 },
    { "million", 1000000 }, { "billion", 1000000000 } };

struct words {
    long long values[WORDS_MAX];
    size_t n, at[N_LARGE]; /* where the large ones stand; SIZE_MAX: nowhere */
};

static void words_add(struct words *w, const char *word, size_t n) {
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (strlen(WORDS[i].name) == n && !strncmp(WORDS[i].name, word, n) && w->n < WORDS_MAX) {
            w->values[w->n++] = WORDS[i].value;
        }
    }
}

/* No large word twice, and none behind a smaller one. */
static bool words_find_large(struct words *w) {
    for (int k = 0; k < N_LARGE; k++) {
        w->at[k] = SIZE_MAX;
        for (size_t i = 0; i < w->n; i++) {
            if (w->values[i] == WORTH[k]) {
                if (w->at[k] != SIZE_MAX) {
                    return false;
                }
                w->at[k] = i;
            }
        }
    }
    size_t t = w->at[THOUSAND], m = w->at[MILLION], b = w->at[BILLION];
    bool t_early = t != SIZE_MAX && ((m != SIZE_MAX && t < m) || (b != SIZE_MAX && t < b));
    return !t_early && !(m != SIZE_MAX && b != SIZE_MAX && m < b);
}

/* Up to four words, "hundred" behind the first of them; of more the first alone counts, as the peer
 * has it. */
static bool below_thousand(const long long *v, size_t n, long long *out) {
    if (n == 2) {
        *out = v[0] == 100 || v[1] == 100 ? v[0] * v[1] : v[0] + v[1];
    } else if (n == 3 || n == 4) {
        *out = v[0] * v[1] + v[2] + (n == 4 ? v[3] : 0);
    } else {
        *out = n ? v[0] : 0;
    }
    return n > 0;
}

/* Where what is below a thousand begins; w->n: there is nothing. Behind a large word that comes
 * last it is what stands behind the one before it, once more, as the peer has it. */
static size_t rest_of(const struct words *w) {
    bool none = true;
    for (int k = 0; k < N_LARGE; k++) {
        none = none && w->at[k] == SIZE_MAX;
        if (w->at[k] != SIZE_MAX && w->at[k] + 1 < w->n) {
            return w->at[k] + 1;
        }
    }
    return none ? 0 : w->n;
}

static bool words_sum(const struct words *w, long long *sum) {
    size_t from = 0;
    long long part;
    *sum = w->n == 1 ? w->values[0] : 0;
    for (int k = N_LARGE - 1; k >= 0 && w->n > 1; k--) {
        if (w->at[k] != SIZE_MAX) {
            if (!below_thousand(w->values + from, w->at[k] - from, &part)) {
                return false;
            }
            *sum += part * WORTH[k];
            from = w->at[k] + 1;
        }
    }
    from = rest_of(w);
    if (w->n > 1 && from < w->n) {
        below_thousand(w->values + from, w->n - from, &part);
        *sum += part;
    }
    return true;
}

char *numeral(const char *text) {
    struct words *w = xcalloc(1, sizeof *w);
    const char *end = text + strlen(text), *word;
    long long sum = 0;
    char out[32];
    for (size_t n; (word = letters_word(&text, end, &n)) != NULL;) {
        words_add(w, word, n);
    }
    bool ok = w->n > 0 && words_find_large(w) && words_sum(w, &sum);
    free(w);
    snprintf(out, sizeof out, "%lld", sum);
    return ok ? xstrdup(out) : NULL;
}
