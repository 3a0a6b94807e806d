/* Several devices as one (--tensor-parallel): a net on each, which has its part of the model and
 * runs the same steps as the others at the same time, on a thread of its own. The first one leads:
 * what is above the forward pass sees it alone. Its residual stream is what all have. */
#ifndef ASSAY_HARNESS_MODEL_RANKS_H
#define ASSAY_HARNESS_MODEL_RANKS_H

#include "harness/model/net.h"

/* Opens the net of each device; `leader` has the first. Takes the backends, also on failure. One
 * backend: it has the whole model. */
MUST_CHECK bool ranks_open(struct net *leader, const struct spec *whole,
    const struct net_tensors *tensors, struct backend *const *backends, uint32_t n,
    struct err *err);
/* Makes the weights of each net, where all of them find room (ERR_RESOURCE). */
MUST_CHECK bool ranks_fill(struct net *leader, const struct net_tensors *tensors, struct err *err);
void ranks_close(struct ranks *r);

/* Runs fn for the net, or for each of those that it leads, at once. Where several fail, *err is of
 * the first. NULL: it can't fail. */
typedef bool rank_fn(struct net *net, void *arg, struct err *err);
bool ranks_each(struct net *net, rank_fn *fn, void *arg, struct err *err);
uint32_t ranks_count(const struct net *net);
const struct net *ranks_net(const struct net *leader, uint32_t i);

#endif
