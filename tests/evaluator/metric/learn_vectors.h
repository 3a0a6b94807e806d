/* Vectors recorded for what learns (tests/fixtures/learn). */
#ifndef ASSAY_TESTS_LEARN_VECTORS_H
#define ASSAY_TESTS_LEARN_VECTORS_H

#include "tests/vectors.h"

static inline json_t *learn_vectors(const char *section) {
    return vectors_of("learn", section);
}

/* f32 numbers recorded as thousandths. */
static inline float *thousandths(const json_t *object, const char *key, size_t *n) {
    const json_t *array = json_object_get(object, key);
    *n = json_array_size(array);
    float *x = xcalloc(*n + 1, sizeof *x);
    for (size_t i = 0; i < *n; i++)
        x[i] = (float)json_integer_value(json_array_get(array, i)) / 1000.0F;
    return x;
}

static inline size_t *counting(size_t n) {
    size_t *at = xcalloc(n + 1, sizeof *at);
    for (size_t i = 0; i < n; i++)
        at[i] = i;
    return at;
}

static inline void assert_u32(const uint32_t *got, const json_t *want) {
    assert_true(json_array_size(want) > 0);
    for (size_t i = 0; i < json_array_size(want); i++)
        assert_int_equal(got[i], json_integer_value(json_array_get(want, i)));
}

static inline void assert_sizes(const size_t *got, const json_t *want) {
    assert_true(json_array_size(want) > 0);
    for (size_t i = 0; i < json_array_size(want); i++)
        assert_int_equal(got[i], json_integer_value(json_array_get(want, i)));
}

#endif
