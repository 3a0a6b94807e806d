/* Inside the data room: parquet's codecs, for a page whose unpacked size is known. */
#ifndef ASSAY_DATA_PARQUET_CODEC_H
#define ASSAY_DATA_PARQUET_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { PQ_UNPACKED = 0 };

/* NULL for a codec that is not read: LZO, which nothing free decodes, and what is not known yet. */
const char *pq_codec_name(int codec);

/* Exactly out_n bytes, or false. */
MUST_CHECK bool pq_unpack(int codec, const uint8_t *in, size_t n, uint8_t *out, size_t out_n);

#endif
