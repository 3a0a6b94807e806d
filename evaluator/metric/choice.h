/* Scores of one multiple-choice question from its log-likelihoods, as lm-evaluation-harness
 * computes them: which choice each rule picks, and the two scores that weigh all of them. */
#ifndef ASSAY_METRIC_CHOICE_H
#define ASSAY_METRIC_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

/* The first choice with the highest log-likelihood (acc), or the highest per length where `length`
 * isn't NULL: lengths in code points of the choice without its delimiter are acc_norm, in bytes
 * acc_bytes. */
size_t choice_pick(const double *loglik, const double *length, size_t n);
/* acc_mutual_info: highest gain over the log-likelihood with an empty context. */
size_t choice_pick_gain(const double *loglik, const double *unconditional, size_t n);

double choice_length_points(const char *text); /* code points; an invalid byte counts as one */
double choice_length_bytes(const char *text);

/* How many choices share the highest score; 1 where there is no tie. */
size_t choice_ties(const double *score, size_t n);

/* exp(x) normalised to sum 1; `out` may be `loglik`. */
void choice_softmax(const double *loglik, size_t n, double *out);
/* Sum over choices of (softmax - [choice is gold])^2: 0 to 2. */
double choice_brier(const double *loglik, size_t n, size_t gold);
/* TruthfulQA's mc2: the share of probability on the true choices. */
double choice_mc2(const double *loglik, const bool *is_true, size_t n);

#endif
