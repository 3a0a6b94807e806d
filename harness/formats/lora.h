/* What a LoRA adapter's tensors make of its base's. Private to this folder. */
#ifndef ASSAY_HARNESS_FORMATS_LORA_H
#define ASSAY_HARNESS_FORMATS_LORA_H

#include "harness/formats/formats.h"

/* Puts the adapter's tensors on the base's, as its config says; they are copied. */
MUST_CHECK bool lora_apply(
    struct weights *base, struct weights *adapter, const json_t *config, struct err *err);

#endif
