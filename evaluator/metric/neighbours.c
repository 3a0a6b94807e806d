/* See learn.h. Squared distances are double, |q|² left out: it is the same for all. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/metric/learn.h"

struct nearest {
    double *distance; /* [k], ascending */
    size_t *which;
    uint32_t n, k;
};

/* Among equals the one that came first stays. */
static void offer(struct nearest *near, double distance, size_t which) {
    uint32_t at = near->n < near->k ? near->n++ : near->k - 1;
    if (near->n == near->k && at == near->k - 1 && near->which[at] != SIZE_MAX &&
        near->distance[at] <= distance) {
        return;
    }
    for (; at > 0 && near->distance[at - 1] > distance; at--) {
        near->distance[at] = near->distance[at - 1];
        near->which[at] = near->which[at - 1];
    }
    near->distance[at] = distance;
    near->which[at] = which;
}

static void vote(const struct nearest *near, const uint8_t *has, size_t n_labels, uint8_t *out) {
    for (size_t l = 0; l < n_labels; l++) {
        uint32_t votes = 0;
        for (uint32_t i = 0; i < near->k; i++) {
            votes += has[near->which[i] * n_labels + l];
        }
        out[l] = 2 * votes > near->k;
    }
}

static void find(
    struct nearest *near, const struct vectors *x, const double *squares, const float *query) {
    near->n = 0;
    for (uint32_t i = 0; i < near->k; i++) {
        near->which[i] = SIZE_MAX;
    }
    for (size_t i = 0; i < x->n; i++) {
        double d = wide_dot(query, x->rows + x->at[i] * x->width, x->width);
        offer(near, squares[i] - 2 * d, i);
    }
}

bool neighbours_predict(const struct vectors *x, const uint8_t *has, size_t n_labels, uint32_t k,
    const float *queries, size_t n, uint8_t *out, struct err *err) {
    if (x->n < k || k == 0) {
        return err_set(
            err, ERR_INPUT, "%zu examples are too few for %u neighbours", x->n, (unsigned)k);
    }
    double *squares = xcalloc(x->n + k, sizeof *squares);
    struct nearest near = {
        .distance = squares + x->n, .which = xcalloc(k, sizeof(size_t)), .k = k
    };
    for (size_t i = 0; i < x->n; i++) {
        const float *v = x->rows + x->at[i] * x->width;
        squares[i] = wide_dot(v, v, x->width);
    }
    for (size_t q = 0; q < n; q++) {
        find(&near, x, squares, queries + q * x->width);
        vote(&near, has, n_labels, out + q * n_labels);
    }
    free(near.which);
    free(squares);
    return true;
}
