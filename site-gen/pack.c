/* See pack.h. */
#include "site-gen/pack.h"

#include <brotli/encode.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

#define PACK_MIN 1024
#define GZIP_LEVEL 6
#define GZIP_WINDOW (15 + 16) /* the largest, with a gzip header, which has no time in it */
#define BROTLI_PAGES 5
#define BROTLI_SHARED 11

bool pack_worthwhile(const char *path, size_t n) {
    static const char *const TEXTS[] = { ".html", ".css", ".js", ".json", ".svg", ".xml", ".atom",
        ".txt", ".csv" };
    for (size_t i = 0; n > PACK_MIN && i < sizeof TEXTS / sizeof *TEXTS; i++) {
        if (str_ends(path, TEXTS[i]))
            return true;
    }
    return false;
}

bool pack_gzip(const void *data, size_t n, struct strbuf *out, struct err *err) {
    z_stream z = { .next_in = (unsigned char *)(uintptr_t)data, .avail_in = (unsigned)n };
    if (n > UINT32_MAX ||
        deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(err, ERR_RESOURCE, "could not compress %zu bytes", n);
    size_t most = deflateBound(&z, n);
    unsigned char *room = xmalloc(most);
    z.next_out = room;
    z.avail_out = (unsigned)most;
    bool ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
    strbuf_reset(out);
    strbuf_add(out, (const char *)room, most - z.avail_out);
    deflateEnd(&z);
    free(room);
    return ok || err_set(err, ERR_BUG, "gzip did not come to an end");
}

bool pack_brotli(
    const char *path, const void *data, size_t n, struct strbuf *out, struct err *err) {
    int quality = strncmp(path, "assets/", 7) == 0 ? BROTLI_SHARED : BROTLI_PAGES;
    size_t most = BrotliEncoderMaxCompressedSize(n);
    unsigned char *room = xmalloc(most ? most : 1);
    bool ok = most && BrotliEncoderCompress(
                          quality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, n, data, &most, room);
    strbuf_reset(out);
    strbuf_add(out, (const char *)room, ok ? most : 0);
    free(room);
    return ok || err_set(err, ERR_RESOURCE, "could not compress %zu bytes", n);
}
