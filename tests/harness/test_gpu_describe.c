/* What is said of GPUs: with a driver and NVML of the tests' own where the dynamic linker finds
 * them first (ctest sets LD_LIBRARY_PATH to them), and with neither. The fakes are asked for what
 * they are by the environment, which they read anew at each call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/harness.h"

static json_t *describe(const char *gpus, const char *nvml, const char *module) {
    setenv("FAKE_GPUS", gpus, 1);
    setenv("FAKE_NVML", nvml, 1);
    setenv("ASSAY_CUDA_MODULE", module, 1);
    return gpu_describe(true);
}

static const json_t *part(const json_t *said, const char *name) {
    const json_t *found = json_object_get(said, name);
    assert_non_null(found);
    return found;
}

static void devices_are_told_in_cudas_order_with_their_health(void **state) {
    (void)state;
    json_t *said = describe("2", "1", "");
    assert_true(json_get_bool(part(said, "driver"), "found", false));
    assert_string_equal(json_get_string(part(said, "driver"), "cuda", ""), "13.2");
    assert_string_equal(json_get_string(part(said, "nvml"), "driver", ""), "590.1.2");
    assert_int_equal(json_array_size(part(said, "devices")), 2);
    const json_t *second = json_array_get(part(said, "devices"), 1);
    assert_string_equal(json_get_string(second, "name", ""), "Fake G1");
    assert_string_equal(json_get_string(second, "compute", ""), "9.0");
    assert_int_equal(json_get_int(second, "memory_bytes", 0), 80LL << 30);
    assert_int_equal(json_get_int(second, "memory_used_bytes", 0), 2LL << 30);
    assert_int_equal(json_get_int(second, "busy_percent", -1), 10);
    assert_int_equal(json_get_int(second, "processes", -1), 1);
    assert_int_equal(json_get_int(second, "temperature_c", -1), 41);
    assert_false(json_get_bool(second, "ecc", true));
    json_decref(said);
}

static void what_a_library_does_not_tell_is_absent(void **state) {
    (void)state;
    json_t *said = describe("1", "1", "");
    const json_t *first = json_array_get(part(said, "devices"), 0);
    assert_null(json_object_get(first, "mig"));
    assert_null(json_object_get(first, "opens"));
    assert_int_equal(json_get_int(first, "processes", -1), 0);
    json_decref(said);
}

static void devices_without_nvml_are_told_without_health(void **state) {
    (void)state;
    json_t *said = describe("1", "0", "");
    assert_false(json_get_bool(part(said, "nvml"), "found", true));
    assert_non_null(strstr(json_get_string(part(said, "nvml"), "why", ""), "version mismatch"));
    const json_t *first = json_array_get(part(said, "devices"), 0);
    assert_string_equal(json_get_string(first, "name", ""), "Fake G0");
    assert_null(json_object_get(first, "temperature_c"));
    json_decref(said);
}

static void a_driver_that_does_not_start_is_told_with_the_reason(void **state) {
    (void)state;
    json_t *said = describe("-1", "1", "");
    assert_false(json_get_bool(part(said, "driver"), "found", true));
    assert_non_null(json_object_get(part(said, "driver"), "file"));
    assert_non_null(
        strstr(json_get_string(part(said, "driver"), "why", ""), "unknown error (999)"));
    assert_int_equal(json_array_size(part(said, "devices")), 0);
    json_decref(said);
}

static void a_driver_without_devices_is_no_error(void **state) {
    (void)state;
    json_t *said = describe("0", "1", "");
    assert_true(json_get_bool(part(said, "driver"), "found", false));
    assert_int_equal(json_array_size(part(said, "devices")), 0);
    json_decref(said);
}

static void devices_are_counted(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    setenv("FAKE_GPUS", "4", 1);
    assert_int_equal(gpu_count(&err), 4);
    setenv("FAKE_GPUS", "0", 1);
    assert_int_equal(gpu_count(&err), 0);
    assert_int_equal(err.class, ERR_UNSUPPORTED);
}

static void a_library_that_is_no_module_does_not_fit(void **state) {
    (void)state;
    json_t *said = describe("1", "1", "libm.so.6");
    const json_t *module = part(said, "module");
    assert_true(json_get_bool(module, "found", false));
    assert_false(json_get_bool(module, "fits", true));
    assert_string_equal(json_get_string(module, "file", ""), "libm.so.6");
    assert_null(json_object_get(json_array_get(part(said, "devices"), 0), "opens"));
    json_decref(said);
}

struct library {
    const char *name, *variable, *empty, *entry;
};
static const struct library libraries[] = { { "cublasLt", "ASSAY_CUBLASLT",
                                                "ASSAY_CUBLASLT is empty", "cublasLtMatmul" },
    { "NCCL", "ASSAY_NCCL", "ASSAY_NCCL is empty", "ncclGetVersion" } };
enum { N_LIBRARIES = sizeof libraries / sizeof *libraries };

static const json_t *library_of(json_t *said, size_t i) {
    const json_t *library = json_array_get(part(said, "libraries"), i);
    assert_string_equal(json_get_string(library, "name", ""), libraries[i].name);
    return library;
}

static void check_named(size_t i, const char *named, const char *why) {
    setenv(libraries[i].variable, named, 1);
    json_t *said = describe("1", "1", "");
    const json_t *library = library_of(said, i);
    assert_false(json_get_bool(library, "found", true));
    assert_string_equal(json_get_string(library, "named_by", ""), libraries[i].variable);
    assert_non_null(strstr(json_get_string(library, "why", ""), why));
    json_decref(said);
    unsetenv(libraries[i].variable);
}

/* They are looked for as the module does. */
static void libraries_are_those_which_the_environment_names(void **state) {
    (void)state;
    for (size_t i = 0; i < N_LIBRARIES; i++) {
        check_named(i, "", libraries[i].empty);
        check_named(i, "/nowhere/lib.so", "/nowhere");
        check_named(i, "libm.so.6", libraries[i].entry);
        json_t *said = describe("1", "1", "");
        assert_null(json_object_get(library_of(said, i), "named_by"));
        json_decref(said);
    }
}

