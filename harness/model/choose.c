#include "harness/model/choose.h"

#include <math.h>
#include <string.h>

enum { STOP_TAIL = 4 }; /* tokens looked back at beyond the bytes of the longest stop string */

/* splitmix64 */
double choose_luck(uint64_t seed, uint64_t place) {
    uint64_t z = seed + (place + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

uint64_t choose_seed(uint64_t seed, uint64_t draw) {
    return seed + draw * 0xd1342543de82ef95u;
}

int32_t choose_best(const float *logits, uint32_t n) {
    uint32_t best = 0;
    bool finite = true;
    for (uint32_t i = 0; i < n; i++) {
        finite = finite && isfinite(logits[i]);
        if (logits[i] > logits[best])
            best = i;
    }
    return finite ? (int32_t)best : -1;
}

/* ---- the likeliest tokens ---- */

struct candidate {
    uint32_t id;
    double weight;
};

static int heavier(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight < y->weight ? 1 : -1;
    return x->id < y->id ? -1 : 1;
}

/* Tokens at most `below` under the best one: how many, and what they weigh together. */
static size_t gather(const float *logits, uint32_t n, double temperature, double top, double below,
    struct candidate *out, double *mass) {
    size_t found = 0;
    *mass = 0;
    for (uint32_t i = 0; i < n; i++) {
        double x = (logits[i] - top) / temperature;
        if (x < -below)
            continue;
        out[found] = (struct candidate) { .id = i, .weight = exp(x) };
        *mass += out[found++].weight;
    }
    return found;
}

/* Few tokens have nearly all of the mass: those are looked for among ever more, so that a
 * vocabulary need not be sorted. */
static size_t nucleus(const float *logits, uint32_t n, double temperature, double top, double want,
    struct candidate *out) {
    double mass = 0, sum = 0;
    size_t found = 0, kept = 0;
    for (double below = 4; found < n && mass < want; below *= 2)
        found = gather(logits, n, temperature, top, below, out, &mass);
    qsort(out, found, sizeof *out, heavier);
    while (kept < found && sum < want)
        sum += out[kept++].weight;
    return kept;
}

static int by_id(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    return x->id < y->id ? -1 : 1;
}

static int32_t drawn_of_few(const float *logits, uint32_t n, double temperature, double top,
    double total, double top_p, double u) {
    struct candidate *list = xcalloc(n, sizeof *list);
    size_t kept = nucleus(logits, n, temperature, top, top_p * total, list);
    double mass = 0, sum = 0;
    qsort(list, kept, sizeof *list, by_id);
    for (size_t i = 0; i < kept; i++)
        mass += list[i].weight;
    size_t at = 0;
    while (at + 1 < kept && (sum += list[at].weight) <= u * mass)
        at++;
    int32_t id = (int32_t)list[at].id;
    free(list);
    return id;
}

int32_t choose_drawn(const float *logits, uint32_t n, double temperature, double top_p, double u) {
    int32_t best = choose_best(logits, n);
    if (best < 0)
        return best;
    double total = 0, sum = 0, top = logits[best];
    for (uint32_t i = 0; i < n; i++)
        total += exp((logits[i] - top) / temperature);
    if (top_p > 0 && top_p < 1)
        return drawn_of_few(logits, n, temperature, top, total, top_p, u);
    for (uint32_t i = 0; i < n; i++) {
        sum += exp((logits[i] - top) / temperature);
        if (sum > u * total)
            return (int32_t)i;
    }
    return best;
}

/* ---- ending ---- */

bool choose_is_end(const struct spec *spec, int32_t id) {
    for (uint32_t i = 0; i < spec->n_eos; i++)
        if (spec->eos[i] == id)
            return true;
    return false;
}

static size_t longest_of(const char *const *stop, size_t n_stop) {
    size_t longest = 0;
    for (size_t i = 0; i < n_stop; i++)
        longest = strlen(stop[i]) > longest ? strlen(stop[i]) : longest;
    return longest;
}

bool choose_hits_stop(const struct tokenizer *t, const int32_t *ids, size_t n,
    const char *const *stop, size_t n_stop) {
    size_t longest = longest_of(stop, n_stop);
    size_t tail = n < longest + STOP_TAIL ? n : longest + STOP_TAIL;
    if (longest == 0 || !t)
        return false;
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    bool hit = false;
    if (tokenizer_decode(t, ids + n - tail, tail, true, &text, &ignored))
        for (size_t i = 0; i < n_stop && !hit; i++)
            hit = *stop[i] && strstr(strbuf_str(&text), stop[i]);
    strbuf_release(&text);
    return hit;
}

size_t choose_cut(char *text, const char *const *stop, size_t n_stop) {
    for (size_t i = 0; i < n_stop; i++) {
        char *at = *stop[i] ? strstr(text, stop[i]) : NULL;
        if (at)
            *at = '\0';
    }
    return strlen(text);
}
