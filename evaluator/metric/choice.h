/* Scores of one multiple-choice question from its log-likelihoods, as lm-evaluation-harness
 * computes them: which choice each rule picks, and the two scores that weigh all of them. */
#ifndef ASSAY_METRIC_CHOICE_H
#define ASSAY_METRIC_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

/* What the choices of a question are ranked by; the first of the highest (argmax_first) is taken.
 * Both lists may be NULL. acc: the log-likelihood. acc_norm, acc_bytes: per length, which is of the
 * choice without its delimiter, in code points or bytes. acc_mutual_info: what the context adds to
 * the log-likelihood without one. `out` may not be an input. */
void choice_scores(
    const double *loglik, const double *length, const double *alone, size_t n, double *out);

double choice_length_points(const char *text); /* code points; an invalid byte counts as one */
double choice_length_bytes(const char *text);

/* How many choices share the highest score; 1 where there is no tie. */
size_t choice_ties(const double *score, size_t n);

/* What share of probability each has among these alone: their softmax. */
void choice_shares(const double *loglik, size_t n, double *share);
/* Sum over choices of (softmax - [choice is gold])^2: 0 to 2. */
double choice_brier(const double *loglik, size_t n, size_t gold);
/* TruthfulQA's mc2: the share of probability on the true choices. */
double choice_mc2(const double *loglik, const bool *is_true, size_t n);

#endif
