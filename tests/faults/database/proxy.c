#include "tests/faults/database/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void must(bool ok, const char *what) {
    if (!ok) {
        perror(what);
        abort();
    }
}

static bool send_all(int to, const char *bytes, ssize_t n) {
    for (ssize_t done = 0; done < n;) {
        ssize_t w = send(to, bytes + done, (size_t)(n - done), MSG_NOSIGNAL);
        if (w <= 0)
            return false;
        done += w;
    }
    return true;
}

static bool copy_request(int client, int server) {
    char bytes[65536];
    ssize_t n = read(client, bytes, sizeof bytes);
    return n > 0 && send_all(server, bytes, n);
}

/* False when the line is cut: behind the last byte that may pass, whatever the server has done by
 * then. */
static bool copy_reply(struct proxy *p, int server, int client) {
    char bytes[65536];
    ssize_t n = read(server, bytes, sizeof bytes);
    long may = atomic_load(&p->reply_bytes);
    usleep(atomic_load(&p->delay_ms) * 1000);
    if (n <= 0)
        return false;
    if (may < 0)
        return send_all(client, bytes, n);
    ssize_t part = n < may ? n : may;
    atomic_fetch_sub(&p->reply_bytes, part);
    if (!send_all(client, bytes, part))
        return false;
    if (part == n)
        return true;
    atomic_store(&p->reply_bytes, -1); /* the next connection is well again */
    return false;
}

static int connect_server(const struct proxy *p) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s/.s.PGSQL.5432", p->socket_dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Reads the start-up message and answers it with an error, as a full server does. */
static void refuse(int client) {
    static const char error[] = "SFATAL\0C53300\0Msorry, too many clients already\0";
    char request[1024], reply[128] = "E";
    ssize_t n = read(client, request, sizeof request);
    if (n == 8) { /* asks for encryption first */
        must(send_all(client, "N", 1), "refuse");
        n = read(client, request, sizeof request);
    }
    unsigned len = htonl((unsigned)(4 + sizeof error));
    memcpy(reply + 1, &len, 4);
    memcpy(reply + 5, error, sizeof error);
    if (n > 0)
        send_all(client, reply, 5 + (ssize_t)sizeof error);
}

struct line {
    struct proxy *proxy;
    int client;
};

static void serve(struct proxy *p, int client, int server) {
    for (bool open = true; open && !atomic_load(&p->stop);) {
        struct pollfd fds[2] = { { .fd = client, .events = POLLIN },
            { .fd = server, .events = POLLIN } };
        if (atomic_load(&p->swallow)) {
            usleep(20000);
            continue;
        }
        poll(fds, 2, 20);
        if (atomic_load(&p->swallow))
            continue;
        if (fds[0].revents)
            open = copy_request(client, server);
        if (open && fds[1].revents)
            open = copy_reply(p, server, client);
    }
}

static void *line_main(void *arg) {
    struct line line = *(struct line *)arg;
    free(arg);
    int server = -1;
    if (atomic_load(&line.proxy->too_many) > 0) {
        atomic_fetch_sub(&line.proxy->too_many, 1);
        refuse(line.client);
    } else if ((server = connect_server(line.proxy)) >= 0) {
        serve(line.proxy, line.client, server);
        close(server);
    }
    close(line.client);
    return NULL;
}

static void *proxy_main(void *arg) {
    struct proxy *p = arg;
    pthread_t lines[512];
    int n = 0;
    while (!atomic_load(&p->stop)) {
        struct pollfd fd = { .fd = p->listener, .events = POLLIN };
        if (poll(&fd, 1, 20) <= 0)
            continue;
        struct line *line = malloc(sizeof *line);
        *line = (struct line) { p, accept4(p->listener, NULL, NULL, SOCK_CLOEXEC) };
        atomic_fetch_add(&p->n_connections, 1);
        must(
            line->client >= 0 && n < 512 && pthread_create(&lines[n++], NULL, line_main, line) == 0,
            "proxy");
    }
    while (n > 0)
        pthread_join(lines[--n], NULL);
    return NULL;
}

void proxy_start(struct proxy *p, const char *socket_dir) {
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    memset(p, 0, sizeof *p);
    p->socket_dir = socket_dir;
    atomic_store(&p->reply_bytes, -1);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(p->listener, (struct sockaddr *)&a, sizeof a) == 0 && listen(p->listener, 64) == 0 &&
             getsockname(p->listener, (struct sockaddr *)&a, &len) == 0,
        "proxy");
    p->port = ntohs(a.sin_port);
    must(pthread_create(&p->thread, NULL, proxy_main, p) == 0, "proxy");
}

void proxy_stop(struct proxy *p) {
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    close(p->listener);
}

void proxy_conninfo(const struct proxy *p, char conninfo[200]) {
    snprintf(conninfo, 200,
        "host=127.0.0.1 port=%u user=assay dbname=assay sslmode=disable gssencmode=disable",
        p->port);
}
