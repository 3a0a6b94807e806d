/* What the tests against recordings of lm-evaluation-harness share: tasks over the rows that it was
 * given, and the lines of what was recorded. */
#ifndef ASSAY_TEST_RECORDED_H
#define ASSAY_TEST_RECORDED_H

#include "task_main.h"

#include "base/json.h"
#include "base/strbuf.h"

/* arg: the folder that has them as a mirror tree in hub/. */
static inline bool recorded_data(
    const char *repo, const char *revision, void *arg, char **dir, struct err *err) {
    (void)revision;
    (void)err;
    struct strbuf b = { 0 };
    strbuf_addf(&b, "%s/hub/datasets/%s", (const char *)arg, repo);
    *dir = strbuf_take(&b);
    return true;
}

/* shots < 0: as the task says. */
static inline struct task *recorded_task(const char *folder, const char *name, int shots) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    q.name = name;
    q.shots = shots;
    q.tasks_dir = TASKS_DIR;
    q.resolve = recorded_data;
    q.resolve_arg = (void *)(uintptr_t)folder;
    struct task *t = task_load(&q, &err);
    if (!t) {
        fail_msg("%s: %s", name, err.msg);
    }
    return t;
}

/* Calls f for every line; the number of lines. */
static inline size_t each_record(const char *path, void (*f)(const json_t *record)) {
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    size_t n = 0, length;
    const char *line;
    assert_true(file_read(path, 64 << 20, &text, &err));
    struct json_lines lines = { strbuf_str(&text), text.len, 0 };
    for (; json_lines_next(&lines, &line, &length); n++) {
        json_t *record = json_parse(line, length, path, &err);
        assert_non_null(record);
        f(record);
        json_decref(record);
    }
    strbuf_release(&text);
    return n;
}

#endif
