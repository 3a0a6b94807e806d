/* Reading protobuf's wire format, a field at a time. Nothing is copied: a field's bytes are part of
 * the message, and its length was compared with what is left of it. */
#ifndef ASSAY_HARNESS_TOKENIZER_FILES_PROTOBUF_H
#define ASSAY_HARNESS_TOKENIZER_FILES_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct protobuf {
    const uint8_t *at, *end;
    bool broken;
};

struct protobuf_field {
    uint32_t number;
    uint64_t value;       /* of a number; an integer's bits, or a float's */
    const uint8_t *bytes; /* NULL where the field is a number */
    size_t n;
};

/* False at the end of the message, and where it is broken. */
bool protobuf_next(struct protobuf *p, struct protobuf_field *f);
float protobuf_float(const struct protobuf_field *f);

#endif
