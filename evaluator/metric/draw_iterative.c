/* Iterative stratification (Sechidis 2011, Szymański 2017) as mteb has it: rows go to the part that
 * lacks most of one pair of labels, pair after pair. Two parts, of which the first is kept. */
#include <string.h>

#include "base/mem.h"
#include "base/strmap.h"
#include "evaluator/metric/draw.h"

/* A label, or two: the rows that have it, and how many of these each part still wants. */
struct pair {
    bool two;
    size_t *rows, n, capacity, n_free;
    double wanted[2];
};

struct parts {
    struct strmap *known; /* "a b" -> number of the pair, in order of appearance */
    struct pair *pairs;
    size_t n, capacity;
    size_t *of_row, *first; /* pairs of row i: of_row[first[i]] .. */
    uint8_t *used, *kept;
    double wanted[2]; /* rows of any kind */
    struct mt19937 random;
};

static size_t pair_number(struct parts *p, uint32_t a, uint32_t b) {
    char key[32];
    int len = snprintf(key, sizeof key, "%u %u", (unsigned)a, (unsigned)b);
    int32_t at = strmap_find(p->known, key, (size_t)len);
    if (at < 0) {
        at = (int32_t)p->n;
        strmap_add(p->known, key, (size_t)len, at);
        mem_grow(&p->pairs, &p->capacity, p->n + 1, sizeof *p->pairs);
        p->pairs[p->n++] = (struct pair) { .two = a != b };
    }
    return (size_t)at;
}

static void note_row(struct parts *p, size_t row, uint32_t a, uint32_t b, size_t *n) {
    size_t at = pair_number(p, a, b);
    struct pair *pair = &p->pairs[at];
    mem_grow(&pair->rows, &pair->capacity, pair->n + 1, sizeof *pair->rows);
    pair->rows[pair->n++] = row;
    pair->n_free++;
    p->of_row[(*n)++] = at;
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void note_all(struct parts *p, const struct draw_labels *labels) {
    size_t n = 0, most = 0;
    for (size_t i = 0; i < labels->n; i++) {
        size_t m = labels->first[i + 1] - labels->first[i];
        most += m * (m + 1) / 2;
    }
    p->of_row = xcalloc(most + 1, sizeof *p->of_row);
    p->first = xcalloc(labels->n + 1, sizeof *p->first);
    for (size_t i = 0; i < labels->n; i++) {
        size_t m = labels->first[i + 1] - labels->first[i];
        uint32_t *own = xcalloc(m + 1, sizeof *own);
        memcpy(own, labels->list + labels->first[i], m * sizeof *own);
        qsort(own, m, sizeof *own, ascending);
        for (size_t a = 0; a < m; a++) {
            for (size_t b = a; b < m; b++) {
                note_row(p, i, own[a], own[b], &n);
            }
        }
        p->first[i + 1] = n;
        free(own);
    }
}

/* Two labels of fewer rows go before one of more; else the pair that came first. */
static struct pair *most_wanted(struct parts *p) {
    struct pair *best = NULL;
    for (size_t i = 0; i < p->n; i++) {
        struct pair *one = &p->pairs[i];
        if (one->n_free && (!best || (!best->two && one->two && best->n_free > one->n_free))) {
            best = one;
        }
    }
    return best;
}

static void give(struct parts *p, size_t row, size_t part) {
    p->used[row] = 1;
    p->kept[row] = part == 0;
    for (size_t i = p->first[row]; i < p->first[row + 1]; i++) {
        p->pairs[p->of_row[i]].n_free--;
        p->pairs[p->of_row[i]].wanted[part]--;
    }
    p->wanted[part]--;
}

static void give_rows_of(struct parts *p, struct pair *pair) {
    while (pair->n > 0) {
        size_t row = pair->rows[--pair->n];
        if (p->used[row]) {
            continue;
        }
        const double *w = pair->wanted;
        give(p, row, w[0] == w[1] ? (size_t)numpy_below(&p->random, 2) : w[1] > w[0]);
    }
}

/* Rows without labels, from the last, go wherever rows are wanted. */
static void give_the_rest(struct parts *p, size_t n) {
    for (size_t row = n; row-- > 0;) {
        if (!p->used[row]) {
            size_t parts[2], m = 0;
            for (size_t i = 0; i < 2; i++) {
                if (p->wanted[i] > 0) {
                    parts[m++] = i;
                }
            }
            give(p, row, m ? parts[numpy_below(&p->random, m)] : 1);
        }
    }
}

size_t draw_iterative(const struct draw_labels *labels, size_t k, uint32_t seed, size_t *out) {
    double share = (double)k / (double)labels->n;
    struct parts p = { .known = strmap_new(1024),
        .used = xcalloc(2 * labels->n, 1),
        .wanted = { share * (double)labels->n, (1 - share) * (double)labels->n } };
    size_t n = 0;
    p.kept = p.used + labels->n;
    numpy_seed(&p.random, seed);
    note_all(&p, labels);
    for (size_t i = 0; i < p.n; i++) {
        p.pairs[i].wanted[0] = (double)p.pairs[i].n * share;
        p.pairs[i].wanted[1] = (double)p.pairs[i].n * (1 - share);
    }
    for (struct pair *pair; (pair = most_wanted(&p)) != NULL;) {
        give_rows_of(&p, pair);
    }
    give_the_rest(&p, labels->n);
    for (size_t row = 0; row < labels->n; row++) {
        if (p.kept[row]) {
            out[n++] = row;
        }
    }
    for (size_t i = 0; i < p.n; i++) {
        free(p.pairs[i].rows);
    }
    free(p.pairs);
    free(p.of_row);
    free(p.first);
    free(p.used);
    strmap_free(p.known);
    return n;
}
