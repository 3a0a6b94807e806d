/* See stream.h. Each codec is one step function: it fills the window as far as the input at hand
 * goes, and moves the input on; more input is read when that is used up. */
#include "evaluator/data/stream.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "evaluator/data/little.h"

/* What `zstd --ultra -22` and `--long` take; each reader of a file holds a window. */
enum { INPUT = 128 << 10, ZSTD_WINDOW_LOG_MAX = 27 };
#define FREE_BYTES ((uint64_t)2 << 20)
#define MAX_BYTES ((uint64_t)4 << 40)
#define MAX_RATIO 250

struct unpacker {
    bool (*step)(struct unpacker *u, uint8_t *out, size_t *made, struct err *err);
    const uint8_t *in;
    size_t left;                  /* of `in` */
    bool last;                    /* nothing follows `in` */
    uint64_t in_total, out_total; /* bytes used and made so far */
    bool done, between;           /* at the end; zstd: between two frames */
    z_stream gzip;
    bool gzip_open, padding;
    ZSTD_DStream *zstd;
    uint8_t input[INPUT];
};

static void use(struct unpacker *u, size_t n) {
    u->in += n;
    u->left -= n;
    u->in_total += n;
}

static const char *gzip_reason(int status, const char *msg) {
    if (status == Z_BUF_ERROR)
        return "gzip data is truncated";
    if (msg && strcmp(msg, "incorrect data check") == 0)
        return "gzip CRC does not match";
    if (msg && strcmp(msg, "incorrect header check") == 0)
        return "not gzip data: incorrect header check";
    return msg ? msg : "gzip data is damaged";
}

/* After a member: another one, padding, or garbage. */
static bool gzip_between(struct unpacker *u, struct err *err) {
    while (u->left > 0 && *u->in == 0)
        use(u, 1);
    if (u->left == 0) {
        u->done = u->last;
        return true;
    }
    if (*u->in != 0x1f)
        return err_set(err, ERR_INPUT, "%zu trailing bytes after the gzip data", u->left);
    u->between = false;
    return inflateReset(&u->gzip) == Z_OK || err_set(err, ERR_BUG, "cannot reset zlib");
}

static bool gzip_step(struct unpacker *u, uint8_t *out, size_t *made, struct err *err) {
    if (u->between)
        return gzip_between(u, err);
    size_t input = u->left;
    u->gzip.next_in = (Bytef *)(uintptr_t)u->in;
    u->gzip.avail_in = (uInt)input;
    u->gzip.next_out = out;
    u->gzip.avail_out = STREAM_WINDOW;
    int status = inflate(&u->gzip, Z_NO_FLUSH);
    use(u, input - u->gzip.avail_in);
    *made = STREAM_WINDOW - u->gzip.avail_out;
    u->between = status == Z_STREAM_END;
    bool stuck = *made == 0 && u->left == 0 && u->last && !u->between;
    if ((status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) || stuck)
        return err_set(
            err, ERR_INPUT, "%s", gzip_reason(stuck ? Z_BUF_ERROR : status, u->gzip.msg));
    return !u->between || u->left == 0 || gzip_between(u, err);
}

enum { ZSTD_HEADER_BYTES = 18 };

/* What a frame's header asks for (RFC 8878, 3.1.1.1); 0 where it does not begin here, or is not all
 * here. */
static uint64_t zstd_window(const uint8_t *frame, size_t n) {
    if (n < ZSTD_HEADER_BYTES || memcmp(frame, "\x28\xb5\x2f\xfd", 4) != 0)
        return 0;
    const unsigned flags = frame[4], of_id = (1u << (flags & 3)) >> 1;
    if (!(flags & 0x20)) {
        const uint64_t base = 1024ull << (frame[5] >> 3);
        return base + base / 8 * (frame[5] & 7);
    }
    const uint8_t *size = frame + 5 + of_id; /* one segment: all of the content, of a known size */
    return little(size, (size_t)1 << (flags >> 6));
}

static bool zstd_refuse(size_t status, const ZSTD_inBuffer *from, struct err *err) {
    const ZSTD_ErrorCode code = ZSTD_getErrorCode(status);
    const uint64_t window = zstd_window(from->src, from->size);
    char of[32] = "";
    if (code == ZSTD_error_prefix_unknown)
        return err_set(err, ERR_INPUT, "not zstd data: %s", ZSTD_getErrorName(status));
    if (code != ZSTD_error_frameParameter_windowTooLarge)
        return err_set(err, ERR_INPUT, "zstd data is damaged: %s", ZSTD_getErrorName(status));
    if (window > 0)
        snprintf(of, sizeof of, " of %llu MiB", (unsigned long long)((window - 1) >> 20) + 1);
    return err_set(err, ERR_UNSUPPORTED, "zstd window%s is over the ceiling of %d MiB", of,
        1 << (ZSTD_WINDOW_LOG_MAX - 20));
}

/* A whole frame may end with the input; in the midst of one the input may not. */
static bool zstd_step(struct unpacker *u, uint8_t *out, size_t *made, struct err *err) {
    ZSTD_inBuffer from = { u->in, u->left, 0 };
    ZSTD_outBuffer to = { out, STREAM_WINDOW, 0 };
    size_t status = ZSTD_decompressStream(u->zstd, &to, &from);
    if (ZSTD_isError(status))
        return zstd_refuse(status, &from, err);
    use(u, from.pos);
    *made = to.pos;
    u->between = status == 0;
    if (u->left > 0 || !u->last)
        return true;
    u->done = u->between;
    if (!u->done && to.pos < STREAM_WINDOW)
        return err_set(err, ERR_INPUT, "zstd data is truncated");
    return true;
}

