/* See npy.h. */
#include "evaluator/cli/npy.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

/* With the magic and the length; room for any number of rows, so that it can be written again. */
enum { HEADER_BYTES = 128, MAGIC_BYTES = 10 };

static bool failed(const struct npy *npy, struct err *err) {
    return err_errno(err, ERR_FAILED, "could not write %s%s%s", npy->path ? "'" : "standard output",
        npy->path ? npy->path : "", npy->path ? "'" : "");
}

static bool write_header(struct npy *npy, uint64_t rows, struct err *err) {
    unsigned char header[HEADER_BYTES];
    const size_t room = HEADER_BYTES - MAGIC_BYTES;
    char *text = (char *)header + MAGIC_BYTES;
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (unsigned char)room;
    header[9] = 0;
    memset(text, ' ', room);
    int n = snprintf(text, room,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRIu64 ", %" PRIu32 "), }", rows,
        npy->width);
    text[n] = ' '; /* in place of the end of a string */
    text[room - 1] = '\n';
    return fwrite(header, 1, sizeof header, npy->file) == sizeof header || failed(npy, err);
}

bool npy_open(
    struct npy *npy, const char *path, uint32_t width, const uint64_t *expected, struct err *err) {
    *npy = (struct npy) { .path = path,
        .width = width,
        .known = expected != NULL,
        .expected = expected ? *expected : 0 };
    if (path) {
        struct strbuf part = { 0 };
        strbuf_addf(&part, "%s.%ld.part", path, (long)getpid());
        npy->part = strbuf_take(&part);
    }
    npy->file = path ? fopen(npy->part, "wb") : stdout;
    if (!npy->file) {
        free(npy->part);
        npy->part = NULL;
        return failed(npy, err);
    }
    npy->start = ftell(npy->file);
    if (!npy->known && npy->start < 0) {
        err_set(err, ERR_USAGE, "a pipe can't be told afterwards how many rows there were");
        return err_hint(err, "name a file (--out FILE), or say how many there are (--rows N)");
    }
    return write_header(npy, npy->expected, err);
}

bool npy_add(struct npy *npy, const float *rows, uint64_t n, struct err *err) {
    const uint64_t n_floats = n * npy->width;
    npy->rows += n;
    if (npy->known && npy->rows > npy->expected) {
        return err_set(err, ERR_INPUT, "there are more than the %" PRIu64 " rows that --rows says",
            npy->expected);
    }
    return fwrite(rows, sizeof *rows, n_floats, npy->file) == n_floats || failed(npy, err);
}

static bool settle(struct npy *npy, struct err *err) {
    if (npy->known && npy->rows < npy->expected) {
        return err_set(err, ERR_INPUT,
            "there are %" PRIu64 " rows, not the %" PRIu64 " that --rows says", npy->rows,
            npy->expected);
    }
    if (!npy->known && (fseek(npy->file, npy->start, SEEK_SET) ||
                           !write_header(npy, npy->rows, err) || fseek(npy->file, 0, SEEK_END))) {
        return failed(npy, err);
    }
    return fflush(npy->file) == 0 || failed(npy, err);
}

bool npy_close(struct npy *npy, bool whole, struct err *err) {
    bool ok = whole && settle(npy, err);
    if (npy->part && npy->file) {
        ok = ok && (fsync(fileno(npy->file)) == 0 || failed(npy, err));
        ok = (fclose(npy->file) == 0 || !ok || failed(npy, err)) && ok;
        ok = ok && (rename(npy->part, npy->path) == 0 || failed(npy, err));
        if (!ok) {
            unlink(npy->part);
        }
    }
    free(npy->part);
    *npy = (struct npy) { 0 };
    return ok || !whole;
}
