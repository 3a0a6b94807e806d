/* Prints of tensors: equal weights have equal hashes whatever they are called, others don't, and
 * what is told of a tensor is fit to be kept. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/harness.h"

#define MOST 8
#define LARGE 20000 /* more than is read of one */

struct told {
    struct tensor_print prints[MOST];
    char names[MOST][32];
    size_t n, stop_after;
};

static bool keep(const struct tensor_print *p, void *arg, struct err *err) {
    struct told *t = arg;
    assert_true(t->n < MOST);
    t->prints[t->n] = *p;
    snprintf(t->names[t->n++], sizeof t->names[0], "%s", p->name);
    return t->n != t->stop_after || err_set(err, ERR_INTERRUPTED, "enough");
}

static const struct tensor_print *print_of(const struct told *t, const char *name) {
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->names[i], name) == 0)
            return &t->prints[i];
    return NULL;
}

/* A file of these tensors, in a header that is written here, and its prints. */
static struct told told_of(const char *dir, const char *header, const void *data, size_t n) {
    struct strbuf file = { 0 };
    struct told told = { 0 };
    struct err err = ERR_INIT;
    st_build(&file, header, 0);
    strbuf_add(&file, data, n);
    char *path = file_put(dir, "w.safetensors", file.text, file.len);
    if (!model_prints(path, keep, &told, &err))
        fail_msg("%s", err.msg);
    free(path);
    strbuf_release(&file);
    return told;
}

#define F32(name, shape, from, to)                                                                 \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static void names_and_places_are_no_part_of_a_print(void **state) {
    const float ab[] = { 1, 2, 3, 4, 5, 6 }, ba[] = { 5, 6, 1, 2, 3, 4 };
    struct told one = told_of(
        *state, "{" F32("a", "[2,2]", "0", "16") "," F32("b", "[2]", "16", "24") "}", ab, 24);
    struct told other =
        told_of(*state, "{" F32("x", "[2,2]", "8", "24") "," F32("y", "[2]", "0", "8") "}", ba, 24);
    assert_string_equal(print_of(&one, "a")->hash, print_of(&other, "x")->hash);
    assert_string_equal(print_of(&one, "b")->hash, print_of(&other, "y")->hash);
    assert_string_not_equal(print_of(&one, "a")->hash, print_of(&one, "b")->hash);
    assert_int_equal(print_of(&one, "a")->n_elements, 4);
}

static void numbers_shape_and_type_are(void **state) {
    const float a[] = { 1, 2, 3, 4 }, b[] = { 1, 2, 3, 5 };
    char square[65];
    struct told t = told_of(*state, "{" F32("a", "[2,2]", "0", "16") "}", a, 16);
    memcpy(square, t.prints[0].hash, sizeof square);
    t = told_of(*state, "{" F32("a", "[4]", "0", "16") "}", a, 16);
    assert_string_not_equal(t.prints[0].hash, square);
    t = told_of(*state, "{" F32("a", "[2,2]", "0", "16") "}", b, 16);
    assert_string_not_equal(t.prints[0].hash, square);
    t = told_of(*state, "{\"a\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]}}",
        (const uint16_t[]) { 0x3f80, 0x4000, 0x4040, 0x4080 }, 8); /* 1, 2, 3, 4 */
    assert_string_not_equal(t.prints[0].hash, square);
}

static float *numbers(void) {
    float *x = xmalloc(LARGE * sizeof *x);
    for (size_t i = 0; i < LARGE; i++)
        x[i] = (float)(i % 1013) - 500;
    return x;
}

static struct told large(const char *dir, const float *x) {
    return told_of(dir, "{" F32("w", "[200,100]", "0", "80000") "}", x, LARGE * sizeof *x);
}

