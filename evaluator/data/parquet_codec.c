/* See parquet_codec.h. */
#include "evaluator/data/parquet_codec.h"

#include <brotli/decode.h>
#include <limits.h>
#include <lz4.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

static bool unsnap(const uint8_t *in, size_t n, uint8_t *out, size_t out_n) {
    size_t len;
    return snappy_uncompressed_length((const char *)in, n, &len) == SNAPPY_OK && len == out_n &&
           snappy_uncompress((const char *)in, n, (char *)out, &len) == SNAPPY_OK && len == out_n;
}

/* gzip or zlib; members may follow one another. */
static bool ungzip(const uint8_t *in, size_t n, uint8_t *out, size_t out_n) {
    z_stream z = { .next_in = (Bytef *)(uintptr_t)in,
        .avail_in = (uInt)n,
        .next_out = out,
        .avail_out = (uInt)out_n };
    if (inflateInit2(&z, 15 + 32) != Z_OK)
        return false;
    int status;
    while ((status = inflate(&z, Z_FINISH)) == Z_STREAM_END && z.avail_in > 0 && z.avail_out > 0)
        if (inflateReset(&z) != Z_OK)
            break;
    inflateEnd(&z);
    return status == Z_STREAM_END && z.avail_out == 0;
}

static bool unbrotli(const uint8_t *in, size_t n, uint8_t *out, size_t out_n) {
    size_t made = out_n;
    return BrotliDecoderDecompress(n, in, &made, out) == BROTLI_DECODER_RESULT_SUCCESS &&
           made == out_n;
}

static bool unzstd(const uint8_t *in, size_t n, uint8_t *out, size_t out_n) {
    return ZSTD_decompress(out, out_n, in, n) == out_n;
}

static bool unlz4(const uint8_t *in, size_t n, uint8_t *out, size_t out_n) {
    return n <= INT_MAX && out_n <= INT_MAX &&
           LZ4_decompress_safe((const char *)in, (char *)out, (int)n, (int)out_n) == (int)out_n;
}

static size_t big32(const uint8_t *p) {
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* Hadoop's frames: how many bytes come of it, then blocks until they are there, each behind its
 * packed length. */
static bool unhadoop(const uint8_t *in, size_t n, uint8_t *out, size_t out_n) {
    size_t at = 0, made = 0;
    while (at < n) {
        if (n - at < 4 || big32(in + at) > out_n - made)
            return false;
        size_t frame_end = made + big32(in + at);
        at += 4;
        while (made < frame_end) {
            size_t packed = n - at < 4 ? SIZE_MAX : big32(in + at);
            at += 4;
            if (packed == SIZE_MAX || packed > n - at || packed > INT_MAX || frame_end > INT_MAX)
                return false;
            int got = LZ4_decompress_safe(
                (const char *)in + at, (char *)out + made, (int)packed, (int)(frame_end - made));
            if (got <= 0)
                return false;
            at += packed;
            made += (size_t)got;
        }
    }
    return made == out_n;
}

/* The codec that was called LZ4 is Hadoop's; old writers in C++ left the frames out. */
static bool unlz4_old(const uint8_t *in, size_t n, uint8_t *out, size_t out_n) {
    return unhadoop(in, n, out, out_n) || unlz4(in, n, out, out_n);
}

static const struct {
    const char *name;
    bool (*unpack)(const uint8_t *in, size_t n, uint8_t *out, size_t out_n);
} CODECS[] = {
    [1] = { "snappy", unsnap },
    [2] = { "gzip", ungzip },
    [4] = { "brotli", unbrotli },
    [5] = { "lz4 (hadoop)", unlz4_old },
    [6] = { "zstd", unzstd },
    [7] = { "lz4", unlz4 },
};

const char *pq_codec_name(int codec) {
    size_t n = sizeof CODECS / sizeof *CODECS;
    return codec >= 0 && (size_t)codec < n ? CODECS[codec].name : NULL;
}

bool pq_unpack(int codec, const uint8_t *in, size_t n, uint8_t *out, size_t out_n) {
    return pq_codec_name(codec) && CODECS[codec].unpack(in, n, out, out_n);
}
