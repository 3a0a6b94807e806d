/* See stream.h. The input is mapped; an unpacker turns it into 64 KiB pieces. Each codec is one
 * step function: it fills the output buffer as far as it can and moves the input on. */
#include "evaluator/data/stream.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

enum { PIECE = 64 * 1024 };
#define FREE_BYTES ((size_t)2 << 20)
#define MAX_BYTES ((size_t)64 << 30)
#define MAX_RATIO 250

struct unpacker {
    bool (*step)(struct unpacker *u, size_t *made, struct err *err);
    const uint8_t *in;
    size_t left, in_total, out_total; /* bytes: input not yet used, input in all, output so far */
    bool done;
    z_stream gzip;
    bool gzip_open;
    ZSTD_DStream *zstd;
    uint8_t out[PIECE];
};

static const char *gzip_reason(int status, const char *msg) {
    if (status == Z_BUF_ERROR)
        return "gzip data is truncated";
    if (msg && strcmp(msg, "incorrect data check") == 0)
        return "gzip CRC does not match";
    return msg ? msg : "gzip data is damaged";
}

/* After a member: another one, padding, or garbage. */
static bool gzip_next_member(struct unpacker *u, struct err *err) {
    while (u->left > 0 && *u->in == 0) {
        u->in++;
        u->left--;
    }
    u->done = u->left == 0;
    if (u->done)
        return true;
    if (u->left < 2 || u->in[0] != 0x1f || u->in[1] != 0x8b)
        return err_set(err, ERR_INPUT, "%zu trailing bytes after the gzip data", u->left);
    return inflateReset(&u->gzip) == Z_OK || err_set(err, ERR_BUG, "cannot reset zlib");
}

static bool gzip_step(struct unpacker *u, size_t *made, struct err *err) {
    uInt input = u->left < (1u << 30) ? (uInt)u->left : 1u << 30;
    u->gzip.next_in = (Bytef *)(uintptr_t)u->in;
    u->gzip.avail_in = input;
    u->gzip.next_out = u->out;
    u->gzip.avail_out = PIECE;
    int status = inflate(&u->gzip, Z_NO_FLUSH);
    size_t used = input - u->gzip.avail_in;
    u->in += used;
    u->left -= used;
    *made = PIECE - u->gzip.avail_out;
    if (status == Z_STREAM_END)
        return gzip_next_member(u, err);
    if (status != Z_OK || (*made == 0 && u->left == 0))
        return err_set(
            err, ERR_INPUT, "%s", gzip_reason(status == Z_OK ? Z_BUF_ERROR : status, u->gzip.msg));
    return true;
}

static bool zstd_step(struct unpacker *u, size_t *made, struct err *err) {
    ZSTD_inBuffer in = { u->in, u->left, 0 };
    ZSTD_outBuffer out = { u->out, PIECE, 0 };
    size_t status = ZSTD_decompressStream(u->zstd, &out, &in);
    if (ZSTD_isError(status))
        return err_set(err, ERR_INPUT, "zstd data is damaged: %s", ZSTD_getErrorName(status));
    u->in += in.pos;
    u->left -= in.pos;
    *made = out.pos;
    if (u->left == 0 && status == 0)
        u->done = true;
    else if (u->left == 0 && out.pos < PIECE)
        return err_set(err, ERR_INPUT, "zstd data is truncated");
    return true;
}

static bool within_ceiling(const struct unpacker *u, struct err *err) {
    size_t in = u->in_total - u->left;
    if (u->out_total > MAX_BYTES)
        return err_set(err, ERR_INPUT, "expanded size is over the ceiling of %zu bytes", MAX_BYTES);
    if (u->out_total > FREE_BYTES && u->out_total / MAX_RATIO > in)
        return err_set(err, ERR_INPUT,
            "expanded size is over %d times the packed size (%zu bytes from %zu): refused as a "
            "decompression bomb",
            MAX_RATIO, u->out_total, in);
    return true;
}

bool stream_refill(struct stream *s, struct err *err) {
    struct unpacker *u = s->unpacker;
    size_t made = 0;
    if (!u || s->failed)
        return false;
    while (made == 0) {
        if (u->done)
            return false;
        if (!u->step(u, &made, err) || (u->out_total += made, !within_ceiling(u, err))) {
            s->failed = true;
            return false;
        }
    }
    s->at = u->out;
    s->end = u->out + made;
    return true;
}

static bool ends_with(const char *s, const char *tail) {
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && strcmp(s + n - m, tail) == 0;
}

static struct unpacker *unpacker_new(const struct file_map *map) {
    struct unpacker *u = xcalloc(1, sizeof *u);
    u->in = map->data;
    u->left = u->in_total = map->size;
    return u;
}

static bool gzip_open(struct stream *s, struct err *err) {
    struct unpacker *u = s->unpacker = unpacker_new(&s->map);
    u->step = gzip_step;
    u->gzip_open = inflateInit2(&u->gzip, 15 + 16) == Z_OK;
    return u->gzip_open || err_set(err, ERR_RESOURCE, "could not start zlib");
}

static bool zstd_open(struct stream *s, struct err *err) {
    struct unpacker *u = s->unpacker = unpacker_new(&s->map);
    u->step = zstd_step;
    u->zstd = ZSTD_createDStream();
    if (!u->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, 26)))
        return err_set(err, ERR_RESOURCE, "could not start zstd");
    return true;
}

static bool skip_byte_order_mark(struct stream *s, struct err *err) {
    stream_peek(s, err);
    if (s->end - s->at >= 3 && memcmp(s->at, "\xef\xbb\xbf", 3) == 0)
        s->at += 3;
    return !s->failed;
}

bool stream_open(struct stream *s, const char *path, struct err *err) {
    *s = (struct stream) { 0 };
    if (!file_map(&s->map, path, err))
        return false;
    bool ok = true;
    if (ends_with(path, ".gz"))
        ok = gzip_open(s, err);
    else if (ends_with(path, ".zst"))
        ok = zstd_open(s, err);
    else if (s->map.size > 0) {
        s->at = s->map.data;
        s->end = s->map.data + s->map.size;
    }
    ok = ok && skip_byte_order_mark(s, err);
    if (!ok)
        stream_close(s);
    return ok;
}

void stream_close(struct stream *s) {
    if (s->unpacker) {
        if (s->unpacker->gzip_open)
            inflateEnd(&s->unpacker->gzip);
        ZSTD_freeDStream(s->unpacker->zstd);
        free(s->unpacker);
    }
    file_unmap(&s->map);
    *s = (struct stream) { 0 };
}
