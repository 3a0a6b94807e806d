/* See ranges.h. One question is open at a time, and the child waits for its answer, so neither side
 * can wait for the other to read. */
#include "evaluator/task/ranges.h"

#include <string.h>

#include "base/mem.h"
#include "evaluator/task/frames.h"

/* How often a task may read all of its data over: each split for its documents, for examples, for
 * each subset. */
enum { TIMES_MAX = 64 };

/* Data may be of any size: so much time more for so many bytes of it. */
enum { GRANT_BYTES = 256 << 20, GRANT_S = 5 };

/* ---- the parent ---- */

void ranges_close(struct ranges *g) {
    for (size_t i = 0; i < g->n; i++) {
        struct task_data *d = &g->data[i];
        free(d->dir);
        if (d->close) {
            d->close(d->owner);
        }
    }
    free(g->buffer);
    *g = (struct ranges) { 0 };
}

bool ranges_send(const struct ranges *g, struct runner *r, struct err *err) {
    bool ok = true;
    for (size_t i = 0; ok && i < g->n; i++) {
        const struct data_remote *remote = g->data[i].remote;
        for (size_t k = 0; ok && remote && k < remote->n; k++) {
            const struct data_remote_file *f = &remote->files[k];
            json_t *frame = json_pack("{s:s, s:I, s:s}", "path", f->path, "size",
                (json_int_t)f->size, "sha256", f->sha256);
            ok = frame ? runner_send(r, frame, err)
                       : err_set(err, ERR_INPUT, "a file's name on the hub is not text");
            json_decref(frame);
        }
    }
    return ok;
}

static bool answer_error(struct runner *r, const struct err *why, struct err *err) {
    json_t *frame = json_pack("{s{s:s, s:s, s:s}}", "error", "class", err_info(why->class)->name,
        "message", why->msg, "hint", why->hint);
    bool ok = frame && runner_send(r, frame, err);
    json_decref(frame);
    return ok;
}

/* The remote files of the source that is asked about; NULL: there are none. */
static const struct data_remote *asked_of(const struct ranges *g, const json_t *read) {
    long long source = json_get_int(read, "source", -1);
    return source >= 0 && (size_t)source < g->n ? g->data[source].remote : NULL;
}

static bool is_within(
    const struct data_remote *remote, const char *path, long long at, long long n) {
    for (size_t i = 0; i < remote->n; i++) {
        const struct data_remote_file *f = &remote->files[i];
        if (!strcmp(f->path, path)) {
            return at >= 0 && n > 0 && n <= WIRE_MAX_BYTES && (uint64_t)at <= f->size &&
                   (uint64_t)n <= f->size - (uint64_t)at;
        }
    }
    return false;
}

/* A child that reads without end would keep its parent at the network for ever. */
static bool count_bytes(struct ranges *g, uint64_t n, struct err *err) {
    uint64_t all = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct data_remote *remote = g->data[i].remote;
        for (size_t k = 0; remote && k < remote->n; k++) {
            all += remote->files[k].size;
        }
    }
    g->served += n;
    return g->served / TIMES_MAX <= all ||
           err_set(err, ERR_TASK, "the task reads its data more than %d times", TIMES_MAX);
}

bool ranges_serve(struct ranges *g, struct runner *r, const json_t *read, struct err *err) {
    const struct data_remote *remote = asked_of(g, read);
    const char *path = json_get_string(read, "path", "");
    long long at = json_get_int(read, "at", -1), n = json_get_int(read, "n", -1);
    struct timespec from;
    struct err why = ERR_INIT;
    if (!remote || !is_within(remote, path, at, n)) {
        return err_set(
            err, ERR_INPUT, "the task's process asked for bytes that are not of its data");
    }
    if (!count_bytes(g, (uint64_t)n, err)) {
        return false;
    }
    if (g->served % GRANT_BYTES < (uint64_t)n) {
        runner_grant(r, GRANT_S);
    }
    g->buffer = g->buffer ? g->buffer : xmalloc(WIRE_MAX_BYTES);
    clock_gettime(CLOCK_MONOTONIC, &from);
    bool ok = remote->read(remote->arg, path, (uint64_t)at, g->buffer, (size_t)n, &why);
    runner_forgive(r, &from);
    if (!ok) {
        return answer_error(r, &why, err);
    }
    json_t *frame = json_pack("{s:I}", "bytes", (json_int_t)n);
    ok = runner_send(r, frame, err) && runner_send_bytes(r, g->buffer, (size_t)n, err);
    json_decref(frame);
    return ok;
}

/* ---- the child ---- */

struct child_ranges {
    struct wire *in;
    struct wire_out *out;
    size_t source;
    struct data_remote remote;
    struct data_remote_file *files;
};

/* The answer to one question. */
static bool take_part(struct child_ranges *c, void *into, size_t n, struct err *err) {
    json_t *answer = wire_read(c->in, err);
    const json_t *error = json_object_get(answer, "error");
    bool gone = !answer && err->class == ERR_NONE;
    bool ok = answer && !error;
    if (gone) {
        err_set(err, ERR_INTERRUPTED, "the parent process is gone");
    } else if (error) {
        frames_error(error, err);
    }
    ok = ok && (json_get_int(answer, "bytes", -1) == (long long)n ||
                   err_set(err, ERR_BUG, "another answer than the one to a read"));
    json_decref(answer);
    return ok && wire_read_bytes(c->in, into, n, err);
}

static bool ask_parent(
    void *arg, const char *path, uint64_t at, void *into, size_t n, struct err *err) {
    struct child_ranges *c = arg;
    for (size_t done = 0, part; done < n; done += part) {
        part = n - done < WIRE_MAX_BYTES ? n - done : WIRE_MAX_BYTES;
        json_t *frame =
            json_pack("{s{s:I, s:s, s:I, s:I}}", "read", "source", (json_int_t)c->source, "path",
                path, "at", (json_int_t)(at + done), "n", (json_int_t)part);
        bool ok = frame && wire_put(c->out, frame, err) && wire_flush(c->out, err);
        json_decref(frame);
        if (!ok || !take_part(c, (char *)into + done, part, err)) {
            return false;
        }
    }
    return true;
}

/* From our own parent: nothing is checked twice. */
static bool receive_file(struct wire *in, struct data_remote_file *f, struct err *err) {
    json_t *frame = wire_read(in, err);
    if (!frame) {
        return err->class == ERR_NONE ? err_set(err, ERR_INTERRUPTED, "the parent process is gone")
                                      : false;
    }
    f->path = xstrdup(json_get_string(frame, "path", ""));
    f->size = (uint64_t)json_get_int(frame, "size", 0);
    snprintf(f->sha256, sizeof f->sha256, "%s", json_get_string(frame, "sha256", ""));
    json_decref(frame);
    return true;
}

struct child_ranges *child_ranges_receive(
    struct wire *in, struct wire_out *out, size_t source, size_t n, struct err *err) {
    struct child_ranges *c = xcalloc(1, sizeof *c);
    *c = (struct child_ranges) { .in = in, .out = out, .source = source };
    c->files = xcalloc(n + 1, sizeof *c->files);
    for (size_t i = 0; i < n; i++) {
        if (!receive_file(in, &c->files[i], err)) {
            return NULL; /* the process ends: nothing is freed one by one */
        }
    }
    c->remote = (struct data_remote) { c->files, n, ask_parent, c };
    return c;
}

const struct data_remote *child_ranges_remote(const struct child_ranges *c) {
    return &c->remote;
}
