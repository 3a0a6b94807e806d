/* Datagrams to the service manager (see notify.h). They are hints: what can't be sent is left out.
 */
#include "base/notify.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void send_text(const char *text) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof to.sun_path) {
        return;
    }
    memcpy(to.sun_path, path, strlen(path));
    if (*path == '@') {
        to.sun_path[0] = 0; /* a name that is no file */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
        ssize_t ignored = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, n);
        (void)ignored;
        close(fd);
    }
}

void notify_ready(void) {
    send_text("READY=1");
}

void notify_stopping(void) {
    send_text("STOPPING=1");
}

void notify_alive(void) {
    static _Atomic long long last;
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    if (atomic_exchange(&last, (long long)t.tv_sec) != (long long)t.tv_sec) {
        send_text("WATCHDOG=1");
    }
}

void notify_status(const char *fmt, ...) {
    char text[400] = "STATUS=";
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text + 7, sizeof text - 7, fmt, ap);
    va_end(ap);
    for (char *c = text; *c; c++) {
        if (*c == '\n') {
            *c = ' '; /* a line of its own would be another statement */
        }
    }
    send_text(text);
}
