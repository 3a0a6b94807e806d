/* What the service manager hears. */
#include "base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int manager;

static int listen_as_manager(void **state) {
    struct sockaddr_un own = { .sun_family = AF_UNIX };
    char name[64];
    (void)state;
    snprintf(name, sizeof name, "@assay-notify-%d", (int)getpid());
    memcpy(own.sun_path + 1, name + 1, strlen(name) - 1);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    return manager < 0 || bind(manager, (struct sockaddr *)&own, n) ||
           setenv("NOTIFY_SOCKET", name, 1);
}

static int go_away(void **state) {
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    return close(manager);
}

static void assert_heard(const char *expected) {
    char text[500] = "";
    ssize_t n = recv(manager, text, sizeof text - 1, 0);
    assert_true(n > 0);
    assert_string_equal(text, expected);
}

static void a_service_says_what_it_is_at(void **state) {
    (void)state;
    notify_ready();
    assert_heard("READY=1");
    notify_status("job %d", 7);
    assert_heard("STATUS=job 7");
    notify_stopping();
    assert_heard("STOPPING=1");
}

static void a_status_is_one_line(void **state) {
    (void)state;
    notify_status("a\nSTOPPING=1");
    assert_heard("STATUS=a STOPPING=1");
}

static void signs_of_life_are_not_sent_more_often_than_once_a_second(void **state) {
    char text[16];
    int n = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        notify_alive();
    }
    while (recv(manager, text, sizeof text, 0) > 0) {
        n++;
    }
    assert_in_range(n, 1, 20); /* a slow machine may take seconds over a thousand calls */
}

static void without_a_manager_nothing_is_said(void **state) {
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    notify_ready();
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
    notify_ready();
    setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
    notify_ready();
    unsetenv("NOTIFY_SOCKET");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_service_says_what_it_is_at, listen_as_manager, go_away),
        cmocka_unit_test_setup_teardown(a_status_is_one_line, listen_as_manager, go_away),
        cmocka_unit_test_setup_teardown(
            signs_of_life_are_not_sent_more_often_than_once_a_second, listen_as_manager, go_away),
        cmocka_unit_test(without_a_manager_nothing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
