/* Delta weights: a folder with delta_config.json, whose tensors are what is added to those of the
 * model in its subfolder base_model. As with an adapter, the sum is computed as weights are read.
 * Private to the harness. */
#ifndef ASSAY_HARNESS_FORMATS_DELTA_H
#define ASSAY_HARNESS_FORMATS_DELTA_H

#include "base/json.h"

struct weights;

bool delta_is(const char *dir);

/* Adds each tensor of `delta` to the base's. Both stay open as long as the base does. */
MUST_CHECK bool delta_apply(struct weights *base, const struct weights *delta, struct err *err);

#endif
