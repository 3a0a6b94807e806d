/* Recorded vectors: tests/fixtures/<what>/vectors.json, written by the record.py beside it. */
#ifndef ASSAY_TESTS_VECTORS_H
#define ASSAY_TESTS_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* A section of a vectors.json; the caller owns. */
static inline json_t *vectors_of(const char *what, const char *section) {
    struct err err = ERR_INIT;
    char path[512];
    snprintf(path, sizeof path, ASSAY_TESTS_DIR "/fixtures/%s/vectors.json", what);
    json_t *all = json_parse_file(path, 1 << 20, &err);
    if (!all)
        fail_msg("%s", err.msg);
    json_t *part = json_incref(json_object_get(all, section));
    assert_non_null(part);
    json_decref(all);
    return part;
}

static inline double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("no number '%s'", key);
    return json_number_value(value);
}

static inline double *numbers(const json_t *object, const char *key, size_t *n) {
    const json_t *array = json_object_get(object, key);
    *n = json_array_size(array);
    assert_true(*n > 0);
    double *x = xcalloc(*n, sizeof *x);
    for (size_t i = 0; i < *n; i++)
        x[i] = json_number_value(json_array_get(array, i));
    return x;
}

static inline uint32_t *integers(const json_t *object, const char *key, size_t *n) {
    const json_t *array = json_object_get(object, key);
    *n = json_array_size(array);
    uint32_t *x = xcalloc(*n + 1, sizeof *x);
    for (size_t i = 0; i < *n; i++)
        x[i] = (uint32_t)json_integer_value(json_array_get(array, i));
    return x;
}

/* Equal to the last bit; NaN never is. */
#define assert_same(got, want)                                                                     \
    do {                                                                                           \
        double got_ = (got), want_ = (want);                                                       \
        if (!(got_ == want_))                                                                      \
            fail_msg("%s is %.17g, not %.17g", #got, got_, want_);                                 \
    } while (0)

#define assert_near(got, want, tolerance)                                                          \
    do {                                                                                           \
        double got_ = (got), want_ = (want);                                                       \
        if (!(fabs(got_ - want_) <= (tolerance)))                                                  \
            fail_msg("%s is %.17g, not %.17g", #got, got_, want_);                                 \
    } while (0)

#endif
