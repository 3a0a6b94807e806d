/* Reading is bounded in length, number and time, because the writer may be anything by then. */
#include "evaluator/task/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

void wire_init(struct wire *w, int fd, unsigned wall_s) {
    *w = (struct wire) { .fd = fd };
    strbuf_init(&w->in, 2 * (size_t)WIRE_MAX_FRAME);
    if (wall_s) {
        clock_gettime(CLOCK_MONOTONIC, &w->deadline);
        w->deadline.tv_sec += wall_s;
    }
}

void wire_release(struct wire *w) {
    strbuf_release(&w->in);
}

/* Milliseconds until the deadline, -1 for none, 0 once it has passed. */
static int time_left(const struct timespec *deadline) {
    struct timespec now;
    if (!deadline->tv_sec) {
        return -1;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long ms =
        (deadline->tv_sec - now.tv_sec) * 1000LL + (deadline->tv_nsec - now.tv_nsec) / 1000000;
    return ms < 0 ? 0 : ms > 1000000 ? 1000000 : (int)ms;
}

/* Reads what there is; *n is 0 at the end of the stream. */
static bool fill(struct wire *w, size_t *n, struct err *err) {
    char buffer[65536];
    for (;;) {
        struct pollfd p = { .fd = w->fd, .events = POLLIN };
        int left = time_left(&w->deadline), ready = left ? poll(&p, 1, left) : 0;
        if (ready == 0 && time_left(&w->deadline) == 0) {
            return err_set(err, ERR_TASK, "used up its budget of time");
        }
        ssize_t got = ready > 0 ? read(w->fd, buffer, sizeof buffer) : -1;
        if (got >= 0) {
            *n = (size_t)got;
            strbuf_add(&w->in, buffer, *n);
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return err_errno(err, ERR_FAILED, "could not wait for the task's process");
        }
        if (ready > 0 && errno != EINTR && errno != EAGAIN) {
            return err_errno(err, ERR_FAILED, "could not read from the task's process");
        }
    }
}

/* Moves what has not been handed out to the front. */
static void compact(struct wire *w) {
    w->in.len -= w->used;
    memmove(w->in.text, w->in.text + w->used, w->in.len);
    w->used = 0;
}

json_t *wire_read(struct wire *w, struct err *err) {
    size_t searched = 0;
    for (;;) {
        size_t waiting = w->in.len - w->used;
        const char *line = w->in.text ? w->in.text + w->used : "";
        const char *end = memchr(line + searched, '\n', waiting - searched);
        if (end) {
            w->used += (size_t)(end - line) + 1;
            if (++w->n_frames > WIRE_MAX_FRAMES) {
                err_set(err, ERR_INPUT, "the task's process sent more than %d messages",
                    WIRE_MAX_FRAMES);
                return NULL;
            }
            return json_parse(line, (size_t)(end - line), "message of the task's process", err);
        }
        searched = waiting;
        if (w->used) {
            compact(w);
        }
        if (waiting > WIRE_MAX_FRAME) {
            err_set(err, ERR_INPUT, "the task's process sent a message longer than 1 MiB");
            return NULL;
        }
        size_t n;
        if (!fill(w, &n, err)) {
            return NULL;
        }
        if (n == 0) {
            if (waiting) {
                err_set(err, ERR_CRASH, "the task's process stopped in the middle of a message");
            }
            return NULL;
        }
    }
}

bool wire_read_bytes(struct wire *w, void *into, size_t n, struct err *err) {
    char *to = into;
    size_t waiting = w->in.len - w->used, part = waiting < n ? waiting : n;
    memcpy(to, w->in.text + w->used, part);
    w->used += part;
    for (size_t done = part; done < n;) {
        ssize_t got = read(w->fd, to + done, n - done);
        if (got == 0) {
            return err_set(err, ERR_INTERRUPTED, "the parent process is gone");
        }
        if (got < 0 && errno != EINTR) {
            return err_errno(err, ERR_FAILED, "could not read from the parent process");
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* Waits until the other side has taken something. */
static bool wait_to_write(int fd, const struct timespec *deadline, struct err *err) {
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    int left = time_left(deadline);
    if (left == 0 || (poll(&p, 1, left) < 0 && errno != EINTR)) {
        return err_set(err, ERR_TASK, "used up its budget of time");
    }
    return true;
}

bool wire_write_bytes(
    int fd, const struct timespec *deadline, const void *data, size_t n, struct err *err) {
    for (size_t at = 0; at < n;) {
        ssize_t put = write(fd, (const char *)data + at, n - at);
        if (put < 0 && errno == EAGAIN) {
            if (!wait_to_write(fd, deadline, err)) {
                return false;
            }
        } else if (put < 0 && errno != EINTR) {
            return err_errno(err, ERR_FAILED, "could not write to the task's process");
        }
        at += put > 0 ? (size_t)put : 0;
    }
    return true;
}

/* A frame's line, with the newline in place of the NUL; the caller's. NULL and *err for none. */
static char *line_of(const json_t *frame, size_t *n, struct err *err) {
    char *text = json_text(frame, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) {
        err_set(err, ERR_NUMERIC, "a value that has no JSON form");
        return NULL;
    }
    *n = strlen(text);
    text[(*n)++] = '\n';
    if (*n > WIRE_MAX_FRAME) {
        err_set(err, ERR_TASK, "a document of %zu bytes is over the limit of 1 MiB", *n);
        free(text);
        return NULL;
    }
    return text;
}

bool wire_write_by(int fd, const struct timespec *deadline, const json_t *frame, struct err *err) {
    size_t n;
    char *line = line_of(frame, &n, err);
    bool ok = line && wire_write_bytes(fd, deadline, line, n, err);
    free(line);
    return ok;
}

bool wire_put(struct wire_out *w, const json_t *frame, struct err *err) {
    enum { ENOUGH = 64 << 10 };
    size_t n;
    char *line = line_of(frame, &n, err);
    if (!line) {
        return false;
    }
    strbuf_add(&w->waiting, line, n);
    free(line);
    return w->waiting.len < ENOUGH || wire_flush(w, err);
}

bool wire_flush(struct wire_out *w, struct err *err) {
    static const struct timespec none = { 0 };
    bool ok = wire_write_bytes(w->fd, &none, strbuf_str(&w->waiting), w->waiting.len, err);
    strbuf_reset(&w->waiting);
    return ok;
}

bool wire_write(int fd, const json_t *frame, struct err *err) {
    static const struct timespec none = { 0 };
    return wire_write_by(fd, &none, frame, err);
}
