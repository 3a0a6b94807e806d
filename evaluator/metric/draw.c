/* See draw.h. */
#include "evaluator/metric/draw.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

size_t draw_undersample(
    const struct draw_labels *labels, const size_t *order, size_t per_label, size_t *out) {
    size_t *taken = xcalloc(labels->n_classes + 1, sizeof *taken), n = 0;
    for (size_t i = 0; i < labels->n; i++) {
        size_t row = order[i];
        bool wanted = false;
        for (size_t at = labels->first[row]; at < labels->first[row + 1]; at++) {
            wanted = wanted || taken[labels->list[at]] < per_label;
        }
        for (size_t at = labels->first[row]; wanted && at < labels->first[row + 1]; at++) {
            taken[labels->list[at]]++;
        }
        if (wanted) {
            out[n++] = row;
        }
    }
    free(taken);
    return n;
}

void draw_split(size_t n, size_t k, uint64_t seed, size_t *out) {
    struct pcg64 r;
    size_t *order = xcalloc(n, sizeof *order);
    generator_seed(&r, seed);
    generator_permutation(&r, n, order);
    memcpy(out, order, k * sizeof *out);
    free(order);
}

/* ---- stratified by one label ---- */

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Shares of k by the classes' sizes, whole numbers: what is left over goes to the largest
 * remainders, by chance among equal ones. */
static void share_out(
    struct pcg64 *r, const size_t *sizes, uint32_t n_classes, size_t k, size_t *shares) {
    double *remainder = xcalloc(2 * (size_t)n_classes, sizeof *remainder), total = 0;
    double *sorted = remainder + n_classes;
    size_t *equal = xcalloc(2 * (size_t)n_classes, sizeof *equal), *chosen = equal + n_classes;
    size_t left = k;
    for (uint32_t c = 0; c < n_classes; c++) {
        total += (double)sizes[c];
    }
    for (uint32_t c = 0; c < n_classes; c++) {
        double exact = (double)k * (double)sizes[c] / total;
        shares[c] = (size_t)exact;
        remainder[c] = sorted[c] = exact - floor(exact);
        left -= shares[c];
    }
    qsort(sorted, n_classes, sizeof *sorted, descending);
    for (uint32_t i = 0; i < n_classes && left > 0; i++) {
        if (i > 0 && sorted[i] == sorted[i - 1]) {
            continue;
        }
        size_t n = 0;
        for (uint32_t c = 0; c < n_classes; c++) {
            if (remainder[c] == sorted[i]) {
                equal[n++] = c;
            }
        }
        size_t some = n < left ? n : left;
        generator_choice(r, n, some, chosen);
        for (size_t j = 0; j < some; j++) {
            shares[equal[chosen[j]]]++;
        }
        left -= some;
    }
    free(equal);
    free(remainder);
}

/* Rows by class, in their own order: those of class c from first[c]. */
static size_t *group(const uint32_t *classes, size_t n, uint32_t n_classes, size_t *first) {
    size_t *rows = xcalloc(n, sizeof *rows), *next = xcalloc(n_classes, sizeof *next);
    for (size_t i = 0; i < n; i++) {
        first[classes[i] + 1]++;
    }
    for (uint32_t c = 0; c < n_classes; c++) {
        first[c + 1] += first[c];
        next[c] = first[c];
    }
    for (size_t i = 0; i < n; i++) {
        rows[next[classes[i]]++] = i;
    }
    free(next);
    return rows;
}

static bool can_stratify(
    const size_t *first, uint32_t n_classes, size_t n, size_t k, struct err *err) {
    for (uint32_t c = 0; c < n_classes; c++) {
        if (first[c + 1] - first[c] < 2) {
            return err_set(err, ERR_INPUT, "a label that one row has cannot be on both sides");
        }
    }
    return (k >= n_classes && n - k >= n_classes) ||
           err_set(err, ERR_INPUT, "%zu of %zu rows are too few for %u labels", k, n, n_classes);
}

bool draw_stratified(const uint32_t *classes, size_t n, uint32_t n_classes, size_t k, uint64_t seed,
    size_t *out, struct err *err) {
    struct pcg64 r;
    size_t *first = xcalloc(5 * ((size_t)n_classes + 1), sizeof *first);
    size_t *sizes = first + n_classes + 1, *kept = sizes + n_classes, *rest = kept + n_classes,
           *shares = rest + n_classes;
    size_t *rows = group(classes, n, n_classes, first), *order = xcalloc(2 * n, sizeof *order);
    size_t *taken = order + n, n_taken = 0;
    bool ok = can_stratify(first, n_classes, n, k, err);
    if (ok) {
        for (uint32_t c = 0; c < n_classes; c++) {
            sizes[c] = first[c + 1] - first[c];
        }
        generator_seed(&r, seed);
        share_out(&r, sizes, n_classes, n - k, kept);
        for (uint32_t c = 0; c < n_classes; c++) {
            rest[c] = sizes[c] - kept[c];
        }
        share_out(&r, rest, n_classes, k, shares);
        for (uint32_t c = 0; c < n_classes; c++) {
            generator_permutation(&r, sizes[c], order);
            for (size_t i = 0; i < shares[c]; i++) {
                taken[n_taken++] = rows[first[c] + order[kept[c] + i]];
            }
        }
        generator_permutation(&r, n - k, order); /* of the other part: nobody looks at it */
        generator_permutation(&r, k, order);
        for (size_t i = 0; i < k; i++) {
            out[i] = taken[order[i]];
        }
    }
    free(order);
    free(rows);
    free(first);
    return ok;
}
