#include "base/fault.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The list is read once, so each case has a process of its own; the exit code is what the case's
 * passings came to. */
static int status_of(const char *list, int passings) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        unsigned failed = 0;
        setenv("ASSAY_FAULT", list, 1);
        for (int i = 0; i < passings; i++)
            failed |= (unsigned)fault("here") << i;
        _exit((int)failed);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void only_the_passing_that_is_named_fails(void **state) {
    (void)state;
    assert_int_equal(WEXITSTATUS(status_of("here:2", 4)), 2);
    assert_int_equal(WEXITSTATUS(status_of("there:1,here:3", 4)), 4);
    assert_int_equal(WEXITSTATUS(status_of("there:1", 4)), 0);
}

static void later_ones_fail_too_where_the_list_says_so(void **state) {
    (void)state;
    assert_int_equal(WEXITSTATUS(status_of("here:2+", 4)), 14);
}

static void a_signal_is_raised_there(void **state) {
    (void)state;
    int status = status_of("here:2!KILL", 4);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_true(WIFEXITED(status_of("here:5!KILL", 4)));
}

static void a_list_that_cant_be_read_ends_the_process(void **state) {
    (void)state;
    static const char *const bad[] = { "here", "here:0", "here:1!NOSUCH", "here:1x", "Here:1" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(WIFSIGNALED(status_of(bad[i], 1)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_passing_that_is_named_fails),
        cmocka_unit_test(later_ones_fail_too_where_the_list_says_so),
        cmocka_unit_test(a_signal_is_raised_there),
        cmocka_unit_test(a_list_that_cant_be_read_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
