/* Whether this machine is still fit to work on: asked by the worker itself, where a process behind
 * closed doors says that it isn't, or that a model's files are no good. That word may be a
 * stranger's, who would stop worker after worker with it; or the model may be what it should be,
 * and this disk not. Private to the worker room. */
#ifndef ASSAY_WORKER_HEALTH_H
#define ASSAY_WORKER_HEALTH_H

#include "db/db.h"
#include "evaluator/worker/worker.h"

/* False with ERR_NODE where the device can't be opened any more, by a process that read nothing of
 * anybody's. */
MUST_CHECK bool device_is_well(const struct worker_options *options, struct err *err);

/* False with ERR_NODE where the cache's files of a job's model can't be read or aren't any more
 * what they came as: those are removed, so that they are fetched again. */
MUST_CHECK bool model_is_whole(const struct job *job, struct err *err);

#endif
