/* Asking for a CUDA device where there is no module, or a file that is none: a clear error with a
 * hint, and never a crash. Needs neither the module nor a device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/cuda/load.h"

static const struct backend_config config = { .dtype = DTYPE_F32, .threads = 1, .gemm = "auto" };

static void assert_unsupported(const struct backend *b, const struct err *err, const char *part) {
    assert_null(b);
    assert_int_equal(err->class, ERR_UNSUPPORTED);
    assert_non_null(strstr(err->msg, part));
    assert_true(err->hint[0] != '\0');
}

static void a_missing_module_is_named_with_what_to_do(void **state) {
    (void)state;
    setenv("ASSAY_CUDA_MODULE", "/nowhere/libassay_cuda.so", 1);
    struct err err = ERR_INIT;
    struct backend *b = backend_device_open("cuda", &config, &err);
    assert_unsupported(b, &err, "/nowhere/libassay_cuda.so");
    assert_non_null(strstr(err.hint, "--device cpu"));
}

static void a_file_that_is_no_module_is_refused(void **state) {
    (void)state;
    setenv("ASSAY_CUDA_MODULE", ASSAY_TESTS_DIR "/CMakeLists.txt", 1);
    struct err err = ERR_INIT;
    struct backend *b = backend_device_open("cuda:3", &config, &err);
    assert_unsupported(b, &err, "cannot use CUDA");
}

static void a_library_without_the_door_is_refused(void **state) {
    (void)state;
    setenv("ASSAY_CUDA_MODULE", "libm.so.6", 1);
    struct err err = ERR_INIT;
    struct backend *b = backend_device_open("cuda", &config, &err);
    assert_unsupported(b, &err, "not of this build");
}

static void an_empty_module_means_none(void **state) {
    (void)state;
    setenv("ASSAY_CUDA_MODULE", "", 1);
    struct err err = ERR_INIT;
    struct backend *b = backend_device_open("cuda", &config, &err);
    assert_unsupported(b, &err, "empty");
}

/* Before anything is looked for: no module could. */
static void eight_bits_are_refused_with_what_to_do(void **state) {
    (void)state;
    setenv("ASSAY_CUDA_MODULE", "/nowhere/libassay_cuda.so", 1);
    struct err err = ERR_INIT;
    const struct backend_config int8 = { .dtype = DTYPE_INT8, .threads = 1, .gemm = "auto" };
    struct backend *b = backend_device_open("cuda", &int8, &err);
    assert_unsupported(b, &err, "int8");
    assert_non_null(strstr(err.hint, "--device cpu"));
}

/* Where module, driver and device are all there, it opens; where one is missing, it says so. */
static void the_module_of_this_build_opens_or_says_why(void **state) {
    (void)state;
    unsetenv("ASSAY_CUDA_MODULE");
    struct err err = ERR_INIT;
    struct backend *b = backend_device_open("cuda", &config, &err);
    if (b != NULL) {
        assert_int_equal(strncmp(b->ops->caps(b)->name, "cuda/", 5), 0);
        b->ops->close(b);
        return;
    }
    print_message("%s (%s)\n", err.msg, err.hint);
    assert_unsupported(b, &err, "cannot use CUDA");
}

static void a_device_that_no_machine_has_is_refused(void **state) {
    (void)state;
    unsetenv("ASSAY_CUDA_MODULE");
    struct err err = ERR_INIT;
    struct backend *b = backend_device_open("cuda:9999", &config, &err);
    assert_unsupported(b, &err, "CUDA");
}

static void other_words_for_a_device_are_usage_errors(void **state) {
    (void)state;
    static const char *const words[] = { "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda1",
        "cuda:99999", "CPU", "" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct err err = ERR_INIT;
        assert_null(backend_device_open(words[i], &config, &err));
        assert_int_equal(err.class, ERR_USAGE);
        assert_non_null(strstr(err.msg, words[i]));
    }
}

static void auto_falls_back_to_the_processor(void **state) {
    (void)state;
    setenv("ASSAY_CUDA_MODULE", "/nowhere/libassay_cuda.so", 1);
    struct err err = ERR_INIT;
    struct backend *b = backend_device_open("auto", &config, &err);
    assert_non_null(b);
    assert_int_equal(strncmp(b->ops->caps(b)->name, "cpu/", 4), 0);
    assert_int_equal(err.class, ERR_NONE);
    b->ops->close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_module_is_named_with_what_to_do),
        cmocka_unit_test(a_file_that_is_no_module_is_refused),
        cmocka_unit_test(a_library_without_the_door_is_refused),
        cmocka_unit_test(an_empty_module_means_none),
        cmocka_unit_test(eight_bits_are_refused_with_what_to_do),
        cmocka_unit_test(the_module_of_this_build_opens_or_says_why),
        cmocka_unit_test(a_device_that_no_machine_has_is_refused),
        cmocka_unit_test(other_words_for_a_device_are_usage_errors),
        cmocka_unit_test(auto_falls_back_to_the_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
