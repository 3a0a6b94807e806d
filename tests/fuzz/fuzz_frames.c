/* Messages of a task's process, as its parent reads them: a header and documents of each kind, a
 * line each. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "evaluator/task/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take(struct task *t, const char *line, size_t n) {
    struct err err = ERR_INIT;
    json_t *frame = json_parse(line, n, "frame", &err), *header = json_object_get(frame, "header");
    bool ok = frame && (header ? !t->header && frames_header(t, "fuzz.lua", header, &err)
                               : t->header && frames_document(t, frame, &err));
    json_decref(frame);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct task *t = xcalloc(1, sizeof *t);
    const char *at = (const char *)data, *end = at + size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline ? newline : end) - at);
        if (!take(t, at, n)) {
            break;
        }
        at += n + 1;
    }
    task_free(t);
    return 0;
}
