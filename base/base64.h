/* Bytes as text in JSON: base64 with padding (RFC 4648, section 4). */
#ifndef ASSAY_BASE64_H
#define ASSAY_BASE64_H

#include <stdint.h>

#include "base/strbuf.h"

void base64_add(struct strbuf *out, const void *data, size_t n);

/* The bytes of a text (the caller frees) and their number; NULL if it is no base64. */
uint8_t *base64_decode(const char *text, size_t *n);

#endif
