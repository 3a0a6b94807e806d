/* The parts of model_truncate. Private to this folder. */
#ifndef ASSAY_HARNESS_FORMATS_TRUNCATE_H
#define ASSAY_HARNESS_FORMATS_TRUNCATE_H

#include <stdint.h>

#include "base/json.h"

/* Cuts a Hugging Face config to its first `layers` layers, in place: every count of layers, every
 * list with an entry a layer. Refuses to keep none or as many as there are. */
MUST_CHECK bool config_cut(json_t *config, unsigned layers, struct err *err);

/* The complaint about a number of layers that can't be kept; true if it can. */
MUST_CHECK bool layers_check(unsigned layers, uint64_t has, struct err *err);

MUST_CHECK bool gguf_truncate(
    const char *source, const char *target, unsigned layers, struct err *err);

#endif
