#include "evaluator/serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/strbuf.h"

enum { BACKLOG = 1024, SYSTEMD_FIRST = 3 };

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_un local;
};

static bool refuse(const char *where, struct err *err) {
    err_set(err, ERR_USAGE, "cannot listen on '%.100s'", where);
    return err_hint(err, "ADDR:PORT, [ADDR6]:PORT, unix:PATH or systemd");
}

static bool parse_unix(const char *path, union address *a, socklen_t *n, struct err *err) {
    if (strlen(path) >= sizeof a->local.sun_path || !*path) {
        return err_set(err, ERR_USAGE, "the path of a Unix socket has 1 to 107 bytes");
    }
    a->local.sun_family = AF_UNIX;
    memcpy(a->local.sun_path, path, strlen(path) + 1);
    *n = sizeof a->local;
    return true;
}

static bool parse_port(const char *text, uint16_t *port) {
    size_t n = strspn(text, "0123456789");
    unsigned long v = n && n < 6 && !text[n] ? strtoul(text, NULL, 10) : 65536;
    *port = htons((uint16_t)v);
    return v < 65536;
}

static bool parse_inet(const char *where, union address *a, socklen_t *n, struct err *err) {
    const char *colon = strrchr(where, ':');
    size_t len = colon ? (size_t)(colon - where) : 0;
    bool six = *where == '[' && len > 2 && colon[-1] == ']';
    char host[64] = "127.0.0.1";
    uint16_t port;
    if (len >= sizeof host || !parse_port(colon ? colon + 1 : where, &port)) {
        return refuse(where, err);
    }
    if (colon && len) {
        memcpy(host, where + six, len - 2 * six);
        host[len - 2 * six] = 0;
    }
    *n = six ? sizeof a->six : sizeof a->four;
    a->any.sa_family = six ? AF_INET6 : AF_INET;
    if (six) {
        a->six.sin6_port = port;
        return inet_pton(AF_INET6, host, &a->six.sin6_addr) == 1 || refuse(where, err);
    }
    a->four.sin_port = port;
    return inet_pton(AF_INET, host, &a->four.sin_addr) == 1 || refuse(where, err);
}

/* What a server that died left behind answers nobody. */
static bool clear_stale(const union address *a, socklen_t n, struct err *err) {
    struct stat st;
    if (lstat(a->local.sun_path, &st) != 0) {
        return true;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive = !S_ISSOCK(st.st_mode) || connect(probe, &a->any, n) == 0 || errno != ECONNREFUSED;
    close(probe);
    if (alive) {
        return err_set(err, ERR_BUSY, "'%s' is in use", a->local.sun_path);
    }
    unlink(a->local.sun_path);
    return true;
}

static int bind_to(const union address *a, socklen_t n, const char *where, struct err *err) {
    int on = 1, fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    }
    if (fd < 0 || bind(fd, &a->any, n) != 0 || listen(fd, BACKLOG) != 0) {
        bool taken = errno == EADDRINUSE;
        err_errno(err, ERR_FAILED, "could not listen on '%s'", where);
        if (taken) {
            err_hint(err, "another program does: --listen takes another address");
        }
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* See sd_listen_fds(3). */
static int take_handed_over(struct err *err) {
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
    if (!pid || !n || strtol(pid, NULL, 10) != getpid() || strtol(n, NULL, 10) < 1) {
        err_set(err, ERR_USAGE, "no socket was handed over");
        err_hint(err, "systemd hands one over where a .socket unit starts this service");
        return -1;
    }
    return SYSTEMD_FIRST;
}

static unsigned port_of(int fd) {
    union address a = { 0 };
    socklen_t n = sizeof a;
    if (getsockname(fd, &a.any, &n) != 0 || a.any.sa_family == AF_UNIX) {
        return 0;
    }
    return ntohs(a.any.sa_family == AF_INET6 ? a.six.sin6_port : a.four.sin_port);
}

int listen_open(const char *where, unsigned *port, struct err *err) {
    union address a = { 0 };
    socklen_t n = 0;
    bool local = str_begins(where, "unix:");
    int fd;
    if (!strcmp(where, "systemd")) {
        fd = take_handed_over(err);
    } else if (local ? !parse_unix(where + 5, &a, &n, err) || !clear_stale(&a, n, err)
                     : !parse_inet(where, &a, &n, err)) {
        return -1;
    } else {
        fd = bind_to(&a, n, where, err);
    }
    if (fd >= 0 && port) {
        *port = port_of(fd);
    }
    return fd;
}

void listen_remove(const char *where) {
    if (str_begins(where, "unix:")) {
        unlink(where + 5);
    }
}
