/* See sheet.h. Rows of zeros and ones are compared by counting bits; others through the products of
 * their centred cluster sums, where a document without a cluster is a cluster of one: the squared
 * error of a difference is |a|^2 + |b|^2 - 2 ab. */
#include "base/stats/sheet.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/stats/packed.h"
#include "base/stats/standing.h"

void sheet_init(struct sheet *s, size_t n_rows) {
    *s = (struct sheet) { .n_rows = n_rows, .binary = true };
    s->present = xcalloc(n_rows + 1, sizeof *s->present);
    s->low = xcalloc(n_rows + 1, sizeof *s->low);
    s->step = xcalloc(n_rows + 1, sizeof *s->step);
}

void sheet_release(struct sheet *s) {
    free(s->present);
    free(s->low);
    free(s->step);
    free(s->level);
    free(s->cluster);
    *s = (struct sheet) { 0 };
}

/* The first row says which documents a sheet is about. */
static void take_documents(struct sheet *s, const struct scores *scores) {
    s->n_docs = scores->n;
    s->level = xcalloc(s->n_rows * s->n_docs + 1, sizeof *s->level);
    if (scores->cluster) {
        s->cluster = xcalloc(s->n_docs + 1, sizeof *s->cluster);
        memcpy(s->cluster, scores->cluster, s->n_docs * sizeof *s->cluster);
        for (size_t i = 0; i < s->n_docs; i++)
            s->n_clusters = s->cluster[i] >= s->n_clusters ? s->cluster[i] + 1u : s->n_clusters;
    }
}

static bool same_documents(const struct sheet *s, const struct scores *scores) {
    if (scores->n != s->n_docs || !s->cluster != !scores->cluster)
        return false;
    return !s->cluster || memcmp(s->cluster, scores->cluster, s->n_docs * sizeof *s->cluster) == 0;
}

bool sheet_put(struct sheet *s, size_t row, const struct scores *scores) {
    BUG_IF(row >= s->n_rows);
    if (!s->level)
        take_documents(s, scores);
    if (!same_documents(s, scores))
        return false;
    s->present[row] = true;
    s->binary = s->binary && scores->binary;
    s->low[row] = scores->low;
    s->step[row] = scores->step;
    memcpy(s->level + row * s->n_docs, scores->level, s->n_docs * sizeof *s->level);
    return true;
}

double sheet_mean(const struct sheet *s, size_t row) {
    uint64_t sum = 0;
    for (size_t i = 0; i < s->n_docs; i++)
        sum += s->level[row * s->n_docs + i];
    return s->low[row] + s->step[row] * ((double)sum / (double)s->n_docs);
}

/* ---- rows of zeros and ones ---- */

struct bits {
    const struct packed_kernels *kernels;
    size_t n_words;
    uint64_t *words; /* [n_rows, n_words] */
    size_t *ones;    /* [n_rows] */
};

static void bits_init(struct bits *b, const struct sheet *s) {
    b->kernels = packed_kernels_choose();
    b->n_words = (s->n_docs + 63) / 64;
    b->words = xcalloc(s->n_rows * b->n_words + 1, sizeof *b->words);
    b->ones = xcalloc(s->n_rows + 1, sizeof *b->ones);
    for (size_t row = 0; row < s->n_rows; row++)
        for (size_t i = 0; i < s->n_docs; i++) {
            uint64_t bit = s->level[row * s->n_docs + i];
            b->words[row * b->n_words + i / 64] |= bit << i % 64;
            b->ones[row] += bit;
        }
}

static void bits_release(struct bits *b) {
    free(b->words);
    free(b->ones);
}

/* How many documents one of the two got right alone. */
static void bits_compare(const struct bits *b, size_t i, size_t j, double *only_i, double *only_j) {
    double differing = (double)b->kernels->count_differing(
        b->words + i * b->n_words, b->words + j * b->n_words, b->n_words);
    double more = (double)b->ones[i] - (double)b->ones[j];
    *only_i = (differing + more) / 2;
    *only_j = (differing - more) / 2;
}

