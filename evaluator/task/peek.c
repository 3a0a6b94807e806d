/* A look at a file of data, by the task's child process: what it reads may be anything, and it can
 * read nothing else (see task.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "evaluator/data/data.h"
#include "evaluator/task/frames.h"
#include "evaluator/task/runner.h"
#include "evaluator/task/runtime.h"
#include "evaluator/task/wire.h"
#include "evaluator/worker/doors.h"

#define CPU_S 60
#define WALL_S 300
#define HEAP_BYTES (64L << 20)

/* ---- the child ---- */

/* Takes the frame. */
static bool send(int out, json_t *frame, struct err *err) {
    bool ok = frame && wire_write(out, frame, err);
    json_decref(frame);
    return ok;
}

static bool send_rows(int out, struct data *data, long long n, json_t *labels, struct err *err) {
    struct err why = ERR_INIT;
    json_t *row = NULL;
    bool ok = true;
    for (long long i = 0; ok && i < n && (row = data_next(data, &why)) != NULL; i++) {
        runtime_note_labels(labels, data, row);
        ok = send(out, json_pack("{s:o}", "row", row), err);
    }
    json_t *next = ok && row ? data_next(data, &why) : NULL;
    bool more = next != NULL;
    json_decref(next);
    if (ok && why.class != ERR_NONE) {
        *err = why;
        return false;
    }
    return ok &&
           send(out, json_pack("{s:{s:O, s:b}}", "end", "labels", labels, "more", (int)more), err);
}

bool peek_serve(int out, const json_t *request, struct sandbox_report *sandbox, struct err *err) {
    const char *path = json_get_string(request, "peek", "");
    const char *const paths[] = { path, NULL };
    struct data_source source = { .file = path,
        .format = json_get_string(request, "format", NULL) };
    if (!doors_close_but(paths, sandbox, err)) {
        return false;
    }
    struct data *data = data_open(&source, err);
    json_t *labels = json_object();
    bool ok = data && send_rows(out, data, json_get_int(request, "n", 0), labels, err);
    json_decref(labels);
    data_close(data);
    return ok;
}

/* ---- the parent ---- */

/* Adds what a frame says; *end is set by the last. */
static bool take_frame(json_t *found, const json_t *frame, bool *end, struct err *err) {
    json_t *row = json_object_get(frame, "row"), *last = json_object_get(frame, "end");
    const json_t *error = json_object_get(frame, "error");
    if (error) {
        return frames_error(error, err);
    }
    *end = last != NULL;
    if (last) {
        json_object_update(found, last);
    }
    if (!last && !json_is_object(row)) {
        return err_set(err, ERR_INPUT, "a row is not an object of columns");
    }
    return last || json_array_append(json_object_get(found, "rows"), row) == 0;
}

static bool receive(struct runner *r, json_t *found, struct err *err) {
    for (bool end = false; !end;) {
        json_t *frame = runner_receive(r, err);
        bool ok = frame && take_frame(found, frame, &end, err);
        json_decref(frame);
        if (!ok) {
            return false;
        }
    }
    return true;
}

json_t *task_peek(
    const char *program, const char *path, const char *format, size_t n, struct err *err) {
    struct runner r;
    char *full = realpath(path, NULL);
    if (!full || dir_exists(full)) {
        errno = full ? EISDIR : errno;
        err_errno(err, ERR_NOT_FOUND, "could not read '%s'", path);
        free(full);
        return NULL;
    }
    json_t *request = json_pack("{s:s, s:s?, s:I, s:i, s:I}", "peek", full, "format", format, "n",
        (json_int_t)n, "cpu_s", CPU_S, "heap_bytes", (json_int_t)HEAP_BYTES);
    json_t *found = json_pack("{s:[]}", "rows");
    bool started = request && runner_start(&r, program, CPU_S, WALL_S, err);
    bool ok = started && runner_send(&r, request, err) && receive(&r, found, err);
    if (started) {
        runner_stop(&r);
    }
    if (!request) {
        err_set(err, ERR_INPUT, "the path of the data is not UTF-8");
    }
    json_decref(request);
    free(full);
    if (!ok) {
        json_decref(found);
        return NULL;
    }
    return found;
}
