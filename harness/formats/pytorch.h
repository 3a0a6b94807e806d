/* PyTorch's files of tensors, which are pickles. They are read and never run: what names anything
 * but tensors is refused, by that name. Private to this folder. */
#ifndef ASSAY_HARNESS_FORMATS_PYTORCH_H
#define ASSAY_HARNESS_FORMATS_PYTORCH_H

#include "harness/formats/formats.h"

/* Tied weights lie in the file once and have several names; together all tensors take at most this
 * many times what the file has, so that a small one can't ask for endless work. */
#define PYTORCH_SHARED_MAX 16

/* By the first bytes. */
bool pytorch_is(const uint8_t *bytes, size_t size);

MUST_CHECK bool pytorch_read(struct weights *w, const uint8_t *bytes, size_t size, struct err *err);

/* One file; errors name it. */
MUST_CHECK bool pytorch_file_read(struct weights *w, const char *path, struct err *err);

#endif
