/* Whether this machine is still fit to work on: asked by the worker itself, where a process behind
 * closed doors says that it isn't. That word may be a stranger's, who would stop worker after
 * worker with it. Private to the worker room. */
#ifndef ASSAY_WORKER_HEALTH_H
#define ASSAY_WORKER_HEALTH_H

#include "evaluator/worker/worker.h"

/* False with ERR_NODE where the device can't be opened any more, by a process that read nothing of
 * anybody's. */
MUST_CHECK bool device_is_well(const struct worker_options *options, struct err *err);

#endif
