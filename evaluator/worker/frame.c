/* Frames over a pipe (see frame.h). */
#include "evaluator/worker/frame.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

bool frame_write(int fd, enum frame_tag tag, const void *data, size_t n, struct err *err) {
    BUG_IF(n > FRAME_MAX);
    char head[5] = { (char)tag, (char)(n & 255), (char)(n >> 8 & 255), (char)(n >> 16 & 255),
        (char)(n >> 24 & 255) };
    return (fd_write_all(fd, head, sizeof head) && fd_write_all(fd, data, n)) ||
           err_errno(err, ERR_INTERRUPTED, "could not report to the worker");
}

bool frame_reader_fill(struct frame_reader *r, int fd, bool *end, struct err *err) {
    char chunk[65536];
    ssize_t n;
    do {
        n = read(fd, chunk, sizeof chunk);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return err_errno(err, ERR_CRASH, "could not read from the job's process");
    }
    *end = n == 0;
    if (r->taken) { /* what was taken makes room */
        memmove(r->bytes.text, r->bytes.text + r->taken, r->bytes.len - r->taken);
        r->bytes.len -= r->taken;
        r->taken = 0;
    }
    strbuf_add(&r->bytes, chunk, (size_t)n);
    return true;
}

bool frame_reader_next(struct frame_reader *r, struct frame *frame, bool *found, struct err *err) {
    size_t left = r->bytes.len - r->taken;
    *found = false;
    if (left < 5) {
        return true;
    }
    const unsigned char *head = (const unsigned char *)r->bytes.text + r->taken;
    uint32_t n =
        head[1] | (uint32_t)head[2] << 8 | (uint32_t)head[3] << 16 | (uint32_t)head[4] << 24;
    if (n > FRAME_MAX || !strchr("PRSKLMTAXWECD", head[0]) || !head[0]) {
        return err_set(err, ERR_CRASH, "the job's process sent something that is not a report");
    }
    if (left - 5 < n) {
        return true;
    }
    *frame =
        (struct frame) { .tag = (enum frame_tag)head[0], .data = (const char *)head + 5, .n = n };
    r->taken += 5 + (size_t)n;
    *found = true;
    return true;
}

void frame_reader_release(struct frame_reader *r) {
    strbuf_release(&r->bytes);
    r->taken = 0;
}
