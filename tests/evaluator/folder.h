/* A folder for one test's files, and short ways to write and read them. */
#ifndef ASSAY_TEST_FOLDER_H
#define ASSAY_TEST_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"

static inline char *folder_make(void) {
    const char *base = getenv("TMPDIR");
    char *path = path_join(base && *base ? base : "/tmp", "assay-test-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void folder_remove(char *path) {
    struct err err = ERR_INIT;
    assert_true(dir_remove(path, &err));
    free(path);
}

/* Writes DIR/name, folders made. */
static inline void folder_write(const char *dir, const char *name, const void *data, size_t n) {
    struct err err = ERR_INIT;
    char *path = path_join(dir, name);
    char *parent = xstrndup(path, (size_t)(path_base(path) - path) - 1);
    assert_true(dir_make(parent, &err));
    assert_true(file_write_atomic(path, data, n, &err));
    free(parent);
    free(path);
}

static inline void folder_text(const char *dir, const char *name, const char *text) {
    folder_write(dir, name, text, strlen(text));
}

/* What DIR/name holds; the caller frees. */
static inline char *folder_read(const char *dir, const char *name) {
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    char *path = path_join(dir, name);
    assert_true(file_read(path, (size_t)64 << 20, &text, &err));
    free(path);
    return strbuf_take(&text);
}

static inline bool folder_has(const char *dir, const char *name) {
    char *path = path_join(dir, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

#endif
