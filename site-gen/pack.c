/* See pack.h. */
#include "site-gen/pack.h"

#include <brotli/encode.h>
#include <libdeflate.h>
#include <string.h>

#include "base/mem.h"

#define PACK_MIN 1024
#define GZIP_LEVEL 6
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

bool pack_twice(const char *path) {
    return !str_ends(path, ".json") || strstr(path, "/data/");
}

/* libdeflate's header has no time in it. */
bool pack_gzip(const void *data, size_t n, struct strbuf *out, struct err *err) {
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(GZIP_LEVEL);
    if (!c)
        return err_set(err, ERR_RESOURCE, "could not compress %zu bytes", n);
    size_t most = libdeflate_gzip_compress_bound(c, n);
    char *room = xmalloc(most);
    size_t got = libdeflate_gzip_compress(c, data, n, room, most);
    strbuf_reset(out);
    strbuf_add(out, room, got);
    free(room);
    libdeflate_free_compressor(c);
    return got || err_set(err, ERR_BUG, "gzip did not come to an end");
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
