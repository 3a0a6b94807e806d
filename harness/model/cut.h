/* What one of several devices has of a model (--tensor-parallel): Megatron's cut.
 *
 * What is made for attention and for feed-forward parts is cut by heads and by columns, what is
 * made of it (the last product of each part) by its input; so between the two a device works alone,
 * and behind the second all of them add up what they have. All that stands between parts (residual
 * stream, norms, router, embedding) is whole on each device, and the same there to the bit. The
 * head is cut by tokens of the vocabulary: of a model of 70 billion parameters it is 2 GB, and
 * every device would make the same products with it.
 *
 * What can't be cut is whole on each device, which makes the same of it, and nothing is added up:
 * recurrences, and attention whose heads are normed all at once. In the models that have those,
 * most weights are experts' and feed-forward parts'.
 *
 * A device's part of a model is a model too: one with fewer heads and narrower feed-forward parts
 * (cut_spec), whose weights lie in a part of each tensor (cut_part). */
#ifndef ASSAY_HARNESS_MODEL_CUT_H
#define ASSAY_HARNESS_MODEL_CUT_H

#include "harness/model/spec.h"

enum { CUT_MAX = DEVICES_MAX };

/* Numbers [from, from + n) of so many. */
struct share {
    uint32_t from, n, of;
};

static inline bool is_part(const struct share *s) {
    return s->n < s->of;
}

struct net_tensors;
struct cut {
    uint32_t index, n; /* which of how many; n 0 or 1: it has the whole model */
    const struct spec *whole;
    struct share heads, kv_heads, ffn, expert_ffn, shared_ffn, vocab;
};

/* ERR_UNSUPPORTED where nothing of a model can be cut, or it is of a kind that isn't yet; ERR_USAGE
 * where it can't be into so many. The spec stays valid as long as the cut. */
MUST_CHECK bool cut_make(struct cut *c, const struct spec *whole, const struct net_tensors *tensors,
    uint32_t index, uint32_t n, struct err *err);

static inline bool is_cut(const struct cut *c) {
    return c->n > 1;
}

/* The spec of the part. */
struct spec cut_spec(const struct cut *c);

/* A role's rows and columns on the device (a vector has one column), and where they lie in what is
 * whole. */
void cut_shape(const struct cut *c, enum role role, uint32_t *rows, uint32_t *cols);
struct weight_part cut_part(const struct cut *c, enum role role);
/* Of a norm with a gain for each number of each head: which of them. */
struct share cut_of_heads(const struct cut *c, enum role role);

/* Does the device have this weight at all? What is added behind a sum over all devices is added on
 * the first, and a classifier is there. */
bool cut_has(const struct cut *c, enum role role);

#endif