static bool within_ceiling(const struct unpacker *u, struct err *err) {
    if (u->out_total > MAX_BYTES)
        return err_set(err, ERR_INPUT, "expanded size is over the ceiling of %llu bytes",
            (unsigned long long)MAX_BYTES);
    if (u->out_total > FREE_BYTES && u->out_total / MAX_RATIO > u->in_total)
        return err_set(err, ERR_INPUT,
            "expanded size is over %d times the packed size (%llu bytes from %llu): refused as a "
            "decompression bomb",
            MAX_RATIO, (unsigned long long)u->out_total, (unsigned long long)u->in_total);
    return true;
}

/* The next part of the file, at most `max` bytes of it. */
static bool take(struct stream *s, uint8_t *into, size_t max, size_t *n, struct err *err) {
    uint64_t left = s->bytes->size - s->taken;
    *n = left < max ? (size_t)left : max;
    bool ok = bytes_read(s->bytes, s->taken, into, *n, err);
    s->taken += *n;
    return ok;
}

static bool unpack(struct stream *s, size_t *made, struct err *err) {
    struct unpacker *u = s->unpacker;
    while (*made == 0 && !u->done) {
        if (u->left == 0 && !u->last) {
            u->in = u->input;
            if (!take(s, u->input, INPUT, &u->left, err))
                return false;
            u->last = s->taken == s->bytes->size;
        }
        if (!u->step(u, s->window, made, err))
            return false;
        u->out_total += *made;
    }
    return within_ceiling(u, err);
}

bool stream_refill(struct stream *s, struct err *err) {
    size_t n = 0;
    if (s->failed)
        return false;
    s->before += (uint64_t)(s->end - s->window);
    s->failed = !(s->unpacker ? unpack(s, &n, err) : take(s, s->window, STREAM_WINDOW, &n, err));
    s->at = s->window;
    s->end = s->window + (s->failed ? 0 : n);
    return !s->failed && n > 0;
}

bool stream_seek(struct stream *s, uint64_t to, struct err *err) {
    uint64_t here = stream_tell(s), in_window = (uint64_t)(s->end - s->at);
    BUG_IF(to < here);
    if (!s->unpacker && to - here > in_window && to <= s->bytes->size) {
        s->taken = s->before = to;
        s->at = s->end = s->window;
        return true;
    }
    while (to - stream_tell(s) > (uint64_t)(s->end - s->at)) {
        s->at = s->end;
        if (!stream_refill(s, err))
            return s->failed ? false : err_set(err, ERR_INPUT, "the file became shorter meanwhile");
    }
    s->at += to - stream_tell(s);
    return true;
}

size_t stream_memory(const struct stream *s) {
    if (!s->unpacker)
        return 0;
    return sizeof *s->unpacker + (s->unpacker->zstd ? ZSTD_sizeof_DStream(s->unpacker->zstd) : 0);
}

static bool gzip_open(struct stream *s, struct err *err) {
    struct unpacker *u = s->unpacker = xcalloc(1, sizeof *u);
    u->step = gzip_step;
    u->gzip_open = inflateInit2(&u->gzip, 15 + 16) == Z_OK;
    return u->gzip_open || err_set(err, ERR_RESOURCE, "could not start zlib");
}

static bool zstd_open(struct stream *s, struct err *err) {
    struct unpacker *u = s->unpacker = xcalloc(1, sizeof *u);
    u->step = zstd_step;
    u->zstd = ZSTD_createDStream();
    if (!u->zstd ||
        ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX)))
        return err_set(err, ERR_RESOURCE, "could not start zstd");
    return true;
}

static void rewind_packed(struct stream *s) {
    struct unpacker *u = s->unpacker;
    if (u->gzip_open)
        inflateReset(&u->gzip);
    else
        ZSTD_DCtx_reset(u->zstd, ZSTD_reset_session_only);
    u->left = 0;
    u->in_total = u->out_total = 0;
    u->last = u->done = u->between = false;
    s->taken = 0;
}

/* The first 2 MiB prove nothing, and hold 700 000 of the shortest rows: what a task would make of
 * them for nothing. So they are unpacked once ahead, until they are past or the input that they
 * took allows for them. Damage is left to be found in its place. */
static bool refuse_bomb(struct stream *s, struct err *err) {
    struct unpacker *u = s->unpacker;
    struct err damage = ERR_INIT;
    bool sound = true;
    while (sound && !u->done && u->in_total <= FREE_BYTES / MAX_RATIO) {
        size_t made = 0;
        sound = unpack(s, &made, &damage);
    }
    if (!within_ceiling(u, err))
        return false;
    rewind_packed(s);
    return true;
}

static bool skip_byte_order_mark(struct stream *s, struct err *err) {
    stream_peek(s, err);
    if (s->end - s->at >= 3 && memcmp(s->at, "\xef\xbb\xbf", 3) == 0)
        s->at += 3;
    return !s->failed;
}

bool stream_open(struct stream *s, struct bytes *bytes, const char *name, struct err *err) {
    *s = (struct stream) { .bytes = bytes, .window = xmalloc(STREAM_WINDOW + STREAM_SLACK) };
    memset(s->window + STREAM_WINDOW, 0, STREAM_SLACK);
    s->at = s->end = s->window;
    bool ok = true;
    if (str_ends(name, ".gz"))
        ok = gzip_open(s, err);
    else if (str_ends(name, ".zst"))
        ok = zstd_open(s, err);
    ok = ok && (!s->unpacker || refuse_bomb(s, err)) && skip_byte_order_mark(s, err);
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
    free(s->window);
    *s = (struct stream) { 0 };
}