/* Of a machine that has neither: the libraries of a real driver would be found here. */
static void a_machine_with_nothing_is_told_without_a_crash(void **state) {
    (void)state;
    json_t *said = describe("1", "1", "/nowhere/libassay_cuda.so");
    const json_t *driver = part(said, "driver"), *module = part(said, "module");
    if (!json_get_bool(driver, "found", true))
        assert_true(json_get_string(driver, "why", "")[0] != '\0');
    assert_false(json_get_bool(module, "found", true));
    assert_non_null(strstr(json_get_string(module, "why", ""), "/nowhere/libassay_cuda.so"));
    json_decref(said);
}

int main(int argc, char **argv) {
    const struct CMUnitTest with_fakes[] = {
        cmocka_unit_test(devices_are_told_in_cudas_order_with_their_health),
        cmocka_unit_test(what_a_library_does_not_tell_is_absent),
        cmocka_unit_test(devices_without_nvml_are_told_without_health),
        cmocka_unit_test(a_driver_that_does_not_start_is_told_with_the_reason),
        cmocka_unit_test(a_driver_without_devices_is_no_error),
        cmocka_unit_test(devices_are_counted),
        cmocka_unit_test(a_library_that_is_no_module_does_not_fit),
        cmocka_unit_test(libraries_are_those_which_the_environment_names),
    };
    const struct CMUnitTest without[] = {
        cmocka_unit_test(a_machine_with_nothing_is_told_without_a_crash),
    };
    return argc > 1 && !strcmp(argv[1], "fakes") ? cmocka_run_group_tests(with_fakes, NULL, NULL)
                                                 : cmocka_run_group_tests(without, NULL, NULL);
}
