/* As much of cmocka as the tests of kernels use, for a processor that has no libcmocka here: its
 * header, and these functions behind it. A test that fails jumps back to where it was called; there
 * are no mocks and no allocation checks. TESTS=PATTERN runs those tests only whose names fit. */
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FAILED = 1, SKIPPED = 2 };
static jmp_buf back;

void print_message(const char *const format, ...) {
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

void print_error(const char *const format, ...) {
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

void _fail(const char *const file, const int line) {
    printf("%s:%d: error: failure\n", file, line);
    longjmp(back, FAILED);
}

void _skip(const char *const file, const int line) {
    (void)file;
    (void)line;
    longjmp(back, SKIPPED);
}

void _assert_true(const LargestIntegralType result, const char *const expression,
    const char *const file, const int line) {
    if (result)
        return;
    printf("%s\n", expression);
    _fail(file, line);
}

void _assert_int_equal(const LargestIntegralType a, const LargestIntegralType b,
    const char *const file, const int line) {
    if (a == b)
        return;
    printf("%#llx != %#llx\n", (unsigned long long)a, (unsigned long long)b);
    _fail(file, line);
}

void _assert_memory_equal(const void *const a, const void *const b, const size_t size,
    const char *const file, const int line) {
    _assert_true(memcmp(a, b, size) == 0, "not the same bytes", file, line);
}

static bool chosen(const struct CMUnitTest *test) {
    const char *pattern = getenv("TESTS");
    return pattern == NULL || fnmatch(pattern, test->name, 0) == 0;
}

static int run(const struct CMUnitTest *test) {
    void *state = test->initial_state;
    int outcome = setjmp(back);
    if (outcome == 0)
        test->test_func(&state);
    printf("[  %s ] %s\n",
        outcome == 0         ? "     OK"
        : outcome == SKIPPED ? "SKIPPED"
                             : " FAILED",
        test->name);
    fflush(stdout);
    return outcome == FAILED;
}

int _cmocka_run_group_tests(const char *group, const struct CMUnitTest *const tests,
    const size_t n_tests, CMFixtureFunction setup, CMFixtureFunction teardown) {
    int n_failed = 0;
    (void)setup;
    (void)teardown;
    for (size_t i = 0; i < n_tests; i++)
        n_failed += chosen(&tests[i]) ? run(&tests[i]) : 0;
    printf("%s: %zu tests, %d failed\n", group, n_tests, n_failed);
    return n_failed;
}