static void a_large_tensor_is_told_by_samples_from_its_first_element_to_its_last_block(
    void **state) {
    float *x = numbers();
    const struct told before = large(*state, x);
    assert_int_equal(before.prints[0].n_values, TENSOR_PRINT_VALUES);
    assert_true(before.prints[0].values[0] == x[0]);
    const size_t last_read = LARGE - LARGE % 256 - 1, between = 300;
    static const size_t seen[] = { 0, 255, 0 };
    for (size_t i = 0; i < 3; i++) {
        size_t at = i < 2 ? seen[i] : last_read;
        x[at] += 1;
        assert_string_not_equal(large(*state, x).prints[0].hash, before.prints[0].hash);
        x[at] -= 1;
    }
    x[between] += 1; /* a model of any size in a moment: not all is read */
    assert_string_equal(large(*state, x).prints[0].hash, before.prints[0].hash);
    free(x);
}

static void what_is_not_finite_is_in_the_hash_and_not_in_the_numbers(void **state) {
    float *x = numbers();
    const struct told before = large(*state, x);
    x[0] = NAN;
    x[1] = INFINITY;
    const struct told after = large(*state, x);
    assert_string_not_equal(after.prints[0].hash, before.prints[0].hash);
    assert_true(after.prints[0].values[0] == 0);
    for (size_t i = 0; i < after.prints[0].n_values; i++)
        assert_true(isfinite(after.prints[0].values[i]));
    free(x);
}

static void constant_tensors_are_said_to_be(void **state) {
    const float same[] = { 1, 1, 1, 1 }, signs[] = { 0.0f, -0.0f };
    struct told t = told_of(*state, "{" F32("a", "[4]", "0", "16") "}", same, 16);
    assert_true(t.prints[0].constant);
    assert_int_equal(t.prints[0].n_values, 0); /* too few to be compared */
    t = told_of(*state, "{" F32("a", "[2]", "0", "8") "}", signs, 8);
    assert_false(t.prints[0].constant);
}

static void whole_numbers_and_nothing_are_left_out(void **state) {
    const float data[] = { 1, 2 };
    const struct told t = told_of(*state,
        "{\"ids\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}," F32(
            "none", "[0,4]", "4", "4") "," F32("w", "[1]", "4", "8") "}",
        data, 8);
    assert_int_equal(t.n, 1);
    assert_string_equal(t.names[0], "w");
}

static void who_has_heard_enough_hears_no_more(void **state) {
    struct strbuf file = { 0 };
    struct told told = { .stop_after = 1 };
    struct err err = ERR_INIT;
    st_build(&file, "{" F32("a", "[1]", "0", "4") "," F32("b", "[1]", "4", "8") "}", 8);
    char *path = file_put(*state, "w.safetensors", file.text, file.len);
    assert_false(model_prints(path, keep, &told, &err));
    assert_int_equal(told.n, 1);
    assert_error(&err, ERR_INTERRUPTED, "enough", NULL);
    free(path);
    strbuf_release(&file);
}

static void a_file_that_is_none_has_no_prints(void **state) {
    struct told told = { 0 };
    struct err err = ERR_INIT;
    char *path = file_put(*state, "w.safetensors", "{}", 2);
    assert_false(model_prints(path, keep, &told, &err));
    assert_error(&err, ERR_INPUT, "w.safetensors", NULL);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(names_and_places_are_no_part_of_a_print),
        WITH_SCRATCH(numbers_shape_and_type_are),
        WITH_SCRATCH(a_large_tensor_is_told_by_samples_from_its_first_element_to_its_last_block),
        WITH_SCRATCH(what_is_not_finite_is_in_the_hash_and_not_in_the_numbers),
        WITH_SCRATCH(constant_tensors_are_said_to_be),
        WITH_SCRATCH(whole_numbers_and_nothing_are_left_out),
        WITH_SCRATCH(who_has_heard_enough_hears_no_more),
        WITH_SCRATCH(a_file_that_is_none_has_no_prints),
    };
    return cmocka_run_group_tests_name("harness.prints", tests, NULL, NULL);
}