static void add_bits(const struct sheet *s, double weight, struct difference_sum *sums) {
    struct bits b;
    double n = (double)s->n_docs;
    bits_init(&b, s);
    for (size_t i = 0; i < s->n_rows; i++)
        for (size_t j = i + 1; j < s->n_rows; j++) {
            double only_i, only_j;
            if (!s->present[i] || !s->present[j])
                continue;
            bits_compare(&b, i, j, &only_i, &only_j);
            double value = (only_i - only_j) / n;
            double squares = only_i + only_j - value * value * n;
            difference_sum_add(
                &sums[pair_at(s->n_rows, i, j)], weight, value, squares / (n * (n - 1)), n - 1);
        }
    bits_release(&b);
}

bool sheet_mcnemar(const struct sheet *s, double *p) {
    if (!s->level || !s->binary || s->cluster)
        return false;
    struct bits b;
    bits_init(&b, s);
    for (size_t i = 0; i < s->n_rows; i++)
        for (size_t j = i + 1; j < s->n_rows; j++) {
            double only_i, only_j;
            if (!s->present[i] || !s->present[j])
                continue;
            bits_compare(&b, i, j, &only_i, &only_j);
            p[pair_at(s->n_rows, i, j)] = mcnemar_mid(only_i, only_j);
        }
    bits_release(&b);
    return true;
}

/* ---- rows of any numbers ---- */

enum { PARTIAL = 8 }; /* partial sums of a product: one order on every machine */

struct centred {
    size_t width; /* clusters, rounded up to PARTIAL */
    double n;     /* clusters that have a document */
    double *sums; /* [n_rows, width] */
    double *means, *squares;
};

static double product(const double *a, const double *b, size_t n) {
    double sums[PARTIAL] = { 0 }, sum = 0;
    for (size_t i = 0; i < n; i += PARTIAL)
        for (size_t k = 0; k < PARTIAL; k++)
            sums[k] += a[i + k] * b[i + k];
    for (size_t k = 0; k < PARTIAL; k++)
        sum += sums[k];
    return sum;
}

static double clusters_used(const struct sheet *s) {
    if (!s->cluster)
        return (double)s->n_docs;
    bool *seen = xcalloc(s->n_clusters + 1, sizeof *seen);
    double n = 0;
    for (size_t i = 0; i < s->n_docs; i++) {
        n += !seen[s->cluster[i]];
        seen[s->cluster[i]] = true;
    }
    free(seen);
    return n;
}

static void centre_row(struct centred *c, const struct sheet *s, size_t row) {
    double *sums = c->sums + row * c->width;
    c->means[row] = sheet_mean(s, row);
    for (size_t i = 0; i < s->n_docs; i++)
        sums[s->cluster ? s->cluster[i] : i] +=
            s->low[row] + s->step[row] * s->level[row * s->n_docs + i] - c->means[row];
    c->squares[row] = product(sums, sums, c->width);
}

static void centre(struct centred *c, const struct sheet *s) {
    size_t n = s->cluster ? s->n_clusters : s->n_docs;
    *c = (struct centred) { .width = (n + PARTIAL - 1) / PARTIAL * PARTIAL, .n = clusters_used(s) };
    c->sums = xcalloc(s->n_rows * c->width + 1, sizeof *c->sums);
    c->means = xcalloc(s->n_rows + 1, sizeof *c->means);
    c->squares = xcalloc(s->n_rows + 1, sizeof *c->squares);
    for (size_t row = 0; row < s->n_rows; row++)
        if (s->present[row])
            centre_row(c, s, row);
}

static void add_numbers(const struct sheet *s, double weight, struct difference_sum *sums) {
    struct centred c;
    double n = (double)s->n_docs;
    centre(&c, s);
    for (size_t i = 0; i < s->n_rows; i++)
        for (size_t j = i + 1; j < s->n_rows; j++) {
            if (!s->present[i] || !s->present[j])
                continue;
            double both = product(c.sums + i * c.width, c.sums + j * c.width, c.width);
            double squares = fmax(0, c.squares[i] + c.squares[j] - 2 * both);
            difference_sum_add(&sums[pair_at(s->n_rows, i, j)], weight, c.means[i] - c.means[j],
                squares * c.n / (c.n - 1) / (n * n), c.n - 1);
        }
    free(c.sums);
    free(c.means);
    free(c.squares);
}

void sheet_add_pairs(const struct sheet *s, double weight, struct difference_sum *sums) {
    if (s->level && s->binary && !s->cluster)
        add_bits(s, weight, sums);
    else if (s->level)
        add_numbers(s, weight, sums);
}
