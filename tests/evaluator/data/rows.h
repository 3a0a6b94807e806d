/* Helpers of the data tests: a temporary folder, files in it, and all rows of a source. */
#ifndef ASSAY_TESTS_ROWS_H
#define ASSAY_TESTS_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/data/data.h"

#define FIXTURES ASSAY_TESTS_DIR "/fixtures/data"

/* cmocka's setup and teardown: *state is the folder's path. */
static inline int folder_make(void **state) {
    char path[] = "/tmp/assay-data-XXXXXX";
    *state = mkdtemp(path) ? xstrdup(path) : NULL;
    return *state ? 0 : -1;
}

static inline int folder_remove(void **state) {
    struct err err = ERR_INIT;
    bool ok = dir_remove(*state, &err);
    free(*state);
    return ok ? 0 : -1;
}

static inline void put_bytes(const char *dir, const char *name, const void *bytes, size_t n) {
    struct err err = ERR_INIT;
    char *path = path_join(dir, name), *slash = strrchr(path, '/');
    *slash = '\0';
    if (!dir_make(path, &err))
        fail_msg("%s", err.msg);
    *slash = '/';
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    free(path);
}

static inline void put(const char *dir, const char *name, const char *text) {
    put_bytes(dir, name, text, strlen(text));
}

static inline size_t gzip_of(const void *bytes, size_t n, uint8_t *out, size_t max) {
    z_stream z = { .next_in = (Bytef *)(uintptr_t)bytes,
        .avail_in = (uInt)n,
        .next_out = out,
        .avail_out = (uInt)max };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return max - z.avail_out;
}

/* Every row, as an array; what went wrong, if anything, is in *err. */
static inline json_t *rows_of(const struct data_source *source, struct err *err) {
    json_t *rows = json_array(), *row;
    *err = (struct err)ERR_INIT;
    struct data *d = data_open(source, err);
    while (d && (row = data_next(d, err)))
        json_array_append_new(rows, row);
    data_close(d);
    return rows;
}

static inline json_t *rows_of_file(const char *dir, const char *name, struct err *err) {
    return rows_of(&(struct data_source) { .dir = dir, .file = name }, err);
}

static inline void assert_json(json_t *got, const char *want) {
    json_error_t e;
    json_t *expected = json_loads(want, 0, &e);
    assert_non_null(expected);
    char *text = json_dumps(got, JSON_COMPACT);
    if (!json_equal(got, expected))
        fail_msg("%s\nis not %s", text, want);
    free(text);
    json_decref(expected);
}

static inline void assert_rows(const char *dir, const char *name, const char *want) {
    struct err err;
    json_t *rows = rows_of_file(dir, name, &err);
    if (err.class != ERR_NONE)
        fail_msg("%s", err.msg);
    assert_json(rows, want);
    json_decref(rows);
}

/* The file is refused after `n` good rows, with words that hold `what` and the file's name. */
static inline void assert_refused(const char *dir, const char *name, size_t n, const char *what) {
    struct err err;
    json_t *rows = rows_of_file(dir, name, &err);
    assert_int_equal(json_array_size(rows), n);
    if (err.class == ERR_NONE || !strstr(err.msg, what) || !strstr(err.msg, name))
        fail_msg("'%s': no '%s' and '%s' in the message '%s'", name, what, name, err.msg);
    json_decref(rows);
}

#endif
