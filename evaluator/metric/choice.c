/* See choice.h: small pure functions, one a rule. */
#include "evaluator/metric/choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "evaluator/metric/metric.h"

void choice_scores(
    const double *loglik, const double *length, const double *alone, size_t n, double *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = (loglik[i] - (alone ? alone[i] : 0)) / (length ? length[i] : 1);
}

double choice_length_points(const char *text) {
    return (double)utf8_length(text, strlen(text));
}

double choice_length_bytes(const char *text) {
    return (double)strlen(text);
}

size_t choice_ties(const double *score, size_t n) {
    if (n == 0)
        return 0;
    double best = score[argmax_first(score, n)];
    size_t ties = 0;
    for (size_t i = 0; i < n; i++)
        ties += score[i] == best;
    return ties;
}

void choice_shares(const double *loglik, size_t n, double *share) {
    double top = n > 0 ? loglik[argmax_first(loglik, n)] : 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += share[i] = exp(loglik[i] - top);
    for (size_t i = 0; i < n; i++)
        share[i] /= sum;
}

double choice_brier(const double *loglik, size_t n, size_t gold) {
    if (n == 0)
        return NAN;
    double *share = xcalloc(n, sizeof *share), score = 0;
    choice_shares(loglik, n, share);
    for (size_t i = 0; i < n; i++) {
        double miss = share[i] - (i == gold);
        score += miss * miss;
    }
    free(share);
    return score;
}

double choice_mc2(const double *loglik, const bool *is_true, size_t n) {
    double top = n > 0 ? loglik[argmax_first(loglik, n)] : 0, on_true = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        double p = exp(loglik[i] - top);
        all += p;
        on_true += is_true[i] ? p : 0;
    }
    return on_true / all;
}
