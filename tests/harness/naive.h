/* The naive forward pass: one sequence at a time, whole, as one segment from position 0 in a cache
 * of its own; every number is read by itself. It stands on the forward pass and the backend alone:
 * no tree, no scheduler, no packed steps, nothing shared, nothing kept. What the harness makes of
 * many requests must come to the same bits. */
#ifndef ASSAY_TESTS_NAIVE_H
#define ASSAY_TESTS_NAIVE_H

#include "harness/model/net.h"

/* Runs ids[0 .. n) and returns their rows as the head wants them, good until the next run. */
struct rows naive_run(struct net *net, const int32_t *ids, uint32_t n);

/* log p(token) after row `row` of a run, and whether it is the best there. */
struct target naive_read(struct net *net, struct rows run, uint32_t row, int32_t token);

/* The first best token after ids[0 .. n). */
int32_t naive_best(struct net *net, const int32_t *ids, uint32_t n);

/* The pooled, normalised vector of ids[0 .. n): net->spec.width numbers. */
void naive_vector(
    struct net *net, const int32_t *ids, uint32_t n, enum pooling pooling, float *out);

#endif
