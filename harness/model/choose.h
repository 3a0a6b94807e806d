/* Which token comes next, and when a text is over: what model_generate and a flow have in common.
 */
#ifndef ASSAY_HARNESS_MODEL_CHOOSE_H
#define ASSAY_HARNESS_MODEL_CHOOSE_H

#include "harness/model/model.h"

/* A number in [0, 1) that depends on the seed and the place only. */
double choose_luck(uint64_t seed, uint64_t place);
/* The seed of one of several answers to a prompt. */
uint64_t choose_seed(uint64_t seed, uint64_t draw);

/* The first largest logit; -1 where the row holds NaN or infinity. */
int32_t choose_best(const float *logits, uint32_t n);
/* The token at `u` of the distribution at this temperature, in the order of the ids; top_p in
 * (0, 1): of the likeliest tokens that have so much of it, the least there are. -1 as above. */
int32_t choose_drawn(const float *logits, uint32_t n, double temperature, double top_p, double u);

bool choose_is_end(const struct spec *spec, int32_t id);

/* Does a stop string stand in the text of the last of n tokens that were made? */
bool choose_hits_stop(const struct tokenizer *t, const int32_t *ids, size_t n,
    const char *const *stop, size_t n_stop);
/* Cuts the text before each stop string, in their order; its length then. */
size_t choose_cut(char *text, const char *const *stop, size_t n_stop);

#endif
